"""The testbeds and the models that ship: complete, as their cards say, small, and different in the way they should be.

Tests that take the fixture `shipped` need the weights that `make train` writes into data/weights.
"""

import inspect
import time
from dataclasses import replace
from urllib.error import URLError

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from course_lib import tasks, testbeds
from course_lib.authoring import train as trainer
from course_lib.authoring.train import SNAPSHOTS
from course_lib.authoring.trials import trials
from course_lib.constraints import L2Ball
from course_lib.datasets.picturebook import DEFAULT_SHORTCUT, PictureBook, textures
from course_lib.measuring.accuracy import robust_hits
from course_lib.measuring.judging import judged
from course_lib.pgd import solve
from course_lib.pixels import shrink
from course_lib.seeds import KINDS, Kind, PixelNormal
from course_lib.storage import fetching
from course_lib.storage.files import say_once
from course_lib.testbeds import Testbed, seeding, statistics, testbed, weights
from course_lib.testbeds.testbed import keywords
from course_lib.training.recipe import Recipe
from tests.tools import tiny

BEDS = [testbeds.load(name) for name in ("picturebook", "imagenette", "imagenette-128", "imagenette-224", "cifar10")]
RECIPES = {name: recipe for bed in BEDS for name, recipe in bed.recipes.items()}
ON_REQUEST = {name for bed in BEDS for name in bed.on_request}
LIVES = [name for bed in BEDS for name in bed.watched]
SNAPS = {name: [f"{name}-{number:02d}" for number in range(1, SNAPSHOTS)] for name in LIVES}
NAMES = [*RECIPES, *(snap for snaps in SNAPS.values() for snap in snaps)]


def test_picturebook_is_the_default_and_the_environment_can_choose(monkeypatch):
    monkeypatch.delenv("TESTBED", raising=False)
    assert testbeds.load().name == testbeds.load("picturebook").name == "picturebook"
    assert testbeds.load(default="cifar10").name == "cifar10"
    monkeypatch.setitem(testbeds.TESTBEDS, "tiny", tiny.untrained_testbed)
    monkeypatch.setenv("TESTBED", "tiny")
    assert testbeds.load().name == testbeds.load(default="cifar10").name == "tiny"
    assert testbeds.load("picturebook").name == "picturebook"


def test_unknown_names_are_refused_in_one_sentence(monkeypatch):
    with pytest.raises(ValueError, match=r"^expected a testbed among picturebook.*, got 'cifar'$"):
        testbeds.load("cifar")
    monkeypatch.setenv("TESTBED", "nothing")
    with pytest.raises(ValueError, match=r"^expected a testbed among picturebook.*, got 'nothing'$"):
        testbeds.load()
    with pytest.raises(ValueError, match=r"^expected a seed kind among uniform, .*, got 'gaussian'$"):
        testbeds.load("picturebook").seeds("gaussian")


def test_the_environment_can_choose_bfloat16_for_both_models_and_never_for_a_judge(monkeypatch):
    monkeypatch.setenv("PRECISION", " bfloat16")
    monkeypatch.setattr(testbed, "has_bfloat16", lambda: True)
    book = testbeds.load("picturebook")
    models = [*book.models.values(), *(model for pair in book.pair_models.values() for model in pair.values())]
    assert len(models) == 8
    assert all(next(model.body.parameters()).dtype == torch.bfloat16 for model in models)
    assert {parameter.dtype for judge in book.judges.values() for parameter in judge.parameters()} == {torch.float32}
    monkeypatch.setenv("PRECISION", "half")
    with pytest.raises(ValueError, match=r"^expected a PRECISION among float32, bfloat16, got 'half'$"):
        assert testbeds.load("picturebook").models


@pytest.mark.parametrize(("avx", "amx"), [(False, False), (True, False), (False, True)])
def test_bfloat16_is_never_chosen_where_the_processor_has_none(avx, amx, monkeypatch, capsys):
    """It would take 4 to 7 times as long there; a GPU counts where there is one."""
    monkeypatch.setenv("PRECISION", "bfloat16")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: avx)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: amx)
    say_once.cache_clear()
    assert [testbed.precision() for _ in range(2)] == [torch.bfloat16 if avx or amx else torch.float32] * 2
    sentence = "This machine would be slower in bfloat16: the models compute in float32.\n"
    assert capsys.readouterr().out == ("" if avx or amx else sentence)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    for native in (True, False):
        monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation, native=native: native)
        assert testbed.precision() == (torch.bfloat16 if native else torch.float32)


def test_without_a_shortcut_the_pictures_and_the_standard_model_have_none():
    planted, plain = testbeds.load("picturebook"), testbeds.load("picturebook", shortcut=0.0)
    assert planted.train.textures.abs().max() > 0
    assert plain.train.textures.abs().max() == 0
    assert RECIPES[planted.weights["standard"]].shortcut == DEFAULT_SHORTCUT
    assert RECIPES[plain.weights["standard"]].shortcut == 0
    same = ("robust", "judge", "second judge")
    assert all(planted.weights[role] == plain.weights[role] for role in same)


def test_a_batch_has_pixels_in_the_box_and_labels():
    testbed = testbeds.load("picturebook")
    images, labels = testbed.batch("validation", [3, 11, 1_999])
    assert (images.shape, images.dtype) == ((3, 3, 64, 64), torch.float32)
    assert labels.tolist() == [3, 1, 9]
    assert images.min() >= 0
    assert 0.5 < images.max() <= 1
    assert torch.equal((images * 255).round().byte(), testbed.validation.images([3, 11, 1_999]))


def test_settings_from_a_file_become_keywords():
    assert keywords({"radius": 3.0, "steps": 5}) == {"ball": L2Ball(3.0), "steps": 5}


@pytest.fixture(scope="module")
def drawn() -> PictureBook:
    """PictureBook's training split, with the pictures that seeds are fitted on drawn once."""
    book = PictureBook("train")
    pictures = book.images(range(seeding.FIT))
    book.images = lambda indices: pictures[torch.as_tensor(indices)]  # type: ignore[method-assign]
    return book


@pytest.mark.parametrize("kind", KINDS)
def test_seeds_are_ready_within_a_second(kind, drawn):
    testbed = replace(testbeds.load("picturebook"), pictures=lambda split, size: {"train": drawn}[split])
    started = time.process_time()  # of all threads together, so that a busy machine changes nothing
    samples = testbed.seeds(kind).sample(torch.arange(10), generator=torch.Generator().manual_seed(0))
    assert time.process_time() - started < 1
    assert samples.shape == (10, 3, 64, 64)


class Noise:
    """40 pictures of any size, without a network."""

    labels = torch.arange(40) % 10

    def __init__(self, split: str, *, size: int) -> None:
        self.size = size

    def __len__(self) -> int:
        return 40

    def images(self, indices) -> Tensor:
        shape = (len(indices), 3, self.size, self.size)
        return torch.randint(256, shape, generator=torch.Generator().manual_seed(0)).byte()


@pytest.mark.parametrize("name", ["picturebook", "imagenette", "imagenette-resnet50"])
def test_a_new_kind_of_seeds_is_one_entry(name, monkeypatch):
    """Where statistics of the known kinds ship, or where seeds are drawn on smaller pictures and upsampled, too."""
    fitted: list[tuple[int, ...]] = []

    def fit(images: Tensor, labels: Tensor) -> PixelNormal:
        fitted.append(tuple(images.shape))
        return PixelNormal.fit(images, labels)

    monkeypatch.setitem(KINDS, "toy", Kind(fit, noise=True))
    for slow in ("uniform", "normal", "mixture"):
        monkeypatch.delitem(KINDS, slow)
    bed, labels = replace(testbeds.load(name), pictures=Noise), torch.arange(10)
    side = bed.resolution
    assert bed.seeds("toy").sample(labels, generator=torch.Generator()).shape == (10, 3, side, side)
    assert fitted == [(40, 3, bed.seeding.size or side, bed.seeding.size or side)]
    (trial,) = (one for one in trials(bed, split="test", count=10) if one.name == "generation, toy")
    assert trial.task == "generate from noise"
    assert len(fitted) == 1, "fitted once"


@pytest.mark.parametrize("dial", ["0", "2"])
def test_the_other_standard_models_differ_in_the_shortcut_alone(dial):
    other = RECIPES[f"picturebook-standard-shortcut{dial}"]
    assert replace(other, shortcut=DEFAULT_SHORTCUT) == RECIPES["picturebook-standard"]
    assert other.shortcut == float(dial)


def test_the_judges_are_independent():
    robust, judge, second = (RECIPES[f"picturebook-{name}"] for name in ("robust", "judge", "judge2"))
    for one in (judge, second):
        assert one.network != robust.network
        assert one.seed != robust.seed
        assert one.shortcut == 0
    assert judge.seed != second.seed
    assert judge.widths != second.widths


def test_the_live_network_is_small():
    assert sum(value.numel() for value in RECIPES["picturebook-live"].build().parameters()) <= 300_000
    assert 8 <= SNAPSHOTS <= 12


# This test is red until every model of RECIPES has been trained; nothing below is skipped, either.
def test_every_recipe_has_shipped():
    missing = sorted(set(NAMES) - set(weights.known()))
    assert not missing, f"missing in data/weights: {', '.join(missing)}; `make train` makes them"


@pytest.fixture(scope="module")
def shipped() -> Testbed:
    return testbeds.load("picturebook")


@pytest.mark.parametrize("name", NAMES)
def test_a_shipped_file_is_what_its_card_says(name):
    card = weights.load_card(name)
    model = weights.load_model(name)  # checks the hash
    trained = RECIPES[next((live for live, snaps in SNAPS.items() if name in snaps), name)]
    assert card["name"] == name
    assert Recipe.from_card(card["recipe"]) == trained
    assert card["parameters"] == sum(value.numel() for value in model.parameters())
    if name in RECIPES:
        assert card["clean"][0] >= (0.9 if trained.data == "picturebook" else 0.75)
        assert card["pictures"] >= (200 if trained.only else 500)
        assert card["minutes"] > 0


def test_the_shipped_files_are_small_and_none_is_a_stranger():
    files = sorted(weights.FOLDER.iterdir())
    files = [file for file in files if file.stem not in ON_REQUEST]  # what a person has trained here
    assert {file.name for file in files} == {f"{name}.{kind}" for name in NAMES for kind in ("json", "safetensors")}
    for name, most in {"picturebook": 18.5e6, "imagenette": 17e6, "cifar10": 11e6}.items():
        assert sum(file.stat().st_size for file in files if file.name.startswith(name)) <= most
    for judge in (name for name in NAMES if "judge" in name):
        assert weights.load_card(judge)["parameters"] <= 1e6  # 2 MB


def test_the_two_live_trainings_stop_at_the_same_steps_and_differ_in_the_radius_alone():
    robust, standard = ([weights.load_card(name) for name in SNAPS[live]] for live in LIVES)
    assert [card["step"] for card in robust] == [card["step"] for card in standard]
    trained = [Recipe.from_card(cards[0]["recipe"]) for cards in (robust, standard)]
    assert replace(trained[0], radius=0.0) == trained[1]


@pytest.mark.parametrize("name", ["picturebook", "imagenette", "imagenette-128", "cifar10"])
def test_the_cards_of_robust_and_standard_differ_in_the_radius_alone(name):
    robust, standard = (weights.load_card(f"{name}-{role}") for role in ("robust", "standard"))
    assert robust["recipe"] | {"radius": 0.0} == standard["recipe"]
    assert robust["recipe"]["radius"] >= testbeds.load(name).radius
    assert robust["parameters"] == standard["parameters"]


@pytest.mark.parametrize("live", LIVES)
def test_snapshots_are_along_one_training_run(live):
    models = [weights.load_model(name).state_dict() for name in SNAPS[live]]
    cards = [weights.load_card(name) for name in SNAPS[live]]
    steps = [card["step"] for card in cards]
    assert steps == sorted(set(steps))
    end = weights.load_card(live)["steps"]
    assert steps[-1] < end == cards[-1]["steps"]
    final = weights.load_model(live).state_dict()
    distances = [sum((state[key] - value).square().sum() for key, value in final.items()).sqrt() for state in models]
    assert distances[0] == max(distances) > distances[len(distances) // 2] > distances[-1] > 0


@pytest.fixture(scope="module")
def three_textures() -> tuple[dict[str, Tensor], Tensor]:
    """300 test pictures without textures, with their own class's, and with another class's."""
    book = PictureBook("test", shortcut=0.0)
    clean, labels = book.images(range(300)).float(), book.labels[:300]
    planted = 255 * textures(64, DEFAULT_SHORTCUT)
    versions = {"none": clean, "own": clean + planted[labels], "swapped": clean + planted[(labels + 3) % 10]}
    return {name: images.round().clamp(0, 255) / 255 for name, images in versions.items()}, labels


@pytest.mark.parametrize("role", ["judge", "second judge"])
def test_the_judges_do_not_care_for_textures(shipped, three_textures, role):
    images, labels = three_textures
    hits = {
        name: judged(shipped.judges[role], pictures, labels).float().mean().item() for name, pictures in images.items()
    }
    assert min(hits.values()) > 0.9, hits
    assert max(hits.values()) - min(hits.values()) <= 0.01 + 1e-6, hits


def survival(testbed: Testbed, role: str, *, count: int, radius: float) -> float:
    images, labels = testbed.batch("test", range(count))
    hits = robust_hits(getattr(testbed, role), images, labels, ball=L2Ball(radius), steps=20, restarts=1)
    return hits.float().mean().item()


def test_the_robust_model_survives_an_attack_and_the_standard_one_does_not(shipped):
    assert survival(shipped, "robust", count=100, radius=shipped.radius) >= 0.75
    assert survival(shipped, "standard", count=100, radius=shipped.radius) <= 0.15


@pytest.mark.parametrize("role", ["robust", "standard"])
def test_nothing_survives_a_huge_radius(shipped, role):
    """If something did, the attack would be blocked by the network and its small-radius figures would mean nothing."""
    assert survival(shipped, role, count=20, radius=60.0) == 0


TASKS = ("generate", "translate", "sketch", "refine", "inpaint", "superresolve", "paint", "attack")


def test_there_are_settings_for_every_task(shipped):
    assert {key.split()[0] for key in shipped.tuned} == set(TASKS)


def test_the_settings_are_keywords_that_work(shipped):
    model, images, labels = tiny.network(classes=10), tiny.images(2, size=64), torch.tensor([3, 7])
    mask = tasks.random_holes(2, 64, 16, generator=torch.Generator().manual_seed(0))
    assert shipped.tuned
    for key, settings in shipped.tuned.items():
        task = getattr(tasks, key.split()[0])
        given = {
            "images": images,
            "seeds": images,
            "drawing": images,
            "labels": labels,
            "damaged": images,
            "mask": mask,
        }
        given |= {"unit": 3, "factor": 2, "small": shrink(images, 2)}
        wanted = {name: value for name, value in given.items() if name in inspect.signature(task).parameters}
        problem = task(model, **wanted, **settings)
        assert 0 < problem.steps <= 200, key
        assert 0 < problem.ball.radius < torch.inf, key
        assert solve(replace(problem, steps=1)).shape == images.shape
        assert not torch.equal(solve(replace(problem, steps=1)), problem.start), key


def test_the_command_that_trains_knows_every_recipe_and_has_nothing_to_do(monkeypatch):
    for name in testbeds.PUBLISHED:  # to load them takes torchvision, and seconds
        monkeypatch.setitem(testbeds.TESTBEDS, name, lambda: pytest.fail("has no recipes"))
    shipped, on_request = trainer.jobs()
    assert {name: job.recipe for name, job in shipped.items()} == RECIPES
    assert all(job.done for job in shipped.values())
    assert on_request.keys() == ON_REQUEST


@pytest.fixture(params=["imagenette", "imagenette-128", "imagenette-224", "cifar10"])
def offline(request, monkeypatch, tmp_path) -> Testbed:
    """A testbed of photographs on a machine that has none of them, and no way to fetch them."""
    monkeypatch.setenv("COURSE_DATA", str(tmp_path))
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path))

    def no_network(*_, **__):
        raise URLError("no network")

    monkeypatch.setattr("urllib.request.urlopen", no_network)
    monkeypatch.setattr(fetching, "PAUSE", 0.0)
    return testbeds.load(request.param)


@pytest.mark.parametrize("size", [128, 224])
def test_the_judges_of_larger_photographs_look_at_means(size):
    large, small = testbeds.load(f"imagenette-{size}"), testbeds.load("imagenette")
    images = torch.rand(4, 3, size, size, generator=torch.Generator().manual_seed(0))
    means = shrink(images, 2) if size == 128 else F.adaptive_avg_pool2d(images, 64)
    for role, judge in large.judges.items():
        torch.testing.assert_close(judge(images), small.judges[role](means))
    assert large.radius == pytest.approx(size / 64 * small.radius), "the same change, seen as means, is shorter"


def test_starts_for_224_pixels_are_those_of_64_seen_larger():
    large, small = testbeds.load("imagenette-224"), testbeds.load("imagenette")
    for kind in ("normal", "multivariate", "mixture"):
        seen = F.adaptive_avg_pool2d(large.seeds(kind).centres(3), 16)
        torch.testing.assert_close(seen, F.adaptive_avg_pool2d(small.seeds(kind).centres(3), 16), atol=0.03, rtol=0)


@pytest.mark.parametrize(("kind", "task"), [("multivariate", "generate"), ("uniform", "generate from noise")])
def test_photographs_are_generated_without_pictures_and_network(offline, kind, task):
    labels = torch.arange(10)
    seeds = offline.seeds(kind).sample(labels, generator=torch.Generator().manual_seed(3))
    share = {
        name: judged(offline.judge, solve(tasks.generate(model, seeds, labels, **offline.tuned[task])), labels)
        for name, model in offline.models.items()
    }
    assert share["robust"].float().mean() >= 0.75
    assert share["standard"].float().mean() <= share["robust"].float().mean() - 0.4


def test_photographs_that_are_not_there_are_named_in_one_sentence(offline):
    start = f"expected the pictures of {offline.name.partition('-')[0]} below "
    with pytest.raises(FileNotFoundError, match=rf"^{start}.* \(no network\): fetch it by hand"):
        offline.batch("test", [0])


def test_every_kind_of_seeds_is_ready_within_a_second_from_one_look_at_the_file(offline, monkeypatch):
    seeding.read_once.cache_clear()
    looks, load, size = [], statistics.load_tensors, offline.resolution
    monkeypatch.setattr(statistics, "load_tensors", lambda path: looks.append(path) or load(path))
    for kind in KINDS:
        started = time.process_time()
        seeds = offline.seeds(kind).sample(torch.arange(10), generator=torch.Generator())
        assert seeds.shape == (10, 3, size, size)
        assert time.process_time() - started < 1
    assert len(looks) == 1
