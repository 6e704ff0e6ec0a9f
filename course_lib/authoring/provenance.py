"""Where a result comes from: the code, the weights and pictures, the libraries and the device that made it."""

import os
import platform
import subprocess
from collections.abc import Iterable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from course_lib.prepared import best_device
from course_lib.storage.files import DATA, digest
from course_lib.testbeds import Testbed
from course_lib.testbeds.weights import FOLDER, known, load_card

LIBRARIES = ("torch", "torchvision", "torchmetrics", "numpy")
LOOKED_AT = 100  # pictures of a split that vouch for it


def provenance(
    weights: Iterable[str], *, folder: Path = FOLDER, data: Mapping[str, bytes] | None = None
) -> dict[str, Any]:
    """What a result names: commit, SHA-256 of the named weights that are in `folder` and of `data`, versions, device.

    `data` is by name what else decided the result: the bytes of a file or of pictures.
    """
    return {
        "commit": commit(),
        "weights": hashes(weights, folder=folder),
        "data": {name: digest(value) for name, value in (data or {}).items()},
        "libraries": {"python": platform.python_version()} | {name: version(name) for name in LIBRARIES},
        "device": torch.cuda.get_device_name() if best_device().type == "cuda" else f"cpu, {platform.machine()}",
    }


def hashes(weights: Iterable[str], *, folder: Path = FOLDER) -> dict[str, str]:
    """The SHA-256 of the named weights that are in `folder`."""
    there = set(known(folder))
    return {name: load_card(name, folder=folder)["sha256"] for name in sorted(weights) if name in there}


def of_testbed(testbed: Testbed, *, split: str | None = None, tuned: bool = True) -> dict[str, Any]:
    """The same of all networks of a testbed, its class statistics and settings, and the first pictures of a split."""
    files = {"statistics": DATA / "statistics" / f"{testbed.seeding.statistics}.safetensors"}
    files |= {"settings": DATA / "tuned" / f"{testbed.settings}.json"} if tuned else {}
    data = {name: path.read_bytes() for name, path in files.items() if path.exists()}
    if split is not None:
        count = min(LOOKED_AT, len(getattr(testbed, split)))
        data[f"first {count} pictures, {split}"] = getattr(testbed, split).images(range(count)).numpy().tobytes()
    return provenance(testbed.weights.values(), folder=testbed.home, data=data)


def commit() -> str:
    """The commit of the code: $COMMIT, where a copy has no history of its own, else what git says of this clone."""
    if "COMMIT" in os.environ:
        return os.environ["COMMIT"]
    command = ["git", "-C", str(DATA), "rev-parse", "HEAD"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
