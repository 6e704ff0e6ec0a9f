"""A check and the grader see one world: a cell as it was sent to be run, alone, as IPython understands it."""

import builtins
import signal
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any
from warnings import catch_warnings, simplefilter

import IPython
import pytest
import torch
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from course_lib.checks import Report, check
from course_lib.checks.alone import defines, limited, quiet
from course_lib.checks.asking import EAGER, defined
from course_lib.checks.exercise import alike
from course_lib.checks.report import exercise
from tests.tools.classroom import cells

NAME = "ps1.project_l2"
RIGHT = cells("ps1")["project_l2"]
HEAD = RIGHT.splitlines()[0]
BODY = "\n".join(RIGHT.splitlines()[1:])
SCRIPT = "def project_l2(delta: torch.Tensor, radius: float):\n    return delta * torch.clamp(radius / torch.clamp(\
torch.sqrt(torch.sum(delta * delta, dim=[1, 2, 3], keepdim=True)), min=1e-12), max=1.0)"
RUN = {  # cells that run in a notebook, and are graded
    "future": f"from __future__ import annotations\n{RIGHT.replace(HEAD, HEAD.replace('torch.Tensor', 'Tensor'))}",
    "line separator": RIGHT.replace("    ###", "    # the length\u2028of each\n    ###", 1),
    "await": f"import asyncio\nawait asyncio.sleep(0)\n{RIGHT}",
    "compiled": f"@torch.compile\n{RIGHT}",
    "compiled with settings": f"@torch.compile(dynamic=True)\n{RIGHT}",
    "script": f"@torch.jit.script\n{SCRIPT}",
    "star": f"from math import *\n{RIGHT.replace('1e-12', '1e-13 * pi')}",
    "match": f"{HEAD}\n    match radius:\n        case float():\n            pass\n{BODY}",
    "partial": f"from functools import partial\n{RIGHT.replace('project_l2', 'mine')}\nproject_l2 = partial(mine)",
    "annotated": f"{RIGHT.replace('project_l2', 'mine')}\nproject_l2: object = mine",
    "strings": f'{RIGHT}\nprint("%d"\n  % 3)\ntext = """\n%time\n!ls\n"""\n',
    "magics": f"%matplotlib inline\n%time x = 1\nfiles = !ls\ntorch.norm?\n{RIGHT}",
    "cell magic": f"%%time\n{RIGHT}",
    "displayed": f"{RIGHT}\ndisplay(project_l2(torch.ones(1, 3, 2, 2), 1.0))",
    "printed": f"{RIGHT}\nprint('heard')",
}
ALONE = "expected a cell that stands on its own, but this one needs helper: the grader has only torch, F and your cell"
REFUSED = {  # (what is in the notebook, the cell, what is said)
    "a function": ("helper = 3", f"helper + 1\n{RIGHT}", f"ended in NameError: {ALONE}"),
    "an import": ("from torch import Tensor", RIGHT.replace("torch.Tensor", "Tensor"), "this one needs Tensor"),
    "inside": ("helper = 3", f"{HEAD}\n    return delta + helper", "this one needs helper"),
    "the course": ("1", f"from course_lib.constraints import norms\n{RIGHT}", "this one needs course_lib"),
    "the course, inside": ("1", f"{HEAD}\n    import course_lib.pgd\n    return delta", "this one needs course_lib"),
    "a file": ("1", f"import tests.tools\n{RIGHT}", "this one needs tests"),
    "input": ("1", f"answer = input('?')\n{RIGHT}", "EOFError: input() waits for ever where cells are graded"),
    "elsewhere": (f"exec({RIGHT!r})", "1", "expected a cell that defines project_l2, got none: the grader reads cells"),
    "syntax": (RIGHT, f"{HEAD}\n    return (", "ended in SyntaxError"),
    "stub": ("1", f"{HEAD}\n    raise NotImplementedError", "not written yet"),
}  # fmt: skip


@pytest.fixture(autouse=True)
def own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def shell(monkeypatch: pytest.MonkeyPatch) -> Iterator[InteractiveShell]:
    """A notebook's: what `get_ipython` gives."""
    settings = Config(HistoryManager={"enabled": False}, InteractiveShell={"colors": "nocolor"})
    before = sys.displayhook, sys.excepthook, set(vars(builtins))
    shell = InteractiveShell(config=settings)
    monkeypatch.setattr(IPython, "get_ipython", lambda: shell)
    shell.run_cell("import torch\nimport torch.nn.functional as F\nfrom course_lib.checks import check", True)
    yield shell
    sys.displayhook, sys.excepthook = before[:2]
    for name in set(vars(builtins)) - before[2]:
        delattr(builtins, name)


def said(shell: InteractiveShell, *sources: str) -> Report:
    for source in sources:
        shell.run_cell(source, store_history=True)
    result: Any = shell.run_cell(f"check({NAME!r}, globals().get('project_l2'))", store_history=True).result
    assert isinstance(result, Report)
    return result


@pytest.mark.parametrize("kind", RUN)
def test_what_runs_in_a_notebook_passes_and_is_graded(
    shell: InteractiveShell, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with EAGER, catch_warnings():
        simplefilter("ignore")
        shell.run_cell(RUN[kind], store_history=True)
    capsys.readouterr()
    report = said(shell)
    assert report.passed, report
    assert "heard" not in capsys.readouterr().out
    assert ("display, magics and commands do nothing" in str(report)) == (kind in ("magics", "strings", "displayed",
                                                                                   "cell magic"))  # fmt: skip
    one = exercise(NAME)
    inputs = next(iter(one.cases(torch.Generator().manual_seed(4))))
    with quiet(), EAGER:
        outputs = one.ask(defined("project_l2", [RUN[kind]]), inputs)
    assert alike([outputs], [one.ask(one.reference, inputs)])


@pytest.mark.parametrize("kind", REFUSED)
def test_what_the_grader_does_not_have_is_said(shell: InteractiveShell, kind: str) -> None:
    before, cell, words = REFUSED[kind]
    report = said(shell, before, cell)
    assert not report.passed
    assert words in str(report)


def test_the_last_cell_counts(shell: InteractiveShell) -> None:
    assert not said(shell, RIGHT, f"{HEAD}\n    return delta").passed
    assert said(shell, RIGHT).passed


def test_without_a_notebook_the_function_itself_is_asked() -> None:
    assert check(NAME, exercise(NAME).reference).passed


@pytest.mark.parametrize(
    "loop",
    ["while True: pass", "import time; time.sleep(600)", "while True:\n  try:\n   1\n  except BaseException: pass"],
)
def test_a_loop_without_an_end_is_answered(shell: InteractiveShell, loop: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("course_lib.checks.report.limited", partial(limited, 0.2))
    if "BaseException" in loop:
        loop = loop.replace("while True", "for again in range(5 * 10**7)")  # that ends by itself, late
    body = "\n".join(f"    {line}" for line in loop.splitlines())
    assert "did not end within 0.2 s: is there a loop without an end?" in str(said(shell, f"{HEAD}\n{body}"))


def test_a_program_in_the_background_of_a_shell_is_interrupted_too() -> None:
    before, begin = signal.signal(signal.SIGINT, signal.SIG_IGN), time.monotonic()
    try:
        with pytest.raises(TimeoutError), limited(0.1):
            time.sleep(600)
        assert time.monotonic() - begin < 500
        assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def test_an_interruption_by_hand_is_one() -> None:
    with pytest.raises(KeyboardInterrupt), limited(60):
        raise KeyboardInterrupt


def test_a_check_is_told_where_nothing_can_be_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COURSE_CACHE", "/proc/nowhere")
    assert check(NAME, exercise(NAME).reference).passed


@pytest.mark.parametrize(
    ("source", "found"),
    [("def f(x): 1", True), ("async def f(x): 1", True), ("@a\ndef f(x): 1", True), ("f=1", True), ("f: int = 1", True),
     ("def ff(): 1", False), ("f == 1", False), (" def f(): 1", False), ("x = f", False), ("%%time\nf = 1", True)],
)  # fmt: skip
def test_where_a_function_is_defined(source: str, found: bool) -> None:
    assert defines("f", source) is found
