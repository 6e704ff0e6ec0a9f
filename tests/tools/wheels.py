"""Stand-in wheels and an index that serves them: what set-up does, without a network and in a second."""

import functools
import hashlib
import json
import threading
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


def write_wheel(
    folder: Path, name: str, version: str, *, needs: tuple[str, ...] = (), more: Mapping[str, str] | None = None
) -> Path:
    """A wheel whose module knows its version; `more` are files beside it."""
    stem = f"{name.replace('-', '_')}-{version}"
    about = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    files = {f"{name.replace('-', '_')}/__init__.py": f"version = {version!r}\n", **(more or {})}
    files[f"{stem}.dist-info/METADATA"] = about + "".join(f"Requires-Dist: {need}\n" for need in needs)
    files[f"{stem}.dist-info/WHEEL"] = "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    files[f"{stem}.dist-info/RECORD"] = "".join(f"{path},,\n" for path in [*files, f"{stem}.dist-info/RECORD"])
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{stem}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for inside, text in files.items():
            archive.writestr(inside, text)
    return path


def write_index(folder: Path) -> None:
    """One page for each package of the folder, as PyTorch's index has them: links with hashes."""
    for package in filter(Path.is_dir, folder.iterdir()):
        links = (
            f'<a href="{path.name.replace("+", "%2B")}#sha256={hashlib.sha256(path.read_bytes()).hexdigest()}">'
            f"{path.name}</a>"
            for path in package.glob("*.whl")
        )
        (package / "index.html").write_text(f"<!DOCTYPE html><html><body>{''.join(links)}</body></html>")


@contextmanager
def served(folder: Path) -> Iterator[str]:
    handler = functools.partial(Quiet, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


def write_project(folder: Path, index: str) -> None:
    """A course of one module, which needs torch and torchvision, and pytest for its tests."""
    folder.mkdir()
    (folder / "course_lib").mkdir()
    (folder / "course_lib" / "__init__.py").write_text("import torch\n")
    (folder / "jupyterlab.json").write_text(json.dumps({}))
    (folder / "pyproject.toml").write_text(f"""
[project]
name = "course"
version = "1"
requires-python = ">=3.11"
dependencies = ["torch", "torchvision"]
[dependency-groups]
dev = ["pytest"]
kit = ["uv"]
[tool.uv]
package = false
default-groups = []
[[tool.uv.index]]
url = "{index}/simple"
default = true
""")
