"""ImageNet and restricted ImageNet from a local folder: the classes are those of the `robustness` package."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from course_lib.datasets import photographs
from course_lib.datasets.photographs import Photographs
from course_lib.imagenet import folder as imagenet
from course_lib.imagenet.robustness import import_robustness

NUMBERS = [1_440_000 + 977 * number for number in range(imagenet.CLASSES)]
FOLDERS = [f"n{number:08d}" for number in NUMBERS]  # sorted, like ImageNet's


def picture(number: int) -> Image.Image:
    """A picture that says which class it is of: its red and green are digits of the class number."""
    return Image.fromarray(np.full((6, 9, 3), (number // 256, number % 256, 0), np.uint8))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """$COURSE_DATA with an ImageNet of one tiny picture for each class and part."""
    data = tmp_path_factory.mktemp("data")
    for number, name in enumerate(FOLDERS):
        for part in ("train", "val"):
            (data / "imagenet" / part / name).mkdir(parents=True)
            picture(number).save(data / "imagenet" / part / name / f"{part}_{number}.png")
    (data / "imagenet" / "train" / "notes").mkdir()  # no class
    (data / "imagenet" / "train" / "n00000001.tar").touch()  # nor is this
    return data


@pytest.fixture
def data(whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("COURSE_DATA", str(whole))
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path))
    return whole / "imagenet"


def test_the_groups_are_those_of_the_robustness_package() -> None:
    constants = import_robustness("robustness.tools.constants")
    helpers = import_robustness("robustness.tools.helpers")
    label_maps = import_robustness("robustness.tools.label_maps")
    mapping = helpers.get_label_mapping("restricted_imagenet", constants.RESTRICTED_IMAGNET_RANGES)
    _, expected = mapping(FOLDERS, {name: number for number, name in enumerate(FOLDERS)})
    assert {FOLDERS[number]: label for number, label in imagenet.groups().items()} == expected
    known = label_maps.CLASS_DICT["RestrictedImageNet"]
    assert list(imagenet.GROUPS) == [known[label] for label in range(9)]


def test_the_names_are_those_of_the_classes_in_order() -> None:
    """The package has other, longer names: theirs and torchvision's share a word nearly everywhere."""
    theirs = import_robustness("robustness.tools.label_maps").CLASS_DICT["ImageNet"]
    ours = imagenet.names()
    assert len(ours) == len(set(ours)) == imagenet.CLASSES
    words = [set(name.lower().replace("-", " ").split()) for name in ours]
    agree = [bool(words[k] & set(theirs[k].lower().replace(",", " ").replace("-", " ").split())) for k in range(1000)]
    assert sum(agree) >= 990
    assert [ours[number] for number in (0, 217, 340, 701)] == ["tench", "English springer", "zebra", "parachute"]


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_imagenet_has_the_labels_of_its_sorted_folders(data: Path, split: str) -> None:
    book = Photographs(replace(imagenet.imagenet(), held_out=100), split, size=8)
    assert len(book) == {"train": 900, "validation": 100, "test": 1000}[split]
    chosen = torch.arange(50)
    red, green = book.images(chosen)[:, :2, 0, 0].int().unbind(1)
    assert torch.equal(256 * red + green, book.labels[chosen].int())
    assert all(file.name.startswith("val" if split == "test" else "train") for file in book.files)


def test_restricted_imagenet_has_nine_classes_and_the_labels_of_the_package(data: Path) -> None:
    package = import_robustness("robustness.datasets").RestrictedImageNet(str(data))
    theirs = import_robustness("robustness.tools.folder").ImageFolder(
        str(data / "val"), label_mapping=package.label_mapping
    )
    ours = Photographs(imagenet.restricted_imagenet(), "test", size=8)
    assert dict(zip(ours.files, ours.labels.tolist(), strict=True)) == {Path(p): label for p, label in theirs.samples}
    assert len(ours.classes) == 9
    counts = Counter(ours.labels.tolist())
    assert [counts[label] for label in range(9)] == [118, 5, 3, 5, 21, 18, 9, 4, 20]


def test_pictures_of_a_large_split_are_read_when_asked_for(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    book = Photographs(imagenet.restricted_imagenet(), "test", size=8)
    everything = Photographs(book.collection, "test", size=8).images()
    monkeypatch.setattr(photographs, "LARGEST", 3 * 8 * 8 * len(book) - 1)
    read: list[Path] = []
    original = photographs.read_square
    monkeypatch.setattr(photographs, "read_square", lambda file, size: read.append(file) or original(file, size))
    assert torch.equal(book.images([5, 0, -1]), everything[[5, 0, -1]])
    assert len(read) == 3
    assert torch.equal(book[7][0], everything[7])
    assert book.images([]).shape == (0, 3, 8, 8)
    assert len(read) == 4


def test_another_folder_is_told_with_what_to_do(tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COURSE_DATA", str(tmp_path / "empty"))
    expected = r"^expected ImageNet's 1,000 class folders .* found none: nobody may pass ImageNet on, .*image-net\.org"
    with pytest.raises(FileNotFoundError, match=expected) as told:
        imagenet.imagenet()
    assert "\n" not in str(told.value)
    lacking = tmp_path / "lacking"
    (lacking / "val").mkdir(parents=True)
    (lacking / "train").symlink_to(data / "train")
    for name in FOLDERS[:-1]:
        (lacking / "val" / name).mkdir()
    monkeypatch.setenv("COURSE_DATA", str(lacking))
    with pytest.raises(FileNotFoundError, match=r"found 1,000 in .*train, 999 in .*val: "):
        imagenet.restricted_imagenet()
    (lacking / "val" / FOLDERS[-1]).mkdir()
    with pytest.raises(FileNotFoundError, match=r"^expected pictures in .*val/n\d{8}, found none$"):
        Photographs(imagenet.restricted_imagenet(), "test", size=8)


def test_it_may_be_the_folder_itself_or_the_cache(tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COURSE_DATA", str(data))
    assert imagenet.find() == data
    monkeypatch.delenv("COURSE_DATA")
    (tmp_path / "imagenet").symlink_to(data)
    assert imagenet.find() == tmp_path / "imagenet"
