"""The photographs that ship: eight that are free to use, none of them from a data set that networks are trained on."""

from torch import Tensor

from course_lib.datasets.reading import read_picture
from course_lib.storage.files import DATA

FOLDER, SIDE = DATA / "photographs", 128  # pixels of a side
SUGGESTED = {  # by name, a class of Imagenette that suits it
    "cat": "springer",
    "coffee": "golf ball",
    "astronaut": "tench",
    "rocket": "church",
    "grass": "springer",
    "gravel": "chain saw",
    "hubble_deep_field": "parachute",
    "brick": "gas pump",
}


def photograph(name: str, size: int = SIDE) -> Tensor:
    """One of the photographs, (1, 3, size, size) in [0, 1]. ValueError for a name that is not in `SUGGESTED`."""
    if name not in SUGGESTED:
        raise ValueError(f"expected a photograph among {', '.join(SUGGESTED)}, got {name!r}")
    return read_picture(FOLDER / f"{name}.webp", size)
