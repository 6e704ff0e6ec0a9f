"""Hidden inputs vary: who knows a number, a shape or a mask from the visible ones has nothing of it.

And what differs in its numbers' type alone is right.
"""

import pytest
import torch

from course_lib.checks.asking import Outputs, defined
from course_lib.checks.exercise import assess, points
from course_lib.checks.report import exercises
from tests.checks.students import STUDENTS, Changes, written

ALL = exercises()
SHORT = "lengths = torch.where(lengths < 1e-3, torch.inf, lengths)\n    return"
WRONG: dict[str, tuple[str, Changes]] = {  # what nobody names, and what has to be seen
    "weight": ("ps4.painting_loss", [("weight * moved", "10.0 * moved")]),
    "weight of the mask": ("ps4.inpainting_loss", [("weight * strayed", "10.0 * strayed")]),
    "weight of the divergence": ("ps2.stable_loss", [("weight * apart", "2.0 * apart")]),
    "radius": ("ps1.project_l2", [("(radius /", "(2.64 /")]),
    "no labels": ("ps2.stable_loss", [("attack(images, labels)", "attack(images, None)")]),
    "own labels": ("ps2.stable_loss", [("attack(images, labels)", "attack(images, clean.argmax(1))")]),
    "first mask": ("ps5.brightness_psnr", [("    error", "    mask = mask[:1].expand_as(mask)\n    error")]),
    "mean area": ("ps5.brightness_psnr", [("mask.sum(dim=(1, 2, 3))", "mask.sum(dim=(1, 2, 3)).mean()")]),
    "area of the first": ("ps4.inpainting_loss", [("counts.sum(dim=(1, 2, 3))", "counts[0].sum()")]),
    "mean area of a fill": ("ps6.fill", [("count = visible", "count = visible.mean(0, keepdim=True)")]),
    "squares": ("ps7.shuffled", [("one.flatten(1)[:, places]", "one.transpose(1, 2).flatten(1)[:, places]")]),
    "small squares": ("ps4.superresolution_start", [("mode=\"nearest\")", "mode=\"nearest\").transpose(2, 3)")]),
    "square blocks": ("ps3.hybrid", [("details + ", "details + 0 * details.transpose(2, 3) + ")]),
    "3 x 6 x 8": ("ps3.shared_normal", [("*images.shape[1:]", "3, 6, 8")]),
    "6 x 8": ("ps3.mixed_pixels", [("height, width = images.shape[2:]", "height, width = 6, 8")]),
    "starts of one size": ("ps6.starts", [("view(-1, *mean.shape)", "view(-1, 3, 6, 8)")]),
    "five units": ("ps4.painting_loss", [("(features.shape[1] - 1)", "4")]),
    "ten classes": ("ps4.other_domain", [("aims = labels.clone()", "aims = torch.arange(10)[labels]")]),
    "four classes": ("ps1.margin_pgd", [("logits = model(leaf)", "logits = model(leaf)[:, :4]")]),
    "short gradients": ("ps6.directions", [("return", SHORT)]),
    "short slopes": ("ps1.margin_pgd", [("clamp(min=1e-12)", "clamp(min=1e-2)")]),
    "short values": ("ps1.direction_sparse", [("gradient.flatten(1)", "gradient.flatten(1).round(decimals=6)")]),
    "short ways": ("ps7.straightness", [("clamp(min=1e-12)", "clamp(min=1e-1)")]),
    "no last part": ("ps3.component", [("ends[:-1]", "ends")]),
}  # fmt: skip
RIGHT: dict[str, tuple[str, Changes]] = {
    "float64": ("ps1.project_l2", [("length = ", "delta = delta.double()\n    length = ")]),
    "float64 within": ("ps5.difference", [(".float()", "")]),
    "curve in float64": ("ps2.robust_curve", [(".float()", ".double()")]),
    "int32": ("ps3.component", [(".sum(dim=1)", ".sum(dim=1).int()")]),
    "int32 labels": ("ps4.other_domain", [("return aims", "return aims.int()")]),
    "a number of numpy": ("ps2.stable_loss", [("return ", "return NUMPY(("), ("* apart", "* apart).item())")]),
    "a number": ("ps2.stable_loss", [("return ", "return ("), ("* apart", "* apart).item()")]),
    "another epsilon": ("ps1.margin_pgd", [("clamp(min=1e-12)", "add(1e-9)")]),
}  # fmt: skip


def judged(name: str, source: str, seed: int) -> float:
    """The share of the points that a student's cell is given."""
    function = defined(name.partition(".")[2], [source.replace("NUMPY", "__import__('numpy').float32")])
    one = ALL[name]
    cases = list(one.cases(torch.Generator().manual_seed(seed)))
    try:
        answers = [one.ask(function, inputs) for inputs in cases]
    except (RuntimeError, TypeError, IndexError):
        return 0.0
    return points(assess(one, cases, answers)[0]) / one.points


@pytest.mark.parametrize("kind", WRONG)
def test_what_is_known_of_visible_inputs_does_not_help(kind: str) -> None:
    name, changes = WRONG[kind]
    assert max(judged(name, written(name, changes), seed) for seed in (0, 1, 2)) <= 0.5


@pytest.mark.parametrize("kind", RIGHT)
def test_another_type_of_numbers_is_right(kind: str) -> None:
    name, changes = RIGHT[kind]
    assert [judged(name, written(name, changes), seed) for seed in (0, 1, 2)] == [1.0, 1.0, 1.0]


def test_a_mistake_in_another_type_is_named_all_the_same() -> None:
    one = ALL["ps1.project_l2"]
    cases = list(one.cases(torch.Generator().manual_seed(1)))
    for number, hint in enumerate(one.wrong):
        changes = [*STUDENTS["ps1.project_l2"][number], ("    ###", "    delta = delta.double()\n    ###")]
        function = defined("project_l2", [written("ps1.project_l2", changes)])
        answers = [one.ask(function, inputs) for inputs in cases]
        assert assess(one, cases, answers)[1] == hint


def test_nan_is_named_last() -> None:
    """Who divides by nothing, and makes a mistake that has a name, is told the name; NaN alone is no such mistake."""
    one = ALL["ps1.project_l2"]
    cases = list(one.cases(torch.Generator().manual_seed(1)))
    right = [one.ask(one.reference, inputs) for inputs in cases]

    def with_nan(answers: list[Outputs]) -> list[Outputs]:
        return [answer | {"result": answer["result"].index_fill(0, torch.tensor(0), torch.nan)} for answer in answers]

    named = {}
    for hint, function in one.wrong.items():
        answers = [one.ask(function, inputs) for inputs in cases]
        if any(not torch.equal(a["result"][1:], b["result"][1:]) for a, b in zip(answers, right, strict=True)):
            named[hint] = assess(one, cases, with_nan(answers))[1]
    assert len(named) >= 2
    assert all(said == hint for hint, said in named.items())
    assert assess(one, cases, with_nan(right))[1] == ""
