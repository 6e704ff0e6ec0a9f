"""Finished runs, by the values of the controls that led to them: what lets a person move back at no cost."""

from collections.abc import Hashable, Mapping
from typing import Any

from course_lib.widgets.runs import Runs


class Memory:
    """Keeps at most `limit` bytes of runs (always the newest), and forgets first what was used longest ago."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._runs: dict[Hashable, Runs] = {}  # what was used last is last

    def recall(self, values: Mapping[str, Any]) -> Runs | None:
        if runs := self._runs.get(frozen(values)):
            self.keep(values, runs)
        return runs

    def keep(self, values: Mapping[str, Any], runs: Runs) -> None:
        if (key := frozen(values)) is None:
            return
        self._runs.pop(key, None)
        self._runs[key] = runs
        while (
            len(self._runs) > 1
            and sum(run.nbytes for kept in self._runs.values() for run in kept.values()) > self.limit
        ):
            del self._runs[next(iter(self._runs))]


def frozen(values: Mapping[str, Any]) -> Hashable:
    """Values of controls as one key; None where one of them cannot be compared."""
    key = tuple(values.items())
    try:
        hash(key)
    except TypeError:
        return None
    return key
