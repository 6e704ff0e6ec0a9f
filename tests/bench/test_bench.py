"""Seconds to the picture: what `make bench` compares, at equal judged share."""

import pytest

from course_lib import testbeds
from tests.bench import bench


def test_every_library_is_timed_at_the_fewest_steps_that_convince(monkeypatch: pytest.MonkeyPatch) -> None:
    book = testbeds.load("picturebook")
    monkeypatch.setattr(bench, "LENGTHS", (1, 3))
    monkeypatch.setattr(bench, "CONVINCED", 2.0)  # never: the most steps
    late = bench.pictures(rounds=2, testbed=book)["by"]
    assert [*late] == ["ours", *bench.PEERS]
    assert {row["steps"] for row in late.values()} == {3}
    assert max(row["judged"] for row in late.values()) - min(row["judged"] for row in late.values()) <= 0.05
    monkeypatch.setattr(bench, "CONVINCED", 0.0)
    measured = bench.pictures(rounds=2, testbed=book)
    assert {row["steps"] for row in measured["by"].values()} == {1}
    assert all(0 < low <= middle <= high for middle, low, high in (row["seconds"] for row in measured["by"].values()))
    lines = bench.picture_lines(measured)
    assert [line.split("  ")[0] for line in lines[-len(measured["by"]) :]] == [*measured["by"]]


def test_the_live_page_is_timed_beside_pytorch(monkeypatch: pytest.MonkeyPatch, chromium_path: str) -> None:
    monkeypatch.setattr(bench, "STEPS", 2)
    measured = bench.in_browser(rounds=2)
    assert [key for key in measured if "times PyTorch," in key] == [
        f"{name}, times PyTorch, prepared" for name in ("imagenette-128-robust", "imagenette-radius-3")
    ]
    assert all(0 < low <= middle <= high for middle, low, high in list(measured.values())[1:])
