"""nbgrader's settings for this course. It reads them when it is started in this folder; the README says how."""

c = get_config()  # type: ignore[name-defined]  # noqa: F821
c.CourseDirectory.course_id = "robust-image-synthesis"
c.CourseDirectory.ignore = [".ipynb_checkpoints", "*.pyc", "__pycache__", ".pytest_cache"]
c.ClearSolutions.code_stub = {"python": 'raise NotImplementedError("your turn")'}
c.ClearSolutions.text_stub = "*Your answer.*"
# Students' code runs in a sandbox, on inputs that no notebook holds, and never in the lecturer's own kernel.
c.Autograde.autograde_preprocessors = [
    "course_lib.grading.gradebook.Isolated",
    "nbgrader.preprocessors.SaveAutoGrades",
    "nbgrader.preprocessors.AssignLatePenalties",
    "nbgrader.preprocessors.CheckCellMetadata",
]
