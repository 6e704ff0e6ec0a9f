"""`make kit`: a folder for a USB stick, from which a laptop sets up the course without a network.

It holds wheels, the course as it is committed, the live page, and `start.py`. PLATFORMS names laptops, as in
"linux-x86_64-3.12 windows-amd64-3.13 macos-arm64-3.12"; without it, the kit is for machines like this one.
"""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.parse import urljoin
from urllib.request import urlopen

from laptops import File, best, environment, name_of, this_machine
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
PYTORCH_INDEX = os.environ.get("PYTORCH_INDEX", "https://download.pytorch.org/whl/cpu")
CUDA = re.compile(r"(triton|nvidia-.*|cuda-.*)$")


def wanted(root: Path) -> list[Requirement]:
    """What a student's set-up installs, as locked, and uv itself."""
    uv = shutil.which("uv") or str(root / ".uv" / "bin" / "uv")
    command = [uv, "export", "--frozen", "--quiet", "--no-hashes", "--no-emit-project", "--group", "kit"]
    lines = subprocess.run(command, cwd=root, check=True, capture_output=True, text=True).stdout.splitlines()
    return [Requirement(line) for line in lines if line.strip() and not line.lstrip().startswith("#")]


def locked(root: Path) -> dict[tuple[str, str], list[File]]:
    """Name and version of every package of uv.lock, and its wheels."""
    packages: list[dict[str, Any]] = tomllib.loads((root / "uv.lock").read_text())["package"]
    return {
        (package["name"], package.get("version", "")): [
            (wheel["url"], wheel["hash"].removeprefix("sha256:")) for wheel in package.get("wheels", [])
        ]
        for package in packages
    }


def for_the_cpu(name: str, version: str) -> list[File]:
    """PyTorch's own wheels of this version for the CPU; none where its index does not answer."""
    page = f"{PYTORCH_INDEX.rstrip('/')}/{name}/"
    try:
        with urlopen(page, timeout=5) as answer:
            links = re.findall(r'href="([^"#]+\.whl)(?:#sha256=(\w+))?"', answer.read().decode())
    except (URLError, TimeoutError):
        return []
    files = [(urljoin(page, unescape(link)), known) for link, known in links]
    return [file for file in files if f"-{version}+cpu-" in name_of(file[0])]


def wheels(laptop: str, root: Path) -> Iterator[File]:
    """The wheels that set up this laptop."""
    known, pinned = locked(root), {}
    for each in wanted(root):
        if each.marker is None or each.marker.evaluate(environment(laptop)):
            pinned[each.name] = next(iter(each.specifier)).version
    own = {name: for_the_cpu(name, pinned[name]) for name in ("torch", "torchvision") if laptop.startswith("linux")}
    without = bool(own) and all(best(files, laptop) for files in own.values())
    if own and not without:
        print(f"{PYTORCH_INDEX} did not answer: the kit's PyTorch comes from uv.lock, with CUDA.", file=sys.stderr)
    for name, version in pinned.items():
        if without and CUDA.match(name):
            continue
        found = best(own[name] if without and name in own else known[name, version], laptop)
        if found is None:
            sys.exit(f"expected a wheel of {name} {version} for {laptop}, got none")
        yield found


def fetch(file: File, folder: Path) -> str:
    """Fetch a wheel that is not there yet; returns its name."""
    address, known = file
    path, part = folder / name_of(address), folder / "part"
    if not path.exists():
        with urlopen(address, timeout=60) as answer, part.open("wb") as stream:
            shutil.copyfileobj(answer, stream)
        if known and sha256(part) != known:
            sys.exit(f"expected {path.name} with the hash {known}, got {sha256(part)}")
        part.rename(path)
    return path.name


def sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def write(target: Path, laptops: list[str], root: Path = ROOT) -> None:
    """Write the kit, and last the list of its files with their hashes."""
    (target / "wheels").mkdir(parents=True, exist_ok=True)
    needed = {laptop: [fetch(file, target / "wheels") for file in wheels(laptop, root)] for laptop in laptops}
    for path in (target / "wheels").iterdir():
        if not any(path.name in names for names in needed.values()):
            path.unlink()
    archive = ["git", "-C", str(root), "archive", "--format=zip", f"--output={target / 'course.zip'}", "HEAD"]
    subprocess.run(archive, check=True)
    shutil.copy(Path(__file__).with_name("start.py"), target)
    (target / "list.json").unlink(missing_ok=True)
    files = {path.relative_to(target).as_posix(): sha256(path) for path in target.rglob("*") if path.is_file()}
    (target / "list.json").write_text(json.dumps({"laptops": needed, "files": files}, indent=1))


if __name__ == "__main__":
    kit, page = ROOT / "build" / "kit", ROOT / "build" / "site" / "live"
    subprocess.run([sys.executable, str(ROOT / ".site" / "live.py")], check=True, cwd=ROOT)
    shutil.copytree(page, kit / "live", dirs_exist_ok=True)
    write(kit, os.environ.get("PLATFORMS", "").split() or [this_machine()])
    size = sum(path.stat().st_size for path in kit.rglob("*") if path.is_file())
    print(f"{kit} has {size / 1e6:,.0f} MB. On a laptop: python3 start.py")
