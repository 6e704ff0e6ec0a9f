"""Unpacking zip files from the internet: whole or not at all, and never beyond the folder they are unpacked into."""

import os
import shutil
import stat
import zipfile
from pathlib import Path, PureWindowsPath

GROWTH = 4  # times its own size: what an archive may unpack to, since photographs are compressed already


def unpack(archive: Path, folder: Path) -> None:
    """Unpack a zip file into a folder, which appears in one step and replaces what was there.

    Raises ValueError, in one sentence, where the file is no zip file, is cut short or damaged, wants to write outside
    the folder, or would unpack to more than `GROWTH` times its size. The folder is as it was then.
    """
    part = folder.with_name(f"{folder.name}.part")
    shutil.rmtree(part, ignore_errors=True)  # what a killed run may have left
    try:
        with zipfile.ZipFile(archive) as opened:
            check(opened, GROWTH * archive.stat().st_size)
            opened.extractall(part)  # stops at the stated size of each file and compares its checksum
    except OSError:  # no such file, or the disk is full
        raise
    except Exception as error:  # half a dozen kinds for a broken archive
        why = str(error) or type(error).__name__
        raise ValueError(f"expected a sound zip file of pictures at {archive}, got another one: {why}") from error
    put(part, folder)


def check(opened: zipfile.ZipFile, most: int) -> None:
    """ValueError where an archive holds anything but files and folders inside its own folder, or more than `most`
    bytes."""
    for entry in opened.infolist():
        path = PureWindowsPath(entry.filename)  # knows both kinds of slashes, and drives
        if path.drive or path.root or ".." in path.parts:
            raise ValueError(f"{entry.filename!r} leads out of its folder")
        if stat.S_ISLNK(entry.external_attr >> 16):
            raise ValueError(f"{entry.filename!r} is a link")
    size = sum(entry.file_size for entry in opened.infolist())
    if size > most:
        raise ValueError(f"it would unpack to {size:,} bytes, and at most {most:,} are plausible")


def put(source: Path, target: Path) -> None:
    """Move a folder in one step, over what an earlier fetch may have brought."""
    shutil.rmtree(target, ignore_errors=True)
    os.replace(source, target)
