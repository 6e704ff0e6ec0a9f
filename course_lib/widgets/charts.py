"""Charts: lines over the steps, as SVG that a browser shows."""

import html
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence

Line = Sequence[tuple[int, float]]
"""(step, value) pairs."""

WIDTH, HEIGHT = 240, 120  # of a chart where it is smallest: a browser only enlarges it
LEFT, RIGHT, TOP, BOTTOM = 42, 54, 24, 20  # its margins: numbers; values; title; steps
APART = 15  # between two labels


class Chart:
    """Lines over the steps 0..`steps` as SVG, each with its own dashes and its value at step `marked`.

    Values that are not finite are left out; where `limits` are None, the axis shows all values with a little room.
    Colours come from the style sheet (classes line0, line1, ...), so that they suit a light and a dark page.
    """

    def __init__(
        self,
        title: str,
        lines: Mapping[str, Line],
        *,
        steps: int,
        marked: int,
        write: Callable[[float], str],
        limits: tuple[float, float] | None,
    ) -> None:
        self.title, self.steps, self.marked, self.write = title, steps, marked, write
        finite = {name: [point for point in line if math.isfinite(point[1])] for name, line in lines.items()}
        self.lines = {name: line for name, line in finite.items() if line}
        values = [value for line in self.lines.values() for _, value in line] or [0.0, 1.0]
        room = 0.04 * (max(values) - min(values)) or max(abs(max(values)), 1.0) * 0.1
        self.low, self.high = limits or (min(values) - room, max(values) + room)

    def across(self, step: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * step / max(self.steps, 1)

    def down(self, value: float) -> float:
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * (value - self.low) / (self.high - self.low)

    def axes(self) -> Iterator[str]:
        yield words("title", 4, 15, self.title)
        values = ticks(self.low, self.high)
        labels = [short(self.write(value)) for value in values]
        if len(set(labels)) < len(labels):  # too close together for the usual decimals
            labels = [f"{value:g}" for value in values]
        for value, label in zip(values, labels, strict=True):
            yield f'<path class="grid" d="M{LEFT} {self.down(value):.1f}H{WIDTH - RIGHT}"/>'
            yield words("tick", LEFT - 5, self.down(value) + 4, label, "end")
        yield words("tick", LEFT, HEIGHT - 6, "step 0")
        if self.steps:
            yield words("tick", WIDTH - RIGHT, HEIGHT - 6, str(self.steps), "end")
        yield f'<path class="now" d="M{self.across(self.marked):.1f} {TOP}V{HEIGHT - BOTTOM}"/>'

    def curves(self) -> Iterator[str]:
        here = {name: min(line, key=lambda point: abs(point[0] - self.marked)) for name, line in self.lines.items()}
        heights = spread({name: self.down(value) for name, (_, value) in here.items()})
        for number, (name, line) in enumerate(self.lines.items()):
            points = " ".join(f"{self.across(step):.1f},{self.down(value):.1f}" for step, value in line)
            step, value = here[name]
            yield f'<polyline class="line line{number}" points="{points}"/>'
            yield f'<circle class="dot line{number}" cx="{self.across(step):.1f}" cy="{self.down(value):.1f}" r="4"/>'
            yield words("name", WIDTH - RIGHT + 8, heights[name] + 4, self.write(value))

    def svg(self) -> str:
        ends = [f"{name} from {line[0][1]:.3g} to {line[-1][1]:.3g}" for name, line in self.lines.items()]
        alt = html.escape(f"{self.title} over {self.steps} steps: {', '.join(ends) or 'nothing yet'}", quote=True)
        box = f'class="chart" viewBox="0 0 {WIDTH} {HEIGHT}"'
        return f'<svg role="img" aria-label="{alt}" {box}>{"".join(self.axes())}{"".join(self.curves())}</svg>'


def short(number: str) -> str:
    """Without zeros at the end of the number: 2.500 dB -> 2.5 dB."""
    return re.sub(r"(\.\d*?)0+(?!\d)", lambda found: found[1].rstrip("."), number)


def words(kind: str, x: float, y: float, text: str, anchor: str = "start") -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{html.escape(text)}</text>'


def ticks(low: float, high: float) -> list[float]:
    """Three to six round numbers between two limits."""
    rough = (high - low) / 4
    power = 10.0 ** math.floor(math.log10(rough))
    gap = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * 0.999)
    first = math.ceil(low / gap - 1e-9)
    return [round(number * gap, 12) + 0.0 for number in range(first, math.floor(high / gap + 1e-9) + 1)]


def spread(heights: Mapping[str, float]) -> dict[str, float]:
    """Push labels apart where they would lie on each other."""
    placed: dict[str, float] = {}
    floor = -math.inf
    for name in sorted(heights, key=lambda name: heights[name]):
        placed[name] = floor = max(heights[name], floor + APART)
    excess = max(0.0, floor - (HEIGHT - BOTTOM))
    return {name: height - excess for name, height in placed.items()}
