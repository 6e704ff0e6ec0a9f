"""The programs that some tests need: a Chromium, a Firefox, and bubblewrap, which isolates students' code.

`python -m tests.tools.programs` installs Debian's, where one is missing and that is possible.
"""

import os
import shutil
import subprocess
import time
from pathlib import Path
from typing import TypeVar

import pytest

from course_lib.grading import sandbox

NAMES = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"]
PLAYWRIGHT_CACHES = [".cache/ms-playwright", "Library/Caches/ms-playwright", "AppData/Local/ms-playwright"]
NO_CHROMIUM = "no Chromium or Chrome found: install one, or name its program in COURSE_CHROMIUM"
FIREFOXES = ["firefox-esr", "firefox"]
NO_FIREFOX = "no Firefox found: install one, or name its program in COURSE_FIREFOX"
NO_BUBBLEWRAP = "bubblewrap is missing or does not work here, so students' code cannot be isolated"
PATIENCE = 300  # seconds that another program may hold a lock; on a new cloud machine, upgrades do
Found = TypeVar("Found")


def needed(found: Found | None, missing: str) -> Found:
    """What was found. Else the test is skipped; on a CI machine it fails."""
    if not found:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(missing)
    return found


def chromium() -> str | None:
    """The path of a browser that starts, or None."""
    return next((path for path in candidates() if starts(path)), None)


def firefox() -> str | None:
    """The same of a Firefox."""
    named = [os.environ.get("COURSE_FIREFOX"), *map(shutil.which, FIREFOXES)]
    return next((path for path in named if path and starts(path)), None)


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
        return subprocess.run([path, "--version"], capture_output=True, timeout=PATIENCE).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def install(*packages: str) -> None:
    """As root, on Debian; elsewhere do nothing."""
    if shutil.which("apt-get") and os.geteuid() == 0:
        print(f"Installing {', '.join(packages)} for the tests", flush=True)
        apt("update")
        apt("install", "-y", "--no-install-recommends", *packages)


def apt(*arguments: str) -> None:
    """apt-get waits for dpkg's lock, but not for the one of its own lists."""
    command = ["apt-get", "-qq", "-o", f"DPkg::Lock::Timeout={PATIENCE}", *arguments]
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C"}
    end = time.monotonic() + PATIENCE
    while True:
        run = subprocess.run(command, env=quiet, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        if "Could not get lock" not in run.stderr or time.monotonic() > end:
            break
        time.sleep(1)
    print(run.stderr, end="", flush=True)


def main() -> None:
    missing = [] if chromium() else ["chromium", "fonts-dejavu-core"]
    missing += [] if firefox() else ["firefox-esr"]
    missing += [] if shutil.which("bwrap") else ["bubblewrap"]
    if missing:
        install(*missing)
    for found, warning in ((chromium(), NO_CHROMIUM), (firefox(), NO_FIREFOX), (sandbox.available(), NO_BUBBLEWRAP)):
        if not found:
            print(f"Some tests will not run: {warning}")


if __name__ == "__main__":
    main()
