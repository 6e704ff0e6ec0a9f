"""Long work behind a control that a person keeps moving: one thread, the newest request wins."""

import atexit
import threading
import weakref
from collections.abc import Callable, Iterator
from typing import Any

Produce = Callable[[Any], Iterator[Any]]
"""request -> the work, one item for every step; between two items the work can be given up."""

GOODBYE = 2.0  # seconds that a step gets to end when the interpreter exits


class LatestWins:
    """Runs `produce(request)` on a thread and hands its items to `publish`, for the newest request only.

    A run that is not the newest is given up at its next item, and one that waits for it never begins. `publish` gets
    an item or the exception that ended the run, under `lock`, so that none is superseded halfway. A thread lives only
    while there is work. `publish` is a method and held weakly: when its owner is garbage, the work ends; so `produce`
    must not hold that owner.
    """

    def __init__(self, produce: Produce, publish: Callable[[Any], None]) -> None:
        self.lock = threading.Condition(threading.RLock())
        self._produce, self._publish = produce, weakref.WeakMethod(publish)
        self._newest = 0  # the number of the newest request; every cancellation counts, too
        self._thread: threading.Thread | None = None  # of the last request, until its work has ended
        everyone.add(self)

    def submit(self, request: Any) -> None:
        """Ask for this and give up whatever was asked before. Returns at once."""
        with self.lock:
            self._newest += 1
            job = (self._newest, request, self._thread)
            self._thread = threading.Thread(target=self._work, args=job, name="course-player", daemon=True)
            self._thread.start()

    def cancel(self) -> None:
        """Give up all work. What runs ends at its next item and publishes nothing more."""
        with self.lock:
            self._newest += 1

    def wait(self, timeout: float | None = None) -> None:
        """Return when nothing runs and nothing waits; TimeoutError where that takes longer than `timeout` seconds."""
        with self.lock:
            if not self.lock.wait_for(lambda: self._thread is None, timeout):
                raise TimeoutError(f"the work did not end within {timeout} s")

    def _work(self, number: int, request: Any, before: threading.Thread | None) -> None:
        """Work on a request, once the one before it has ended."""
        if before is not None:
            before.join()
        try:
            for item in self._produce(request) if number == self._newest else ():
                if not self._deliver(number, item):
                    break
        except Exception as error:  # kept and shown by the owner
            self._deliver(number, error)
        finally:
            with self.lock:
                if self._thread is threading.current_thread():
                    self._thread = None
                    self.lock.notify_all()

    def _deliver(self, number: int, item: Any) -> bool:
        """Publish an item of the newest request; False tells the run to end."""
        with self.lock:
            publish = self._publish()
            if publish is None or number != self._newest:
                return False
            publish(item)
            return True


everyone: weakref.WeakSet[LatestWins] = weakref.WeakSet()


@atexit.register
def say_goodbye() -> None:
    """Let every thread leave torch before the interpreter goes: a daemon thread that is killed inside it can crash."""
    threads = {worker: worker._thread for worker in everyone}
    for worker in threads:
        worker.cancel()
    for thread in filter(None, threads.values()):
        thread.join(GOODBYE)
