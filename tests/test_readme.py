"""The README says what was measured: its tables are those that the commands print from data/results."""

import json
import re
from collections.abc import Callable

import pytest

from course_lib import tables
from course_lib.weights import load_card
from tests.bench import bench, bench_imagenet
from tests.conftest import ROOT

README = (ROOT / "README.md").read_text()


def test_the_quality_tables_are_the_measured_ones() -> None:
    results = json.loads((ROOT / "data" / "results" / "quality.json").read_text())
    for measured in results.values():
        assert tables.tables(measured) in README


def test_the_accuracies_are_those_of_the_cards() -> None:
    for bed in ("imagenette-128", "imagenette", "cifar10"):
        robust, standard = (load_card(f"{bed}-{role}") for role in ("robust", "standard"))
        shares = ([100 * value for value in robust[key]] for key in ("clean", "robust"))
        clean, attacked = ("{:.1f}% [{:.1f}, {:.1f}]".format(*share) for share in shares)
        twin = " and ".join(f"{100 * standard[key][0]:.1f}%" for key in ("clean", "robust"))
        quoted = f"all {robust['pictures']:,} test pictures it has {clean} clean and {attacked} robust accuracy"
        assert f"{quoted}, the standard one {twin}" in README.replace("\n", " "), bed


@pytest.mark.parametrize(("name", "table"), [("bench", bench.table), ("bench-imagenet", bench_imagenet.table)])
def test_the_speed_tables_are_the_measured_ones(name: str, table: Callable[[dict], str]) -> None:
    assert table(json.loads((ROOT / "data" / "results" / f"{name}.json").read_text())) in README


def test_the_scores_of_50000_samples_are_the_measured_ones() -> None:
    scores = json.loads((ROOT / "data" / "results" / "cifar10-samples.json").read_text())["judge"]
    share, score, distance = (scores[key][0] for key in ("judged", "inception score", "frechet distance"))
    assert scores["pictures"] == 50_000
    assert f"{100 * share:.1f}% are of their class, the Inception Score is {score:.2f} and the" in README
    assert f"Fréchet distance to the 10,000 test pictures {distance:.2f}." in README


def test_a_demo_at_224_pixels_shows_what_it_does_within_two_seconds() -> None:
    demos = json.loads((ROOT / "data" / "results" / "bench-imagenet.json").read_text())["a demo"]
    assert max(demo["seconds to the first step"] for demo in demos.values()) < 2


def test_every_link_and_picture_is_there() -> None:
    links = re.findall(r"!?\[[^\]]*\]\(([^)#]+)\)", README)
    assert links
    assert [link for link in links if not link.startswith("http") and not (ROOT / link).exists()] == []


def test_every_picture_has_alt_text() -> None:
    assert all(text.strip() for text in re.findall(r"!\[([^\]]*)\]", README))


def test_the_two_commands_come_first() -> None:
    lines = [line.strip() for line in README.splitlines() if line.strip()]
    assert [line[:9] for line in lines[1:3]] == ["make lab ", "make test"]


def test_the_notebooks_quote_what_was_measured() -> None:
    """Where a notebook refers to the README's figures, in the words that stand there."""
    results = json.loads((ROOT / "data" / "results" / "quality.json").read_text())
    quality = {name: measured["as it ships"] for name, measured in results.items()}

    def seen(bed: str, kind: str) -> str:
        return f"{100 * quality[bed]['classes'][f'generation, {kind}']['robust']['judge'][0]:.0f}"

    def gained(bed: str, task: str, by: str = "") -> list[str]:
        """The mean gain, and its interval."""
        return tables.gain(quality[bed][f"restoration{by}"][task]).split(" ", 1)

    hole, x2, x4 = "inpainting, label known", "super-resolution x2", "super-resolution x4"
    book, photos, large, standard = "picturebook", "imagenette", "imagenette-128", " by the standard model"
    pairs = [" and ".join(seen(bed, kind) for kind in ("multivariate", "mixture")) + "%" for bed in (book, photos)]
    speed = json.loads((ROOT / "data" / "results" / "bench.json").read_text())["seeds"]["times faster"]
    quoted = {
        "03_seed_distributions": [f"measured {speed} times\nfaster"],
        "04_generation": [f"PictureBook {pairs[0]}, photographs {pairs[1]}"],
        "05_inpainting": [
            f"{' dB '.join(gained(book, hole))} for the robust model",
            f"and {gained(book, hole, standard)[0]} for the standard one",
            f"at 128 pixels {' '.join(gained(large, hole))}",
        ],
        "07_superresolution": [
            f"robust {gained(book, x4)[0]} dB at factor 4 and {gained(book, x2)[0]} at factor 2",
            f"standard {gained(book, x4, standard)[0]} and {gained(book, x2, standard)[0]}",
            f"photographs of 64 pixels {gained(photos, x4)[0]} at factor 4",
        ],
    }
    for name, words in quoted.items():
        cells = json.loads((ROOT / "notebooks" / f"{name}.ipynb").read_text())["cells"]
        text = "\n".join("".join(cell["source"]) for cell in cells)
        assert [quote for quote in words if quote not in text] == [], name
