"""Laptops, as in "linux-x86_64-3.12", "windows-amd64-3.13" or "macos-arm64-3.12", and the wheels that fit them."""

import platform
import sys
from urllib.parse import unquote

from packaging.tags import Tag, compatible_tags, cpython_tags, mac_platforms
from packaging.utils import parse_wheel_filename

SYSTEMS = {  # os_name, sys_platform, platform_system
    "linux": ("posix", "linux", "Linux"),
    "macos": ("posix", "darwin", "Darwin"),
    "windows": ("nt", "win32", "Windows"),
}
File = tuple[str, str]  # address and SHA-256 ("" where an index names none)


def this_machine() -> str:
    system = {"Darwin": "macos"}.get(platform.system(), platform.system().lower())
    return f"{system}-{platform.machine().lower()}-{sys.version_info[0]}.{sys.version_info[1]}"


def environment(laptop: str) -> dict[str, str]:
    """What the markers of a requirement ask about."""
    system, machine, python = laptop.split("-")
    os_name, sys_platform, platform_system = SYSTEMS[system]
    named = {"os_name": os_name, "sys_platform": sys_platform, "platform_system": platform_system}
    cpython = {"implementation_name": "cpython", "platform_python_implementation": "CPython"}
    machine = machine.upper() if system == "windows" else machine
    versions = {"python_version": python, "python_full_version": f"{python}.9", "implementation_version": f"{python}.9"}
    return {**named, **cpython, **versions, "platform_machine": machine, "platform_release": "", "platform_version": ""}


def tags(laptop: str) -> list[Tag]:
    """The tags of wheels that it takes, best first."""
    system, machine, python = laptop.split("-")
    version = tuple(map(int, python.split(".")))
    if system == "linux":
        old = {17: "manylinux2014", 12: "manylinux2010", 5: "manylinux1"}
        names = (name for minor in range(28, 4, -1) for name in (f"manylinux_2_{minor}", old.get(minor)) if name)
        platforms = [f"{name}_{machine}" for name in names]
    elif system == "macos":
        platforms = [*mac_platforms((14, 0), machine)]
    else:
        platforms = [f"win_{machine}"]
    interpreter = f"cp{''.join(python.split('.'))}"
    return [*cpython_tags(version, platforms=platforms), *compatible_tags(version, interpreter, platforms)]


def best(files: list[File], laptop: str) -> File | None:
    """The wheel that fits the laptop best."""
    order = {tag: rank for rank, tag in enumerate(tags(laptop))}
    ranked = []
    for file in files:
        fitting = [order[tag] for tag in parse_wheel_filename(name_of(file[0]))[3] if tag in order]
        ranked += [(min(fitting), file)] if fitting else []
    return min(ranked, default=(0, None))[1]


def name_of(address: str) -> str:
    return unquote(address.rsplit("/", 1)[-1])
