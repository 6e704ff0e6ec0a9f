"""Runs the same tests again and again, each time in a fork of a process that has imported all but the course.

Most of a short run of tests is imports. A program asks at a socket, and hears how the tests went.
"""

import os
import signal
import socket
import sys
from contextlib import suppress
from importlib import import_module

import pytest

PATIENCE = 120  # seconds that the tests may take
QUIET = ["-W", "ignore::pytest.PytestAssertRewriteWarning"]  # plugins are imported already
OURS = {"course_lib", "tests", "conftest"}


def imported(arguments: list[str]) -> list[str]:
    """The modules that the tests import, but for the course's own: told by a fork that runs them."""
    reading, writing = os.pipe()
    if os.fork() == 0:
        before = {*sys.modules}
        pytest.main(arguments)
        with open(writing, "w") as stream:
            stream.write("\n".join(name for name in [*sys.modules] if name not in before))
        os._exit(0)
    os.close(writing)
    with open(reading) as stream:
        names = stream.read().split()
    os.wait()
    return [name for name in names if name.partition(".")[0] not in OURS]


def serve(address: str, arguments: list[str]) -> None:
    """Answer who connects: b"0" where the tests pass, b"1" where they fail, and nothing where they take long."""
    sys.dont_write_bytecode = True  # of two versions of one second, the older one would count
    for name in imported(arguments):
        with suppress(Exception):
            import_module(name)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(address)
        listener.listen()
        print("ready", flush=True)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        while True:
            client, _ = listener.accept()
            if os.fork() == 0:
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                signal.alarm(PATIENCE)
                client.send(b"0" if pytest.main([*arguments, *QUIET]) == 0 else b"1")
                os._exit(0)
            client.close()


if __name__ == "__main__":
    serve(sys.argv[1], sys.argv[2:])
