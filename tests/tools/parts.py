"""Small notebooks for the browser tests: of cells of their own, or of some cells of a lecture."""

from collections.abc import Iterator
from contextlib import contextmanager

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_notebook

from tests.conftest import ROOT, OpenNotebook
from tests.tools.lab import Notebook

KERNEL = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}


def written(open_notebook: OpenNotebook, name: str, *cells: str | NotebookNode) -> str:
    """A notebook of these cells beside the lectures; code may come as text. Returns its name."""
    nodes = [new_code_cell(cell) if isinstance(cell, str) else cell for cell in cells]
    nbformat.write(new_notebook(cells=nodes, metadata=KERNEL), open_notebook.root / name)
    return name


def part(open_notebook: OpenNotebook, name: str, *cells: str) -> str:
    """A notebook of some cells of a lecture, by their ids: the rest takes its time, and is tested elsewhere."""
    whole = nbformat.read(ROOT / "notebooks" / f"{name}.ipynb", as_version=4)
    chosen = [cell for cell in whole.cells if cell.id in cells]
    assert [cell.id for cell in chosen] == list(cells)
    return written(open_notebook, f"part-{name}.ipynb", *chosen)


@contextmanager
def running(open_notebook: OpenNotebook, name: str, *cells: str, shows: str = "player = Player(") -> Iterator[Notebook]:
    """``part``, opened and run, down to the cell that has these words. At its end no cell may have complained."""
    with open_notebook.again(part(open_notebook, name, *cells)) as notebook:
        notebook.run_all()
        notebook.show_cell(notebook.index_of(shows))
        notebook.wait_for_status("Ready")
        yield notebook
        assert notebook.complaints() == []
