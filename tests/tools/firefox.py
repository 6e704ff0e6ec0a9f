"""Firefox without a screen, by WebDriver BiDi: JSON over a WebSocket, which the browser itself serves."""

import json
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Any

import websocket

PATIENCE = 120  # seconds


class Firefox:
    """One page. `problems` collects what the console calls an error."""

    def __init__(self, address: str) -> None:
        self.socket = websocket.create_connection(f"{address}/session", suppress_origin=True, timeout=PATIENCE)
        self.numbers, self.problems = count(1), list[str]()
        self.ask("session.new", capabilities={})
        self.ask("session.subscribe", events=["log.entryAdded"])
        self.context = self.ask("browsingContext.getTree")["contexts"][0]["context"]

    def ask(self, method: str, **params: Any) -> Any:
        """The result of a command."""
        number = next(self.numbers)
        self.socket.send(json.dumps({"id": number, "method": method, "params": params}))
        while (answer := json.loads(self.socket.recv())).get("id") != number:
            if answer.get("method") == "log.entryAdded" and answer["params"]["level"] == "error":
                self.problems.append(answer["params"]["text"])
        if answer["type"] == "error":
            raise RuntimeError(f"{method}: {answer['message']}")
        return answer["result"]

    def go(self, url: str) -> None:
        self.ask("browsingContext.navigate", context=self.context, url=url, wait="complete")

    def value(self, expression: str) -> Any:
        """A text, a number or a truth value that the page computes."""
        target = {"context": self.context}
        told = self.ask("script.evaluate", expression=expression, target=target, awaitPromise=True)
        if told["type"] == "exception":
            raise RuntimeError(told["exceptionDetails"]["text"])
        return told["result"].get("value")

    def wait_for(self, expression: str) -> None:
        """Until the page says that it is so."""
        end = time.monotonic() + PATIENCE
        while not self.value(expression):
            if time.monotonic() > end:
                raise TimeoutError(f"expected {expression} in {PATIENCE} s, got none")
            time.sleep(0.05)


@contextmanager
def firefox(path: str) -> Iterator[Firefox]:
    """A Firefox with a profile of its own, where it writes on which port it listens."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        options = ["--headless", "--no-remote", "--profile", profile, "--remote-debugging-port", "0"]
        process = subprocess.Popen([path, *options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            page = Firefox(f"ws://127.0.0.1:{port(Path(profile, 'WebDriverBiDiServer.json'))}")
            with closing(page.socket):
                yield page
        finally:
            process.terminate()
            process.wait(timeout=PATIENCE)


def port(file: Path) -> int:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        with suppress(FileNotFoundError, json.JSONDecodeError):  # not yet written, or not to its end
            return int(json.loads(file.read_text())["ws_port"])
        time.sleep(0.05)
    raise TimeoutError(f"expected Firefox to listen within {PATIENCE} s, got nothing")
