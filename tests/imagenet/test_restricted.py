"""The testbeds of ImageNet and restricted ImageNet: networks of random weights from a server on this machine."""

import json
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
import torchvision
from torch import Tensor, nn

from course_lib import testbeds
from course_lib.constraints import L2Ball, norms
from course_lib.datasets import photographs
from course_lib.imagenet import folder, restricted
from course_lib.imagenet import networks as imagenet
from course_lib.imagenet.checkpoints import IMAGENET
from course_lib.imagenet.folder import GROUPS, groups
from course_lib.imagenet.restricted import Grouped, from_cifar10
from course_lib.imagenet.robustness import ForeignClassifier, as_attacker, import_robustness
from course_lib.pgd import solve
from course_lib.pixels import nearest, shrink
from course_lib.seeds import KINDS, MultivariateNormal
from course_lib.storage import fetching
from course_lib.tasks import generate, superresolve
from course_lib.testbeds.seeding import OnDemand
from course_lib.testbeds.testbed import TUNED, Testbed
from tests.imagenet.test_folder import FOLDERS, whole  # noqa: F401
from tests.imagenet.test_networks import pictures, problems, publish, saved
from tests.imagenet.test_robustness import write
from tests.tools import tiny
from tests.tools.web import Server, serving


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> dict[int, bytes]:
    """Checkpoints of ResNet-18 in the package's format, by number of classes: the authors' are of ResNet-50."""
    mean, std = IMAGENET["restricted ImageNet"]
    files = {}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        for classes in (9, 1000):
            network = import_robustness("robustness.imagenet_models").resnet18(num_classes=classes)
            path = tmp_path_factory.mktemp("checkpoint") / "checkpoint.pt"
            write(ForeignClassifier(network, mean=mean, std=std), path)
            files[classes] = path.read_bytes()
    return files


@pytest.fixture(scope="module")
def efficientnet() -> bytes:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        return saved(torchvision.models.efficientnet_b0().state_dict())


def at(server: Server, name: str, data: bytes, patch: pytest.MonkeyPatch) -> None:
    """Serve a checkpoint of ResNet-18 as the network of this name."""
    address = server.put(f"/{name}.pt", data)
    patch.setitem(imagenet.SOURCES, name, replace(imagenet.SOURCES[name], architecture="resnet18", url=address))
    patch.setattr(fetching, "PAUSE", 0.0)


@pytest.fixture(scope="module")
def testbed(
    checkpoint: dict[int, bytes], efficientnet: bytes, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Testbed]:
    """Restricted ImageNet without pictures, its networks fetched."""
    with serving() as server, pytest.MonkeyPatch.context() as patch:
        patch.setenv("COURSE_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.delenv("COURSE_DATA", raising=False)
        publish(server, {"efficientnet_b0_rwightman": efficientnet}, patch)
        for role in ("robust", "standard"):
            at(server, f"restricted-{role}", checkpoint[9], patch)
        bed = testbeds.load("restricted_imagenet")
        assert all(isinstance(model, nn.Module) for model in (*bed.models.values(), bed.judge))
        server.files.clear()
        assert restricted.load_restricted("restricted-robust").head.out_features == 9, "from the conversion"
    return bed


def test_every_task_runs_with_the_published_settings(testbed: Testbed) -> None:
    images, labels = pictures(1), torch.tensor([8])
    for task, problem in problems(testbed, images, labels, steps=2).items():
        result = solve(problem)
        assert result.isfinite().all(), task
        assert norms(result - problem.start).min() > 0, task
    with pytest.raises(ValueError, match="between 0 and 8, got"):
        generate(testbed.robust, images, labels + 1, **testbed.tuned["generate"])


def test_the_normaliser_is_that_of_restricted_imagenet(testbed: Testbed) -> None:
    dataset = import_robustness("robustness.datasets").RestrictedImageNet("")
    torch.testing.assert_close(testbed.robust.mean.flatten(), dataset.mean)
    torch.testing.assert_close(testbed.robust.std.flatten(), dataset.std)


def test_super_resolution_of_cifar10_is_what_the_authors_call_does(testbed: Testbed) -> None:
    """Their notebook upsamples 7 times, then calls the package's attack with these numbers, for 50 steps."""
    book = SimpleNamespace(
        labels=torch.tensor([0, 2, 3, 9, 5, 6]), images=lambda which: (pictures(6, 32) * 255).byte()[which]
    )
    small, labels = from_cifar10(book, 3)
    assert labels.tolist() == [4, 1, 0]
    assert [list(GROUPS)[label] for label in labels] == ["bird", "cat", "dog"]
    assert torch.equal(small, (pictures(6, 32) * 255).byte()[[1, 2, 4]].float() / 255)
    settings = testbed.tuned["superresolve x7"]
    assert settings == {"ball": L2Ball(15.0), "steps": 50, "step_size": 1.0}
    model, small = deepcopy(testbed.robust).double(), small.double()  # in single precision rounding grows to 2e-4
    ours = solve(superresolve(model, small, labels, factor=7, **settings | {"steps": 2}))
    assert ours.shape == (3, 3, 224, 224)
    how = {"constraint": "2", "eps": 15, "step_size": 1, "iterations": 2, "targeted": True, "use_best": False}
    _, theirs = as_attacker(model)(nearest(small, 7), labels, make_adv=True, do_tqdm=False, **how)
    assert norms(ours - nearest(small, 7)).min() > 1.5
    torch.testing.assert_close(ours, theirs, atol=1e-6, rtol=0)


def test_the_settings_are_the_published_ones(testbed: Testbed) -> None:
    assert "Published" in json.loads((TUNED / "restricted_imagenet.json").read_text())["source"]
    assert testbed.tuned["generate"] == {"ball": L2Ball(40.0), "steps": 60, "step_size": 1.0}
    assert testbed.tuned["translate"] == {"ball": L2Ball(80.0), "steps": 200, "step_size": 0.5}
    assert testbed.tuned["inpaint"] == {"ball": L2Ball(21.6), "steps": 720, "step_size": 0.1, "weight": 10.0}
    assert testbed.tuned["superresolve x8"] == {"ball": L2Ball(8.0), "steps": 40, "step_size": 1.0}
    assert testbed.tuned["paint"] == {"ball": L2Ball(70.0), "steps": 140, "step_size": 1.0, "weight": 10.0}
    assert testbeds.load("imagenette").tuned.keys() <= testbed.tuned.keys()


def test_a_group_is_as_probable_as_its_classes_together() -> None:
    model, images = tiny.network(classes=7), tiny.images(5)
    grouped = Grouped(model, {4: 1, 0: 0, 6: 1}).double().eval()(images).softmax(1)
    single = model(images).softmax(1)
    expected = torch.stack([single[:, 0], single[:, [4, 6]].sum(1), single[:, [1, 2, 3, 5]].sum(1)], 1)
    torch.testing.assert_close(grouped, expected)


def test_the_judge_answers_in_the_groups_of_the_package_and_nothing(testbed: Testbed) -> None:
    assert testbed.answers == [*GROUPS, "nothing"]
    images = pictures(2)
    answers = testbed.judge(images).softmax(1)
    assert answers.shape == (2, 10)
    single = Grouped(testbed.judge, {number: number for number in range(999)})(images).softmax(1)
    dogs = sum(single[:, number] for number, label in groups().items() if label == 0)
    torch.testing.assert_close(answers[:, 0], dogs, atol=1e-5, rtol=1e-4)


def test_a_checkpoint_can_be_put_there_by_hand_and_another_one_is_refused(
    checkpoint: dict[int, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path))
    with serving() as server:
        at(server, "restricted-robust", b"", monkeypatch)
        server.files.clear()
        with pytest.raises(FileNotFoundError, match=r"^expected .*-robust\.pt, could not fetch .*put it there$"):
            restricted.load_restricted("restricted-robust")
    place = imagenet.SOURCES["restricted-robust"].path
    place.parent.mkdir(exist_ok=True)
    place.write_bytes(checkpoint[1000])
    with pytest.raises(ValueError, match=r"^expected a network of 9 classes in .*, got one of 1000$"):
        restricted.load_restricted("restricted-robust")
    place.write_bytes(checkpoint[9])
    assert restricted.load_restricted("restricted-robust").head.out_features == 9


def test_the_authors_addresses_are_those_of_their_readme() -> None:
    robust, standard = (imagenet.SOURCES[f"restricted-{role}"] for role in ("robust", "standard"))
    assert (robust.architecture, robust.classes) == (standard.architecture, standard.classes) == ("resnet50", 9)
    assert robust.path.name == "RestrictedImageNet.pt"
    assert standard.path.name == "RestrictedImageNetNat.pt"


def test_pictures_that_are_not_there_are_told_and_networks_do_without(testbed: Testbed, tmp_path: Path, monkeypatch):
    monkeypatch.setenv("COURSE_DATA", str(tmp_path))
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path))
    with pytest.raises(FileNotFoundError, match="nobody may pass ImageNet on"):
        testbeds.load("restricted_imagenet").batch("test", [0])
    assert testbed.seeds("uniform").sample(torch.tensor([0]), generator=torch.Generator()).shape == (1, 3, 224, 224)


@pytest.mark.parametrize("name", ["imagenet", "restricted_imagenet"])
def test_pictures_and_seeds_of_a_local_folder(name: str, whole: Path, tmp_path: Path, monkeypatch):  # noqa: F811
    monkeypatch.setenv("COURSE_DATA", str(whole))
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path))
    patch_held_out(monkeypatch)
    monkeypatch.setattr(photographs, "LARGEST", 1_000_000)  # so that no split is read as a whole, as with all of them
    bed = testbeds.load(name)
    images, labels = bed.batch("test", [0, 1, 2])
    assert images.shape == (3, 3, 224, 224)
    assert all(bed.test.files[k].parent.name in FOLDERS for k in range(3))
    for kind in KINDS:
        seeds = bed.seeds(kind, blocks=True).sample(labels, generator=torch.Generator().manual_seed(0))
        assert seeds.shape == images.shape
        if kind != "uniform":
            torch.testing.assert_close(seeds, nearest(shrink(seeds, 4), 4))
    assert not list(tmp_path.glob("*.npy"))
    assert all(0 <= label < len(bed.classes) for pair in bed.pairs for label in pair)


def patch_held_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thousand training pictures are too few to hold 5,000 back."""
    for name in ("imagenet", "restricted_imagenet"):
        make = getattr(folder, name)
        monkeypatch.setattr(folder, name, lambda make=make: replace(make(), held_out=0))


def test_seeds_on_demand_fit_a_class_when_it_is_asked_for_and_never_again() -> None:
    asked: list[int] = []

    def some(label: int) -> Tensor:
        asked.append(label)
        return torch.randint(40 * label, 40 * label + 40, (6, 3, 4, 4), dtype=torch.uint8)

    seeds = OnDemand(5, some, MultivariateNormal)
    labels = torch.tensor([4, 1, 4])
    for _ in range(2):
        drawn = seeds.sample(labels, generator=torch.Generator().manual_seed(1))
        assert (drawn.mean((1, 2, 3)) * 255 // 40).tolist() == labels.tolist()
    assert asked == [1, 4]
    one = seeds.sample(torch.tensor([4, 4]), generator=torch.Generator().manual_seed(1))
    alone = seeds.fitted[4].sample(torch.tensor([0, 0]), generator=torch.Generator().manual_seed(1))
    assert torch.equal(one, alone)
    assert seeds.sample(labels[:0], generator=torch.Generator()).shape == (0, 3, 4, 4)
    with pytest.raises(ValueError, match="between 0 and 4"):
        seeds.sample(torch.tensor([5]), generator=torch.Generator())
