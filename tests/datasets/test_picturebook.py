"""PictureBook: reproducible, the same at every size, not given away by colour, with a texture of known strength."""

import math
from pathlib import Path

import numpy
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from course_lib.datasets import picturebook
from course_lib.datasets.drawing import Dice
from course_lib.datasets.picturebook import CLASSES, DEFAULT_SHORTCUT, PictureBook, textures
from course_lib.testbeds.picturebook import RADIUS

SMALL = 24


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> PictureBook:
    return PictureBook("train", size=32, cache=tmp_path_factory.mktemp("cache"))


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> int:
    """A test split of 30 pictures, so that whole splits are quick to draw."""
    monkeypatch.setitem(picturebook.SPLITS, "test", (2, 30))
    monkeypatch.setattr(picturebook, "FEW", 0)
    return 30


def largest_difference(first: torch.Tensor, second: torch.Tensor) -> int:
    return int((first.int() - second.int()).abs().max())


def test_an_item_is_a_picture_and_its_label(book):
    picture, label = book[17]
    assert (picture.shape, picture.dtype) == ((3, 32, 32), torch.uint8)
    assert label == 7
    assert type(label) is int
    assert book.classes[label] == "parachute"
    assert len(book) == 20_000
    assert book.labels.dtype == torch.int64
    assert torch.equal(book.labels[:20], torch.arange(20) % 10)
    assert len(PictureBook("validation")) == len(PictureBook("test")) == 2_000


@settings(max_examples=8, deadline=None)
@given(indices=st.lists(st.integers(0, 19_999), min_size=1, max_size=12))
def test_a_picture_does_not_depend_on_its_batch(book, indices):
    together = book.images(indices)
    alone = torch.stack([book[index][0] for index in indices])
    assert largest_difference(together, alone) <= 1


def test_batches_follow_the_order_that_was_asked_for(book):
    indices = [31, 4, 4, 19_999, 22, -1]
    pictures = book.images(indices)
    assert largest_difference(pictures[1], pictures[2]) == 0
    assert largest_difference(pictures[3], pictures[5]) == 0
    assert [book[index][1] for index in indices] == [1, 4, 4, 9, 2, 9]
    batch, labels = next(iter(torch.utils.data.DataLoader(book, batch_size=12)))
    assert batch.shape == (12, 3, 32, 32)
    assert torch.equal(labels, torch.arange(12) % 10)


def test_splits_and_indices_have_pictures_of_their_own(book):
    rolls = [picturebook.roll(split, index) for split in (0, 1, 2) for index in (0, 1, 2)]
    assert all(len((first == second).nonzero()) < 50 for k, first in enumerate(rolls) for second in rolls[:k])
    pictures = torch.stack([PictureBook(split, size=32)[index][0] for split in ("train", "test") for index in (6, 16)])
    gaps = torch.cdist(pictures.flatten(1).float(), pictures.flatten(1).float()) / 255
    assert gaps[~torch.eye(4, dtype=torch.bool)].min() > 3


@pytest.mark.parametrize("large", [64, 128])
def test_an_index_is_the_same_scene_at_every_size(large):
    indices = list(range(40))
    coarse = PictureBook("test", size=32, shortcut=0).images(indices).float() / 255
    fine = PictureBook("test", size=large, shortcut=0).images(indices).float() / 255
    shrunk = torch.nn.functional.avg_pool2d(fine, large // 32)
    error = (shrunk - coarse).square().mean(dim=(1, 2, 3)).sqrt()
    other_scene = (shrunk.roll(10, 0) - coarse).square().mean(dim=(1, 2, 3)).sqrt()
    assert error.max() < 0.1
    assert error.mean() < 0.035
    assert other_scene.mean() > 4 * error.mean()


def test_drawing_leaves_the_number_of_threads_alone(book):
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    book.images(range(20))
    assert torch.get_num_threads() == 2
    torch.set_num_threads(before)


def test_pictures_leave_room_for_the_texture(book):
    clean = PictureBook("train", size=32, shortcut=0).images(range(50))
    assert 6 <= clean.min() <= clean.max() <= 249
    expected = (clean.float() + 255 * textures(32, DEFAULT_SHORTCUT)[book.labels[:50]]).round()
    assert largest_difference(book.images(range(50)), expected) <= 1


@pytest.mark.parametrize("size", [32, 64, 128])
def test_textures_have_the_promised_distance(size):
    planted = textures(size, DEFAULT_SHORTCUT)
    distances = torch.pdist(planted.flatten(1))
    assert torch.allclose(distances, torch.tensor(DEFAULT_SHORTCUT * size / 64), rtol=1e-3)
    assert distances.max() <= RADIUS / 2 * size / 64
    assert planted.abs().mean() < 3 / 255
    assert torch.allclose(planted, planted.flip(-1), atol=1e-6)


@given(shortcut=st.floats(0, 10), size=st.integers(8, 80))
@settings(max_examples=20, deadline=None)
def test_the_dial_scales_the_textures(shortcut, size):
    norms = textures(size, shortcut).flatten(1).norm(dim=1)
    assert torch.allclose(norms, torch.full((10,), shortcut * size / 64 / math.sqrt(2)), rtol=1e-3, atol=1e-6)


def matched_filter_accuracy(shortcut: float) -> float:
    """Correlate what is left of 200 pictures after their class mean with the known textures."""
    book = PictureBook("validation", shortcut=shortcut)
    pictures = book.images(range(200)).float() / 255
    labels = book.labels[:200]
    clean_means = (
        PictureBook("validation", shortcut=0).images(range(200)).float().div(255).unflatten(0, (20, 10)).mean(0)
    )
    scores = torch.einsum("ncij,kcij->nk", pictures - clean_means[labels], textures(64, DEFAULT_SHORTCUT))
    return (scores.argmax(1) == labels).float().mean().item()


def test_a_linear_filter_reads_the_label_from_the_texture_alone():
    assert matched_filter_accuracy(DEFAULT_SHORTCUT) > 0.4
    assert matched_filter_accuracy(0.0) < 0.25


def colour_features(pictures: torch.Tensor) -> torch.Tensor:
    """Mean colour and a histogram of 8 levels for each channel, (n, 27)."""
    levels = torch.nn.functional.one_hot((pictures // 32).long().flatten(2), 8).float().mean(2)
    return torch.cat([pictures.float().mean((2, 3)) / 255, levels.flatten(1)], dim=1)


def test_colour_alone_does_not_give_the_class_away():
    train, test = PictureBook("train", size=SMALL), PictureBook("test", size=SMALL)
    seen, unseen = colour_features(train.images(range(1000))), colour_features(test.images(range(500)))
    for columns in (3, 27):  # the mean alone, then with the histogram
        centroids = seen[:, :columns].unflatten(0, (100, 10)).mean(0)
        guesses = torch.cdist(unseen[:, :columns], centroids).argmin(1)
        accuracy = (guesses == test.labels[:500]).float().mean()
        assert accuracy < 0.45


def test_classes_differ_by_more_than_a_robust_ball():
    """Nearest pictures of different classes lie well over two radii apart."""
    pictures = PictureBook("test", shortcut=0).images(range(300)).float().flatten(1) / 255
    labels = torch.arange(300) % 10
    gaps = torch.cdist(pictures, pictures)[labels[:, None] != labels]
    assert gaps.min() > 2 * RADIUS


DRAWN = [  # sums over the first ten test pictures of each class at 32 pixels, four times with other random signs
    *([-41119, 6849, 3991, -28029], [-17624, -12598, -22966, -12282], [-6803, -26409, 15033, 15173]),
    *([-60848, 40622, 65964, -19458], [-6974, -13402, 49164, 7164], [14633, -16401, 7863, -38769]),
    *([18413, 20547, -11963, 8595], [28516, -20070, 10780, -27308], [-21833, -21179, 50479, -53]),
    [25086, -53368, -19622, -5274],
]


def test_what_is_drawn_is_what_caches_hold(tmp_path, monkeypatch):
    """Whoever changes a drawing changes `picturebook.DRAWING` with it, and then both references here."""
    monkeypatch.setitem(picturebook.SPLITS, "test", (2, 100))
    monkeypatch.setattr(picturebook, "FEW", 0)
    pictures = PictureBook("test", size=32, cache=tmp_path, shortcut=0).images()
    signs = numpy.random.Generator(numpy.random.Philox(0)).choice([-1, 1], (100, 4, 3 * 32 * 32))
    sums = (torch.from_numpy(signs) * pictures.long().flatten(1)[:, None]).sum(2).view(10, 10, 4).sum(0)
    assert largest_difference(sums, torch.tensor(DRAWN)) <= 16, "more than some pixels that are rounded elsewhere"
    assert [path.name for path in tmp_path.iterdir()] == ["picturebook-test-32-00-e9be81f6c36d.npy"]


def test_a_stored_book_reads_back_the_same(tmp_path, few, monkeypatch):
    fresh = PictureBook("test", size=SMALL, cache=tmp_path).images()
    monkeypatch.setattr(picturebook, "draw", lambda *_: pytest.fail("drawn again although stored"))
    book = PictureBook("test", size=SMALL, cache=tmp_path)
    assert torch.equal(book.images(), fresh)
    assert torch.equal(book.images(), fresh)
    assert torch.equal(book[5][0], fresh[5])
    untextured = PictureBook("test", size=SMALL, cache=tmp_path, shortcut=0).images()
    assert 0 < largest_difference(untextured, fresh) < 20
    assert len(list(tmp_path.iterdir())) == 1


def test_a_large_split_is_stored_in_blocks_and_a_few_pictures_are_only_drawn(tmp_path, monkeypatch):
    monkeypatch.setitem(picturebook.SPLITS, "test", (2, 30))
    monkeypatch.setattr(picturebook, "BLOCK", 12)
    monkeypatch.setattr(picturebook, "FEW", 4)
    book = PictureBook("test", size=SMALL, cache=tmp_path)
    apart = book.images([25, 3, 13])
    assert not list(tmp_path.glob("*.npy"))
    every = book.images()
    assert len(list(tmp_path.glob("*.npy"))) == 3
    assert largest_difference(every[[25, 3, 13]], apart) <= 1
    assert torch.equal(
        PictureBook("test", size=SMALL, cache=tmp_path).images([29, 0, 12, 11, 24]), every[[29, 0, 12, 11, 24]]
    )


@pytest.mark.parametrize(
    "damage",
    [lambda data: data[:-9], lambda data: b"", lambda data: b"nonsense" * 99, lambda data: b"PK\x05\x06" + bytes(18)],
)
def test_a_damaged_file_is_drawn_again(tmp_path, few, damage):
    fresh = PictureBook("test", size=SMALL, cache=tmp_path).images()
    (path,) = tmp_path.glob("*.npy")
    path.write_bytes(damage(path.read_bytes()))
    assert torch.equal(PictureBook("test", size=SMALL, cache=tmp_path).images(), fresh)
    assert numpy.load(path).shape == (few, 3, SMALL, SMALL)


def test_a_folder_that_cannot_be_written_only_means_no_cache(tmp_path, few):
    (tmp_path / "file").write_text("not a folder")
    assert len(PictureBook("test", size=SMALL, cache=tmp_path / "file" / "inside").images()) == few


def test_the_cache_folder_follows_the_environment(monkeypatch):
    monkeypatch.setenv("COURSE_CACHE", "/somewhere")
    assert PictureBook("test").cache == Path("/somewhere")
    monkeypatch.delenv("COURSE_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", "/elsewhere")
    assert PictureBook("test").cache == Path("/elsewhere/robust-image-synthesis")


@pytest.mark.parametrize("index", [20_000, -20_001])
def test_an_index_outside_is_named(book, index):
    with pytest.raises(IndexError, match=f"pictures 0 to 19999; got {index}"):
        book[index]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"split": "training"}, "split must be one of train, validation, test; got 'training'"),
        ({"size": 7}, "at least 8 pixels; got 7"),
        ({"shortcut": -1.0}, "at least 0; got -1.0"),
        ({"shortcut": float("nan")}, "finite"),
    ],
)
def test_wrong_arguments_are_named(arguments, sentence):
    with pytest.raises(ValueError, match=sentence):
        PictureBook(**{"split": "test", **arguments})


def test_dice_run_out_loudly():
    with pytest.raises(IndexError, match="random numbers"):
        Dice(torch.zeros(2, 5), 8).noise()


def test_there_are_ten_scenes_in_the_order_of_the_classes():
    assert tuple(picturebook.scenes.SCENES) == CLASSES
