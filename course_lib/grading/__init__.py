"""Grade a class: students' code in isolation, hidden inputs, scores that hold, feedback.

`python -m course_lib grade SUBMISSIONS/ --out grades/` is all that an assistant needs.
"""
