"""Watches an exercise that runs: its processes, threads, memory and time, all together; and ends it.

This file imports nothing of the course: the grader copies it to where students' code runs.
"""

import os
import resource
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from asking import LATE  # type: ignore[import-not-found]

TICK = 0.02  # seconds between two looks
GOODBYE = 20.0  # seconds that killed processes get to be gone


class Process(NamedTuple):
    """What the system says of a process: its state, seconds of processor time, threads, bytes in memory."""

    state: str
    seconds: float
    threads: int
    size: int


def others() -> Iterator[Process]:
    """Everyone in this sandbox but this one; of its init the time of those that are gone, whose parents went before."""
    ticks, page = os.sysconf("SC_CLK_TCK"), resource.getpagesize()
    for number in filter(str.isdigit, os.listdir("/proc")):
        if int(number) == os.getpid():
            continue
        try:
            parts = Path(f"/proc/{number}/stat").read_bytes().rpartition(b")")[2].split()
        except OSError:  # it is gone
            continue
        if number == "1":
            yield Process("S", sum(map(int, parts[13:15])) / ticks, 0, 0)
            continue
        yield Process(parts[0].decode(), sum(map(int, parts[11:15])) / ticks, int(parts[17]), int(parts[21]) * page)


def watched(child: int, limits: dict[str, float]) -> tuple[str, str] | None:
    """Wait for a child; (status, message) where it takes more than an exercise may.

    What counts is processor time, and time in which everyone sleeps; not that a busy machine let it wait. Of the time
    on the clock, it may have so many times as much.
    """
    begin = last = time.monotonic()
    asleep = before = 0.0
    gone = sum(one.seconds for one in others() if not one.threads)
    base = int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
    while not os.waitpid(child, os.WNOHANG)[0]:
        time.sleep(TICK)
        now, everyone = time.monotonic(), list(others())
        busy = sum(one.seconds for one in everyone) - gone
        if busy == before and all(one.state == "S" for one in everyone):
            asleep += now - last
        last, before = now, busy
        if sum(one.threads for one in everyone) > limits["processes"]:
            return "error", f"started more than {limits['processes']:g} processes"
        if sum(max(0, one.size - base) for one in everyone) > limits["megabytes"] * 2**20:
            return "memory", f"took more than {limits['megabytes']:g} MB"
        if busy + asleep > limits["seconds"] or now - begin > limits["seconds"] * limits["patience"]:
            return "timeout", LATE.format(limits["seconds"])
    return None


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
