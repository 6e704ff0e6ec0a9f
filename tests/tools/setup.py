"""A clone of a small course beside an index of stand-in wheels, which set-up and kit install with the real uv."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.tools.lab import COURSE
from tests.tools.wheels import served, write_index, write_project, write_wheel

UV = shutil.which("uv") or str(COURSE / ".uv" / "bin" / "uv")
CUDA = {"nvidia-cudnn-cu13": "9", "cuda-bindings": "13", "triton": "3"}
UV_PROGRAM = f'#!/bin/sh\nexec {UV} "$@"\n'


def settings(folder: Path) -> dict[str, str]:
    """The variables of a clone in this folder: nothing of the person who runs the tests."""
    strange = ("MAKEFLAGS", "MAKELEVEL", "VIRTUAL_ENV", "CUDA", "UV_OFFLINE")
    kept = {key: value for key, value in os.environ.items() if key not in strange}
    kept |= {"PATH": f"{folder / 'bin'}:{Path(UV).parent}:{os.environ['PATH']}", "UV_PYTHON": sys.executable}
    return kept | {"UV_CACHE_DIR": str(folder / "cache"), "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}


@dataclass(frozen=True)
class Clone:
    """The clone's folder, and the address of both indexes."""

    folder: Path
    address: str

    def make(self, *words: str, **variables: str) -> str:
        """Run make here; returns what it said."""
        pytorch = {"PYTORCH_INDEX": f"{self.address}/cpu", "PYTORCH_PATIENCE": "300"}
        surroundings = settings(self.folder.parent) | pytorch | variables
        ran = subprocess.run(["make", *words], cwd=self.folder, env=surroundings, capture_output=True, text=True)
        assert ran.returncode == 0, ran.stderr
        return ran.stderr

    def changed(self) -> None:
        """As after `git pull` with another lock."""
        (self.folder / "uv.lock").touch()


def installed(folder: Path) -> set[str]:
    """Name and version of what is in the environment of a course."""
    command = [UV, "pip", "list", "--python", ".venv/bin/python", "--format=freeze"]
    listed = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    return {line.replace("==", " ") for line in listed.stdout.split()}


@contextmanager
def cloned(folder: Path) -> Iterator[Clone]:
    """A clone whose lock knows a public index; the index of PyTorch is beside it."""
    simple, cpu = folder / "index" / "simple", folder / "index" / "cpu"
    for name, version in {**CUDA, "sympy": "1", "pytest": "8"}.items():
        write_wheel(simple / name, name, version)
    write_wheel(simple / "uv", "uv", "1", more={"uv-1.data/scripts/uv": UV_PROGRAM})
    write_wheel(simple / "torch", "torch", "2.0", needs=(*CUDA, "sympy"))
    write_wheel(simple / "torchvision", "torchvision", "0.5", needs=("torch",))
    write_wheel(cpu / "torch", "torch", "2.0+cpu", needs=("sympy",))
    write_wheel(cpu / "torchvision", "torchvision", "0.5+cpu", needs=("torch==2.0+cpu",))
    for index in (simple, cpu):
        write_index(index)
    (folder / "bin").mkdir()
    with served(folder / "index") as address:
        write_project(folder / "clone", address)
        shutil.copy(COURSE / "Makefile", folder / "clone")
        shutil.copytree(COURSE / ".setup", folder / "clone" / ".setup")
        subprocess.run([UV, "lock", "--quiet"], cwd=folder / "clone", env=settings(folder), check=True)
        yield Clone(folder / "clone", address)
