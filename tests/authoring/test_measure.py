"""The measurements behind the tables: complete, paired with a fair control, and written as JSON and Markdown."""

import json
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from course_lib import testbeds
from course_lib.authoring import measure as quality
from course_lib.authoring import rows, tables
from course_lib.authoring import trials as tried
from course_lib.authoring import tune as tuning
from course_lib.authoring.measure import CONTENDERS, LENGTH, LIFTS, REAL, SLOPE
from course_lib.authoring.rows import CERTAINTY, GAIN, NEARER, ROWS, Outcome, Row
from course_lib.authoring.trials import Trial, solved
from course_lib.constraints import L2Ball, norms
from course_lib.measuring import judging
from course_lib.measuring.intervals import wilson
from course_lib.measuring.judging import certainty, judged, random_change
from course_lib.measuring.scores import kernel_distance, perceptual_distance, psnr
from course_lib.pgd import Problem, solve
from course_lib.pixels import bicubic, shrink
from course_lib.seeds import KINDS
from course_lib.testbeds import Testbed
from tests.tools import tiny

COUNT = 8
HALVES = slice(3), slice(3, None)


@pytest.fixture(scope="module")
def testbed() -> Testbed:
    return tiny.untrained_testbed()


@pytest.fixture(scope="module")
def trials(testbed: Testbed) -> dict[str, Trial]:
    return {trial.name: trial for trial in tried.trials(testbed, split="test", count=COUNT)}


def test_there_is_a_trial_for_every_kind_of_seeds_and_both_ways_of_every_pair(testbed, trials):
    assert list(trials) == [
        *(f"generation, {kind}" for kind in KINDS),
        "generation, seeds of a wrong class",
        "translation, class 0 to class 1",
        "translation, class 1 to class 0",
    ]
    for trial in trials.values():
        assert trial.starts.shape[1:] == (3, tiny.SIZE, tiny.SIZE)
        assert len(trial.starts) == len(trial.targets)
        assert 0 <= trial.starts.min() <= trial.starts.max() <= 1
        assert trial.task in testbed.tuned
    pictures, _ = testbed.batch("test", [0, 5])
    assert torch.equal(trials["translation, class 0 to class 1"].starts, pictures)
    assert trials["translation, class 0 to class 1"].targets.tolist() == [1, 1]


def test_targets_are_spread_over_the_classes_and_wrong_seeds_are_of_other_ones(trials):
    good, wrong = trials["generation, multivariate"], trials["generation, seeds of a wrong class"]
    assert torch.equal(good.targets, torch.arange(COUNT) % tiny.CLASSES)
    assert torch.equal(wrong.targets, good.targets)
    brightness = (wrong.starts.mean((1, 2, 3)) * 255 - 69.5) / 30  # a class's place in the brightness of tiny.Book
    assert (brightness.round().long() != wrong.targets).all()
    brightness = (good.starts.mean((1, 2, 3)) * 255 - 69.5) / 30
    assert (brightness.round().long() == good.targets).all()


def test_validation_and_test_use_different_seeds(testbed, trials):
    validation = next(tried.trials(testbed, split="validation", count=COUNT))
    assert not torch.equal(validation.starts, trials[validation.name].starts)


def test_a_random_change_is_exactly_as_long_as_the_results_change():
    starts = tiny.images(6)
    results = starts + 0.01 * torch.arange(6).view(6, 1, 1, 1) * torch.sin(torch.arange(tiny.SIZE))  # nothing clips
    changed = random_change(starts, results)
    torch.testing.assert_close(norms(changed - starts), norms(results - starts))
    assert torch.equal(changed[0], starts[0])
    cosine = torch.cosine_similarity((changed - starts)[1:].flatten(1), (results - starts)[1:].flatten(1))
    assert (cosine.abs() < 0.2).all()
    assert torch.equal(changed, random_change(starts, results))
    assert random_change(starts, starts + 1e3).min() >= 0


def test_solving_in_batches_is_solving_at_once(testbed, trials, monkeypatch):
    trial, settings = trials["generation, uniform"], tiny.SETTINGS
    together = solved(testbed.robust, trial, settings)
    monkeypatch.setattr(judging, "BATCH", 3)
    torch.testing.assert_close(solved(testbed.robust, trial, settings), together)


def test_a_row_has_every_contender_with_both_judges_and_its_length(testbed, trials):
    seen = quality.seen(testbed, trials["generation, multivariate"])
    row = quality.row(seen)
    assert row.keys() == {"pictures", "lift", *CONTENDERS}
    assert row["pictures"] == COUNT
    for name in CONTENDERS:
        assert row[name].keys() == {"judge", "second judge", LENGTH, SLOPE}
        for judge in ("judge", "second judge"):
            share, low, high = row[name][judge]
            assert 0 <= low <= share <= high <= 1
            assert (share * COUNT) % 1 == 0
    trial = trials["generation, multivariate"]
    hits = [judged(judge, trial.starts, trial.targets) for judge in testbed.judges.values()]
    assert hits[0].sum() != hits[1].sum(), "the judges agree, so nobody could tell them apart"
    assert [row["start"]["judge"], row["start"]["second judge"]] == [wilson(answers) for answers in hits]
    lengths = {name: row[name][LENGTH] for name in CONTENDERS}
    assert lengths["start"] == 0
    assert 0 < lengths["robust"] <= 1
    assert 0 < lengths["standard"] <= 1
    assert 1 < lengths["standard, own best settings"] <= 1.5  # its own radius: three steps of 0.5 inside a ball of 2
    assert lengths["random direction"] == pytest.approx(lengths["robust"], abs=0.1)
    parts = [{name: {by: x[rows] for by, x in values.items()} for name, values in seen.items()} for rows in HALVES]
    assert quality.row(quality.pooled(parts)) == row, "pictures counted together, not rounded shares of them"


def test_each_contender_is_the_model_and_settings_that_its_name_says(testbed, trials, monkeypatch):
    trial = trials["generation, multivariate"]
    calls = []

    def solved(model: object, _: Trial, settings: dict[str, Any]) -> torch.Tensor:
        calls.append((model, settings["ball"].radius))
        return trial.starts

    monkeypatch.setattr(quality, "solved", solved)
    quality.seen(testbed, trial)
    assert calls == [(testbed.robust, 1.0), (testbed.standard, 1.0), (testbed.standard, 2.0)]


def test_lifts_are_paired_differences_and_distances_have_a_floor(testbed):
    found = quality.classes(testbed, count=quality.ENOUGH)
    row = found["generation, multivariate"]
    for name, (first, second) in LIFTS.items():
        for judge in testbed.judges:
            difference = row[first][judge][0] - row[second][judge][0]
            assert row["lift"][name][judge][0] == pytest.approx(difference, abs=1e-6)
    assert row["kernel distance"].keys() == row["frechet distance"].keys() == {*CONTENDERS, REAL}
    assert "kernel distance" not in found["translation, class 0 to class 1"], "too few pictures"
    assert row["steps"] == tiny.SETTINGS["steps"]
    real = testbed.batch("test", torch.randperm(40, generator=torch.Generator().manual_seed(0)))[0]
    starts = next(tried.trials(testbed, split="test", count=quality.ENOUGH)).starts
    for judge, network in testbed.judges.items():
        values = found["generation, uniform"]["kernel distance"]
        for name, pictures in (("start", starts), (REAL, real[20:])):
            assert values[name][judge] == pytest.approx(kernel_distance(network.features, real[:20], pictures))


def test_restoration_has_every_row_with_its_baseline_and_paired_gain(testbed):
    rows = quality.restoration(testbed, count=40, model=testbed.robust)
    sharper = [f"super-resolution x{f}{then}" for f in (2, 4, 8) for then in ("", *FINISHED)]
    assert {name: (row["pictures"], row["baseline"]) for name, row in rows.items()} == {
        **dict.fromkeys(sharper, (40, "bicubic")),
        "inpainting, label known": (8, "smooth fill"),
        "inpainting, label predicted": (8, "smooth fill"),
        "inpainting from the mean, label known": (8, "mean fill"),
    }
    for row in rows.values():
        difference = row["result PSNR"][0] - row["baseline PSNR"][0]
        assert row["gain"][0] == pytest.approx(difference, abs=2e-4)
        assert all(row[score][1] <= row[score][0] <= row[score][2] for score in (GAIN, CERTAINTY, NEARER))
    assert rows["inpainting, label known"]["baseline PSNR"] == rows["inpainting, label predicted"]["baseline PSNR"]


FINISHED = (", back-projection", ", then back-projection")


def test_back_projection_knows_no_model_and_no_class_and_its_results_shrink_to_the_small_picture(testbed):
    kept: list[Tensor] = []
    for then in FINISHED:
        row = replace(ROWS[f"super-resolution x4{then}"], score=lambda outcome: kept.append(outcome.images) or {})
        truth, small, labels = row.inputs(testbed, "test", 6)
        for model, aims in ((testbed.robust, labels), (testbed.standard, (labels + 1) % tiny.CLASSES)):
            row.scored(testbed, model, (truth, small, aims), settings=tiny.SETTINGS)
        off = (shrink(kept[-1], 4) - small).abs().max()
        assert off < 0.3 * (shrink(bicubic(small, 4), 4) - small).abs().max()
    assert torch.equal(kept[0], kept[1])
    assert not torch.equal(kept[2], kept[3])


def test_gains_are_those_of_the_measures_and_of_the_hole_alone(testbed):
    row = ROWS["inpainting, label known"]
    truth, damaged, masks, labels = inputs = row.inputs(testbed, "test", 6)[:4]
    brighter = (damaged + 0.5 * masks).clamp(0, 1)
    scores = row.score(Outcome(testbed, testbed.robust, brighter, inputs))
    sure = [certainty(testbed.judge, images, labels) for images in (brighter, damaged)]
    second = testbed.judges["second judge"]
    far = [perceptual_distance(second, images, truth) for images in (brighter, damaged)]
    torch.testing.assert_close(scores[CERTAINTY], 100 * (sure[0] - sure[1]))
    torch.testing.assert_close(scores[NEARER], 1000 * (far[1] - far[0]))
    torch.testing.assert_close(scores[GAIN], psnr(brighter, truth, masks) - psnr(damaged, truth, masks))
    assert row.finish(truth * masks + (1 - damaged) * (1 - masks), inputs).equal(truth)


def test_a_row_is_tuned_by_the_score_that_it_raises(testbed):
    seen = {1.0: 0.0, 2.0: 5.0, 3.0: 1.0}

    def score(outcome: Outcome) -> dict[str, Tensor]:
        radius = round(norms(outcome.images - outcome.inputs[1]).max().item(), 1)
        return {GAIN: torch.tensor([-radius]), CERTAINTY: torch.tensor([seen[radius]])}

    def step(model: Any, images: Tensor, *, ball: L2Ball, step_size: float, steps: int) -> Problem:
        return Problem(lambda x: -x.mean((1, 2, 3)), images, ball, steps=steps, step_size=step_size)

    grid = [{"radius": radius, "steps": 2, "step_size": 4.0} for radius in seen]
    grey = torch.full((2, 3, 16, 16), 0.5)
    row = Row("brighten", step, lambda *_: (grey, grey), score, grid, scaled=False)
    assert tuning.best_of(testbed, row, count=2)["radius"] == 1.0
    assert tuning.best_of(testbed, replace(row, raised=CERTAINTY), count=2)["radius"] == 2.0
    assert tuning.best_of(testbed, replace(row, raised=CERTAINTY, loses=1.5), count=2)["radius"] == 1.0


def one_try(number: int, *, judge: float, second: float, distance: float, steps: int) -> dict[str, Any]:
    judged = {"judge": judge, "second judge": second}
    return {"number": number, "judged": judged, "kernel distance": [distance], "settings": {"steps": steps}}


def test_of_what_convinces_both_judges_the_nearest_to_real_pictures_in_the_fewest_steps_is_chosen():
    many = [
        one_try(0, judge=1.00, second=0.99, distance=0.050, steps=8),  # convinces most, and is far away
        one_try(1, judge=0.99, second=0.98, distance=0.020, steps=60),
        one_try(2, judge=0.98, second=0.97, distance=0.0215, steps=15),  # as near as the nearest, with fewer steps
        one_try(3, judge=0.98, second=0.97, distance=0.023, steps=8),  # nearly
        one_try(4, judge=1.00, second=0.90, distance=0.001, steps=8),  # one judge is not convinced
    ]
    assert [one["number"] for one in tuning.ranked(many)] == [2, 1, 3, 0, 4]
    apart = [
        one_try(5, judge=1.0, second=0.8, distance=0.1, steps=8),
        one_try(6, judge=0.9, second=1, distance=1, steps=8),
    ]
    assert [one["number"] for one in tuning.ranked(apart)] == [6, 5], "no setting convinces both: the least is lost"


def test_a_try_says_what_both_judges_see_and_never_asks_a_third(testbed, trials):
    third = tiny.network(seed=4).float()
    vars(testbed)["judges"] = testbed.judges | {"third judge": third}
    third.register_forward_hook(lambda *_: pytest.fail("tuning asks the third judge"))
    exam = tuning.Exam(testbed, [trials["generation, uniform"], trials["generation, multivariate"]])
    one = exam.tried(testbed.robust, tuning.schedule(1.0, steps=2))
    del testbed.judges["third judge"]
    assert one["pictures"] == 2 * COUNT
    for name, judge in testbed.judges.items():
        hits = [
            judged(
                judge,
                solved(testbed.robust, trial, {"ball": L2Ball(1.0), "steps": 2, "step_size": 1.25}),
                trial.targets,
            )
            for trial in exam.trials
        ]
        assert one["judged"][name] == pytest.approx(torch.cat(hits).float().mean().item(), abs=1e-4)
    assert one["kernel distance"][1] < one["kernel distance"][0] < one["kernel distance"][2]


def test_coarse_first_moves_at_half_the_resolution_and_stays_in_the_ball(testbed, trials, monkeypatch):
    monkeypatch.setattr(testbed.robust, "size", tiny.SIZE)  # as networks that ship have one
    trial, settings = trials["generation, multivariate"], {"ball": L2Ball(1.0), "steps": 4, "step_size": 0.5}
    result = solved(testbed.robust, trial, settings, task=tried.coarse_first)
    problem = tried.coarse_first(testbed.robust, trial.starts, trial.targets, **settings)
    assert (problem.steps, problem.step_size, problem.ball) == (2, 0.5, L2Ball(1.0))
    assert torch.equal(problem.centre, trial.starts)
    torch.testing.assert_close(solve(problem), result)
    assert 0.2 < norms(problem.start - trial.starts).mean() <= 1.001, (
        "two steps of half the length, twice as many pixels"
    )
    assert norms(result - trial.starts).max() <= 1.001


@pytest.mark.parametrize("scaled", [True, False])
def test_of_a_grid_the_settings_with_the_largest_gain_are_chosen(testbed, monkeypatch, scaled):
    scale = testbed.resolution / 64 if scaled else 1.0
    gains = {scale * radius: torch.tensor([gain]) for radius, gain in ((2.0, 1.0), (4.0, 3.0), (8.0, 2.0))}

    def scored(*_: object, settings: dict[str, Any]) -> dict[str, torch.Tensor]:
        return {"gain": gains[settings["ball"].radius]}

    monkeypatch.setattr(rows.Row, "scored", scored)
    grid = [{"radius": radius, "step_size": radius / 2} for radius in (2.0, 4.0, 8.0)]
    row = rows.Row("toy", quality.seen, lambda *_: (), quality.seen, grid, scaled)
    assert tuning.best_of(testbed, row, count=3) == {"radius": 4.0 * scale, "step_size": 2.0 * scale}


def test_the_command_tunes_then_measures_and_prints_tables(monkeypatch, tmp_path, capsys):
    """All of it on noise and untrained networks: what `tune` writes is what `measure` reads."""
    for module in ("testbeds.testbed", "authoring.tune"):
        monkeypatch.setattr(f"course_lib.{module}.TUNED", tmp_path / "tuned")
    for module in (quality, tables):
        monkeypatch.setattr(module, "RESULTS", tmp_path / "results")
    monkeypatch.setattr(tuning, "TUNING", tmp_path / "results" / "tuning.json")
    monkeypatch.setattr(tuning, "RADII", dict.fromkeys(tuning.RADII, (2.0, 4.0)))
    monkeypatch.setattr(tuning, "STEPS", (2, 3))
    monkeypatch.setattr(tuning, "TRAVELS", (2.5,))
    monkeypatch.setattr(quality, "ENOUGH", 4)
    few = {name: replace(row, grid=row.grid[:1]) for name, row in ROWS.items()}
    monkeypatch.setattr(tuning, "ROWS", few)
    monkeypatch.setattr(tuning, "FEWER", (2,))

    def load() -> Testbed:
        testbed = tiny.untrained_testbed()
        del vars(testbed)["tuned"]
        return testbed

    monkeypatch.setattr(testbeds, "load", load)
    tuning.tune_from(["--count", "10", "--final", "30"])
    quality.measure(["--count", "8"])
    tables.print_tables([])
    results = json.loads((tmp_path / "results" / "quality.json").read_text())
    assert list(results) == ["tiny"]
    shares = results["tiny"]["as it ships"]["classes"]["generation, uniform"]["start"]["judge"]
    assert shares == [round(share, 4) for share in shares], "files keep four digits"
    shown = capsys.readouterr().out
    tuned = json.loads((tmp_path / "results" / "tuning.json").read_text())["tiny"]
    assert len(tuned["generate"]["grid"]) == 2 * len(tuning.TRAVELS) * 2
    assert [one["settings"]["steps"] for one in tuned["generate"]["steps"]] == [2, 3]
    for made in (tuned["provenance"], results["tiny"]["as it ships"]["provenance"]):
        assert made.keys() == {"commit", "weights", "data", "libraries", "device"}
    shown_tables = [block.splitlines() for block in shown.split("\n\n") if "|---|" in block]
    wide = len(CONTENDERS)
    assert [len(table[-1].split("|")) - 2 for table in shown_tables] == [
        5,
        3 + wide,
        5,
        2 + wide,
        2 + wide,
        6,
        7,
        5,
        7,
        7,
    ]
    for table in shown_tables:
        rows = [line for line in table if line.startswith("|")]
        assert len({line.count("|") for line in rows}) == 1
        assert len(rows) > 3


def test_goals_are_met_or_missed_by_what_was_measured():
    def row(distance: float, slope: float) -> dict[str, Any]:
        near = {"robust": {"second judge": [distance, 0, 1]}}
        return {"kernel distance": near, "robust": {SLOPE: [slope]}, "slope of real pictures": [-2.5]}

    def curve(quarter: float) -> dict[str, Any]:
        shares = {15: quarter, 60: 0.99}
        return {
            "steps": [
                {"settings": {"steps": steps}, "judged": {"judge": 1.0, "second judge": share}}
                for steps, share in shares.items()
            ]
        }

    quality_of = {"generation, multivariate": row(0.0194, -2.9), "generation, uniform": row(0.06, -1.2)}
    shown = tables.goals_table(
        {"imagenette": {"as it ships": {"classes": quality_of}}},
        {"imagenette": {"generate": curve(0.98), "generate from noise": curve(0.9)}},
    ).splitlines()
    assert shown[2].endswith("| generation, multivariate | 19: met | 1.0: met | -2.90 (-2.50): met |")
    assert shown[3].endswith("| generation, uniform | 60: MISSED | 9.0: MISSED | -1.20 (-2.50): MISSED |")
