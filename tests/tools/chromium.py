"""Find a Chromium for the browser tests; `python -m tests.tools.chromium` installs Debian's where possible."""

import os
import shutil
import subprocess
from pathlib import Path

NAMES = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"]
PLAYWRIGHT_CACHES = [".cache/ms-playwright", "Library/Caches/ms-playwright", "AppData/Local/ms-playwright"]
MISSING = "no Chromium or Chrome found: install one, or name its program in COURSE_CHROMIUM"


def find() -> str | None:
    """The path of a browser that starts, or None."""
    return next((path for path in candidates() if starts(path)), None)


def candidates() -> list[str]:
    """What this person names, what is on the PATH, a Mac's Chrome, and what playwright itself has fetched."""
    named = [os.environ.get("COURSE_CHROMIUM"), *map(shutil.which, NAMES)]
    mac = "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"
    fetched = [
        path for cache in PLAYWRIGHT_CACHES for path in sorted(Path.home().glob(f"{cache}/chromium-*/*/chrome*"))
    ]
    return [str(path) for path in [*named, mac, *fetched] if path]


def starts(path: str) -> bool:
    """Whether the program runs: a name on the PATH may be a stub that only explains where to get the browser."""
    try:
        return subprocess.run([path, "--version"], capture_output=True, timeout=30).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def install() -> None:
    """Install Debian's chromium as root; elsewhere do nothing."""
    if not shutil.which("apt-get") or os.geteuid() != 0:
        return
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    print("Installing chromium for the browser tests", flush=True)
    for command in (["update"], ["install", "-y", "--no-install-recommends", "chromium", "fonts-dejavu-core"]):
        subprocess.run(["apt-get", "-qq", *command], env=quiet, stdin=subprocess.DEVNULL, check=False)


if __name__ == "__main__":
    if find() is None:
        install()
        print(find() or f"Browser tests will not run: {MISSING}")
