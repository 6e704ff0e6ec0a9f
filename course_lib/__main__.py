"""python -m course_lib COMMAND: the course's commands, each with --help."""

import sys
from importlib import import_module

COMMANDS = {  # where each one is, and what it is for
    "train": ("authoring.train:train_from", "train networks, measure them, or say which are there"),
    "tune": ("authoring.tune:tune_from", "choose every task's settings on validation pictures"),
    "measure": ("authoring.measure:measure", "measure every task on test pictures"),
    "cards": ("authoring.cards:cards", "measure by AutoAttack what model cards say of robustness"),
    "dose": ("authoring.dose:dose", "measure networks of every training radius"),
    "judges": ("authoring.judges:judges", "measure which judges are convinced"),
    "tricks": ("authoring.tricks:tricks", "measure what tricks buy, for robust and standard networks"),
    "tables": ("authoring.tables:print_tables", "print what was measured as tables"),
    "gallery": ("authoring.gallery:gallery", "draw the pictures of README and data/results"),
    "samples": ("authoring.samples:samples", "fill a store of generated pictures, and measure it"),
    "statistics": ("authoring.statistics:statistics", "measure the pictures that starts are sampled from"),
    "release": ("authoring.release:release", "write what students get of the problem sets"),
    "grade": ("grading.command:grade", "grade a class"),
    "bundle": ("grading.bundle:bundle", "write what students get of the course, as one file"),
    "copy": ("storage.working_copy:copy", "bring your own copy of the notebooks, mine/, up to date"),
}
USAGE = "usage: python -m course_lib COMMAND ...; COMMAND --help says more\n\n" + "\n".join(
    f"  {name:12}{purpose}" for name, (_, purpose) in COMMANDS.items()
)


def main(words: list[str]) -> None:
    """Run the command that the first word names, with the others."""
    if words[:1] in ([], ["-h"], ["--help"]):
        sys.exit(USAGE if not words else print(USAGE))
    if words[0] not in COMMANDS:
        sys.exit(f"expected a command among {', '.join(COMMANDS)}, got {words[0]!r}")
    module, _, function = COMMANDS[words[0]][0].partition(":")
    getattr(import_module(f"course_lib.{module}"), function)(words[1:])


if __name__ == "__main__":
    main(sys.argv[1:])
