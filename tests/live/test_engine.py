"""The engine of the live page, in Chromium, computes what course_lib computes with PyTorch.

A robust network is soon sure of its class: 1 - p is then so small that float32 loses it, and with it the direction of
the gradient. The engine computes that last step in double precision, so whole trajectories are compared with PyTorch's
in double precision; in float32 PyTorch's own differ from these by far more.
"""

import json
from copy import deepcopy
from functools import partial
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import save
from torch import Tensor, nn

from course_lib import tasks, testbeds
from course_lib.constraints import Ball, L2Ball, LinfBall
from course_lib.datasets.shipped import photograph
from course_lib.models import Classifier, build
from course_lib.pgd import Problem, frames, step, value_and_gradient
from course_lib.testbeds import imagenette
from course_lib.testbeds.weights import halve, load_model
from tests.tools import kernels
from tests.tools.engine import Engine

PAIR = ["imagenette-128-robust", "imagenette-128-standard"]
DIAL = list(imagenette.dial().values())
ROBUST = [name for name in [*PAIR, *DIAL] if name not in ("imagenette-128-standard", "imagenette-radius-0")]
LABEL, CLOSE = torch.tensor([4]), 1e-5
NORMS = {L2Ball: "l2", LinfBall: "linf"}
LONG = partial(pytest.param, marks=pytest.mark.full)  # of the same blocks and size as one that stays


@pytest.fixture(scope="module")
def models(engine: Engine) -> dict[str, Classifier]:
    """The networks of the page, as they are with PyTorch; in the browser they are loaded, too."""
    for name in [*PAIR, *DIAL]:
        engine.load(name)
    return {name: load_model(name) for name in [*PAIR, *DIAL]}


def seed(size: int | None) -> Tensor:
    """A sample of the class, of this size."""
    seeds = testbeds.load("imagenette-128").seeds("multivariate")
    return F.adaptive_avg_pool2d(seeds.sample(LABEL, generator=torch.Generator().manual_seed(0)), size)


def away(ours: Tensor, theirs: Tensor) -> float:
    """The largest difference of two pictures, gradients, ..."""
    return (ours.flatten().double() - theirs.flatten().double()).abs().max().item()


def test_the_compiled_kernels_are_those_of_the_source() -> None:
    assert kernels.compiled() == kernels.COMPILED.read_bytes()
    assert kernels.COMPILED.stat().st_size < 8_000


@pytest.mark.parametrize("name", [*PAIR, *DIAL])
def test_logits_losses_and_gradients_of_every_network(name: str, engine: Engine, models: dict[str, Classifier]) -> None:
    model, generator = models[name], torch.Generator().manual_seed(0)
    noise = torch.rand(1, 3, model.size, model.size, generator=generator)  # type: ignore[arg-type]
    for image in (photograph("cat", model.size or 0), noise):
        loss, gradient = value_and_gradient(tasks.cross_entropy(model, LABEL), image)
        found = engine.gradient(name, image, LABEL.item())
        assert away(model(image), found["logits"]) < CLOSE
        assert abs(loss.item() - found["loss"]) < CLOSE
        assert away(gradient, found["gradient"]) < CLOSE * gradient.abs().max().item()


def worst(problem: Problem, found: list[dict[str, Any]], *, model: nn.Module) -> float:
    """How far the browser's pictures are from PyTorch's, at the most; losses and logits are compared, too."""
    apart, all_of = 0.0, {frame["step"]: frame for frame in found}
    assert len(all_of) > 3
    for ours in frames(problem):
        if ours.step not in all_of:
            continue
        theirs = all_of[ours.step]
        apart = max(apart, away(ours.images, theirs["image"]))
        assert abs(ours.losses.item() - theirs["loss"]) < 10 * (CLOSE + apart)
    assert away(model(ours.images), theirs["logits"]) < 100 * (CLOSE + apart)
    return apart


def generated(engine: Engine, name: str, model: Classifier, ball: Ball, *, steps: int, length: float) -> float:
    """The worst of a generation from a sample, in pixels of double precision."""
    start, model = seed(model.size), deepcopy(model).double()
    where = {"norm": NORMS[type(ball)], "radius": ball.radius}
    given = {"start": start, "ball": where, "steps": steps, "stepSize": length}
    found = engine.frames(name, every=max(steps // 4, 1), label=LABEL.item(), **given)
    problem = tasks.generate(model, start.double(), LABEL, ball=ball, steps=steps, step_size=length)
    return worst(problem, found, model=model)


@pytest.mark.parametrize("name", [name if name in (PAIR[0], DIAL[3]) else LONG(name) for name in ROBUST])
def test_a_whole_generation_is_that_of_pytorch(name: str, engine: Engine, models: dict[str, Classifier]) -> None:
    scale = (models[name].size or 0) / 128
    assert generated(engine, name, models[name], L2Ball(12 * scale), steps=40, length=3 * scale) < CLOSE


def test_a_generation_as_the_page_does_it(engine: Engine, models: dict[str, Classifier]) -> None:
    tuned = testbeds.load("imagenette-128").tuned["generate"]
    ball, steps, length = tuned["ball"], tuned["steps"], tuned["step_size"]
    assert generated(engine, PAIR[0], models[PAIR[0]], ball, steps=steps, length=length) < 2 * CLOSE


@pytest.mark.parametrize("name", [PAIR[1], DIAL[0]])
def test_of_a_standard_network_the_first_steps(name: str, engine: Engine, models: dict[str, Classifier]) -> None:
    """Later ones are not to be compared: a small difference of the picture is a large one of its gradient."""
    scale = (models[name].size or 0) / 128
    assert generated(engine, name, models[name], L2Ball(12 * scale), steps=4, length=3 * scale) < CLOSE


@pytest.mark.parametrize("name", [PAIR[0], DIAL[3]])
def test_a_whole_inpainting_is_that_of_pytorch(name: str, engine: Engine, models: dict[str, Classifier]) -> None:
    model = deepcopy(models[name]).double()
    size = model.size or 0
    damaged, mask, scale = photograph("coffee", size), torch.zeros(1, 1, size, size), size / 128
    mask[..., size // 4 : size // 2, size // 3 : size // 2] = 1
    ball, length = L2Ball(12 * scale), scale
    where = {"norm": "l2", "radius": ball.radius}
    given = {"start": damaged, "ball": where, "steps": 40, "stepSize": length, "mask": mask, "weight": 300.0}
    found = engine.frames(name, every=10, label=LABEL.item(), **given)
    problem = tasks.inpaint(
        model, damaged.double(), mask.double(), labels=LABEL, ball=ball, step_size=length, steps=40, weight=300.0
    )
    assert worst(problem, found, model=model) < CLOSE
    kept = (found[-1]["image"].view_as(damaged) - damaged)[(mask == 0).expand_as(damaged)]
    moved = (found[-1]["image"].view_as(damaged) - damaged)[(mask == 1).expand_as(damaged)]
    assert moved.abs().mean() > 2 * kept.abs().mean()


@pytest.mark.parametrize("name", [*PAIR, DIAL[0], DIAL[3]])
def test_a_step_in_the_l_infinity_ball(name: str, engine: Engine, models: dict[str, Classifier]) -> None:
    """Where the gradient is near 0 its sign is a matter of rounding."""
    model, start = models[name], seed(models[name].size)
    centre = (start + 0.04 * torch.randn(start.shape, generator=torch.Generator().manual_seed(1))).clamp(0, 1)
    problem = Problem(tasks.cross_entropy(model, LABEL), start, LinfBall(0.05), centre=centre, steps=1, step_size=0.03)
    where = {"norm": "linf", "radius": 0.05}
    given = {"start": start, "centre": centre, "ball": where, "steps": 1, "stepSize": 0.03}
    found = engine.frames(name, label=LABEL.item(), **given)[1]["image"].view_as(start)
    _, gradient = value_and_gradient(problem.objective, start)
    clear = gradient.abs() > 1e-4 * gradient.abs().max()
    assert clear.float().mean() > 0.9
    assert away(step(problem, start)[0][clear], found[clear]) < CLOSE


def test_the_mean_gradient_of_noisy_copies(engine: Engine, models: dict[str, Classifier]) -> None:
    model, image = models[DIAL[3]], photograph("cat", 64)
    noise = torch.randn(3, *image.shape, generator=torch.Generator().manual_seed(0))
    code = "return averagedGradient({ network: loaded[name], ...given, random: replay(noise) })"
    given = {"image": image, "label": 4, "sigma": 0.1, "copies": 3}
    found = engine.call(code, name=DIAL[3], given=given, noise=noise)
    objective = tasks.cross_entropy(model, LABEL)
    both = [value_and_gradient(objective, image + 0.1 * each) for each in noise]
    assert abs(sum(loss.item() for loss, _ in both) / 3 - found["loss"]) < CLOSE
    assert away(torch.stack([gradient for _, gradient in both]).mean(0), found["gradient"]) < CLOSE


# --- any network of these blocks --------------------------------------------------------------------------------------


def stored(model: Classifier, recipe: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    """Card and weight file of a network, which takes the weights of half precision that the file has."""
    state = {key: value.contiguous() for key, value in model.state_dict().items() if "num_batches" not in key}
    halves = {key: halve(value) for key, value in state.items()}
    model.load_state_dict({key: value.float() for key, value in halves.items()}, strict=False)
    return {"recipe": recipe}, save(halves)


def drawn(number: int) -> tuple[Classifier, dict[str, Any]]:
    """A network by lot: its widths, where it halves, its size, its classes, its batch norm."""
    generator = torch.Generator().manual_seed(number)

    def lot(low: int, high: int) -> int:
        return int(torch.randint(low, high + 1, (), generator=generator))

    halvings = [bool(lot(0, 1)) for _ in range(lot(1, 4))]
    widths = [lot(1, 21) if lot(0, 2) else 8 for _ in halvings]
    size = lot(1, 7) * 2 ** sum(halvings)
    recipe = {"network": "residual", "widths": widths, "halvings": halvings, "size": size, "classes": lot(2, 12)}
    model = build("residual", widths, recipe["classes"], halvings=halvings, seed=number).eval()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            for values, low, high in (
                (module.running_mean, -1, 1),
                (module.running_var, 0.3, 2),
                (module.weight.data, -1, 2),
            ):
                values.copy_(low + (high - low) * torch.rand(values.shape, generator=generator))
            module.bias.data.normal_(0, 0.5, generator=generator)
    return model, recipe


@pytest.mark.parametrize("number", range(16))
def test_derivatives_of_networks_by_lot(number: int, engine: Engine) -> None:
    model, recipe = drawn(number)
    engine.load("drawn", *stored(model, recipe))
    model.double()
    image = torch.rand(1, 3, recipe["size"], recipe["size"], generator=torch.Generator().manual_seed(number))
    label = torch.tensor([number % recipe["classes"]])
    loss, gradient = value_and_gradient(tasks.cross_entropy(model, label), image.double())
    found = engine.gradient("drawn", image, label.item())
    assert abs(loss.item() - found["loss"]) < CLOSE * (1 + loss.item()), recipe
    assert away(model(image.double()), found["logits"]) < CLOSE * (1 + found["logits"].abs().max().item()), recipe
    assert away(gradient, found["gradient"]) < 2 * CLOSE * gradient.abs().max().item(), recipe


def test_a_network_that_is_sure_has_an_exact_gradient_all_the_same(engine: Engine) -> None:
    """With logits that lie 60 apart, p is 1 in float32 and in float64; the slopes of the others are still there."""
    model, recipe = drawn(3)
    image = torch.rand(1, 3, recipe["size"], recipe["size"], generator=torch.Generator().manual_seed(0))
    first, second = model(image)[0].topk(2).values
    model.head.weight.data *= 60 / (first - second)
    model.head.bias.data *= 60 / (first - second)
    engine.load("sure", *stored(model, recipe))
    model.double()
    label = model(image.double()).argmax(1)

    def exact(images: Tensor) -> Tensor:
        logits = model(images)
        others = logits.masked_fill(F.one_hot(label, recipe["classes"]).bool(), -torch.inf).logsumexp(1)
        return F.softplus(others - logits[:, label].squeeze(1))

    loss, gradient = value_and_gradient(exact, image.double())
    found = engine.gradient("sure", image, label.item())
    assert 0 < loss.item() < 1e-24
    assert found["loss"] == pytest.approx(loss.item(), rel=1e-3)
    assert away(gradient / gradient.norm(), found["gradient"].double() / found["gradient"].double().norm()) < 1e-3


# --- what is refused --------------------------------------------------------------------------------------------------


CARD, WEIGHTS = {"recipe": {"network": "residual", "widths": [4], "size": 4, "classes": 2}}, b""


def small() -> bytes:
    model = build("residual", [4], 2)
    return stored(model, {})[1]


def changed(data: bytes, **entries: Any) -> bytes:
    """The file with other entries in its header."""
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    text = json.dumps({name: entry for name, entry in (header | entries).items() if entry is not None}).encode()
    return len(text).to_bytes(8, "little") + text + data[8 + length :]


def recipe(**other: Any) -> dict[str, Any]:
    return {"recipe": CARD["recipe"] | other}


HUGE = {"dtype": "F32", "shape": [2**31, 2**31], "data_offsets": [0, 2**62]}
DAMAGED = [
    (b"", CARD, "expected a whole safetensors file, got 0 bytes"),
    (small()[:300], CARD, "expected a whole safetensors file, got a header that ends at byte"),
    (small()[:-3], CARD, "expected a tensor .* inside its file"),
    (b"\xff" * 64, CARD, "expected a whole safetensors file, got a header that ends at byte"),
    ((9).to_bytes(8, "little") + b'{"a": 1}}', CARD, "got a header that is no JSON"),
    ((4).to_bytes(8, "little") + b"null", CARD, "got a header that is no JSON"),
    (changed(small(), mean=HUGE), CARD, "expected a tensor mean inside its file"),
    (changed(small(), mean=None), CARD, "expected mean of shape 1,3,1,1, got none"),
    (
        changed(small(), mean={"dtype": "__proto__", "shape": [], "data_offsets": [0, 0]}),
        CARD,
        "expected a tensor mean",
    ),
    (changed(small(), mean=7), CARD, "expected a tensor mean"),
    (changed(small(), more={"dtype": "F32", "shape": [0], "data_offsets": [0, 0]}), CARD, "tensors of this network"),
    (small().replace(b"\x00\x00\x80\x3f", b"\x00\x00\xc0\x7f", 1), CARD, "expected finite numbers in"),
    (small(), {}, "expected the card of a residual network, got undefined"),
    (small(), recipe(network="plain"), 'expected the card of a residual network, got "plain"'),
    (small(), recipe(widths=[4, 8]), "expected body.3.norm1.weight of shape 8, got none"),
    (small(), recipe(widths=[8]), "expected body.1.weight of shape 8, got 4"),
    (small(), recipe(widths="four"), "that fit together"),
    (small(), recipe(widths=[10**9]), "that fit together"),
    (small(), recipe(size=5), "that fit together"),
    (small(), recipe(classes=3), "expected head.weight of shape 3,4, got 2,4"),
]


@pytest.mark.parametrize(("data", "card", "sentence"), DAMAGED, ids=range(len(DAMAGED)))
def test_damaged_files_and_cards_of_other_networks_are_refused(
    data: bytes, card: dict[str, Any], sentence: str, engine: Engine
) -> None:
    with pytest.raises(Exception, match=sentence):
        engine.load("damaged", card, data)


def test_the_small_file_is_sound_without_damage(engine: Engine) -> None:
    engine.load("sound", CARD, small())


@pytest.mark.parametrize(
    ("problem", "sentence"),
    [
        ({"ball": {"norm": "constructor", "radius": 1}}, 'expected a ball of norm "l2" or "linf", got constructor'),
        ({"label": 10}, "expected a class from 0 to 9, got 10"),
        ({"start": torch.rand(3, 8, 8)}, "expected an image of 12288 values, got 192"),
    ],
)
def test_problems_that_make_no_sense_are_refused(
    problem: dict[str, Any], sentence: str, engine: Engine, models: dict[str, Classifier]
) -> None:
    sound = {"label": 0, "start": torch.rand(3, 64, 64), "ball": {"norm": "l2", "radius": 1}, "steps": 1, "stepSize": 1}
    assert len(engine.frames(DIAL[0], **sound)) == 2
    with pytest.raises(Exception, match=sentence):
        engine.frames(DIAL[0], **sound | problem)


@pytest.mark.parametrize("machine", ["{ ...WebAssembly, validate: () => false }", "undefined"])
def test_a_browser_without_simd_is_told(machine: str, engine: Engine) -> None:
    code = f"const kept = WebAssembly; globalThis.WebAssembly = {machine}; try {{ await Engine.start(kept) }} "
    code += "catch (error) { return error.message } finally { globalThis.WebAssembly = kept }"
    assert engine.call(code).startswith("expected a browser with WebAssembly SIMD, got one without")
