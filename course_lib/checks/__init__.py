"""Checks of the exercises: `check("ps1.project_l2", project_l2)` says which properties hold, and never the answer."""

from course_lib.checks.attempt import attempt
from course_lib.checks.report import Report, check, progress

__all__ = ["Report", "attempt", "check", "progress"]
