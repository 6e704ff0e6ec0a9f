"""python -m course_lib COMMAND: the course's commands. `grade` grades a class."""

import sys

from course_lib.grading.command import grade

COMMANDS = {"grade": grade}

if __name__ == "__main__":
    if len(sys.argv) < 2 or sys.argv[1] not in COMMANDS:
        sys.exit(f"expected one of {', '.join(COMMANDS)}: python -m course_lib grade SUBMISSIONS/ --out grades/")
    COMMANDS[sys.argv[1]](sys.argv[2:])
