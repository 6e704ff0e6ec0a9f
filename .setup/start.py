"""Sets up the course from this folder without a network, and opens it: python3 start.py [FOLDER].

The first time it takes a minute. FOLDER is `robust-image-synthesis` in your home folder, unless you name another. With
--no-lab it only sets up. The page live/index.html needs none of this: open it with a browser.
"""

import hashlib
import json
import os
import platform
import shutil
import stat
import subprocess
import sys
import zipfile
from pathlib import Path

KIT = Path(__file__).resolve().parent


def main():  # without annotations: an old Python has to come as far as its sentence
    if sys.version_info < (3, 11):  # noqa: UP036
        sys.exit("expected Python 3.11 or newer, got {}.{}".format(*sys.version_info))
    words = [word for word in sys.argv[1:] if word != "--no-lab"]
    course = Path(words[0] if words else Path.home() / "robust-image-synthesis").resolve()
    if not (course / ".venv" / ".ready").exists():
        set_up(course)
    if "--no-lab" not in sys.argv:
        open_lab(course)


def set_up(course):
    """Unpack the course, and install the wheels of this machine."""
    contents = json.loads((KIT / "list.json").read_text()) if (KIT / "list.json").exists() else {"laptops": {}}
    system = {"Darwin": "macos"}.get(platform.system(), platform.system().lower())
    laptop = f"{system}-{platform.machine().lower()}-{sys.version_info[0]}.{sys.version_info[1]}"
    if laptop not in contents["laptops"]:
        sys.exit(
            f"expected a kit for {laptop}, got one for {', '.join(contents['laptops']) or 'nothing: copy it again'}"
        )
    names = [f"wheels/{name}" for name in contents["laptops"][laptop]]
    for name in ["course.zip", *names]:
        check(name, contents["files"][name])
    print(f"Setting up the course in {course}", flush=True)
    course.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(KIT / "course.zip") as archive:
        archive.extractall(course)
    install(course, [str(KIT / name) for name in names])


def check(name, known):
    """Leave with a sentence where a file of the kit is not what was written."""
    path, digest = KIT / name, hashlib.sha256()
    if path.exists():
        with path.open("rb") as stream:
            for block in iter(lambda: stream.read(1 << 20), b""):
                digest.update(block)
    if digest.hexdigest() != known:
        sys.exit(f"expected {name} as it was written, got {'another' if path.exists() else 'none'}: copy the kit again")


def install(course, wheels):
    """What uv does here, in a cache that goes afterwards; the course itself is found where it lies."""
    cache, venv = course / ".kit", course / ".venv"
    uv, python = unpack_uv(cache, wheels), python_of(venv)
    quiet = ["--quiet", "--offline", "--no-config", "--cache-dir", str(cache / "cache")]
    subprocess.run([uv, "venv", *quiet, "--clear", "--python", sys.executable, str(venv)], check=True)
    subprocess.run([uv, "pip", "install", *quiet, "--no-index", "--no-deps", "--python", python, *wheels], check=True)
    where = [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
    packages = Path(subprocess.run(where, check=True, capture_output=True, text=True).stdout.strip())
    (packages / "course.pth").write_text(f"{course}\n")
    settings = venv / "etc" / "jupyter" / "labconfig"
    settings.mkdir(parents=True)
    shutil.copy(course / "jupyterlab.json", settings / "default_setting_overrides.json")
    shutil.rmtree(cache, ignore_errors=True)
    (venv / ".ready").touch()


def unpack_uv(folder, wheels):
    """The program out of its wheel."""
    (wheel,) = (name for name in wheels if Path(name).name.startswith("uv-"))
    with zipfile.ZipFile(wheel) as archive:
        (inside,) = (name for name in archive.namelist() if name.endswith(("/scripts/uv", "/scripts/uv.exe")))
        program = Path(archive.extract(inside, folder))
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return str(program)


def python_of(venv):
    return str(venv / ("Scripts/python.exe" if os.name == "nt" else "bin/python"))


def open_lab(course):
    """As `make lab`."""
    python = python_of(course / ".venv")
    subprocess.run([python, "-m", "course_lib", "copy"], check=True, cwd=course)
    options = ["--LabApp.default_url=/lab/tree/mine/00_start_here.ipynb", "--LabApp.extension_manager=readonly"]
    options += ["--LanguageServerManager.autodetect=False"]
    settings = {**os.environ, "JUPYTER_CONFIG_PATH": str(course / ".jupyter")}
    sys.exit(subprocess.run([python, "-m", "jupyterlab", *options], cwd=course, env=settings).returncode)


if __name__ == "__main__":
    main()
