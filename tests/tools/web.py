"""A web server on this machine for tests: files with versions and ranges, the faults of real ones, and a small hub."""

import hashlib
import io
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

COMMIT = "c0ffee" * 6 + "feed"  # the hub's name of the only version of a repository


class Server(ThreadingHTTPServer):
    """`files` by path, with what goes wrong; `asked` collects (path, first byte) of every GET.

    `cuts` are the bytes after which the connection of the next requests ends (None: it does not; -9: after 9 bytes of
    the head), `answers` the codes that the next requests get instead of a file. `knows_ranges` and `versions` can be
    taken away; `late` is the seconds before the body; while it `hangs`, a connection that is cut stays open.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files: dict[str, bytes] = {}
        self.headers: dict[str, dict[str, str]] = {}
        self.asked: list[tuple[str, int]] = []
        self.cuts: list[int | None] = []
        self.answers: list[int] = []
        self.knows_ranges, self.versions, self.late, self.hangs = True, "etag", 0.0, False

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def put(self, path: str, data: bytes) -> str:
        """The URL of a file that is now there."""
        self.files[path] = data
        return self.url + path

    def put_on_hub(self, repository: str, filename: str, data: bytes) -> None:
        """A large file as Hugging Face serves it."""
        for revision in ("main", COMMIT):
            path = f"/{repository}/resolve/{revision}/{filename}"
            self.put(path, data)
            stated = {"X-Linked-Etag": f'"{hashlib.sha256(data).hexdigest()}"', "X-Linked-Size": str(len(data))}
            self.headers[path] = {"X-Repo-Commit": COMMIT, **stated}

    def handle_error(self, *_: object) -> None: ...  # a client that has gone is what some tests are about


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        first = int(self.headers.get("Range", "bytes=0-").removeprefix("bytes=").rstrip("-"))
        self.server.asked.append((self.path, first))
        cut = self.server.cuts.pop(0) if self.server.cuts else None
        if cut is not None and cut < 0:
            connection, self.wfile = self.wfile, io.BytesIO()
            self.answer(first)
            connection.write(self.wfile.getvalue()[:-cut])
            return
        body = self.answer(first)
        time.sleep(self.server.late)
        self.wfile.write(body[:cut])
        while cut is not None and self.server.hangs:
            time.sleep(0.02)

    def do_HEAD(self) -> None:
        self.answer(0)

    def answer(self, first: int) -> bytes:
        """Send the head; the body that belongs to it."""
        data = self.server.files.get(self.path)
        if self.server.answers or data is None:
            self.send_response(self.server.answers.pop(0) if self.server.answers else 404)
            self.end_headers()
            return b""
        tag = f'"{hashlib.sha256(data).hexdigest()[:16]}"'
        version = {"etag": tag, "weak": f"W/{tag}", "date": f"Mon, 01 Jan 2024 00:00:{len(data) % 60:02d} GMT"}.get(
            self.server.versions, ""
        )
        ranged = self.server.knows_ranges and first > 0 and self.headers.get("If-Range") == version
        if ranged and first >= len(data):
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(data)}")
            self.end_headers()
            return b""
        data = data[first:] if ranged else data
        self.send_response(206 if ranged else 200)
        if ranged:
            self.send_header("Content-Range", f"bytes {first}-{first + len(data) - 1}/{first + len(data)}")
        if version:
            self.send_header("Last-Modified" if self.server.versions == "date" else "ETag", version)
        for name, value in {"Content-Length": str(len(data)), **self.server.headers.get(self.path, {})}.items():
            self.send_header(name, value)
        self.end_headers()
        return data

    def log_message(self, *_: object) -> None: ...


@contextmanager
def serving() -> Iterator[Server]:
    """A server for the time of a block."""
    with Server() as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
