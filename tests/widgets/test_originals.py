"""What a demo damages and restores: a true class for test pictures, a named one for any photograph."""

import pytest
import torch

from course_lib import testbeds
from course_lib.datasets.shipped import FOLDER, SUGGESTED, photograph
from course_lib.widgets.album import OWN, TRUE, Originals


@pytest.fixture
def originals() -> Originals:
    return Originals(testbeds.load("picturebook"), [3, 11])


def test_test_pictures_have_their_true_class_and_come_first(originals):
    book = originals.testbed
    assert originals.menu.options == ("test 3: orange", "test 11: zebra", *SUGGESTED, OWN)
    bed, image, label = originals.scene("test 11: zebra", b"", TRUE)
    expected, true = book.batch("test", [11])
    assert bed is book
    assert image.equal(expected)
    assert label.equal(true)
    assert originals.scene("test 11: zebra", b"", "church")[2].tolist() == [book.classes.index("church")]


def test_photographs_are_restored_by_networks_that_know_photographs(originals):
    bed, image, label = originals.scene("rocket", b"", TRUE)
    assert bed.name == "imagenette-128"
    torch.testing.assert_close(image, photograph("rocket"))
    assert bed.classes[label] == SUGGESTED["rocket"]
    assert bed.classes[originals.scene("rocket", b"", "tench")[2]] == "tench"


def test_a_picture_of_ones_own_needs_a_file_and_a_class(originals):
    with pytest.raises(ValueError, match=r"^expected a picture of your own, got none yet: choose a file$"):
        originals.scene(OWN, b"", "tench")
    originals.own.value = (FOLDER / "coffee.webp").read_bytes()
    assert originals.menu.value == OWN
    with pytest.raises(ValueError, match=r"^expected a class among tench, .*, got 'its own': choose one in the menu$"):
        originals.scene(OWN, originals.own.value, TRUE)
    assert originals.scene(OWN, originals.own.value, "tench")[1].equal(photograph("coffee"))


def test_a_class_that_the_networks_do_not_know_is_refused(originals):
    with pytest.raises(ValueError, match=r"^expected a class among horse, .*, got 'gas pump': choose one in the menu$"):
        originals.scene("test 3: orange", b"", "gas pump")


def test_picturebook_stands_in_where_no_test_photographs_are(monkeypatch, tmp_path, capsys):
    monkeypatch.delenv("TESTBED", raising=False)
    monkeypatch.setenv("COURSE_DATA", str(tmp_path))
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path))
    assert testbeds.with_pictures(default="imagenette-128").name == "picturebook"
    assert capsys.readouterr().out.startswith("No test photographs are on this machine: PictureBook's")
    for part in ("train", "val"):
        for folder in testbeds.IMAGENETTE.folders:
            (tmp_path / "imagenette" / part / folder).mkdir(parents=True)
    assert testbeds.with_pictures(default="imagenette-128").name == "imagenette-128"
    assert capsys.readouterr().out == "Test pictures: those of imagenette-128.\n"
    monkeypatch.setenv("TESTBED", "picturebook")
    assert testbeds.with_pictures(default="imagenette-128").name == "picturebook"
