"""Runs one student's functions where nothing can be harmed: copied into the sandbox, with what it imports.

It reads job.json and one safetensors file of inputs for each exercise; each exercise runs in a forked child with limits
of time, memory and processes; its outputs go to standard output as they come, a line of JSON and then the bytes of a
safetensors file. Nothing here knows an answer. This file imports nothing of the course.
"""

import ctypes
import importlib
import json
import os
import platform
import resource
import struct
import time
from pathlib import Path
from typing import Any, NoReturn

import torch
from asking import EAGER, Ask, defined, ended, unpacked  # type: ignore[import-not-found]
from safetensors.torch import load, save
from torch import Tensor
from watching import everyone_goes, watched  # type: ignore[import-not-found]

HERE = Path(__file__).parent
MOST_BYTES = 64 * 2**20  # of a result
LONGEST = 4096  # bytes of what is said of it
OUT_OF_MEMORY = ("can't allocate memory", "out of memory")
SECRETIVE = 4  # prctl's PR_SET_DUMPABLE: whether others of this user may look into a process
KEYCTL = {"x86_64": 250, "aarch64": 219}
PROCESSORS = {  # Linux's number of a processor, of mmap, and of the calls that give memory which no process maps
    "x86_64": (0xC000003E, 9, (29, 68, 240, 319, 447)),  # shmget, msgget, mq_open, memfd_create, memfd_secret
    "aarch64": (0xC00000B7, 222, (194, 186, 180, 279, 447)),
}
NO_NEW_RIGHTS, SECCOMP, FILTER = 38, 22, 2  # of prctl
LOAD, EQUAL, AT_LEAST, HAS, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06  # of the kernel's filters
ALLOWED, REFUSED = 0x7FFF0000, 0x00050001  # the latter with "operation not permitted"
SHARED = 1  # of mmap
UNANSWERED = "error", "the process ended before it gave an answer"


def main() -> None:
    c = ctypes.CDLL(None)
    c.prctl(SECRETIVE, 0)
    c.syscall(KEYCTL.get(platform.machine(), -1), 1, None)  # a keyring of its own, empty
    torch.set_num_threads(1)  # and no pool of threads before the forks
    job = json.loads((HERE / "job.json").read_text())
    for module in job["imports"]:
        importlib.import_module(module)
    stream = os.fdopen(os.dup(1), "wb")
    silence = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(silence, descriptor)
    EAGER.start()
    for name, task in job["exercises"].items():
        begin = time.monotonic()
        status, message, content = one_exercise(name, task, job["limits"])
        head = {"exercise": name, "status": status, "message": message, "bytes": len(content)}
        head["seconds"] = round(time.monotonic() - begin, 2)
        stream.write(json.dumps(head).encode() + b"\n" + content)
        stream.flush()


def one_exercise(name: str, task: dict[str, Any], limits: dict[str, float]) -> tuple[str, str, bytes]:
    """(status, message, outputs) of one exercise, from a child that is gone afterwards, with its children."""
    result = os.memfd_create("result")
    child = os.fork()
    if child == 0:
        in_child(name, task, limits, result)
    broken = watched(child, limits)
    everyone_goes()
    said = os.pread(result, LONGEST + MOST_BYTES, 0)
    os.close(result)
    if broken:
        return *broken, b""
    try:
        head, _, content = said.partition(b"\n")
        status, message = map(str, json.loads(head[:LONGEST]))
        return status, message, content
    except Exception:  # a student may have written it
        return *UNANSWERED, b""


def in_child(name: str, task: dict[str, Any], limits: dict[str, float], result: int) -> NoReturn:
    """In the child: limits, then the student's code, then the calls; never returns."""
    content = b""
    try:
        os.setsid()
        os.nice(10)
        os.dup2(result, 3)
        os.closerange(4, 256)  # the way to the grader among them
        limit(limits)
        count_all_memory()
        content = save(answers(name, task))
        verdict = ("ran", "") if len(content) <= MOST_BYTES else ("error", "gave more than 64 MB")
    except BaseException as error:
        text = ended(error)
        memory = isinstance(error, MemoryError) or any(words in text for words in OUT_OF_MEMORY)
        verdict = "memory" if memory else "error", text
    os.ftruncate(3, 0)  # what a student wrote there
    os.lseek(3, 0, os.SEEK_SET)
    with open(3, "wb") as file:
        file.write(json.dumps(verdict).encode() + b"\n" + content)
    os._exit(0)


def limit(limits: dict[str, float]) -> None:
    """For each process: no more memory than so much beyond what is in use, few and small files, processor time."""
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    for what, value in (
        (resource.RLIMIT_AS, used + int(limits["megabytes"]) * 2**20),
        (resource.RLIMIT_FSIZE, LONGEST + MOST_BYTES),
        (resource.RLIMIT_NOFILE, 64),
        (resource.RLIMIT_CPU, int(2 * limits["seconds"]) + 1),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(what, (value, value))


def count_all_memory() -> None:
    """Refuse what gives memory that is in no process: shared memory, and files in memory. The rest is watched."""
    if platform.machine() not in PROCESSORS:
        return
    processor, mmap, calls = PROCESSORS[platform.machine()]
    end = 8 + len(calls)  # the place of the line that refuses; jumps are counted from the line behind
    lines = [(LOAD, 0, 0, 4), (EQUAL, 0, end - 2, processor), (LOAD, 0, 0, 0), (AT_LEAST, end - 4, 0, 2**30)]
    lines += [(EQUAL, end - place - 1, 0, call) for place, call in enumerate(calls, len(lines))]
    lines += [
        (EQUAL, 0, 2, mmap),
        (LOAD, 0, 0, 40),
        (HAS, 1, 0, SHARED),
        (RETURN, 0, 0, ALLOWED),
        (RETURN, 0, 0, REFUSED),
    ]
    program = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *line) for line in lines))
    c = ctypes.CDLL(None)
    c.prctl(NO_NEW_RIGHTS, 1, 0, 0, 0)
    if c.prctl(SECCOMP, FILTER, struct.pack("HP", len(lines), ctypes.addressof(program))):
        raise RuntimeError("expected a system that refuses calls, got one that cannot")


def answers(name: str, task: dict[str, Any]) -> dict[str, Tensor]:
    """What the student's function gives on every case: "0/result", "0/changed" and so on."""
    function = defined(task["function"], task["source"])
    cases, ask = unpacked(load((HERE / f"{name}.safetensors").read_bytes())), Ask(**task["ask"])
    return {f"{case}/{key}": part for case, inputs in enumerate(cases) for key, part in ask(function, inputs).items()}


if __name__ == "__main__":
    main()
