"""Draws the sketches of the course: `python data/sketches/draw.py` writes sketches.json beside this file.

A picture is the unit square, x to the right and y downwards. Lines wobble a little, and fills are scribbled to and fro
or stand a little beside their outlines, as in a child's drawing.
"""

import itertools
import json
import math
import random
from collections.abc import Callable
from pathlib import Path

Point = tuple[float, float]
BLACK, BROWN, GREEN, GREY, WHITE = "#222222", "#7b4a21", "#3f9b2f", "#9a9a9a", "#fafafa"
LINE = 0.028  # the width of a pencil


class Sheet:
    """One drawing, in a hand of its own; a `mirrored` one is drawn from right to left."""

    def __init__(self, name: str, shows: str, *, mirrored: bool = False) -> None:
        self.name, self.shows, self.mirrored, self.drawn = name, shows, mirrored, []
        self.hand = random.Random(name)

    def put(self, part: str, points: list[Point], colour: str, width: float) -> None:
        seen = [[round(1 - x if self.mirrored else x, 3), round(y, 3)] for x, y in points]
        self.drawn.append({"part": part, "points": seen, "width": round(width, 3), "colour": colour})

    def shape(self, part: str, kind: str, box: tuple[float, float, float, float], colour: str) -> None:
        left, top, right, bottom = box
        left, right = (1 - right, 1 - left) if self.mirrored else (left, right)
        sides = [round(side, 3) for side in (left, top, right, bottom)]
        self.drawn.append({"part": part, "kind": kind, "box": sides, "colour": colour})

    def ground(self, sky: str, earth: str, horizon: float) -> None:
        self.shape("background", "rectangle", (0, 0, 1, horizon), sky)
        self.shape("background", "rectangle", (0, horizon, 1, 1), earth)

    def line(self, *points: Point, colour: str = BLACK, width: float = LINE, part: str = "line") -> None:
        """A line from point to point by an unsteady hand."""
        path = [points[0]]
        for start, end in itertools.pairwise(points):
            pieces = max(1, round(math.dist(start, end) / 0.12))
            for piece in range(1, pieces + 1):
                share = piece / pieces
                shaken = (self.hand.gauss(0, 0.005) for _ in range(2))
                path.append(tuple(a + share * (b - a) + by for a, b, by in zip(start, end, shaken, strict=True)))
        self.put(part, path, colour, width)

    def ring(self, x: float, y: float, across: float, down: float, *, colour: str = BLACK, width: float = LINE) -> None:
        """An outline that does not quite close."""
        begin, phase = self.hand.uniform(0, 6), self.hand.uniform(0, 6)
        turns = [begin + 6.45 * step / 18 for step in range(19)]
        radii = [1 + 0.03 * math.sin(2 * turn + phase) for turn in turns]
        points = [(x + r * across * math.cos(t), y + r * down * math.sin(t)) for t, r in zip(turns, radii, strict=True)]
        self.put("line", points, colour, width)

    def blob(self, x: float, y: float, across: float, down: float, colour: str, *, outline: bool = True) -> None:
        """A filled ellipse, a little beside its outline."""
        shift = self.hand.uniform(-0.012, 0.012)
        self.shape("fill", "ellipse", (x - across + shift, y - down, x + across + shift, y + down), colour)
        if outline:
            self.ring(x, y, across, down)

    def scribble(self, corners: list[Point], colour: str, width: float = 0.06) -> None:
        """Fill a convex shape by going to and fro."""
        low, high = (bound(y for _, y in corners) for bound in (min, max))
        y, path, right = low + width / 2, [], False
        while y <= high - width / 3:
            edges = sorted(cut(corners, y))
            if len(edges) >= 2:
                inside = edges[0] + 0.4 * width, max(edges[-1] - 0.4 * width, edges[0] + 0.4 * width)
                path += [(x, y + self.hand.gauss(0, 0.004)) for x in (inside[::-1] if right else inside)]
                right = not right
            y += 0.75 * width
        self.put("fill", path, colour, width)

    def polygon(self, corners: list[Point], colour: str) -> None:
        self.scribble(corners, colour)
        self.line(*corners, corners[0])


def cut(corners: list[Point], y: float) -> list[float]:
    """Where a horizontal line meets the sides of a polygon."""
    sides = zip(corners, corners[1:] + corners[:1], strict=True)
    return [
        ax + (y - ay) / (by - ay) * (bx - ax) for (ax, ay), (bx, by) in sides if min(ay, by) <= y < max(ay, by)
    ]  # fmt: skip


def equid(sheet: Sheet, coat: str, *, top: float, legs: float, mane: str) -> None:
    """A horse or a zebra, looking to the right."""
    y = top + 0.3
    for x in (0.31, 0.39, 0.62, 0.69):
        sheet.line((x, y + 0.08), (x + 0.01, y + legs), colour=coat, width=0.055, part="fill")
        sheet.line((x - 0.03, y + 0.1), (x - 0.02, y + legs), (x + 0.04, y + legs), (x + 0.03, y + 0.1))
    sheet.line((0.67, y - 0.02), (0.76, top + 0.08), colour=coat, width=0.14, part="fill")
    sheet.blob(0.5, y, 0.25, 0.135, coat)
    sheet.blob(0.82, top + 0.08, 0.11, 0.065, coat)
    sheet.line((0.58, y - 0.11), (0.7, top + 0.04))
    sheet.line((0.73, y - 0.02), (0.83, top + 0.14))
    sheet.line((0.55, y - 0.11), (0.72, top - 0.01), colour=mane, width=0.05)
    sheet.line((0.73, top + 0.02), (0.74, top - 0.05), (0.78, top + 0.02))
    sheet.line((0.26, y - 0.05), (0.17, y + 0.05), (0.15, y + 0.2), colour=mane, width=0.05)
    sheet.line((0.84, top + 0.065), (0.85, top + 0.065), width=0.035)


def horse(sheet: Sheet, coat: str, sky: str, earth: str, *, top: float = 0.18, legs: float = 0.42) -> None:
    sheet.ground(sky, earth, 0.6)
    equid(sheet, coat, top=top, legs=legs, mane="#3b2412")


def zebra(sheet: Sheet, sky: str, earth: str, *, top: float = 0.18, legs: float = 0.42, stripes: int = 8) -> None:
    sheet.ground(sky, earth, 0.6)
    equid(sheet, WHITE, top=top, legs=legs, mane=BLACK)
    for number in range(stripes):
        x = 0.29 + 0.4 * number / (stripes - 1)
        reach = 0.13 * math.sqrt(1 - ((x - 0.5) / 0.26) ** 2)
        sheet.line((x, top + 0.3 - reach), (x + 0.02, top + 0.3 + reach), width=0.032)
    for share in (0.2, 0.5, 0.8):
        x, y = 0.67 + 0.09 * share, top + 0.28 - 0.2 * share
        sheet.line((x - 0.06, y - 0.03), (x + 0.06, y + 0.04), width=0.03)
    for x in (0.31, 0.39, 0.62, 0.69):
        for y in (0.2, 0.27, 0.34):
            sheet.line((x - 0.025, top + 0.3 + y), (x + 0.035, top + 0.3 + y), width=0.026)


def apple(sheet: Sheet, colour: str, wall: str, table: str, *, y: float = 0.57, size: float = 0.29) -> None:
    sheet.ground(wall, table, 0.68)
    sheet.blob(0.5, y, size, 0.95 * size, colour)
    sheet.line((0.5, y - 0.85 * size), (0.53, y - 1.35 * size), colour=BROWN, width=0.04)
    leaf = (0.56 * 1.0, y - 1.35 * size, 0.56 + 0.6 * size, y - 1.05 * size)
    sheet.shape("fill", "ellipse", leaf, GREEN)
    sheet.ring((leaf[0] + leaf[2]) / 2, (leaf[1] + leaf[3]) / 2, 0.3 * size, 0.16 * size)
    sheet.line((0.5 - 0.2 * size, y - 0.85 * size), (0.5, y - 0.7 * size), (0.5 + 0.25 * size, y - 0.85 * size))


def orange(sheet: Sheet, wall: str, table: str, *, x: float = 0.5, y: float = 0.56, size: float = 0.3) -> None:
    sheet.ground(wall, table, 0.66)
    sheet.blob(x, y, size, size, "#ff8c1a")
    for turn in range(5):
        angle = 1.26 * turn
        ray = (x + 0.25 * size + 0.16 * size * math.cos(angle), y - 0.5 * size + 0.16 * size * math.sin(angle))
        sheet.line((x + 0.25 * size, y - 0.5 * size), ray, colour=GREEN, width=0.03)
    for _ in range(7):
        angle, reach = sheet.hand.uniform(0, 6.3), size * sheet.hand.uniform(0.3, 0.8)
        dot = (x + reach * math.cos(angle), y + reach * math.sin(angle))
        sheet.line(dot, dot, colour="#c05f00", width=0.024)


def tree(sheet: Sheet, x: float, y: float, size: float) -> None:
    """A round tree whose crown stands at (x, y)."""
    sheet.line((x, y + size), (x, y + 2.3 * size), colour=BROWN, width=0.35 * size, part="fill")
    sheet.line((x - 0.2 * size, y + 2.3 * size), (x - 0.18 * size, y + size))
    sheet.line((x + 0.2 * size, y + 2.3 * size), (x + 0.18 * size, y + size))
    sheet.blob(x, y, 1.1 * size, size, GREEN)


def summer(sheet: Sheet, trees: list[tuple[float, float, float]], sun: float) -> None:
    sheet.ground("#86c5f2", "#8ac24a", 0.6)
    sheet.shape("fill", "ellipse", (sun - 0.09, 0.06, sun + 0.09, 0.24), "#ffdd33")
    sheet.ring(sun, 0.15, 0.09, 0.09)
    for x, y, size in trees:
        tree(sheet, x, y, size)


def fir(sheet: Sheet, x: float, top: float, size: float) -> None:
    """Three triangles with snow on them."""
    sheet.line((x, top + 1.9 * size), (x, top + 2.3 * size), colour=BROWN, width=0.3 * size, part="fill")
    for level, colour in enumerate(("#35584a", "#35584a", "#35584a")):
        y, reach = top + 0.5 * level * size, (0.45 + 0.22 * level) * size
        sheet.polygon([(x, y), (x + reach, y + 0.9 * size), (x - reach, y + 0.9 * size)], colour)
        sheet.line((x - 0.55 * reach, y + 0.5 * size), (x, y), colour=WHITE, width=0.06, part="fill")
        sheet.line((x, y), (x + 0.55 * reach, y + 0.5 * size), colour=WHITE, width=0.06, part="fill")


def winter(sheet: Sheet, firs: list[tuple[float, float, float]], bare: float | None) -> None:
    sheet.ground("#b9c3cc", "#f2f5f8", 0.62)
    for x, top, size in firs:
        fir(sheet, x, top, size)
    if bare is not None:
        sheet.line((bare, 0.85), (bare, 0.5), colour=BROWN, width=0.06)
        for dx, y in ((-0.14, 0.25), (-0.05, 0.18), (0.07, 0.2), (0.14, 0.3)):
            sheet.line((bare, 0.58), (bare + dx, y), colour=BROWN, width=0.035)
    for _ in range(9):
        flake = (sheet.hand.uniform(0.03, 0.97), sheet.hand.uniform(0.03, 0.55))
        sheet.line(flake, flake, colour=WHITE, width=0.035, part="background")


def goldfish(sheet: Sheet, colour: str, water: str, *, y: float = 0.48) -> None:
    sheet.shape("background", "rectangle", (0, 0, 1, 1), water)
    sheet.polygon([(0.33, y), (0.08, y - 0.2), (0.13, y), (0.08, y + 0.2)][::-1], colour)
    sheet.polygon([(0.45, y - 0.17), (0.62, y - 0.32), (0.68, y - 0.15)], colour)
    sheet.blob(0.58, y, 0.29, 0.19, colour)
    sheet.blob(0.74, y - 0.05, 0.05, 0.05, WHITE)
    sheet.line((0.75, y - 0.05), (0.755, y - 0.05), width=0.045)
    sheet.line((0.5, y + 0.02), (0.42, y + 0.1), (0.55, y + 0.1))
    for share in (-0.1, 0.0, 0.1):
        sheet.line((0.26, y + 0.4 * share), (0.12, y + share), width=0.02)
    sheet.line((0.86, y + 0.03), (0.8, y + 0.06))
    for x, place in ((0.92, 0.2), (0.86, 0.1), (0.95, 0.06)):
        sheet.ring(x, place, 0.03, 0.03, colour=WHITE, width=0.02)
    for x in (0.25, 0.35):
        sheet.line((x, 1.0), (x + 0.04, 0.9), (x - 0.02, 0.82), colour=GREEN, width=0.04, part="background")


def parachute(sheet: Sheet, colours: tuple[str, str], sky: str, *, y: float = 0.42, size: float = 0.36) -> None:
    sheet.shape("background", "rectangle", (0, 0, 1, 1), sky)
    for cloud in ((0.12, 0.2), (0.82, 0.75)):
        for dx in (-0.06, 0.02, 0.09):
            box = (cloud[0] + dx - 0.08, cloud[1] - 0.05, cloud[0] + dx + 0.08, cloud[1] + 0.05)
            sheet.shape("background", "ellipse", box, WHITE)
    dome = [
        (0.5 - size * math.cos(turn / 10 * math.pi), y - 0.8 * size * math.sin(turn / 10 * math.pi))
        for turn in range(11)
    ]
    for number in range(5):
        part = [dome[2 * number], dome[2 * number + 1], dome[2 * number + 2], (0.5, y)]
        wedge = [part[0], part[1], part[2], (0.5 + (part[2][0] - 0.5) * 0.9, y), (0.5 + (part[0][0] - 0.5) * 0.9, y)]
        sheet.scribble(wedge, colours[number % 2], 0.05)
    sheet.line(*dome, dome[0])
    hang = (0.5, y + 1.15 * size)
    for number in (0, 2, 4, 6, 8, 10):
        x = dome[number][0]
        sheet.line((x, y), hang, width=0.02)
        if 0 < number < 10:
            sheet.line((x, y), dome[number], width=0.018)
    sheet.line(hang, (0.5, hang[1] + 0.11), colour="#c0392b", width=0.06)
    sheet.line((0.5, hang[1] - 0.01), (0.501, hang[1] - 0.01), width=0.06, colour="#e0ac80")


def church(sheet: Sheet, wall: str, roof: str, sky: str, *, top: float = 0.3) -> None:
    sheet.ground(sky, "#7cab52", 0.7)
    for box in ((0.42, 0.52, 0.85, 0.82), (0.2, 0.42, 0.44, 0.82)):
        left, upper, right, bottom = box
        sheet.shape("fill", "rectangle", box, wall)
        sheet.line((left, upper), (right, upper), (right, bottom), (left, bottom), (left, upper))
    sheet.polygon([(0.44, 0.38), (0.8, 0.38), (0.9, 0.53), (0.44, 0.53)], roof)
    sheet.polygon([(0.32, top - 0.12), (0.48, 0.43), (0.16, 0.43)], roof)
    sheet.line((0.32, top - 0.12), (0.32, top - 0.26))
    sheet.line((0.27, top - 0.2), (0.37, top - 0.2))
    sheet.shape("fill", "rectangle", (0.28, 0.66, 0.37, 0.82), BROWN)
    sheet.line((0.28, 0.82), (0.28, 0.66), (0.37, 0.66), (0.37, 0.82))
    for x, y in ((0.32, 0.53), (0.54, 0.65), (0.65, 0.65), (0.76, 0.65)):
        sheet.shape("fill", "rectangle", (x - 0.03, y - 0.05, x + 0.03, y + 0.05), "#4d5b8c")
        corners = [(x - 0.03, y - 0.05), (x + 0.03, y - 0.05), (x + 0.03, y + 0.05), (x - 0.03, y + 0.05)]
        sheet.line(*corners, corners[0])


def golf_ball(sheet: Sheet, above: str, grass: str, *, y: float = 0.52, size: float = 0.32) -> None:
    sheet.ground(above, grass, 0.66)
    sheet.blob(0.5, y, size, size, WHITE)
    for row in range(-2, 3):
        for column in range(-2, 3):
            dx, dy = 0.34 * (column + 0.5 * (row % 2)) * size, 0.34 * row * size
            if math.hypot(dx, dy) < 0.8 * size:
                dot = (0.5 + dx + sheet.hand.gauss(0, 0.005), y + dy)
                sheet.line(dot, dot, colour=GREY, width=0.15 * size)


DRAWINGS: list[tuple[str, Callable[[Sheet], None]]] = [
    ("horse", lambda sheet: horse(sheet, BROWN, "#9fd0ef", "#8ac24a")),
    ("horse", lambda sheet: horse(sheet, "#a8683a", "#f0c9a0", "#b98c4a", top=0.24, legs=0.36)),
    ("zebra", lambda sheet: zebra(sheet, "#9fd0ef", "#d8b878")),
    ("zebra", lambda sheet: zebra(sheet, "#e8e4d8", "#a9bf60", top=0.24, legs=0.36, stripes=6)),
    ("apple", lambda sheet: apple(sheet, "#cc2222", "#e9dfc8", "#a9744a")),
    ("apple", lambda sheet: apple(sheet, "#8fbf3a", "#c9b8d8", "#7a5a48", y=0.6, size=0.25)),
    ("orange", lambda sheet: orange(sheet, "#d8e4ea", "#9a6a44")),
    ("orange", lambda sheet: orange(sheet, "#5a6a78", "#c8b8a0", x=0.46, y=0.6, size=0.25)),
    ("summer", lambda sheet: summer(sheet, [(0.28, 0.42, 0.17), (0.72, 0.38, 0.19)], 0.5)),
    ("summer", lambda sheet: summer(sheet, [(0.62, 0.33, 0.23), (0.2, 0.52, 0.12)], 0.16)),
    ("winter", lambda sheet: winter(sheet, [(0.3, 0.2, 0.28), (0.74, 0.32, 0.22)], None)),
    ("winter", lambda sheet: winter(sheet, [(0.66, 0.16, 0.3)], 0.24)),
    ("goldfish", lambda sheet: goldfish(sheet, "#ff8c1a", "#6fb7e0")),
    ("goldfish", lambda sheet: goldfish(sheet, "#e85a2a", "#3f8fa8", y=0.54)),
    ("parachute", lambda sheet: parachute(sheet, ("#d62728", "#f4f4f4"), "#86c5f2")),
    ("parachute", lambda sheet: parachute(sheet, ("#ffb81a", "#2f6fb4"), "#aebfd0", y=0.38, size=0.3)),
    ("church", lambda sheet: church(sheet, "#f2ead8", "#b0402e", "#9fd0ef")),
    ("church", lambda sheet: church(sheet, "#d8c0a0", "#4a4f63", "#e6d3b8", top=0.27)),
    ("golf ball", lambda sheet: golf_ball(sheet, "#9fd0ef", "#5fa844")),
    ("golf ball", lambda sheet: golf_ball(sheet, "#cfe3c0", "#3f7f3a", y=0.56, size=0.26)),
]


def sketches() -> list[dict[str, object]]:
    sheets = []
    for number, (shows, draw) in enumerate(DRAWINGS):
        sheet = Sheet(f"{shows} {number % 2 + 1}", shows, mirrored=number % 2 == 1)
        draw(sheet)
        sheets.append({"name": sheet.name, "shows": shows, "drawn": sheet.drawn})
    return sheets


if __name__ == "__main__":
    lines = [json.dumps(sheet) for sheet in sketches()]
    Path(__file__).with_name("sketches.json").write_text("[\n" + ",\n".join(lines) + "\n]\n")
