"""A student's cell is run again on its own, as it is where it is graded: with torch and F, and nothing of the course.

A notebook has more: imports at its top, functions of other cells. So what works there may fail when it is graded.
"""

import _thread
import builtins
import os
import re
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from pathlib import Path
from typing import Any
from warnings import catch_warnings, simplefilter

from course_lib.checks.asking import LATE, SECONDS, Function, NothingToAskError, defined

AGAIN = 1.0  # seconds until code that caught an interruption is interrupted again
IDLE = re.compile(r"\bdisplay\(|^\s*[%!]|=\s*[%!]|\?\s*$", re.MULTILINE)


def defines(name: str, source: str) -> bool:
    """Whether a cell defines a function, in the first column, where the grader looks for it."""
    return re.search(rf"^(?:(?:async )?def {name}\b|{name}[ \t]*(?::[^=\n]*)?=(?!=))", source, re.MULTILINE) is not None


def history() -> list[str]:
    """What the cells of this notebook were, as they were sent to be run; none where there is no notebook."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    return [] if shell is None else list(shell.history_manager.input_hist_raw)


def own_cell(name: str) -> str | None:
    """The cell of this notebook that defines a function, the last one that was run; None outside notebooks."""
    cells = history()
    found = next((source for source in reversed(cells) if defines(name, source)), None)
    if any(cells) and found is None:
        raise NothingToAskError(f"expected a cell that defines {name}, got none: the grader reads cells")
    return found


def alone(name: str, function: Function) -> Function:
    """The function as its cell defines it, run on its own; outside notebooks the one that was given."""
    source = own_cell(name)
    return function if source is None else defined(name, [source], {"__import__": imported})


def idle(name: str) -> bool:
    """Whether the cell of a function has something that does nothing where it is graded."""
    return IDLE.search(own_cell(name) or "") is not None


def imported(name: str, *rest: Any, **named: Any) -> Any:
    """Python's import, without what the grader does not have: the course, and files of one's own."""
    module, top = builtins.__import__(name, *rest, **named), name.partition(".")[0]
    file = getattr(sys.modules.get(top), "__file__", None)
    installed = file is None or any(Path(file).is_relative_to(root) for root in (sys.prefix, sys.base_prefix))
    if top == "course_lib" or not installed:
        raise ModuleNotFoundError(f"No module named {top!r}", name=top)
    return module


@contextmanager
def quiet() -> Iterator[None]:
    """Nothing that a cell prints is shown a second time, and no warning."""
    with open(os.devnull, "w") as nothing, redirect_stdout(nothing), redirect_stderr(nothing), catch_warnings():
        simplefilter("ignore")
        yield


def interrupt(seconds: float, done: threading.Event, late: threading.Event) -> None:
    """Interrupt the main thread after so many seconds, and again, until it is done."""
    while not done.wait(AGAIN if late.is_set() else seconds):
        late.set()
        if hasattr(signal, "pthread_kill"):  # it ends a sleep, too
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
        else:
            _thread.interrupt_main()


@contextmanager
def limited(seconds: float = SECONDS) -> Iterator[None]:
    """TimeoutError for what takes longer; where nothing can be interrupted, as in a browser, it may take for ever."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    done, late = threading.Event(), threading.Event()
    with suppress(RuntimeError):  # no threads
        threading.Thread(target=interrupt, args=(seconds, done, late), daemon=True).start()
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background ignores interruptions
    try:
        yield
    except BaseException:
        if not late.is_set():
            raise
    finally:
        done.set()
        signal.signal(signal.SIGINT, handler or signal.SIG_DFL)
    if late.is_set():  # whatever the code made of the interruption
        raise TimeoutError(LATE.format(seconds))
