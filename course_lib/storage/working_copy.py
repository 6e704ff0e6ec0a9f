"""A copy of the notebooks to work in, `mine`: git ignores it, and `make lab` opens it and brings it up to date.

So a student's runs never stand in the way of an update of the course, and an update never overwrites what a student
has written. What a notebook says is the text of its cells: running and saving it does not make it the student's.
"""

import argparse
import json
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from course_lib.storage.files import PACKAGE, digest, write

NOTEBOOKS, MINE = PACKAGE.parent / "notebooks", PACKAGE.parent / "mine"
STUDENTS = ("*.ipynb", "exercises/README.md", "exercises/release/*/*.ipynb")  # in `notebooks`: what students get
NOTE = ".copied.json"  # what each file said when it was copied


def copy(arguments: Sequence[str]) -> None:
    """Bring the student's copy up to date, and say where it is."""
    argparse.ArgumentParser(prog="python -m course_lib copy", description=__doc__).parse_args(arguments)
    for sentence in bring_up_to_date(NOTEBOOKS, MINE):
        print(sentence)
    print(f"Your copy of the notebooks is in {MINE.name}/: what you change there stays.")


def bring_up_to_date(notebooks: Path, mine: Path) -> list[str]:
    """Copy what is new or missing; returns a sentence for each file that both the student and the course changed."""
    copied: dict[str, str] = {}
    with suppress(FileNotFoundError, ValueError):
        copied = json.loads((mine / NOTE).read_bytes())
    sentences = []
    for source in sorted(path for pattern in STUDENTS for path in notebooks.glob(pattern)):
        name = source.relative_to(notebooks).as_posix()
        if (new := bring(source.read_bytes(), mine, name, copied)) != name:
            sentences.append(f"You have changed {mine.name}/{name}: it stays, and the course's new version is {new}.")
    write(mine / NOTE, json.dumps(copied, indent=1).encode())
    return sentences


def bring(data: bytes, folder: Path, name: str, copied: dict[str, str]) -> str:
    """Make a file say this unless a person has changed it; else the one beside it, once. Returns which one it was."""
    path = folder / name
    there = digest_of(path.read_bytes()) if path.exists() else None
    before, copied[name] = copied.get(name), digest_of(data)
    if there in (None, before) and there != copied[name]:
        write(path, without_outputs(data))
    elif copied[name] not in (there, before):
        beside = path.with_stem(f"{path.stem}.new-version").relative_to(folder)
        return bring(data, folder, beside.as_posix(), copied)
    return name


def digest_of(data: bytes) -> str:
    """SHA-256 of what a file says: of a notebook, its cells. An empty one, as JupyterLab adds, does not count."""
    with suppress(ValueError, KeyError, TypeError):
        cells = [(cell["cell_type"], "".join(cell["source"])) for cell in json.loads(data)["cells"]]
        data = json.dumps([cell for cell in cells if cell[1].strip()]).encode()
    return digest(data)


def without_outputs(data: bytes) -> bytes:
    """A notebook as if nobody had run it: Jupyter shows no demo again in one that holds results of another person."""
    with suppress(ValueError, KeyError, TypeError):
        notebook = json.loads(data)
        for cell in notebook["cells"]:
            if cell["cell_type"] == "code":
                cell |= {"outputs": [], "execution_count": None}
        return json.dumps(notebook, indent=1, ensure_ascii=False).encode()
    return data
