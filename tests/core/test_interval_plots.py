"""Figures of measured numbers: every number stands where it belongs, and nothing is told by colour alone."""

import pytest
from matplotlib.colors import to_hex

from course_lib import plots

GAINS = {
    "robust": {"zebra": [0.2, 0.1, 0.4], "apple": [-0.1, -0.2, 0.1]},
    "standard": {"apple": [0.0, -0.3, 0.05], "church": [0.3, 0.3, 0.3]},
}


def test_intervals_stand_in_the_row_of_their_name_with_their_ends():
    figure = plots.intervals(GAINS, label="gain", reference=0)
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
    figure = plots.intervals(GAINS, label="gain")
    (axis,) = figure.axes
    points = [container[0] for container in axis.containers]
    assert [to_hex(line.get_color()).upper() for line in points] == [plots.ROBUST, plots.STANDARD]
    assert len({line.get_marker() for line in points}) == 2
    assert points[0].get_ydata()[1] < points[1].get_ydata()[0]  # both of the row "apple"
    assert [text.get_text() for text in figure.legends[0].get_texts()] == list(GAINS)
    assert not plots.intervals({"all": GAINS["robust"]}, label="gain").legends
    (axis,) = plots.intervals({"judge": GAINS["robust"], "second judge": GAINS["robust"]}, label="gain").axes
    assert len({container[0].get_color() for container in axis.containers}) == 2
