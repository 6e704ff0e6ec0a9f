"""Measured quality as Markdown, for data/results/README.md."""

import argparse
import json
from collections.abc import Sequence
from typing import Any

from course_lib.authoring.measure import CONTENDERS
from course_lib.storage.files import RESULTS


def percent(row: dict[str, Any], contender: str) -> str:
    first, *second = (f"{100 * values[0]:.0f}" for by, values in row[contender].items() if by != "length")
    return f"{first} ({second[0]})" if second else first


def class_table(rows: dict[str, Any]) -> str:
    """Class-changing tasks in Markdown: percent that the judge (second judge) assigns to the target."""
    lines = ["| task | n | " + " | ".join(CONTENDERS) + " |", "|---|---|" + "---|" * len(CONTENDERS)]
    for name, row in rows.items():
        lines.append(f"| {name} | {row['pictures']} | " + " | ".join(percent(row, c) for c in CONTENDERS) + " |")
    return "\n".join(lines)


def restoration_table(robust: dict[str, Any], standard: dict[str, Any]) -> str:
    """Restoration tasks in Markdown: paired PSNR gain in dB over the baseline, with its 95% interval."""
    lines = ["| task | baseline | n | robust: gain in dB | n | standard: gain in dB |", "|---|---|---|---|---|---|"]
    for name, row in robust.items():
        cells = [f"{each['pictures']} | {gain(each)}" for each in (row, standard[name])]
        lines.append(f"| {name} | {row['baseline']} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def gain(row: dict[str, Any]) -> str:
    return "{:+.2f} [{:+.2f}, {:+.2f}]".format(*row["gain"])


def contrast_table(rows: dict[str, dict[str, Any]]) -> str:
    """Clean and robust accuracy in Markdown, in percent with 95% intervals."""
    lines = ["| pictures | model | n | clean | robust |", "|---|---|---|---|---|"]
    for title, models in rows.items():
        for name, row in models.items():
            cells = [
                "{:.1f} [{:.1f}, {:.1f}]".format(*(100 * value for value in row[kind])) for kind in ("clean", "robust")
            ]
            lines.append(f"| {title} | {name} | {row['pictures']} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def tables(results: dict[str, Any]) -> str:
    """Everything that the page of results shows of one testbed."""
    parts = [contrast_table({title: rows["contrast"] for title, rows in results.items()})]
    for title, rows in results.items():
        parts += [f"**{title}**", class_table(rows["classes"])]
        parts += [restoration_table(rows["restoration"], rows["restoration by the standard model"])]
    return "\n\n".join(parts)


def print_tables(arguments: Sequence[str]) -> None:
    argparse.ArgumentParser(prog="python -m course_lib tables", description=__doc__).parse_args(arguments)
    results = json.loads((RESULTS / "quality.json").read_text())
    print("\n\n".join(f"### {name}\n\n{tables(measured)}" for name, measured in results.items()))
