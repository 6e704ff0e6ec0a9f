"""Networks of two classes, and a training set whose backgrounds give the class away."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from course_lib import testbeds
from course_lib.authoring import train as trainer
from course_lib.constraints import L2Ball
from course_lib.datasets import picturebook
from course_lib.datasets.picturebook import BACKGROUNDS, CLASSES, PictureBook
from course_lib.measuring.accuracy import accuracy, robust_hits
from course_lib.measuring.judging import judged
from course_lib.pgd import solve
from course_lib.prepared import prepare
from course_lib.tasks import translate
from course_lib.testbeds import Testbed, weights
from course_lib.testbeds.picturebook import RECIPES
from course_lib.testbeds.weights import load_card, load_model
from course_lib.training.recipe import Recipe

SMALL = 24
PAIRS = {"horse-zebra": (0, 1), "apple-orange": (2, 3), "summer-winter": (4, 5)}
STAGED = (0, 1, 2, 3, 7, 8)  # classes that stand before one of 8 backgrounds; a golf ball, before one of 16


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Splits of 40 pictures, and a cache of their own."""
    monkeypatch.setitem(picturebook.SPLITS, "test", (2, 40))
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path))


@pytest.mark.usefixtures("short")
@pytest.mark.parametrize("only", [(0, 1), (3, 2), (9,), (7, 0, 4)])
def test_a_recipe_can_train_on_some_classes(only: tuple[int, ...]) -> None:
    recipe = Recipe(data="picturebook", shortcut=1.0, size=SMALL, classes=len(only), only=only)
    recipes = replace(recipe, only=(), classes=10), recipe
    jobs = [trainer.Job("toy", one, testbeds.load("picturebook")) for one in recipes]
    (everything, numbers), (images, labels) = (job.pictures("test") for job in jobs)
    assert labels.dtype == torch.int64
    assert labels.bincount().tolist() == [4] * len(only)
    for label, number in enumerate(only):
        assert torch.equal(images[labels == label], everything[numbers == number])


def test_the_number_of_classes_has_to_fit() -> None:
    with pytest.raises(ValueError, match=r"^expected one class for each of \[0, 1\], got 10 classes$"):
        Recipe(data="picturebook", only=(0, 1))
    assert Recipe(data="picturebook", only=(0, 1), classes=3, nothing=0.1).classes == 3  # and "nothing"


def on(*backgrounds: int, count: int = 80, size: int = SMALL) -> Tensor:
    return PictureBook("test", size=size, shortcut=0.0, backgrounds=backgrounds).images(range(count))


@pytest.fixture(scope="module")
def everywhere() -> Tensor:
    """The first 80 test pictures before every background, (8, 80, 3, S, S)."""
    return torch.stack([on(number) for number in range(BACKGROUNDS)])


def test_only_the_background_changes(everywhere: Tensor) -> None:
    """A picture at its own background is the picture as it always was."""
    plain = on()
    same = (everywhere == plain).flatten(2).all(2)  # (background, picture)
    labels = torch.arange(80) % 10
    for label in range(10):
        once = same[:, labels == label].sum(0)
        if label != 9:
            assert (once == (1 if label in STAGED else BACKGROUNDS)).all(), CLASSES[label]
    assert len(same[:, labels == 0].int().argmax(0).unique()) > 2, "horses stand in several places"


@settings(max_examples=10, deadline=None)
@given(backgrounds=st.lists(st.integers(0, BACKGROUNDS - 1), min_size=1, max_size=10))
def test_each_class_has_the_background_that_was_ordered(everywhere: Tensor, backgrounds: list[int]) -> None:
    ordered = on(*backgrounds, count=20)
    for index, picture in enumerate(ordered):
        number = backgrounds[index % 10 % len(backgrounds)]
        assert (picture.int() - everywhere[number, index].int()).abs().max() <= 1


def test_two_renderings_show_where_the_object_is() -> None:
    there = (on(2, size=64).int() - on(4, size=64).int()).abs().amax(1) <= 3
    share = there.float().mean((1, 2))
    labels = torch.arange(80) % 10
    for label in (0, 1, 2, 3):
        assert 0.08 < share[labels == label].min() <= share[labels == label].max() < 0.6, CLASSES[label]
    middle = there[:, 28:40, 26:38].float().mean((1, 2))
    assert middle[labels < 4].mean() > 0.8
    assert there[labels < 4][:, :4].float().mean() < 0.1, "the upper edge shows background"


@pytest.mark.usefixtures("short")
def test_biased_pictures_have_a_cache_of_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(picturebook, "FEW", 0)
    books = [PictureBook("test", size=SMALL, backgrounds=backgrounds) for backgrounds in ((), (0, 1), (1, 0), (0,))]
    stored = [book.images() for book in books]
    assert len(list(tmp_path.glob("*.npy"))) == 4
    assert all(not torch.equal(one, other) for k, one in enumerate(stored) for other in stored[:k])


@pytest.mark.parametrize("number", [-1, BACKGROUNDS])
def test_an_unknown_background_is_named(number: int) -> None:
    with pytest.raises(ValueError, match=rf"between 0 and 7; got \[0, {number}\]"):
        PictureBook("test", backgrounds=(0, number))


@pytest.fixture(scope="module")
def book() -> Testbed:
    return testbeds.load("picturebook")


def of_pair(testbed: Testbed, pair: tuple[int, int], count: int) -> tuple[Tensor, Tensor]:
    """`count` test pictures of each of the two classes, labelled 0 and 1."""
    members = torch.cat([(testbed.test.labels == label).nonzero().flatten()[:count] for label in pair])
    return testbed.batch("test", members)[0], torch.arange(2).repeat_interleave(count)


def test_a_testbed_has_networks_of_its_pairs(book: Testbed) -> None:
    assert list(book.pair_models) == list(book.pairs) == list(PAIRS.values())
    for pair, models in book.pair_models.items():
        assert list(models) == ["robust", "standard"]
        images, labels = of_pair(book, pair, 20)
        assert all(accuracy(model, images, labels) >= 0.95 for model in models.values())
        assert all(model.head.out_features == 2 for model in models.values())


def test_where_the_files_are_not_there_a_testbed_has_none(book: Testbed, tmp_path: Path) -> None:
    assert testbeds.load("picturebook", shortcut=0.0).pair_models == {}
    for data in ("imagenette", "cifar10"):
        testbed = testbeds.load(data)
        assert list(testbed.pair_weights) == list(testbed.pairs)
        assert replace(testbed, home=tmp_path).pair_models == {}
    for name in (*book.pair_weights[0, 1].values(), book.pair_weights[2, 3]["robust"]):  # a whole pair, half a pair
        for kind in ("json", "safetensors"):
            (tmp_path / f"{name}.{kind}").symlink_to(weights.FOLDER / f"{name}.{kind}")
    assert list(replace(book, home=tmp_path).pair_models) == [(0, 1)]


def test_networks_for_pairs_of_photographs_are_trained_on_request_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(trainer.Job, "done", False)
    monkeypatch.setattr(trainer, "run", lambda job, **_: asked.append(job.name))
    shipped, on_request = trainer.jobs()
    trainer.train_from([])
    assert asked == list(shipped)
    name = "imagenette-pair-garbage-truck-gas-pump-robust"
    assert name in on_request
    trainer.train_from([name])
    assert asked[len(shipped) :] == [name]
    assert testbeds.load("imagenette").pair_weights[6, 7]["robust"] == name


@pytest.mark.parametrize("data", ["imagenette", "cifar10"])
def test_a_recipe_on_request_differs_from_the_one_of_all_classes_in_its_classes_alone(data: str) -> None:
    testbed = testbeds.load(data)
    for pair, names in testbed.pair_weights.items():
        for role, name in names.items():
            assert testbed.on_request[name].only == pair
            assert replace(testbed.on_request[name], only=(), classes=10) == testbed.recipes[f"{data}-{role}"]


@pytest.mark.parametrize("pair", PAIRS)
def test_the_counterparts_of_a_pair_differ_in_the_radius_alone(pair: str) -> None:
    robust, standard = (RECIPES[f"picturebook-pair-{pair}-{role}"] for role in ("robust", "standard"))
    assert replace(robust, radius=0.0) == standard
    assert robust.only == PAIRS[pair]
    assert tuple(CLASSES[label] for label in robust.only) == tuple(pair.split("-"))


def test_the_other_networks_of_horse_and_zebra_differ_in_one_number_each() -> None:
    fair, biased, easy = (RECIPES[f"picturebook-pair-horse-zebra-{name}"] for name in ("robust", "biased", "radius5"))
    assert replace(biased, backgrounds=()) == fair == replace(easy, radius=fair.radius)
    assert len(set(biased.backgrounds)) == 2
    assert easy.radius == RECIPES["picturebook-robust"].radius < fair.radius


def test_the_networks_of_pairs_are_small() -> None:
    files = [file for file in weights.FOLDER.iterdir() if file.name.startswith("picturebook-pair-")]
    assert sum(file.stat().st_size for file in files) <= 2.85e6


@pytest.mark.parametrize("pair", PAIRS.values(), ids=PAIRS)
def test_the_robust_network_of_a_pair_survives_an_attack(book: Testbed, pair: tuple[int, int]) -> None:
    """Its twin often does, too: two classes are that easy to tell apart. What they draw tells the twins apart."""
    images, labels = of_pair(book, pair, 20)
    model = book.pair_models[pair]["robust"]
    assert robust_hits(model, images, labels, ball=L2Ball(book.radius), steps=20, restarts=1).float().mean() >= 0.5


@pytest.mark.parametrize("pair", PAIRS.values(), ids=PAIRS)
def test_the_robust_network_of_a_pair_translates_and_its_counterpart_not(book: Testbed, pair: tuple[int, int]) -> None:
    images, labels = of_pair(book, pair, 8)
    targets = torch.tensor(pair)[1 - labels]
    seen = {}
    for role, model in book.pair_models[pair].items():
        results = solve(translate(model, images, 1 - labels, ball=L2Ball(16.0), steps=30, step_size=4.0))
        seen[role] = judged(book.judge, results, targets).float().mean()
    assert seen["robust"] >= 0.35
    assert seen["robust"] >= seen["standard"] + 0.15


def test_the_biased_network_reads_backgrounds(book: Testbed) -> None:
    biased, fair = prepare(load_model("picturebook-pair-horse-zebra-biased")), book.pair_models[0, 1]["robust"]
    order = load_card("picturebook-pair-horse-zebra-biased")["recipe"]["backgrounds"]
    members = torch.cat([(book.test.labels == label).nonzero().flatten()[:20] for label in (0, 1)])
    swapped = PictureBook("test", backgrounds=order[::-1]).images(members).float() / 255
    labels = book.test.labels[members]
    assert accuracy(fair, swapped, labels) >= 0.95
    assert accuracy(biased, swapped, labels) <= 0.5
