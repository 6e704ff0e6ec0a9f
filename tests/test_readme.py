"""README and data/results/README.md say what was measured: their figures are those of data/results and the cards."""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from course_lib.__main__ import COMMANDS
from course_lib.authoring import tables
from course_lib.testbeds.weights import known, load_card
from tests.bench import bench, bench_imagenet
from tests.conftest import ROOT

README = (ROOT / "README.md").read_text()
PAGE = (ROOT / "data" / "results" / "README.md").read_text()
LINES = 1_320  # of the library's core, at most: what can be read in an afternoon


def measured(name: str) -> dict[str, Any]:
    return json.loads((ROOT / "data" / "results" / f"{name}.json").read_text())


QUALITY = {name: versions["as it ships"] for name, versions in measured("quality").items()}
BY_STANDARD = " by the standard model"
STARTS, WAYS = "generation, multivariate", "translation, all ways together"


def in_one_line(text: str) -> str:
    return text.replace("\n", " ")


def seen(bed: str, task: str, contender: str = "robust") -> str:
    """The percentages that the judges assign to the wanted class: "94 (98)"."""
    return tables.percent(QUALITY[bed]["classes"][task], contender)


def gained(bed: str, task: str, by: str = "") -> list[str]:
    """The mean gain, and its interval."""
    return tables.gain(QUALITY[bed][f"restoration{by}"][task]).split(" ", 1)


def test_the_quality_tables_are_the_measured_ones() -> None:
    for versions in measured("quality").values():
        assert tables.tables(versions) in PAGE


def test_the_tables_of_what_was_tuned_and_of_its_goals_are_the_measured_ones() -> None:
    tuned = measured("tuning")
    assert tables.goals_table(measured("quality"), tuned) in PAGE
    for found in tuned.values():
        assert tables.tuning_table(found) in PAGE


@pytest.mark.parametrize("bed", ["imagenette-224", "imagenette-128", "imagenette", "cifar10"])
def test_the_sentences_on_photographs_hold(bed: str) -> None:
    """Each of them as the page says it, in words."""
    classes = QUALITY[bed]["classes"]
    generated = [row for name, row in classes.items() if name.startswith("generation")]
    judges = list(generated[0]["lift"]["robust - start"])
    for name, row in classes.items():
        enough = 0.8 if (bed, name) == ("imagenette-128", "generation, uniform") else 0.9
        assert min(row["robust"][judge][0] for judge in judges[:2]) >= enough
    assert min(row["lift"]["robust - start"][judge][1] for row in generated for judge in judges) > 0.5
    for row in generated:
        for judge in judges:
            near, start, standard = (row["kernel distance"][name][judge][0] for name in ("robust", "start", "standard"))
            assert near < start
            assert near < standard


def test_at_224_pixels_the_standard_model_gets_hardly_more_than_its_starts() -> None:
    """What the page says of it: in generation, at the task's settings and at its own; then in translation."""

    def lift(row: dict[str, Any], contender: str) -> float:
        return max(row[contender][judge][0] - row["start"][judge][0] for judge in row["lift"]["robust - start"])

    def widest(bed: str) -> float:
        rows = [row for name, row in QUALITY[bed]["classes"].items() if name in (STARTS, WAYS)]
        return min(
            value for row in rows for value, _, _ in row["lift"]["robust - standard, own best settings"].values()
        )

    classes = QUALITY["imagenette-224"]["classes"]
    roles = ("standard", "standard, own best settings")
    generated = [row for name, row in classes.items() if name.startswith("generation")]
    assert max(lift(row, role) for row in generated for role in roles) < 0.1
    assert round(100 * max(lift(classes[WAYS], role) for role in roles)) == 11
    assert max(QUALITY, key=widest) == "imagenette-224"


@pytest.mark.parametrize("bed", ["imagenette-224", "imagenette-128", "imagenette", "cifar10"])
def test_the_accuracies_are_those_of_the_cards(bed: str) -> None:
    robust, standard = (load_card(f"{bed}-{role}") for role in ("robust", "standard"))
    shares = ([100 * value for value in robust[key]] for key in ("clean", "robust"))
    clean, attacked = ("{:.1f}% [{:.1f}, {:.1f}]".format(*share) for share in shares)
    other = " and ".join(f"{100 * standard[key][0]:.1f}%" for key in ("clean", "robust"))
    other += f" of {standard['pictures']}" if standard["pictures"] != robust["pictures"] else ""
    quoted = f"all {robust['pictures']:,} test pictures the robust one has {clean} clean and {attacked} robust accuracy"
    assert f"{quoted}, the standard one {other}" in in_one_line(PAGE)


def networks() -> dict[str, list[dict[str, Any]]]:
    """What data/README.md says of networks, and the cards of those that it says it of."""
    page = (ROOT / "data" / "README.md").read_text()
    lines = re.findall(
        r"^\| (`.+?`) \| (.+) \|$", page[page.index("## Model cards") : page.index("### Robust")], re.MULTILINE
    )
    found = {}
    for names, said in lines:
        every = re.sub(
            r"`(\S+-)01` \.\.\. `-07`", lambda match: " ".join(f"`{match[1]}0{n}`" for n in range(1, 8)), names
        )
        found[said] = [load_card(name) for name in re.findall(r"`(.+?)`", every)]
    return found


def test_the_page_of_the_data_names_every_network_once_and_tells_what_its_card_tells() -> None:
    assert sorted(card["name"] for cards in networks().values() for card in cards) == sorted(known())
    for said, cards in networks().items():
        for size in re.findall(r"(\d\d+) x \1 pixels", said):
            assert {card["recipe"]["size"] for card in cards} == {int(size)}, said
        for millions in re.findall(r"([\d.]+) million weights each", said):
            assert {f"{card['parameters'] / 1e6:.1f}" for card in cards} == {millions}, said
        for radius in re.findall(r"radius of ([\d.]*\d)", said):
            assert cards[0]["recipe"]["radius"] == float(radius), said


def test_the_trials_of_training_are_those_of_the_file() -> None:
    for row in measured("trials")["rows"]:
        shares = (f"{100 * row[key]:.1f}" for key in ("clean", "robust"))
        cells = (row["testbed"], row["what"], f"{row['parameters']:,}", f"{row['best epoch']} of {row['epochs']}")
        assert " | ".join([*cells, *shares]) in PAGE


@pytest.mark.parametrize(("name", "table"), [("bench", bench.table), ("bench-imagenet", bench_imagenet.table)])
def test_the_speed_tables_are_the_measured_ones(name: str, table: Callable[[dict], str]) -> None:
    assert table(measured(name)) in PAGE


def test_the_scores_of_50000_samples_are_the_measured_ones() -> None:
    scores = measured("cifar10-samples")["judge"]
    share, score, distance = (scores[key][0] for key in ("judged", "inception score", "frechet distance"))
    assert scores["pictures"] == 50_000
    assert f"{100 * share:.1f}% are of their class, the Inception Score is {score:.2f}, and the" in in_one_line(PAGE)
    assert f"Fréchet distance to the 10,000 test pictures {distance:.2f}." in in_one_line(PAGE)


def test_a_demo_at_224_pixels_shows_what_it_does_within_two_seconds() -> None:
    assert max(demo["seconds to the first step"] for demo in measured("bench-imagenet")["a demo"].values()) < 2


def test_the_table_of_the_readme_is_the_measured_one() -> None:
    bed = "imagenette-128"
    cards = [load_card(f"{bed}-{role}") for role in ("robust", "standard")]
    classified = ["; ".join(f"{100 * card[key][0]:.1f}" for key in ("clean", "robust")) for card in cards]
    radius = cards[0]["attack"]["radius"]
    rows = [[f"the same under an L2 attack of radius {radius}", f"{cards[0]['pictures']:,}", *classified]]
    assert max(QUALITY[bed]["classes"][task]["steps"] for task in (STARTS, WAYS)) == 8
    for words, task in (
        ("generation from uniform noise", "generation, uniform"),
        ("generation from multivariate normal starts", STARTS),
        ("translation, three pairs both ways", WAYS),
    ):
        counted = str(QUALITY[bed]["classes"][task]["pictures"])
        rows.append([words, counted, *(seen(bed, task, role) for role in ("robust", "standard"))])
    for words, task in (
        ("gain over bicubic in dB", "super-resolution x4"),
        ("gain over the smooth fill in dB", "inpainting, label known"),
    ):
        counted = "; ".join(f"{QUALITY[bed][f'restoration{by}'][task]['pictures']:,}" for by in ("", BY_STANDARD))
        rows.append([words, counted, *(" ".join(gained(bed, task, by)) for by in ("", BY_STANDARD))])
    assert [row for row in rows if f"{' | '.join(row)} |\n" not in README] == []


def test_the_sentences_of_the_readme_quote_what_was_measured() -> None:
    judge, second, third = re.findall(r"\d+", seen("cifar10", "translation, all ways together", "standard"))
    speed = measured("bench")
    step = speed["steps"]["PictureBook network, 64 px, batch 8"]["cost in plain passes"]["ours, prepared"][0]
    generated, translated = (
        " and ".join(seen("imagenette-224", task, role) for role in ("robust", "standard")) for task in (STARTS, WAYS)
    )
    for quoted in (
        f"At 224 x 224 pixels, row 3 says {generated}, row 4 {translated}.",
        f"convince the mildly robust judge in {judge}% and the standard judges in {second} and {third}%",
        f"a step of the small network costs {step:.2f} of a plain forward and backward pass",
        f"come {speed['seeds']['times faster']} times faster than with `torch.distributions`",
    ):
        assert quoted in in_one_line(README)


def test_the_core_can_be_read_in_an_afternoon() -> None:
    offered = README[README.index("read in an afternoon") : README.index("lines in all")]
    files = re.findall(r"\((course_lib/[^)]+\.py)\)", offered)
    lines = sum(len((ROOT / file).read_text().splitlines()) for file in files)
    assert len(files) == 9
    assert f"nine files, {lines:,} lines in all" in in_one_line(README)
    assert lines <= LINES


def test_the_readme_fits_170_lines() -> None:
    assert len(README.splitlines()) <= 170


PAGES = ["README.md", "data/README.md", "data/results/README.md", "notebooks/exercises/README.md"]


@pytest.mark.parametrize("page", PAGES)
def test_every_link_and_picture_is_there(page: str) -> None:
    links = re.findall(r"!?\[[^\]]*\]\(([^)#]+)", (ROOT / page).read_text())
    assert links
    there = (ROOT / page).parent
    assert [link for link in links if not link.startswith("http") and not (there / link).exists()] == []


@pytest.mark.parametrize("page", PAGES)
def test_every_picture_has_alt_text(page: str) -> None:
    assert all(text.strip() for text in re.findall(r"!\[([^\]]*)\]", (ROOT / page).read_text()))


def test_every_command_that_is_named_exists() -> None:
    pages = [*(ROOT / page for page in PAGES), *(ROOT / "notebooks").rglob("*.ipynb")]
    text = "\n".join(page.read_text() for page in pages)
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert set(re.findall(r"-m course_lib (\w+)", text)) - set(COMMANDS) == set()
    assert set(re.findall(r"(?:`|[A-Z0-9]=[\w-]+ )make ([a-z-]+)", text)) - set(targets) == set()


def test_the_two_commands_come_first() -> None:
    lines = [line.strip() for line in README.splitlines() if line.strip()]
    assert [line[:9] for line in lines[1:3]] == ["make lab ", "make test"]


def test_the_notebooks_quote_what_was_measured() -> None:
    """Where a notebook refers to the measured figures, in the words that stand there."""
    book, photos = "picturebook", "imagenette"
    kinds = ("generation, multivariate", "generation, mixture")
    pairs = [" and ".join(seen(bed, kind).split()[0] for kind in kinds) + "%" for bed in (book, photos)]
    quoted = {
        "03_seed_distributions": [f"measured {measured('bench')['seeds']['times faster']} times\nfaster"],
        "04_generation": [f"PictureBook {pairs[0]}, photographs {pairs[1]}"],
    }
    for name, words in quoted.items():
        cells = json.loads((ROOT / "notebooks" / f"{name}.ipynb").read_text())["cells"]
        text = "\n".join("".join(cell["source"]) for cell in cells)
        assert [quote for quote in words if quote not in text] == [], name
