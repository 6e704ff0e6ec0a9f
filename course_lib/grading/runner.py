"""Runs one student's functions where nothing can be harmed: copied into the sandbox, with `asking`, and started there.

It reads job.json and one safetensors file of inputs for each exercise; each exercise runs in a forked child with limits
of time and memory; its outputs go to standard output as they come, a line of JSON and then the bytes of a safetensors
file. Nothing here knows an answer. This file imports nothing of the course.
"""

import importlib
import json
import linecache
import os
import resource
import signal
import stat
import time
from pathlib import Path
from typing import Any, NoReturn

import torch
import torch.nn.functional as F
from asking import Ask  # type: ignore[import-not-found]
from safetensors.torch import load, save
from torch import Tensor

HERE = Path(__file__).parent
SCRATCH = Path("/tmp")
MOST_BYTES = 64 * 2**20  # of a result
TICK = 0.02  # seconds between two looks at a child
GOODBYE = 20.0  # seconds that killed processes get to be gone
OUT_OF_MEMORY = ("can't allocate memory", "out of memory")


def main() -> None:
    torch.set_num_threads(1)  # and no pool of threads before the forks
    job = json.loads((HERE / "job.json").read_text())
    for module in job["imports"]:
        importlib.import_module(module)
    stream = os.fdopen(os.dup(1), "wb")
    silence = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(silence, descriptor)
    for name, task in job["exercises"].items():
        status, message, content, seconds = one_exercise(name, task, job["limits"])
        head = {"exercise": name, "status": status, "message": message, "seconds": seconds, "bytes": len(content)}
        stream.write(json.dumps(head).encode() + b"\n" + content)
        stream.flush()


def one_exercise(name: str, task: dict[str, Any], limits: dict[str, float]) -> tuple[str, str, bytes, float]:
    """(status, message, outputs, seconds) of one exercise, from a child that is gone afterwards, with its children."""
    begin, result = time.monotonic(), SCRATCH / "result"
    for old in SCRATCH.glob("result*"):
        old.unlink()
    child = os.fork()
    if child == 0:
        in_child(name, task, limits, result)
    status, message = watched(child, begin, limits)
    everyone_goes()
    seconds = round(time.monotonic() - begin, 2)
    if status != "ran":
        return status, message, b"", seconds
    try:
        verdict = json.loads(regular(result.with_suffix(".json")))
        content = regular(result.with_suffix(".safetensors")) if verdict["status"] == "ran" else b""
        return str(verdict["status"]), str(verdict["message"]), content, seconds
    except Exception:  # a student may have written these files
        return "error", "the process ended before it gave an answer", b"", seconds


def regular(path: Path) -> bytes:
    """What a file holds that is no link, no pipe and not too large."""
    with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError("expected a regular file")
        return file.read(MOST_BYTES)


def watched(child: int, begin: float, limits: dict[str, float]) -> tuple[str, str]:
    """Wait for a child, for so many seconds and so many processes in this sandbox."""
    while True:
        if os.waitpid(child, os.WNOHANG)[0]:
            return "ran", ""
        if sum(entry.isdigit() for entry in os.listdir("/proc")) > limits["processes"]:
            return "error", f"started more than {limits['processes']:g} processes"
        if time.monotonic() - begin > limits["seconds"]:
            return "timeout", f"did not end within {limits['seconds']:g} s"
        time.sleep(TICK)


def everyone_goes() -> None:
    """Kill all in this sandbox but its init and this one, and wait until they are gone.

    What is left of a fork bomb would count as the next exercise's processes.
    """
    if Path("/proc/1/comm").read_text().strip() != "bwrap":
        raise RuntimeError("expected a sandbox around this program, found none")
    end = time.monotonic() + GOODBYE
    while time.monotonic() < end:
        try:
            os.kill(-1, signal.SIGKILL)
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ProcessLookupError:
            return
        except ChildProcessError:
            pass
        time.sleep(TICK)


def in_child(name: str, task: dict[str, Any], limits: dict[str, float], result: Path) -> NoReturn:
    """In the child: limits, then the student's code, then the calls; never returns."""
    try:
        os.setsid()
        os.closerange(3, 256)  # the way to the grader among them
        limit(limits)
        result.with_suffix(".safetensors").write_bytes(save(answers(name, task)))
        verdict = {"status": "ran", "message": ""}
    except BaseException as error:
        text = " ".join(str(error).split())[:300]
        memory = isinstance(error, MemoryError) or any(words in text for words in OUT_OF_MEMORY)
        verdict = {"status": "memory" if memory else "error", "message": f"{type(error).__name__}: {text}"}
    result.with_suffix(".json").write_text(json.dumps(verdict))
    os._exit(0)


def limit(limits: dict[str, float]) -> None:
    """No more memory than so much beyond what is in use, no large files, no more processor time than twice the time."""
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    for what, value in (
        (resource.RLIMIT_AS, used + int(limits["megabytes"]) * 2**20),
        (resource.RLIMIT_FSIZE, MOST_BYTES),
        (resource.RLIMIT_CPU, int(2 * limits["seconds"]) + 1),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(what, (value, value))


def answers(name: str, task: dict[str, Any]) -> dict[str, Tensor]:
    """What the student's function gives on every case: "0/result", "0/changed" and so on."""
    space: dict[str, Any] = {"__name__": "__main__", "torch": torch, "F": F, "display": lambda *_, **__: None}
    failed: Exception | None = None
    for number, source in enumerate(task["source"]):  # as in a notebook, where cells run after one that failed
        try:
            run(source, f"{name}-{number}", space)
        except Exception as error:
            failed = failed or error
    if not callable(function := space.get(task["function"])):
        missing = NameError(f"expected a function {task['function']} in the cell of this exercise, got none")
        raise failed or missing
    inputs, ask = load((HERE / f"{name}.safetensors").read_bytes()), Ask(**task["ask"])
    outputs: dict[str, Tensor] = {}
    for case in range(task["cases"]):
        given = {key.split("/")[1]: value for key, value in inputs.items() if key.startswith(f"{case}/")}
        given |= {key: given[key].item() for key in task["numbers"]}
        outputs |= {f"{case}/{key}": value for key, value in ask(function, given).items()}
    return outputs


def run(source: str, name: str, space: dict[str, Any]) -> None:
    """Run a cell; where it is not plain Python, as IPython understands it, with magics and commands."""
    try:
        code = compile(source, name, "exec")
    except SyntaxError:
        from unittest.mock import MagicMock

        from IPython.core.inputtransformer2 import TransformerManager

        shell = MagicMock()  # magics of a cell run its code, all else does nothing
        shell.run_cell_magic = lambda magic, _, inner: run(inner, magic, space)
        space["get_ipython"] = lambda: shell
        source = TransformerManager().transform_cell(source)
        code = compile(source, name, "exec")
    linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
    exec(code, space)


if __name__ == "__main__":
    main()
