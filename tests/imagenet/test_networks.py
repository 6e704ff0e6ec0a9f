"""Networks of ImageNet's size: fetched from a server on this machine, converted once, and every task at 224 pixels.

The weights are random; the robust ones are in checkpoints that the `robustness` package's own training has written.
"""

import hashlib
import io
import json
import pickle
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
import torchvision
from huggingface_hub import constants
from torch import Tensor, nn

from course_lib import testbeds
from course_lib.authoring import gallery, measure, tables
from course_lib.constraints import L2Ball, norms
from course_lib.imagenet import networks as imagenet
from course_lib.imagenet.networks import HUB, NAMES, SOURCES, load_imagenet
from course_lib.imagenet.robustness import import_robustness
from course_lib.pgd import Problem, solve
from course_lib.pixels import bicubic, nearest, shrink
from course_lib.storage import fetching
from course_lib.tasks import (
    attack,
    cross_entropy,
    fill_with_mean,
    generate,
    inpaint,
    paint,
    random_holes,
    refine,
    sketch,
    superresolve,
    translate,
)
from course_lib.testbeds.testbed import TUNED, Testbed
from tests.imagenet.test_robustness import _no_gpu, raw_attacker, trained  # noqa: F401
from tests.tools.web import Server, serving

TEN = (0, 217, 482, 491, 497, 566, 569, 571, 574, 701)


@pytest.fixture(scope="module")
def make(_no_gpu: None, tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], dict[str, bytes]]:  # noqa: F811
    """The published files of the networks of one depth, in their formats and sizes."""

    @cache
    def files(depth: int) -> dict[str, bytes]:
        folder, name = tmp_path_factory.mktemp("weights"), f"resnet{depth}"
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(depth)
            network = getattr(import_robustness("robustness.imagenet_models"), name)(num_classes=1000)
            checkpoint = trained(raw_attacker(network, "imagenet"), folder).read_bytes()
            standard = saved(getattr(torchvision.models, name)().state_dict())
            judge = saved(torchvision.models.efficientnet_b0().state_dict())
        for file in folder.iterdir():
            file.unlink()
        return {f"{name}_l2_eps3.ckpt": checkpoint, name: standard, "efficientnet_b0_rwightman": judge}

    return files


@pytest.fixture(scope="module")
def weights(make: Callable[[int], dict[str, bytes]]) -> dict[str, bytes]:
    return make(18)


def saved(content: object) -> bytes:
    stream = io.BytesIO()
    torch.save(content, stream)
    return stream.getvalue()


@pytest.fixture
def internet(weights: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """The hub and torchvision's server, both on this machine, and an empty cache."""
    with serving() as server:
        publish(server, weights, monkeypatch)
        monkeypatch.setenv("COURSE_CACHE", str(tmp_path / "cache"))
        yield server


def publish(server: Server, weights: dict[str, bytes], patch: pytest.MonkeyPatch) -> None:
    """Serve the files under the names that the published ones have, and point both addresses there."""
    names = {}
    for name, data in weights.items():
        if name.endswith(".ckpt"):
            server.put_on_hub(HUB, name, data)
        else:
            names[name] = server.put(f"/{name}-{hashlib.sha256(data).hexdigest()[:8]}.pth", data)
    patch.setattr(constants, "ENDPOINT", server.url)
    patch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", server.url + "/{repo_id}/resolve/{revision}/{filename}")
    patch.setattr(fetching, "PAUSE", 0.0)
    published = imagenet.get_weight

    def here(weights: str) -> SimpleNamespace:
        name = published(weights).url.rpartition("/")[2].rpartition("-")[0]
        return SimpleNamespace(url=names[name])

    patch.setattr(imagenet, "get_weight", here)


def pictures(count: int = 2, size: int = 64) -> Tensor:
    return torch.rand(count, 3, size, size, generator=torch.Generator().manual_seed(1))


def normalised(images: Tensor) -> Tensor:
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in imagenet.IMAGENET["ImageNet"])
    return (images - mean) / std


def original(weights: dict[str, bytes], name: str) -> nn.Module:
    """What torchvision and the package themselves read from a file."""
    content = torch.load(io.BytesIO(weights[name]), weights_only=False)
    if name.endswith(".ckpt"):
        start = "module.model."
        content = {key.removeprefix(start): value for key, value in content["model"].items() if key.startswith(start)}
    network = getattr(torchvision.models, name.removesuffix("_rwightman").removesuffix("_l2_eps3.ckpt"))()
    network.load_state_dict(content)
    return network.eval()


FILES = {
    "resnet18-robust": "resnet18_l2_eps3.ckpt",
    "resnet18-standard": "resnet18",
    "efficientnet-judge": "efficientnet_b0_rwightman",
}


@pytest.mark.parametrize("name", FILES)
def test_the_first_use_fetches_and_converts_and_later_ones_need_neither(name, internet, weights, monkeypatch, tmp_path):
    model, images = load_imagenet(name, first=TEN), pictures()
    wanted = original(weights, FILES[name])(normalised(images))
    torch.testing.assert_close(model(images)[:, :10], wanted[:, list(TEN)])
    torch.testing.assert_close(model(images).sort().values, wanted.sort().values)
    torch.testing.assert_close(model.head(model.features(images)), model(images))
    assert not model.training
    card = json.loads((tmp_path / "cache" / "networks" / f"{name}.json").read_text())
    assert card["source sha256"] == hashlib.sha256(weights[FILES[name]]).hexdigest()
    assert card["source"].startswith(("https://huggingface.co/madrylab/", internet.url))
    assert not SOURCES[name].path.exists(), "the conversion holds all of it"
    internet.asked.clear()
    monkeypatch.setattr(torch, "load", None)  # nothing is unpickled any more, not even carefully
    assert torch.equal(load_imagenet(name, first=TEN)(images), model(images))
    assert internet.asked == []
    torch.testing.assert_close(load_imagenet(name)(images), wanted)


def test_a_damaged_conversion_is_made_again(internet, tmp_path):
    before = load_imagenet("efficientnet-judge").state_dict()
    path = tmp_path / "cache" / "networks" / "efficientnet-judge.safetensors"
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    again = load_imagenet("efficientnet-judge").state_dict()
    assert all(torch.equal(value, again[key]) for key, value in before.items())


def test_a_file_put_there_by_hand_serves_without_a_network_and_stays(internet, weights, monkeypatch):
    internet.files.clear()
    for name in ("resnet18-robust", "efficientnet-judge"):
        with pytest.raises(FileNotFoundError, match=r"^expected .*, could not fetch it from .* \(.*404.*put it there$"):
            load_imagenet(name)
        SOURCES[name].path.parent.mkdir(parents=True, exist_ok=True)
        SOURCES[name].path.write_bytes(weights[FILES[name]])
        load_imagenet(name)
        assert SOURCES[name].path.exists()


class Harm:
    def __reduce__(self):
        return (pytest.fail, ("a file was unpickled",))


def test_another_file_is_refused_and_never_run(internet, weights):
    wrong = {
        "resnet18_l2_eps3.ckpt": weights["resnet18"],
        "resnet18": saved({"fc.weight": Harm()}),
        "efficientnet_b0_rwightman": weights["resnet18"],
    }
    with pytest.MonkeyPatch.context() as patch:
        publish(internet, wrong, patch)
        with pytest.raises(ValueError, match=r"^expected .* in resnet18_l2_eps3\.ckpt, got"):
            load_imagenet("resnet18-robust")
        for name in ("resnet18-standard", "efficientnet-judge"):
            with pytest.raises(ValueError, match=r"^expected the weights .*\.IMAGENET1K_V1 in .*, got something else$"):
                load_imagenet(name)
    assert pickle.dumps(Harm())


class Book:
    """Stands in for photographs: noise, four of each class in each split."""

    def __init__(self, split: str, size: int = 224) -> None:
        self.labels, self.size = torch.arange(40) % 10, size
        self.pixels = torch.randint(0, 256, (40, 3, 56, 56), generator=torch.Generator().manual_seed(len(split))).byte()

    def __len__(self) -> int:
        return len(self.labels)

    def images(self, indices: range | Tensor) -> Tensor:
        return nearest(self.pixels[torch.as_tensor(indices)], self.size // 56)


@pytest.fixture(scope="module", params=[18, pytest.param(50, marks=pytest.mark.full)])
def testbed(request, make, tmp_path_factory) -> Testbed:
    weights = make(request.param)
    with serving() as server, pytest.MonkeyPatch.context() as patch:
        publish(server, weights, patch)
        patch.setenv("COURSE_CACHE", str(tmp_path_factory.mktemp("cache")))
        bed = testbeds.load(f"imagenette-resnet{request.param}")
        assert all(isinstance(model, nn.Module) for model in (*bed.models.values(), *bed.judges.values()))
    return bed


def problems(bed: Testbed, images: Tensor, labels: Tensor, steps: int) -> dict[str, Problem]:
    """Every task with its published settings, but for the number of steps."""
    size, factor = images.shape[-1], 8 if "superresolve x8" in bed.tuned else 4
    model, mask = bed.robust, random_holes(len(images), size, size // 4, generator=torch.Generator().manual_seed(0))

    def how(task: str) -> dict:
        return bed.tuned[task] | {"steps": steps}

    return {
        "generate": generate(model, images, labels, **how("generate")),
        "translate": translate(model, images, labels, **how("translate")),
        "sketch": sketch(model, images, labels, **how("sketch")),
        "refine": refine(model, images, labels, **how("refine")),
        "inpaint": inpaint(model, fill_with_mean(images, mask), mask, labels=labels, **how("inpaint")),
        "superresolve": superresolve(
            model, shrink(images, factor), labels, factor=factor, start=bicubic, **how(f"superresolve x{factor}")
        ),
        "paint": paint(model, images, mask, unit=7, **how("paint")),
        "attack": attack(model, images, labels, **how("attack")),
        "standard": generate(bed.standard, images, labels, **how("generate by the standard model")),
    }


def test_every_task_runs_at_224_pixels(testbed):
    images, labels = pictures(1, 224), torch.tensor([3])
    started = time.process_time()
    for task, problem in problems(testbed, images, labels, steps=2).items():
        result = solve(problem)
        centre = problem.start if problem.centre is None else problem.centre
        assert result.isfinite().all(), task
        assert 0 <= result.min() <= result.max() <= 1, task
        assert norms(result - centre).max() <= problem.ball.radius + 1e-3, task
        assert problem.objective(result).item() < problem.objective(problem.start).item(), task
    assert time.process_time() - started < 60, "a step of a ResNet-50 takes about half a second of a core"
    assert testbed.judge(images).shape == (1, 1000)


def test_labels_are_places_and_the_loss_is_over_1000_classes(testbed, make):
    images, name = pictures(1, 224), testbed.name.removeprefix("imagenette-")
    logits = original(make(int(name.removeprefix("resnet"))), f"{name}_l2_eps3.ckpt")(normalised(images))
    for place, number in ((0, 0), (9, 701), (testbed.answers.index("goldfish"), 1), (10, 1), (999, 999)):
        loss = cross_entropy(testbed.robust, torch.tensor([place]))(images)
        torch.testing.assert_close(loss, -logits.log_softmax(1)[:, number], atol=1e-3, rtol=1e-3)


def test_the_ten_classes_come_first():
    bed = testbeds.load("imagenette-resnet50")
    assert [NAMES[number] for number in TEN] == ["tench", "English springer", *bed.classes[2:]]
    assert len(set(bed.answers)) == len(bed.answers) == 1000
    assert [(bed.answers[source], bed.answers[target]) for source, target in bed.one_way] == [
        ("tench", "goldfish"),
        ("chain saw", "cannon"),
        ("parachute", "stingray"),
        ("parachute", "crane bird"),
    ]
    assert bed.translations[:2] == [(0, 1), (1, 0)]
    assert bed.translations[-4:] == bed.one_way


def test_settings_are_the_published_ones():
    bed = testbeds.load("imagenette-resnet18")
    assert "Published" in json.loads((TUNED / f"{bed.settings}.json").read_text())["source"]
    assert bed.tuned["generate"] == {"ball": L2Ball(40.0), "steps": 60, "step_size": 1.0}
    assert bed.tuned["translate"] == {"ball": L2Ball(60.0), "steps": 200, "step_size": 0.5}
    assert bed.tuned["inpaint"] == {"ball": L2Ball(21.0), "steps": 720, "step_size": 0.1, "weight": 10.0}
    assert testbeds.load("imagenette").tuned.keys() <= bed.tuned.keys()


def test_seeds_are_drawn_at_56_pixels():
    bed = testbeds.load("imagenette-resnet50")
    bed = replace(bed, pictures=Book)
    labels = torch.tensor([0, 7])
    for kind in ("normal", "multivariate", "mixture"):
        blocks, smooth = (
            bed.seeds(kind, blocks=choice).sample(labels, generator=torch.Generator().manual_seed(0))
            for choice in (True, False)
        )
        assert blocks.shape == (2, 3, 224, 224)
        assert torch.equal(blocks, nearest(blocks[..., ::4, ::4], 4))
        assert torch.equal(smooth, bicubic(blocks[..., ::4, ::4], 4))
    uniform = bed.seeds("uniform").sample(labels, generator=torch.Generator().manual_seed(0))
    assert uniform.shape == (2, 3, 224, 224)
    assert uniform.unique().numel() > 100_000, "noise is drawn for every pixel"


@pytest.mark.full
def test_the_reports_figures_and_tables_by_one_command_each(testbed, tmp_path, monkeypatch):
    bed = replace(testbed, pictures=Book)
    vars(bed).update(robust=testbed.robust, standard=testbed.standard, judge=testbed.judge)
    vars(bed)["tuned"] = {task: settings | {"steps": 1} for task, settings in testbed.tuned.items()}
    monkeypatch.setattr(testbeds, "load", lambda *_, **__: bed)
    for module in (gallery, measure, tables):
        monkeypatch.setattr(module, "RESULTS", tmp_path)
    monkeypatch.setattr(gallery, "solve", lambda problem: solve(replace(problem, steps=min(problem.steps, 1))))
    gallery.gallery([])
    assert len(list(tmp_path.glob(f"{bed.name}-*.webp"))) == 5
    measure.measure(["--count", "1"])
    rows = json.loads((tmp_path / "quality.json").read_text())[bed.name]["as it ships"]
    assert {"translation, parachute to crane bird", "translation, springer to tench"} <= rows["classes"].keys()
    tables.print_tables([])
