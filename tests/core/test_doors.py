"""What is no picture, label, mask, ball or model is refused in one sentence by every task and measure, before any work.

Tasks and measures are found by looking at their modules: a new one is asked the same questions.
"""

import contextlib
import inspect
import math
import re
from collections.abc import Callable, Iterator
from copy import deepcopy
from functools import partial
from types import ModuleType
from typing import Any, get_type_hints

import hypothesis.strategies as st
import numpy
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from PIL import Image
from torch import Tensor, nn

from course_lib import doors, pixels, seeds, tasks, testbeds
from course_lib.constraints import L2Ball, LinfBall, NoBall
from course_lib.datasets.drawing import upsampling
from course_lib.datasets.picturebook import PictureBook
from course_lib.imagenet.robustness import ForeignClassifier
from course_lib.measuring import accuracy, inception, judging, scores
from course_lib.models import Classifier
from course_lib.pgd import Problem, frames, solve
from course_lib.prepared import prepare
from course_lib.testbeds.weights import load_model
from tests.tools import tiny

MODEL = tiny.network().float()
IMAGES = tiny.images(4).float()
LABELS = torch.tensor([0, 1, 2, 4])
NOISE = torch.randn(4, 3, tiny.SIZE, tiny.SIZE, generator=torch.Generator().manual_seed(0))


def spoilt(place: Tensor, value: float) -> Tensor:
    """A copy with another number at one place."""
    place = place.clone()
    place.view(-1)[7] = value
    return place


def changed(change: Callable[[Classifier], object]) -> Classifier:
    model = deepcopy(MODEL)
    change(model)
    return model


GOOD: dict[str, Any] = {
    **dict.fromkeys(("images", "seeds", "drawing", "damaged", "reference", "truth", "real", "fake"), IMAGES),
    **dict.fromkeys(("model", "judge", "network"), MODEL),
    "features": MODEL.features,
    "small": pixels.shrink(IMAGES, 2),
    "labels": LABELS,
    "mask": torch.zeros(4, 1, tiny.SIZE, tiny.SIZE),
    "ball": L2Ball(1.0),
    "factor": 2,
    "unit": 3,
    "count": 2,
    "answers": 4,
    "size": 8,
    "hole": 3,
    "generator": torch.Generator().manual_seed(0),
}
PICTURES: dict[str, Any] = {
    "bytes": (255 * IMAGES).byte(),
    "integers": IMAGES.long(),
    "0 to 255": 255 * IMAGES,
    "normalised by hand": (IMAGES - 0.5) / 0.25,
    "NaN": spoilt(IMAGES, math.nan),
    "infinity": spoilt(IMAGES, math.inf),
    "minus infinity": spoilt(IMAGES, -math.inf),
    "one grey channel": IMAGES[:, :1],
    "four channels": IMAGES[:, [0, 1, 2, 2]],
    "no batch": IMAGES[0],
    "channels last": IMAGES.permute(0, 2, 3, 1),
    "numpy": IMAGES.numpy(),
    "PIL": Image.new("RGB", (tiny.SIZE, tiny.SIZE)),
    "a list": [IMAGES[0]],
    "nothing": None,
}
MODELS: dict[str, Any] = {
    "in training mode": changed(lambda model: model.train()),
    "batch norm in training mode": changed(lambda model: model.body[1].train()),
    "NaN": changed(lambda model: model.head.weight.data.fill_(math.nan)),
    "infinity in a buffer": changed(lambda model: model.std.fill_(math.inf)),
    "another size": changed(lambda model: setattr(model, "size", 2 * tiny.SIZE)),
}
WHOLE: dict[str, Any] = {
    "half": 2.5,
    "text": "2",
    "none": None,
    "negative": -1,
    "tensor": torch.tensor(1.5),
    "list": [1],
}
NUMBERS: dict[str, Any] = {"NaN": math.nan, "infinity": math.inf, "text": "10", "none": None}
BAD: dict[str, dict[str, Any]] = {
    **{name: PICTURES for name, value in GOOD.items() if value is IMAGES or name == "small"},
    **dict.fromkeys(("judge", "network"), MODELS | {"a name": "resnet"}),
    "model": MODELS | {"a name": "resnet"},
    "features": {name: model.features for name, model in MODELS.items()},
    "labels": {
        "list": [0, 1, 2, 4],
        "number": 3,
        "one number": torch.tensor(3),
        "floats": LABELS.float(),
        "booleans": LABELS > 1,
        "32 bits": LABELS.int(),
        "one-hot": torch.eye(5).long()[LABELS],
        "too few": LABELS[:3],
        "too many": LABELS.repeat(2),
        "negative": LABELS - 1,
        "too large": LABELS + 1,
        "numpy": LABELS.numpy(),
        "names": ["cat", "dog", "cat", "dog"],
    },
    "mask": {
        "numpy": GOOD["mask"].numpy(),
        "booleans": GOOD["mask"].bool(),
        "another size": GOOD["mask"][..., 1:],
        "another count": GOOD["mask"][:2],
        "three channels": GOOD["mask"].expand(-1, 3, -1, -1),
        "no batch": GOOD["mask"][0],
        "0 to 255": GOOD["mask"] + 255,
        "NaN": spoilt(GOOD["mask"], math.nan),
        "number": 1,
    },
    "ball": {"number": 5.0, "kind": L2Ball, "none": None, "text": "L2Ball(5.0)" * 50},
    **dict.fromkeys(("factor", "hole"), WHOLE | {"zero": 0}),
    "unit": WHOLE | {"too large": 12},
    "steps": WHOLE,
    "count": WHOLE,
    "size": WHOLE,
    "weight": NUMBERS,
    "step_size": NUMBERS | {"negative": -1.0},
    "travel": NUMBERS | {"negative": -1.0},
}
FREE = {"penalty", "start", "generator"}  # functions and generators: Python itself names what is wrong
LATE = {"steps", "step_size"}  # refused after inpainting has asked for labels


def public(*modules: ModuleType) -> Iterator[Callable[..., Any]]:
    """The functions that these modules define."""
    for module in modules:
        yield from (
            each for each in vars(module).values() if inspect.isfunction(each) and each.__module__ == module.__name__
        )


BEHIND = {
    "resisting",
    "in_bytes",
    "at_once",
    "frechet",
    "check_shown",
    "seen_by",
}  # measures call them behind their own doors
TASKS = [each for each in public(tasks) if get_type_hints(each).get("return") is Problem]
MEASURES = [
    each
    for each in public(accuracy, judging, scores, inception)
    if {"images", "real"} & inspect.signature(each).parameters.keys() and each.__name__ not in BEHIND
]
DAMAGE = [tasks.fill_with_mean, tasks.outside, tasks.random_holes]
RESIZING = [pixels.shrink, pixels.nearest, pixels.bicubic]  # also of bytes and of masks


def questions() -> list[Any]:
    """Every function with each of its parameters that can be wrong."""
    found = []
    for function in (*TASKS, *MEASURES, *DAMAGE, *RESIZING):
        names = {"factor"} if function in RESIZING else inspect.signature(function).parameters.keys() & BAD.keys()
        found += [pytest.param(function, name, id=f"{function.__name__}-{name}") for name in sorted(names)]
    return found


def call(function: Callable[..., Any], **changes: Any) -> Any:
    """A call with good arguments, but for some."""
    needed = inspect.signature(function).parameters.items()
    good = {name: GOOD[name] for name, parameter in needed if parameter.default is parameter.empty}
    return function(**good | changes)


def refused(function: Callable[[], object], kind: str = "it") -> None:
    """ValueError in one sentence."""
    try:
        function()
    except ValueError as error:
        said = str(error)
    else:
        pytest.fail(f"{kind} was not refused")
    assert re.fullmatch(r"expected .+, got .+", said), kind  # a point matches no new line
    assert len(said) <= 250, kind


def test_all_of_them_are_found_and_take_what_is_good() -> None:
    names = {each.__name__ for each in (*TASKS, *MEASURES)}
    assert {"refine", "generate", "translate", "sketch", "attack", "inpaint", "superresolve", "paint"} <= names
    assert {"accuracy", "robust_hits", "outputs", "judged", "certainty", "psnr"} <= names
    assert {"inception_score", "frechet_distance"} <= names
    for function in (*TASKS, *MEASURES, *DAMAGE, *RESIZING):
        call(function)


@pytest.mark.parametrize("task", TASKS)
def test_every_argument_of_a_task_is_asked_for(task: Callable[..., Problem]) -> None:
    assert inspect.signature(task).parameters.keys() <= BAD.keys() | FREE


@pytest.mark.parametrize(("function", "name"), questions())
def test_what_is_wrong_is_refused_in_one_sentence_before_any_work(function: Callable[..., Any], name: str) -> None:
    asked: list[object] = []
    hooks = [model.body.register_forward_pre_hook(lambda *_: asked.append(1)) for model in (MODEL, *MODELS.values())]
    allowed = inspect.signature(function).parameters[name].default
    try:
        for kind, value in BAD[name].items():
            if not (value is None and allowed is None):
                refused(partial(call, function, **{name: value}), kind)
    finally:
        for hook in hooks:
            hook.remove()
    assert not asked or name in LATE


@pytest.mark.parametrize("task", TASKS)
def test_doors_are_passed_once_never_in_the_loop(task: Callable[..., Problem], monkeypatch: pytest.MonkeyPatch) -> None:
    problem = call(task, steps=3)
    for name in ("aminmax", "isfinite", "min", "max"):
        monkeypatch.setattr(Tensor, name, lambda *_, **__: pytest.fail("a door inside the loop"))
    solve(problem)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("task", TASKS)
def test_pictures_of_every_float_type_are_taken(task: Callable[..., Problem], dtype: torch.dtype) -> None:
    names = inspect.signature(task).parameters
    pictures = {name: GOOD[name].to(dtype) for name in names if name == "mask" or BAD.get(name) is PICTURES}
    result = solve(call(task, steps=2, **pictures))
    assert result.dtype == dtype
    assert result.isfinite().all()


@contextlib.contextmanager
def by_default(dtype: torch.dtype) -> Iterator[None]:
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(torch.float32)


SLOW = {scores.frechet_distance, scores.inception_score}  # hundreds of rounds
OTHERS = [torch.float64, torch.float16, torch.bfloat16]


@pytest.mark.parametrize("dtype", OTHERS)
def test_all_works_where_another_type_is_the_default(dtype: torch.dtype) -> None:
    with by_default(dtype):
        for function in {*TASKS, *MEASURES, *DAMAGE} - SLOW:
            call(function)


def drawn() -> Iterator[Tensor]:
    """Something of all that the library itself draws or builds."""
    generator = torch.Generator().manual_seed(0)
    pictures, labels = (255 * IMAGES).byte(), torch.arange(4)
    for kind in seeds.KINDS.values():
        fitted = kind.fit(pictures, labels)
        start = fitted.sample(labels, generator=generator)
        yield from (start, fitted.centres(1), solve(tasks.generate(MODEL, start, labels, ball=NoBall(), steps=2)))
    yield judging.random_change(IMAGES, pixels.to_float(pictures))
    yield tasks.random_holes(2, 8, 3, generator=generator)
    yield PictureBook("test", size=16, backgrounds=(0, 1, 2, 3)).images(range(10))
    yield testbeds.load("cifar10").seeds("multivariate").sample(labels, generator=generator)
    yield from load_model("picturebook-judge").state_dict().values()


@pytest.mark.parametrize("dtype", OTHERS)
def test_what_is_drawn_does_not_depend_on_the_default_type(dtype: torch.dtype) -> None:
    upsampling.cache_clear()
    with by_default(dtype):
        other = list(drawn())
    upsampling.cache_clear()
    for one, two in zip(drawn(), other, strict=True):
        assert one.dtype == two.dtype
        assert torch.equal(one, two)


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("ban", [torch.inference_mode, torch.no_grad])
def test_gradients_are_had_where_the_caller_has_none(task: Callable[..., Problem], ban: Callable[[], Any]) -> None:
    """Pictures, labels, masks and a prepared model may be made inside, and be used there or afterwards."""
    tensors = {name: GOOD[name] for name in inspect.signature(task).parameters if isinstance(GOOD.get(name), Tensor)}
    expected = solve(call(task, steps=2, **tensors, model=prepare(MODEL, device="cpu")))
    with ban():
        inside: dict[str, Any] = {name: tensor.clone() for name, tensor in tensors.items()}
        inside["model"] = prepare(deepcopy(MODEL), device="cpu")
        problem = call(task, steps=2, **inside)
        assert torch.equal(solve(problem), expected)
        assert torch.equal(list(frames(problem))[-1].images, expected)
    assert torch.equal(solve(call(task, steps=2, **inside)), expected)
    assert torch.equal(solve(problem), expected)


@pytest.mark.parametrize("task", TASKS)
def test_no_graph_is_kept_behind_pictures_that_have_one(task: Callable[..., Problem]) -> None:
    names = [name for name in inspect.signature(task).parameters if BAD.get(name) is PICTURES]
    leaves = {name: GOOD[name].clone().requires_grad_() for name in names}
    for pictures in (leaves, {name: 1 * leaf for name, leaf in leaves.items()}):
        problem = call(task, steps=2, **pictures)
        assert not any(frame.images.requires_grad or frame.losses.requires_grad for frame in frames(problem))
        assert not solve(problem).requires_grad
    assert all(leaf.grad is None for leaf in leaves.values())


@pytest.mark.parametrize("wrap", [nn.DataParallel, torch.optim.swa_utils.AveragedModel])
def test_a_wrapped_model_is_asked_as_the_one_inside(wrap: Callable[[nn.Module], nn.Module]) -> None:
    settings: dict[str, Any] = {"ball": L2Ball(1.0), "steps": 2}
    expected = solve(tasks.refine(MODEL, IMAGES, LABELS, **settings))
    assert torch.equal(solve(tasks.refine(wrap(MODEL), IMAGES, LABELS, **settings)), expected)
    for wrong in (LABELS + 1, LABELS.int()):
        refused(lambda wrong=wrong: tasks.refine(wrap(MODEL), IMAGES, wrong, **settings))


def test_gradients_that_parameters_hold_are_left_alone() -> None:
    model = deepcopy(MODEL)
    for one in model.parameters():
        one.grad = torch.full_like(one, 1.5)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    for task in TASKS:
        solve(call(task, model=model, steps=2))
    assert all((one.grad == 1.5).all() and one.requires_grad for one in model.parameters())
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())


@pytest.mark.parametrize("task", TASKS)
def test_pictures_may_lie_in_memory_in_any_order(task: Callable[..., Problem]) -> None:
    names = [name for name in inspect.signature(task).parameters if BAD.get(name) is PICTURES]
    expected = solve(call(task, steps=2))
    for change in (lambda x: x.contiguous(memory_format=torch.channels_last), lambda x: x.mT.contiguous().mT):
        result = solve(call(task, steps=2, **{name: change(GOOD[name]) for name in names}))
        torch.testing.assert_close(result, expected, rtol=0, atol=1e-5)


@given(st.lists(st.floats(allow_nan=True, width=32), min_size=1, max_size=12), st.data())
def test_pictures_are_taken_where_every_pixel_is_in_the_box(values: list[float], data: st.DataObject) -> None:
    images = torch.rand(1, 3, 2, 2)
    images.view(-1)[: len(values)] = torch.tensor(values)
    images = images[:, :, torch.randperm(2)]
    if all(-doors.SLACK <= value <= 1 + doors.SLACK for value in images.flatten().tolist()):
        doors.check_pixels(images)
    else:
        refused(lambda: doors.check_pixels(images))


@given(st.lists(st.integers(-3, 12), max_size=6), st.integers(1, 10), st.integers(0, 6))
def test_labels_are_taken_where_all_are_classes(values: list[int], classes: int, count: int) -> None:
    labels = torch.tensor(values, dtype=torch.int64)
    if len(values) == count and all(0 <= value < classes for value in values):
        doors.check_labels(labels, count=count, classes=classes)
    else:
        refused(lambda: doors.check_labels(labels, count=count, classes=classes))


@pytest.mark.parametrize("kind", seeds.KINDS)
def test_seeds_refuse_labels_and_training_pictures_that_are_none(kind: str) -> None:
    pictures, fit = (255 * IMAGES).byte(), seeds.KINDS[kind].fit
    fitted, four = fit(pictures, torch.arange(4)), {"too few", "too many"}
    for name, labels in BAD["labels"].items():
        if name not in four | ({"too large"} if seeds.KINDS[kind].blind else set()):
            refused(lambda labels=labels: fitted.sample(labels, generator=torch.Generator()))
    if not seeds.KINDS[kind].blind:
        for wrong in (IMAGES, pictures[:, :1], pictures[0], pictures.numpy(), [pictures]):
            refused(lambda wrong=wrong: fit(wrong, torch.arange(4)))
        for name in ("list", "floats", "negative", "too few", "one-hot"):
            refused(lambda name=name: fit(pictures, BAD["labels"][name]))


@pytest.mark.parametrize("name", ["bytes", "integers", "one grey channel", "four channels", "no batch"])
def test_a_model_refuses_what_it_can_see_for_free(name: str) -> None:
    for function in (MODEL, MODEL.features):
        refused(lambda function=function: function(PICTURES[name]))


@pytest.mark.parametrize("size", [32, 128])
def test_a_judge_of_64_pixels_answers_at_no_other_size(size: int) -> None:
    judge, pictures = load_model("picturebook-judge"), torch.rand(2, 3, size, size)
    for model in (judge, prepare(judge, device="cpu")):
        refused(lambda model=model: model(pictures))
        refused(lambda model=model: judging.judged(model, pictures, LABELS[:2]))
        refused(lambda model=model: tasks.refine(model, pictures, LABELS[:2], ball=L2Ball(1.0)))
        assert model(torch.rand(1, 3, 64, 64)).shape == (1, model.classes)


@pytest.mark.parametrize("run", [solve, lambda problem: list(frames(problem))], ids=["solve", "frames"])
@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_a_loss_that_is_one_number_for_all_is_refused(run: Callable[[Problem], object], reduction: str) -> None:
    def objective(images: Tensor) -> Tensor:
        return F.cross_entropy(MODEL(images), LABELS, reduction=reduction)

    for steps in (0, 2):
        problem = Problem(objective, IMAGES, L2Ball(1.0), steps=steps)
        if steps or run is not solve:
            refused(lambda problem=problem: run(problem))


@pytest.mark.parametrize("ball", [*BAD["ball"].values()], ids=[*BAD["ball"]])
def test_a_problem_by_hand_refuses_what_is_no_ball(ball: Any) -> None:
    refused(lambda: Problem(tasks.mean_square, IMAGES, ball))


@pytest.mark.parametrize("start", ["bytes", "no batch", "numpy", "PIL", "a list", "nothing"])
def test_a_problem_by_hand_refuses_what_is_no_start_or_centre(start: str) -> None:
    refused(lambda: Problem(tasks.mean_square, PICTURES[start], L2Ball(1.0)))
    if PICTURES[start] is not None:
        refused(lambda: Problem(tasks.mean_square, IMAGES, L2Ball(1.0), centre=PICTURES[start]))


def test_an_attack_needs_a_finite_ball() -> None:
    for generator in (None, torch.Generator()):
        refused(lambda generator=generator: tasks.attack(MODEL, IMAGES, LABELS, ball=NoBall(), generator=generator))


class Foreign(nn.Module):
    """A network with the arguments of the `robustness` package's."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution, self.linear = nn.Conv2d(3, 6, 3), nn.Linear(6, tiny.CLASSES)

    def forward(self, images: Tensor, with_latent: bool = False, fake_relu: bool = False) -> Any:
        latent = self.convolution(images).relu().mean((2, 3))
        return (self.linear(latent), latent) if with_latent else self.linear(latent)


FOREIGN = ForeignClassifier(Foreign(), mean=(0.5, 0.4, 0.3), std=(0.2, 0.3, 0.25)).eval()


@pytest.mark.parametrize("model", [MODEL, FOREIGN], ids=["ours", "foreign"])
@pytest.mark.parametrize("ball", [L2Ball(1.0), LinfBall(0.1), NoBall()], ids=repr)
def test_an_objective_may_add_noise_beyond_the_box(model: Classifier, ball: Any) -> None:
    loss = tasks.cross_entropy(model, LABELS)
    seen = []

    def objective(images: Tensor) -> Tensor:
        seen.append((images + NOISE).aminmax())
        return loss(images + NOISE)

    result = solve(Problem(objective, IMAGES, ball, steps=3, step_size=0.1))
    assert all(low < 0 and high > 1 for low, high in seen)
    assert result.isfinite().all()
    assert not torch.equal(result, IMAGES)


@pytest.mark.parametrize("name", ["normalised by hand", "0 to 255", "NaN"])
def test_pictures_that_were_normalised_before_stop_at_the_doors_of_a_foreign_network(name: str) -> None:
    refused(lambda: judging.judged(FOREIGN, PICTURES[name], LABELS))
    refused(lambda: tasks.refine(FOREIGN, PICTURES[name], LABELS, ball=L2Ball(1.0)))


@pytest.mark.parametrize("weight", [3, 0.5, numpy.float32(2), torch.tensor(2.0), torch.tensor([1.0, 10.0])])
def test_a_weight_may_be_any_number_or_one_for_each_picture(weight: Any) -> None:
    """Notebook 05 compares seven weights in one batch."""
    images, mask = tiny.images(2).float(), torch.ones(1, 1, tiny.SIZE, tiny.SIZE)
    problem = tasks.inpaint(tiny.network().float(), images, mask, ball=L2Ball(1.0), weight=weight, steps=1)
    assert solve(problem).isfinite().all()
