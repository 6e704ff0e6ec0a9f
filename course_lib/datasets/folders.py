"""A person's own pictures: a folder with one for each class, or with parts (train, validation, test) that have those.

They are known by a hash of their bytes, and each one's own hash says which split it is in: it stays there when others
come or go.
"""

import hashlib
import os
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from course_lib.datasets.photographs import SPLITS, Collection, files_below
from course_lib.datasets.reading import SUFFIXES, readable
from course_lib.storage.files import digest, say_once

FEWEST = 10  # pictures of a class to train on
TEST, HELD_OUT = 0.1, 0.2  # below this share of all hashes are test pictures, and those or validation pictures
PART = re.compile(
    r"(?:.*[ _-])?(train|val|dev|eval|test)(?:id|idation|uation|ing)?(?:[ _-]?(?:set|data|images))?", re.I
)
ROLES = {"train": "train", "test": "test", "val": "validation", "dev": "validation", "eval": "validation"}
Names = tuple[str, ...]  # of the folders that a file is in
Splits = dict[str, list[tuple[str, str, Path]]]  # hash, class and file


@dataclass(frozen=True, repr=False)
class Folder(Collection):
    """`splits` has the files of each split, in the order of their hashes, with their labels."""

    splits: Mapping[str, list[tuple[Path, int]]] = field(default_factory=dict)

    def files(self, split: str) -> list[tuple[Path, int]]:
        return self.splits[split]


def folder(path: str | Path) -> Folder:
    """A person's own pictures. What is left out is counted and said in a sentence.

    Raises ValueError where there are fewer than two classes of ten pictures, or other classes in another part.
    """
    home = Path(path).expanduser().resolve()
    found, left = files_below(home) if home.is_dir() else [], Counter[str]()
    kinds = {file: file.suffix.lower() for file in found}
    for file in found:
        if not file.is_file():
            left["that cannot be opened"] += 1
        elif kinds[file] not in readable():
            left[kinds[file] or "without a suffix"] += 1
    every = arranged(home, [file for file in found if kinds[file] in SUFFIXES], left)
    placed = {file: where for file, where in every.items() if kinds[file] in readable() and file.is_file()}
    splits = rows_of(placed, digests(list(placed)), left)
    if left := +left:
        what = ", ".join(f"{count:,} {kind}" for kind, count in left.most_common())
        hint = "; save those as JPEG (or, to read HEIC, pip install pillow-heif)" if left.keys() & SUFFIXES else ""
        say_once(f"Left out of {home}: {what}{hint}.")
    classes = checked(home, [*every.values()], [*placed.values()])
    split(splits)
    known = "".join(f"{part}/{name} {one}\n" for part, rows in splits.items() for one, name, _ in rows)
    labelled = {part: [(file, classes.index(name)) for _, name, file in rows] for part, rows in splits.items()}
    name = f"folder-{digest(os.fsencode(known))[:12]}"
    return Folder(name, classes, classes, ("", ""), held_out=0, home=home, splits=labelled)


def arranged(home: Path, files: Sequence[Path], left: Counter[str]) -> dict[Path, tuple[str, str]]:
    """Part and class of each file. A folder that everything lies in is none of both."""
    inside = {file: file.relative_to(home).parts[:-1] for file in files}
    while len({names[:1] for names in inside.values()}) == 1 and all(names[1:] for names in inside.values()):
        inside = {file: names[1:] for file, names in inside.items()}
    parted = {file: part_of(names) for file, names in inside.items()}
    parts = {part for part, _ in parted.values() if part}
    if len(parts) < 2 and not any(part and names for part, names in parted.values()):
        parted = {file: ("train", names) for file, names in inside.items()}
    placed = {file: (part, names[0]) for file, (part, names) in parted.items() if part and names}
    left["outside of the classes" if len(parts) < 2 else "outside of the parts' classes"] += len(files) - len(placed)
    return placed


def part_of(names: Names) -> tuple[str, Names]:
    """The part that the first or second of these folders is, "" for none, and the other folders."""
    for place, name in enumerate(names[:2]):
        if match := PART.fullmatch(name):
            return ROLES[match[1].lower()], names[:place] + names[place + 1 :]
    return "", names


def rows_of(placed: Mapping[Path, tuple[str, str]], hashes: Mapping[Path, str], left: Counter[str]) -> Splits:
    """Hash, class and file, by part. What was trained on is no validation picture, and neither is a test picture."""
    splits: Splits = {}
    for part in SPLITS:
        earlier = {digest for rows in splits.values() for digest, _, _ in rows}
        mine = [(hashes[file], name, file) for file, (role, name) in placed.items() if role == part]
        splits[part] = sorted(row for row in mine if row[0] not in earlier)
        left["copies of pictures in another part"] += len(mine) - len(splits[part])
    return splits


def checked(home: Path, every: Sequence[tuple[str, str]], placed: Sequence[tuple[str, str]]) -> Names:
    """The classes: those to train on, and no others. One of whose pictures none is read is missed, too."""
    counts = Counter({name: 0 for part, name in every if part == "train"})
    counts.update(name for part, name in placed if part == "train")
    if len(counts) < 2 or min(counts.values()) < FEWEST:
        got = ", ".join(f"{name} ({count})" for name, count in sorted(counts.items())) or "none"
        raise ValueError(
            f"expected at least two folders of at least ten pictures each to train on in {home}, got {got}"
        )
    for part in SPLITS[1:]:
        names = {name for role, name in placed if role == part}
        if names and (other := ", ".join(sorted(names ^ counts.keys()))):
            raise ValueError(
                f"expected the same classes in train and {part} of {home}, got {other} in one of them alone"
            )
    return tuple(sorted(counts))


def split(splits: Splits) -> None:
    """Take the parts that a person did not make from the training pictures, by their hashes alone.

    Where validation or test would be empty, it gets the picture with the nearest hash, if there is another to train on.
    Of two parts, the one that is not trained on is the test.
    """
    if not splits["test"]:
        splits["test"], splits["validation"] = splits["validation"], []
    missing = [part for part in ("test", "validation") if not splits[part]]
    for number, (part, share) in enumerate(zip(missing, (TEST, HELD_OUT), strict=False)):
        rows, after = splits["train"], len(missing) - number  # parts that need a picture, too: training is the last
        hashes = sorted({one for one, _, _ in rows})
        below = sum(int(one[:8], 16) < share * 16**8 for one in hashes)
        first = hashes[min(max(1, below), len(hashes) - after)]
        splits[part] = [row for row in rows if row[0] < first]
        splits["train"] = [row for row in rows if row[0] >= first]


def digests(files: Sequence[Path]) -> dict[Path, str]:
    """The hash of each file's bytes, which are read anew each time: nothing else tells that a file is as it was."""
    with ThreadPoolExecutor() as pool:
        return dict(zip(files, pool.map(content, files), strict=True))


def content(file: Path) -> str:
    with open(file, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
