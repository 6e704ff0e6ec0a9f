"""Figures of measured numbers: every number stands where it belongs, and nothing is told by colour alone."""

import itertools

import pytest
import torch
from matplotlib.colors import to_hex, to_rgb

from course_lib import plots
from course_lib.measuring import figures

GAINS = {
    "robust": {"zebra": [0.2, 0.1, 0.4], "apple": [-0.1, -0.2, 0.1]},
    "standard": {"apple": [0.0, -0.3, 0.05], "church": [0.3, 0.3, 0.3]},
}


def test_intervals_stand_in_the_row_of_their_name_with_their_ends():
    figure = figures.intervals(GAINS, label="gain", reference=0)
    (axis,) = figure.axes
    assert [tick.get_text() for tick in axis.get_yticklabels()] == ["zebra", "apple", "church"]
    assert axis.get_ylim()[0] > axis.get_ylim()[1], "the first row is not on top"
    assert list(axis.lines[0].get_xdata()) == [0, 0]
    for container, values in zip(axis.containers, GAINS.values(), strict=True):
        points, _, (bars,) = container
        names = [["zebra", "apple", "church"][round(y)] for y in points.get_ydata()]
        assert names == list(values)
        assert list(points.get_xdata()) == pytest.approx([value for value, _, _ in values.values()])
        ends = [segment[:, 0].tolist() for segment in bars.get_segments()]
        assert ends == [pytest.approx(value[1:]) for value in values.values()]
    assert axis.get_xlabel() == "gain"


def test_series_differ_in_marker_colour_and_height_and_are_named():
    figure = figures.intervals(GAINS, label="gain")
    (axis,) = figure.axes
    points = [container[0] for container in axis.containers]
    assert [to_hex(line.get_color()).upper() for line in points] == [plots.ROBUST, plots.STANDARD]
    assert len({line.get_marker() for line in points}) == 2
    assert points[0].get_ydata()[1] < points[1].get_ydata()[0]  # both of the row "apple"
    assert [text.get_text() for text in figure.legends[0].get_texts()] == list(GAINS)
    assert not figures.intervals({"all": GAINS["robust"]}, label="gain").legends
    (axis,) = figures.intervals({"judge": GAINS["robust"], "second judge": GAINS["robust"]}, label="gain").axes
    assert len({container[0].get_color() for container in axis.containers}) == 2


def test_a_heat_map_writes_every_share_and_hatches_what_is_marked():
    tables = {"robust": torch.tensor([[0.0, 0.5, 1.0], [0.1, 0.254, 0.9]]), "standard": torch.zeros(2, 3)}
    marked = torch.tensor([[True, False, False], [True, True, False]])
    names = {"rows": ["4", "8"], "columns": ["5", "10", "20"], "axes": ("radius", "steps")}
    figure = figures.heat_map(tables, **names, marked=marked)
    first, second = figure.axes
    assert [text.get_text() for text in first.texts] == ["0%", "50%", "100%", "10%", "25%", "90%"]
    assert [text.get_text() for text in second.texts] == ["0%"] * 6
    for axis, name in zip(figure.axes, tables, strict=True):
        assert (axis.get_title(), axis.get_ylabel(), axis.get_xlabel()) == (name, "radius", "steps")
        assert [label.get_text() for label in axis.get_yticklabels()] == names["rows"]
        assert [label.get_text() for label in axis.get_xticklabels()] == names["columns"]
        assert axis.images[0].get_clim() == (0, 1)  # one scale for all
        corners = [(patch.get_x() + 0.5, patch.get_y() + 0.5) for patch in axis.patches]
        assert corners == [(0, 0), (0, 1), (1, 1)]
        assert all(patch.get_hatch() for patch in axis.patches)
    assert not figures.heat_map(tables, **names).axes[0].patches


def test_long_names_in_a_heat_map_do_not_touch():
    names = ["robust", "standard", "judge", "second judge"]
    figure = figures.heat_map({"": torch.eye(4)}, rows=names, columns=names, axes=("drawn by", "recognised by"))
    figure.draw_without_rendering()
    (axis,) = figure.axes
    boxes = [label.get_window_extent() for label in axis.get_xticklabels()]
    assert all(left.x1 + 4 < right.x0 for left, right in itertools.pairwise(boxes))
    assert all(label.get_window_extent().x0 >= 0 for label in axis.get_yticklabels())
    assert boxes[-1].x1 <= figure.bbox.width


def test_numbers_in_a_heat_map_can_be_read_on_their_cell():
    def luminance(colour: tuple[float, ...]) -> float:
        channels = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour[:3]]
        return 0.2126 * channels[0] + 0.7152 * channels[1] + 0.0722 * channels[2]

    shares = torch.linspace(0, 1, 21)[None]
    (axis,) = figures.heat_map({"": shares}, rows=["0"], columns=[""] * 21, axes=("", "")).axes
    for text, share in zip(axis.texts, shares[0], strict=True):
        light, dark = sorted(
            map(luminance, (axis.images[0].cmap(share.item()), to_rgb(text.get_color()))), reverse=True
        )
        assert (light + 0.05) / (dark + 0.05) >= 4.5  # WCAG 2.2, AA


def test_who_is_convinced_joins_the_judges_of_one_scale_and_marks_the_others():
    by = {"start": [0.1, 0.05, 0.2], "robust": [0.9, 0.8, 0.95], "standard, own best settings": [0.5, 0.4, 0.6]}
    panels = {"by training radius": {"0": by, "0.6": by, "3": by}, "the judges": {"judge": by}}
    figure = figures.who_is_convinced(panels, label="share")
    scale, judges = figure.axes
    assert [text.get_text() for text in scale.get_xticklabels()] == ["0", "0.6", "3"]
    lines = [container.lines[0] for container in scale.containers]
    assert [line.get_linestyle() for line in lines] == ["-"] * 3
    assert [container.lines[0].get_linestyle() for container in judges.containers] == ["None"] * 3
    assert lines[1].get_color() == plots.ROBUST
    assert lines[2].get_color() == plots.STANDARD
    assert lines[1].get_ydata().tolist() == pytest.approx([0.9] * 3)
    assert [text.get_text() for text in figure.legends[0].get_texts()] == list(by)
