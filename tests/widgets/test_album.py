"""What a demo starts from: photographs without a download, test pictures, a person's own."""

import pytest
import torch

from course_lib import testbeds
from course_lib.datasets.shipped import FOLDER, SUGGESTED, photograph
from course_lib.widgets.album import OWN, Album


def test_without_test_pictures_the_photographs_are_there_with_their_classes(monkeypatch, tmp_path):
    monkeypatch.setenv("COURSE_DATA", str(tmp_path))
    testbed = testbeds.load("imagenette-128")
    album = Album(testbed)
    assert album.menu.options == (*SUGGESTED, OWN)
    images, targets = album.pictures()
    assert images.shape == (8, 3, 128, 128)
    assert [testbed.classes[target] for target in targets] == [*SUGGESTED.values()]
    torch.testing.assert_close(images[3:4], photograph("rocket"))
    assert album.target("rocket", "tench") == 0
    assert album.start("rocket", size=64).equal(photograph("rocket", 64))


def test_another_testbed_has_its_test_pictures_and_other_classes_to_become():
    testbed = testbeds.load("picturebook")
    album = Album(testbed)
    images, targets = album.pictures()
    expected, labels = testbed.first("test", 10)
    assert images.equal(expected)
    assert targets.equal((labels + 3) % 10)
    assert album.menu.value == f"test 0: {testbed.classes[labels[0]]}"


def test_a_picture_of_ones_own_is_chosen_when_it_comes():
    album = Album(testbeds.load("imagenette-128"))
    with pytest.raises(ValueError, match=r"^expected a picture of your own, got none yet: choose a file$"):
        album.start(OWN)
    album.own.value = (FOLDER / "coffee.webp").read_bytes()
    assert album.menu.value == OWN
    assert album.start(OWN, album.own.value).equal(photograph("coffee"))
