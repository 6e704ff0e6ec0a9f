"""Make notebooks ready to commit: ``python -m tests.tools.freeze notebooks/*.ipynb`` (``make notebooks``).

Runs each one from the top and keeps only what the tests compare: the text outputs of cells tagged
``nbval-check-output``. Pictures, widgets and timings are left out, so that differences stay small.
"""

import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode

CHECKED = "nbval-check-output"
KEPT_METADATA = ("kernelspec", "language_info")
TEXT = ("execute_result", "display_data")


def is_checked(cell: NotebookNode) -> bool:
    return cell.cell_type == "code" and CHECKED in cell.metadata.get("tags", [])


def frozen(notebook: NotebookNode) -> NotebookNode:
    """The notebook without anything but sources, tags and the text outputs of checked cells. Changes its argument."""
    notebook.metadata = NotebookNode({k: v for k, v in notebook.metadata.items() if k in KEPT_METADATA})
    notebook.metadata.language_info = NotebookNode(name="python")
    for cell in notebook.cells:
        cell.metadata = NotebookNode({k: v for k, v in cell.metadata.items() if k in ("tags", "jupyter")})
        cell.pop("attachments", None)
        if cell.cell_type == "code":
            cell.outputs = [text_only(output) for output in cell.outputs if is_checked(cell) and is_text(output)]
            cell.execution_count = cell.execution_count if is_checked(cell) else None
    return notebook


def is_text(output: NotebookNode) -> bool:
    return output.get("name") == "stdout" or (output.output_type in TEXT and "text/plain" in output.data)


def text_only(output: NotebookNode) -> NotebookNode:
    if "data" in output:
        output.data = NotebookNode({"text/plain": output.data["text/plain"]})
        output.metadata = NotebookNode()
    return output


def main(paths: list[str]) -> None:
    for path in map(Path, paths):
        print(path, flush=True)
        notebook = nbformat.read(path, as_version=4)
        NotebookClient(
            notebook, timeout=600, coalesce_streams=True, resources={"metadata": {"path": path.parent}}
        ).execute()
        nbformat.write(frozen(notebook), path)


if __name__ == "__main__":
    main(sys.argv[1:])
