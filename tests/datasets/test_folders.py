"""A person's folders: layouts, litter, what is left out, and a split that stays as pictures come and go."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from course_lib.datasets import folders, photographs
from course_lib.datasets.folders import Folder, folder
from course_lib.datasets.photographs import SPLITS, Photographs, litter
from course_lib.datasets.reading import SUFFIXES

CLASSES = ("cat", "dog")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "pets"


def write(
    place: Path, *, classes: tuple[str, ...] = CLASSES, first: int = 0, count: int = 12, suffix: str = "png"
) -> None:
    """Pictures of which no two are alike."""
    for label, name in enumerate(classes):
        (place / name).mkdir(parents=True, exist_ok=True)
        for number in range(first, first + count):
            kind = {"jfif": "JPEG"}.get(suffix)
            Image.new("RGB", (8, 8), (number % 256, 30 * label, number // 256)).save(
                place / name / f"{number}.{suffix}", kind
            )


def names(chosen: Folder) -> dict[str, set[str]]:
    return {part: {f"{file.parent.name}/{file.name}" for file, _ in chosen.files(part)} for part in SPLITS}


# --- layouts ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("train", "held"),
    [
        ("train", ("valid",)),
        ("Train", ("Test",)),
        ("TRAINING", ("Validation", "TESTING")),
        ("train", ("val", "test")),
        ("seg_train", ("seg_test",)),
        ("training_set", ("test-set", "dev")),
    ],
)
def test_parts_are_known_in_any_case_and_wherever_they_lie(train: str, held: tuple[str, ...], home: Path) -> None:
    for number, part in enumerate((train, *held)):
        write(home / "inside" / part, first=100 * number)
    chosen = folder(home)
    assert chosen.classes == CLASSES
    counts = {part: len(chosen.files(part)) for part in SPLITS}
    assert counts["test"] == 24
    assert counts["validation"] == 24 if len(held) == 2 else counts["train"] + counts["validation"] == 24
    assert min(counts.values()) > 0


def test_parts_inside_of_classes_are_parts(home: Path) -> None:
    for name in CLASSES:
        for number, part in enumerate(("Train", "test")):
            write(home / name, classes=(part,), first=100 * number + 50 * CLASSES.index(name))
    chosen = folder(home)
    assert chosen.classes == CLASSES
    assert {file.parent.name for file, _ in chosen.files("test")} == {"test"}


@pytest.mark.parametrize("parts", [("train", "test"), ("Train", "valid"), ("val", "TEST")])
def test_parts_without_classes_are_never_classes(parts: tuple[str, str], home: Path) -> None:
    write(home, classes=parts)
    with pytest.raises(ValueError, match=r"^expected at least two folders of at least ten pictures each .*, got none$"):
        folder(home)


def test_a_class_may_be_called_train(home: Path) -> None:
    write(home, classes=("bus", "train"))
    assert folder(home).classes == ("bus", "train")


@pytest.mark.parametrize("change", ["gone", "new"])
def test_a_part_with_other_classes_is_refused(change: str, home: Path) -> None:
    write(home / "train")
    write(home / "test", classes={"gone": ("cat",), "new": (*CLASSES, "emu")}[change], first=100)
    wrong = {"gone": "dog", "new": "emu"}[change]
    with pytest.raises(ValueError, match=rf"^expected the same classes in train and test of .*, got {wrong} in one"):
        folder(home)


# --- litter, and what is left out -------------------------------------------------------------------------------------

LITTER = [
    "._1.png",
    ".DS_Store",
    "__MACOSX",
    ".git",
    ".ipynb_checkpoints",
    ".hidden",
    "Thumbs.db",
    "desktop.ini",
    "@eaDir",
]
LITTER += [
    "Desktop.ini",
    "$RECYCLE.BIN",
    "System Volume Information",
    "Icon\r",
    "lost+found",
    ".AppleDouble",
    ".Trashes",
]


def test_litter_is_no_class_and_no_picture(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(home)
    before = folder(home)
    for name in LITTER:
        assert litter(name)
        (home / "cat" / name).write_bytes(b"\0\5\x16\7")
        write(home / name)
    assert folder(home) == before
    assert capsys.readouterr().out == ""
    assert not any(litter(name) for name in (*CLASSES, "1.png", "_1.png", "~1.png"))


def test_litter_is_no_picture_of_a_data_set_either(home: Path) -> None:
    for part in ("train", "val"):
        write(home / part)
        (home / part / "cat" / "._1.png").write_bytes(b"\0\5\x16\7")
    data = photographs.Collection("pets", CLASSES, CLASSES, ("train", "val"), held_out=2, home=home)
    assert [len(Photographs(data, split, size=8).images()) for split in SPLITS] == [22, 2, 24]


def test_what_is_left_out_is_counted_in_one_sentence(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(folders, "readable", lambda: SUFFIXES - {".heic"})
    write(home / "train")
    write(home / "test", first=100)
    (home / "test" / "dog" / "again.png").write_bytes((home / "train" / "cat" / "3.png").read_bytes())
    for number in range(3):
        (home / "train" / "cat" / f"IMG_{number}.HEIC").write_bytes(b"\0\0\0\x18ftypheic")
        (home / "train" / "dog" / "1.mov").write_bytes(b"film")
    (home / "train" / "notes").write_text("of mine")
    (home / "cover.png").write_bytes((home / "train" / "cat" / "3.png").read_bytes())
    (home / "train" / "cat" / "away.png").symlink_to(home / "nowhere.png")
    os.mkfifo(home / "train" / "cat" / "pipe.png")
    chosen = folder(home)
    assert [len(chosen.files(part)) for part in ("train", "test")] == [24 - len(chosen.files("validation")), 24]
    (told,) = capsys.readouterr().out.splitlines()
    assert told.startswith(f"Left out of {home}: 3 .heic, 2 that cannot be opened, ")
    for part in (
        "1 .mov",
        "1 without a suffix",
        "1 outside of the parts' classes",
        "1 copies of pictures in another part",
    ):
        assert part in told
    assert told.endswith("; save those as JPEG (or, to read HEIC, pip install pillow-heif).")


def test_a_class_of_which_nothing_can_be_read_is_not_forgotten(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folders, "readable", lambda: SUFFIXES - {".heic"})
    write(home)
    (home / "emu").mkdir()
    assert folder(home).classes == CLASSES, "an empty folder is none"
    for number in range(20):
        (home / "emu" / f"IMG_{number}.heic").write_bytes(b"\0\0\0\x18ftypheic")
    with pytest.raises(ValueError, match=r"got cat \(12\), dog \(12\), emu \(0\)$"):
        folder(home)


USUAL = ["jpg", "JPEG", "jpe", "jfif", "png", "webp", "bmp", "gif", "tif", "TIFF", "ppm"]
USUAL += [suffix for suffix in ("avif",) if f".{suffix}" in Image.registered_extensions()]  # not in every Pillow


@pytest.mark.parametrize("suffix", USUAL)
def test_every_usual_suffix_is_read(suffix: str, home: Path) -> None:
    write(home, suffix=suffix)
    assert sum(len(Photographs(folder(home), split, size=8).images()) for split in SPLITS) == 24


def test_links_to_folders_are_followed_and_circles_end(home: Path, tmp_path: Path) -> None:
    write(tmp_path / "elsewhere")
    home.mkdir()
    for name in CLASSES:
        (home / name).symlink_to(tmp_path / "elsewhere" / name)
    (tmp_path / "elsewhere" / "cat" / "back").symlink_to(home)
    assert sum(map(len, names(folder(home)).values())) == 24


# --- identity and split -----------------------------------------------------------------------------------------------

HASHES = st.lists(st.integers(0, 16**8 - 1).map("{:08x}".format), min_size=3, max_size=60, unique=True)


def parts_of(hashes: list[str]) -> dict[str, str]:
    splits: folders.Splits = {
        "train": [(one, "cat", Path(one)) for one in sorted(hashes)],
        "validation": [],
        "test": [],
    }
    folders.split(splits)
    assert all(splits.values())
    return {one: part for part, rows in splits.items() for one, _, _ in rows}


@settings(max_examples=30, deadline=None)
@given(mine=HASHES, others=HASHES)
def test_no_picture_changes_its_split_when_others_come_or_go(mine: list[str], others: list[str]) -> None:
    """But for the one that a part has to get so as not to be empty: here each has some."""
    some = ["00000000", "20000000", "f0000000"]
    few, many = parts_of([*{*some, *mine}]), parts_of([*{*some, *mine, *others}])
    assert few.items() <= many.items()


@settings(max_examples=30, deadline=None)
@given(hashes=HASHES)
def test_every_part_has_a_picture_however_few_there_are(hashes: list[str]) -> None:
    assert parts_of(hashes).keys() == set(hashes)


def test_about_a_tenth_of_many_pictures_is_held_out_for_each_purpose(home: Path) -> None:
    write(home, count=500)
    counts = {part: len(files) for part, files in names(folder(home)).items()}
    assert counts["train"] + counts["validation"] + counts["test"] == 1000
    assert all(70 < counts[part] < 130 for part in ("validation", "test"))


def test_the_same_pictures_are_the_same_data_wherever_and_however_called(home: Path, tmp_path: Path) -> None:
    write(home)
    before = folder(home)
    (home / "cat" / "3.png").rename(home / "cat" / "mine.png")
    assert folder(home.rename(tmp_path / "moved")).name == before.name


CHANGES: dict[str, Callable[[Path], object]] = {
    "added": lambda home: Image.new("RGB", (8, 8), "white").save(home / "cat" / "new.png"),
    "removed": lambda home: (home / "cat" / "5.png").unlink(),
    "edited": lambda home: Image.new("RGB", (8, 8), "white").save(home / "cat" / "5.png"),
    "moved to another class": lambda home: (home / "cat" / "5.png").rename(home / "dog" / "new.png"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_changed_pictures_are_other_data_and_the_others_stay(change: str, home: Path) -> None:
    write(home, count=40)
    before = folder(home)
    CHANGES[change](home)
    after = folder(home)
    assert after.name != before.name
    old, new = names(before), names(after)
    touched = {"cat/5.png", "cat/new.png", "dog/new.png"}
    assert {part: files - touched for part, files in old.items()} == {
        part: files - touched for part, files in new.items()
    }


def test_copies_never_stand_on_both_sides(home: Path) -> None:
    """In one folder they fall into one split; between parts, what is trained on is taken from the others."""
    write(home, count=20)
    for name in CLASSES:
        for file in sorted((home / name).iterdir()):
            (home / name / f"copy of {file.name}").write_bytes(file.read_bytes())
    contents = [{file.read_bytes() for file, _ in folder(home).files(part)} for part in SPLITS]
    assert sum(map(len, contents)) == len(set.union(*contents)) == 40


def test_an_edit_is_seen_at_once_and_a_cache_that_cannot_be_written_stops_nothing(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(home)
    before = folder(home)
    state = (home / "cat" / "5.png").stat()
    CHANGES["edited"](home)
    os.utime(home / "cat" / "5.png", ns=(state.st_atime_ns, state.st_mtime_ns))
    changed = folder(home)
    assert changed.name != before.name
    monkeypatch.setenv("COURSE_CACHE", str(home / "cat" / "5.png" / "in a file"))
    assert folder(home) == changed
    assert len(Photographs(changed, "test", size=8).images()) == len(changed.files("test"))


def test_broken_files_are_counted_and_the_first_are_named(home: Path) -> None:
    write(home)
    for number in range(5):
        (home / "cat" / f"{number}.png").write_bytes(b"broken %d" % number)
    chosen = folder(home)
    with pytest.raises(
        ValueError, match=r"^expected pictures, got 5 broken: .*cat/0\.png: .*cat/2\.png: .* and 2 more$"
    ):
        photographs.read_all(sorted(file for part in SPLITS for file, _ in chosen.files(part)), 8)
