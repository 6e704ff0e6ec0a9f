"""The photographs that ship: small, free to use, known by name."""

import pytest
import torch

from course_lib.datasets.collections import IMAGENETTE
from course_lib.datasets.shipped import FOLDER, SUGGESTED, photograph
from course_lib.pixels import shrink
from tests.conftest import ROOT


@pytest.mark.parametrize("name", SUGGESTED)
def test_a_photograph_is_a_square_at_two_sizes_with_a_class_that_suits_it(name):
    large, small = photograph(name), photograph(name, 64)
    assert large.shape == (1, 3, 128, 128)
    assert small.shape == (1, 3, 64, 64)
    assert 0 <= large.min() < large.max() - 0.3 <= 0.7
    torch.testing.assert_close(small, shrink(large, 2), rtol=0, atol=0.35)
    assert SUGGESTED[name] in IMAGENETTE.classes


def test_all_files_are_known_small_and_have_an_author_and_a_licence():
    files = sorted(FOLDER.glob("*.webp"))
    assert [file.stem for file in files] == sorted(SUGGESTED)
    assert sum(file.stat().st_size for file in files) < 200_000
    rows = (ROOT / "data" / "README.md").read_text().splitlines()
    for name in SUGGESTED:
        row = next(row for row in rows if row.startswith(f"| `photographs/{name}.webp` |"))
        assert "CC0" in row or "public domain" in row


def test_an_unknown_name_is_refused_in_one_sentence():
    with pytest.raises(ValueError, match=r"^expected a photograph among cat, .*, got 'dog'$"):
        photograph("dog")
