"""Measured quality as Markdown, for data/results/README.md."""

import argparse
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from typing import Any

from course_lib.authoring import tune
from course_lib.authoring.measure import CONTENDERS, LENGTH, LIFTS, REAL, SLOPE
from course_lib.authoring.results import interval, read_results, table
from course_lib.authoring.rows import GAIN
from course_lib.authoring.trials import schedule
from course_lib.storage.files import RESULTS

Row = dict[str, Any]
HALF = "steps, the first half at half the resolution"
GOALS = {"generation, multivariate": "generate", "generation, uniform": "generate from noise"}
NEAR, LOST, ALIKE = 20, 2, 0.5  # kernel distance x 1,000; points that a quarter of the steps loses; of the slope


def percent(row: Row, contender: str) -> str:
    """What the judges say: "94 (98; 90)", the first judge's percentage and those of the others."""
    return beside(f"{100 * values[0]:.0f}" for by, values in row[contender].items() if by not in (LENGTH, SLOPE))


def beside(numbers: Iterable[str]) -> str:
    first, *others = numbers
    return f"{first} ({'; '.join(others)})" if others else first


def contrast_table(results: dict[str, Row]) -> str:
    """Clean and robust accuracy, in percent with 95% intervals."""
    kinds = ("clean", "robust")
    cells = [
        [title, name, row["pictures"], *(interval(row[kind], ".1f") for kind in kinds)]
        for title, rows in results.items()
        for name, row in rows["contrast"].items()
    ]
    return table(["pictures", "model", "n", *kinds], cells)


def class_tables(rows: dict[str, Row]) -> Iterator[str]:
    """What the judges say of class-changing tasks; the others are of rows that were compared with real pictures."""
    shares = [
        [name, row["pictures"], row["steps"], *(percent(row, one) for one in CONTENDERS)] for name, row in rows.items()
    ]
    sets = {name: row for name, row in rows.items() if "kernel distance" in row}
    lifts = [
        [name, judge, *(interval(row["lift"][lift][judge]) for lift in LIFTS)]
        for name, row in sets.items()
        for judge in row["lift"][next(iter(LIFTS))]
    ]
    slopes = [[name, *(interval(slope, ".2f", factor=1) for slope in slopes_of(row))] for name, row in sets.items()]
    kernel = [[name, *distances(row["kernel distance"], ".0f", factor=1000)] for name, row in sets.items()]
    frechet = [[name, *distances(row["frechet distance"], ".2f")] for name, row in sets.items()]
    yield f"Percent that the judges assign to the wanted class:\n\n{table(['task', 'n', 'steps', *CONTENDERS], shares)}"
    yield f"The same as paired differences in points:\n\n{table(['task', 'by the', *LIFTS], lifts)}"
    header = ["task", *CONTENDERS, REAL]
    yield f"Kernel distance to real pictures, times 1,000:\n\n{table(header, kernel)}"
    yield f"Frechet distance to real pictures:\n\n{table(header, frechet)}"
    yield f"Slope of the power spectrum:\n\n{table(['task', *CONTENDERS[:4], REAL], slopes)}"


def slopes_of(row: Row) -> list[Sequence[float]]:
    return [*(row[one][SLOPE] for one in CONTENDERS[:4]), row["slope of real pictures"]]


def distances(by_contender: Row, form: str, *, factor: float = 1) -> Iterator[str]:
    """Each contender's distance to real pictures in each judge's features, times `factor`: "20 (31; 18)"."""
    for name in (*CONTENDERS, REAL):
        numbers = (by[0] if isinstance(by, list) else by for by in by_contender[name].values())
        yield beside(f"{factor * number:{form}}" for number in numbers)


def restoration_table(results: Row) -> str:
    """Restoration tasks: every gain over the baseline, paired by picture, with its 95% interval."""
    models = {"robust": results["restoration"], "standard": results["restoration by the standard model"]}
    scores = [score for score in next(iter(models["robust"].values())) if GAIN in score]
    cells = [
        [name, row["baseline"], row["pictures"], model, *(gain(row, score) for score in scores)]
        for name in models["robust"]
        for model, row in ((model, rows[name]) for model, rows in models.items())
    ]
    return table(
        ["task", "baseline", "n", "model", *("gain, dB" if score == GAIN else score for score in scores)], cells
    )


def gain(row: Row, score: str = GAIN) -> str:
    """In decibels to two digits; other gains, which have their unit in their name, to one."""
    return interval(row[score], "+.2f" if score == GAIN else "+.1f", factor=1)


def tables(results: dict[str, Row]) -> str:
    """Everything that the page of results shows of one testbed."""
    parts = [contrast_table(results)]
    for title, rows in results.items():
        parts += [f"**{title}**", *class_tables(rows["classes"]), restoration_table(rows)]
    return "\n\n".join(parts)


def tuning_table(found: Row) -> str:
    """What was tried for the robust model: the curve along the steps, whole and coarse first; that of radii."""
    robust = {task: log for task, log in found.items() if "steps" in log}
    curves = [
        (f"{task}{words}", one)
        for task, log in robust.items()
        for words, key in (("", "steps"), (HALF.removeprefix("steps"), HALF))
        for one in log[key]
    ]
    usual = partial(schedule, steps=tune.STEPS[1], travel=tune.TRAVELS[0])
    tried = [(task, one) for task, log in robust.items() for one in log["grid"]]
    radii = [(task, one) for task, one in tried if one["settings"] == usual(one["settings"]["radius"])]
    header = ("task", "radius", "n", "steps", "percent judged", "kernel distance x 1,000", "slope (of real pictures)")
    return "\n\n".join(table(header, ([name, *said(one)] for name, one in part)) for part in (curves, radii))


def said(one: Row) -> list[str]:
    """A try in the cells of a row."""
    return [
        f"{one['settings']['radius']:g}",
        str(one["pictures"]),
        str(one["settings"]["steps"]),
        beside(f"{100 * share:.1f}" for share in one["judged"].values()),
        interval(one["kernel distance"], ".0f", factor=1000),
        f"{one['slope']:.2f} ({one['slope of photographs']:.2f})",
    ]


def goals_table(quality: Row, tuning: Row) -> str:
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


def met(row: Row, curve: Sequence[Row]) -> list[str]:
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
