"""What stands where a student's picture will be, as long as the function for it is not there or fails."""

from collections.abc import Callable
from typing import Any

from course_lib.checks.asking import ended


class Note(str):
    """A sentence that a notebook shows as it is, without quotes."""

    __slots__ = ()
    __repr__ = str.__str__


def attempt(picture: Callable[[], Any]) -> Any:
    """The picture, or one sentence where the functions that it calls are not written yet or end in an error."""
    try:
        return picture()
    except NotImplementedError:
        return Note("No picture yet: it needs the function above. Write it, run its cell, then run this cell again.")
    except Exception as error:
        return Note(f"No picture: your function {ended(error)}. Fix it until its check passes.")
