"""Measured quality as Markdown, for data/results/README.md."""

import argparse
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from course_lib.authoring import tune
from course_lib.authoring.measure import CONTENDERS, LENGTH, LIFTS, REAL, SLOPE
from course_lib.authoring.results import read_results
from course_lib.storage.files import RESULTS

DECIBELS = "gain"  # in PSNR; other gains have their unit in their name


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])


def percent(row: dict[str, Any], contender: str) -> str:
    """What the judges say: "94 (98; 90)", the first judge's percentage and those of the others."""
    return beside([f"{100 * values[0]:.0f}" for by, values in row[contender].items() if by not in (LENGTH, SLOPE)])


def beside(numbers: Sequence[str]) -> str:
    first, *others = numbers
    return f"{first} ({'; '.join(others)})" if others else first


def interval(values: Sequence[float], form: str = "{:+.0f} [{:+.0f}, {:+.0f}]", factor: float = 100) -> str:
    return form.format(*(factor * value for value in values))


def class_table(rows: dict[str, Any]) -> str:
    """Class-changing tasks in Markdown: percent that the judges assign to the target."""
    cells = [
        [name, str(row["pictures"]), str(row["steps"]), *(percent(row, c) for c in CONTENDERS)]
        for name, row in rows.items()
    ]
    return table(["task", "n", "steps", *CONTENDERS], cells)


def lift_table(rows: dict[str, Any]) -> str:
    """Paired differences in percentage points with their intervals, by every judge."""
    cells = [
        [name, by, *(interval(row["lift"][lift][by]) for lift in LIFTS)]
        for name, row in measured_as_sets(rows)
        for by in row["lift"][next(iter(LIFTS))]
    ]
    return table(["task", "by the", *LIFTS], cells)


def distance_table(rows: dict[str, Any], key: str, *, factor: float, digits: int) -> str:
    """A distance to real pictures in each judge's features, times `factor`: "20 (31; 18)"."""
    cells = [
        [
            name,
            *(
                beside([f"{factor * (by[0] if isinstance(by, list) else by):.{digits}f}" for by in values.values()])
                for values in (row[key][contender] for contender in (*CONTENDERS, REAL))
            ),
        ]
        for name, row in measured_as_sets(rows)
    ]
    return table(["task", *CONTENDERS, REAL], cells)


def slope_table(rows: dict[str, Any]) -> str:
    cells = [
        [
            name,
            *(
                interval(values, "{:.2f} [{:.2f}, {:.2f}]", 1)
                for values in [*(row[contender][SLOPE] for contender in CONTENDERS[:4]), row["slope of real pictures"]]
            ),
        ]
        for name, row in measured_as_sets(rows)
    ]
    return table(["task", *CONTENDERS[:4], REAL], cells)


def measured_as_sets(rows: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    return ((name, row) for name, row in rows.items() if "kernel distance" in row)


def restoration_table(robust: dict[str, Any], standard: dict[str, Any]) -> str:
    """Restoration tasks in Markdown: every gain over the baseline, paired by picture, with its 95% interval."""
    scores = [score for score in next(iter(robust.values())) if DECIBELS in score]
    cells = [
        [name, row["baseline"], str(row["pictures"]), model, *(gained(row, score) for score in scores)]
        for name in robust
        for model, row in (("robust", robust[name]), ("standard", standard[name]))
    ]
    return table(
        ["task", "baseline", "n", "model", *("gain, dB" if score == DECIBELS else score for score in scores)], cells
    )


def gained(row: dict[str, Any], score: str) -> str:
    """In decibels to two digits, in anything else to one."""
    return gain(row) if score == DECIBELS else interval(row[score], "{:+.1f} [{:+.1f}, {:+.1f}]", 1)


def gain(row: dict[str, Any]) -> str:
    return interval(row[DECIBELS], "{:+.2f} [{:+.2f}, {:+.2f}]", 1)


def contrast_table(rows: dict[str, dict[str, Any]]) -> str:
    """Clean and robust accuracy in Markdown, in percent with 95% intervals."""
    cells = [
        [title, name, str(row["pictures"]), *(interval(row[kind], "{:.1f} [{:.1f}, {:.1f}]") for kind in KINDS)]
        for title, models in rows.items()
        for name, row in models.items()
    ]
    return table(["pictures", "model", "n", *KINDS], cells)


KINDS = ("clean", "robust")
OF_CLASSES: dict[str, Callable[[dict[str, Any]], str]] = {
    "Percent that the judges assign to the wanted class": class_table,
    "The same as paired differences in points": lift_table,
    "Kernel distance to real pictures, times 1,000": lambda rows: distance_table(
        rows, "kernel distance", factor=1000, digits=0
    ),
    "Frechet distance to real pictures": lambda rows: distance_table(rows, "frechet distance", factor=1, digits=2),
    "Slope of the power spectrum": slope_table,
}


def tables(results: dict[str, Any]) -> str:
    """Everything that the page of results shows of one testbed."""
    parts = [contrast_table({title: rows["contrast"] for title, rows in results.items()})]
    for title, rows in results.items():
        parts += [f"**{title}**"]
        parts += [f"{words}:\n\n{draw(rows['classes'])}" for words, draw in OF_CLASSES.items()]
        parts += [restoration_table(rows["restoration"], rows["restoration by the standard model"])]
    return "\n\n".join(parts)


def tuning_table(found: dict[str, Any]) -> str:
    """What was tried for the robust model: the curve along the steps, whole and coarse first; that of radii."""
    of_steps = {"": "steps", ", the first half at half the resolution": HALF}
    curves = {f"{task}{words}": log[key] for task, log in by_robust(found) for words, key in of_steps.items()}
    radii = {
        task: [one for one in log["grid"] if one["settings"]["steps"] == tune.STEPS[1] and close(one["settings"])]
        for task, log in by_robust(found)
    }
    return "\n\n".join(
        table(TRIED, [[name, *said(one)] for name, many in part.items() for one in many]) for part in (curves, radii)
    )


def by_robust(found: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    return [(task, log) for task, log in found.items() if "steps" in log]


def close(settings: dict[str, Any]) -> bool:
    """Whether the steps travel as far as the first of `tune.TRAVELS`."""
    return abs(settings["steps"] * settings["step_size"] / settings["radius"] - tune.TRAVELS[0]) < 0.01


def said(one: dict[str, Any]) -> list[str]:
    """A try in the cells of a row."""
    return [
        f"{one['settings']['radius']:g}",
        str(one["pictures"]),
        str(one["settings"]["steps"]),
        beside([f"{100 * share:.1f}" for share in one["judged"].values()]),
        interval(one["kernel distance"], "{:.0f} [{:.0f}, {:.0f}]", 1000),
        f"{one['slope']:.2f} ({one['slope of photographs']:.2f})",
    ]


TRIED = ("task", "radius", "n", "steps", "percent judged", "kernel distance x 1,000", "slope (of real pictures)")
HALF = "steps, the first half at half the resolution"


GOALS = {"generation, multivariate": "generate", "generation, uniform": "generate from noise"}
NEAR, LOST, ALIKE = 20, 2, 0.5  # kernel distance x 1,000; points that a quarter of the steps loses; of the slope


def goals_table(quality: dict[str, Any], tuning: dict[str, Any]) -> str:
    """What was aimed at on photographs, what came, and whether that is enough."""
    cells = [
        [name, starts, *met(measured["as it ships"]["classes"][starts], tuning[name][task]["steps"])]
        for name, measured in quality.items()
        if name in tuning and name != "picturebook"
        for starts, task in GOALS.items()
    ]
    aims = [
        f"kernel distance by the second judge x 1,000: at most {NEAR}",
        f"points that {tune.STEPS[1]} of {tune.STEPS[-1]} steps lose: at most {LOST}",
        f"slope of the spectrum: within {ALIKE} of real pictures'",
    ]
    return table(["testbed", "task", *aims], cells)


def met(row: dict[str, Any], curve: Sequence[dict[str, Any]]) -> list[str]:
    by_steps = {one["settings"]["steps"]: one["judged"] for one in curve}
    quarter, whole = by_steps[tune.STEPS[1]], by_steps[tune.STEPS[-1]]
    distance = 1000 * row["kernel distance"]["robust"]["second judge"][0]
    lost = 100 * max(whole[judge] - quarter[judge] for judge in whole)
    slope, real = row["robust"][SLOPE][0], row["slope of real pictures"][0]
    verdicts = (distance <= NEAR, lost <= LOST, abs(slope - real) <= ALIKE)
    words = (f"{distance:.0f}", f"{lost:.1f}", f"{slope:.2f} ({real:.2f})")
    return [f"{word}: {'met' if good else 'MISSED'}" for word, good in zip(words, verdicts, strict=True)]


def print_tables(arguments: Sequence[str]) -> None:
    argparse.ArgumentParser(prog="python -m course_lib tables", description=__doc__).parse_args(arguments)
    quality, tuning = (read_results(RESULTS / f"{name}.json") for name in ("quality", "tuning"))
    print("\n\n".join(f"### {name}\n\n{tables(measured)}" for name, measured in quality.items()))
    if tuning:
        print(f"\n### Goals\n\n{goals_table(quality, tuning)}")
    print("\n\n".join(f"\n### Tuning: {name}\n\n{tuning_table(found)}" for name, found in tuning.items()))
