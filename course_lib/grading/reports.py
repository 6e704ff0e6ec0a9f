"""What an assistant gets of a graded class: a table, points given by hand, a page for each student, a summary."""

import html
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from course_lib.checks.report import exercise
from course_lib.grading.cells import legible
from course_lib.grading.equal import equal
from course_lib.grading.hand import ITEMS, Hand, Row, by_hand, csv_text, given, rows_of
from course_lib.grading.marks import Mark, Marked
from course_lib.grading.reflections import LONGEST, Texts, page_of
from course_lib.grading.submissions import Submission, file_of
from course_lib.storage.files import write

STYLE = (
    "body{font:17px/1.5 sans-serif;max-width:46em;margin:2em auto;padding:0 1em;color:#1a1a1a}"
    "table{border-collapse:collapse}td,th{text-align:left;padding:.2em .8em .2em 0;vertical-align:top}"
    "h2{margin-top:1.6em}.no{color:#a02000}.yes{color:#006040}pre{background:#f3f4f6;padding:.6em;white-space:pre-wrap;font-size:15px}"
)
Sources = Mapping[str, Sequence[str]]


def write_reports(
    marked: Sequence[Marked], out: Path, *, found: Sequence[Submission] = (), texts: Texts | None = None
) -> Hand:
    """Write tables and pages, with points given by hand, the code of `found`, and a page to read `texts`."""
    sets = sorted({mark.exercise.split(".")[0] for one in marked for mark in one.marks})
    hand = by_hand([one.student for one in marked], sets, out / "hand.csv")
    save(out / "grades.csv", table(marked, hand))
    sources = {one.student: one.sources for one in found}
    for one in marked:
        body = "".join(feedback(one, hand[one.student], sources.get(one.student, {}), texts))
        save(out / "feedback" / f"{file_of(one.student)}.html", page(one.student, body))
    save(out / "summary.html", page("Summary", "".join(summary(marked, hand, found))))
    if texts is not None:
        save(out / "reflections.html", page_of(*rows_of(out / "hand.csv")[:2], texts))
    return hand


def save(path: Path, text: str) -> None:
    write(path, legible(text).encode())


def table(marked: Sequence[Marked], hand: Hand) -> str:
    names = [mark.exercise for mark in marked[0].marks] if marked else []
    head = ["student", *names, "by hand", "total", *(f"{name} status" for name in names), "seconds", "sha256", "notes"]
    return csv_text(head, (row(one, hand[one.student]) for one in marked))


def row(one: Marked, rows: Sequence[Mapping[str, str]]) -> list[str]:
    numbers = ["" if mark.status == "ungraded" else f"{mark.points:g}" for mark in one.marks]
    seconds = f"{sum(mark.seconds for mark in one.marks):.1f}"
    points = [*numbers, f"{given(rows):g}", total(one, rows)]
    return [one.student, *points, *(mark.status for mark in one.marks), seconds, one.sha256, "; ".join(one.problems)]


def total(one: Marked, rows: Sequence[Mapping[str, str]]) -> str:
    return f"{one.total + given(rows):g}" if one.whole else ""


def points_by_set(marked: Sequence[Marked], hand: Hand) -> dict[str, dict[str, str]]:
    """What each student has in each problem set, with points given by hand; "" where something is not graded yet."""
    found: dict[str, dict[str, str]] = {}
    for one in marked:
        for name in sorted({mark.exercise.partition(".")[0] for mark in one.marks}):
            own = replace(one, marks=[mark for mark in one.marks if mark.exercise.startswith(f"{name}.")])
            rows = [row for row in hand[one.student] if row["item"].startswith(f"{name}.")]
            found.setdefault(one.student, {})[name] = total(own, rows)
    return found


def feedback(one: Marked, rows: Sequence[Row], sources: Sources, texts: Texts | None) -> Iterator[str]:
    """A student's page: points by rule, the likely cause beside the code, where to read. No hidden input is shown."""
    points = f"{total(one, rows)} of {worth(one.marks, rows):g} points" if one.whole else "not yet all points"
    yield f"<h1>{html.escape(one.student)}: {points}</h1>"
    yield from (f"<p class=no>{html.escape(problem)}</p>" for problem in one.problems)
    for mark in one.marks:
        yield from about(mark)
        if mark.status != "ok" and mark.exercise in sources:
            code = html.escape("\n\n".join(sources[mark.exercise])[:LONGEST])
            yield f"<details open><summary>Your code</summary><pre>{code}</pre></details>"
    for row in rows:
        written = texts is None or (one.student, row["item"]) in texts
        pending = "pending" if written else "nothing was handed in"
        state = f"{html.escape(row['points'])} of {ITEMS[row['item']]:g} points" if row["points"] else pending
        yield f"<h2>{html.escape(row['item'])}: {state}</h2>"
        if row["comment"]:
            yield f"<p>{html.escape(row['comment'])}</p>"
    yield f"<p>Submission {one.sha256[:16]}</p>"


def about(mark: Mark) -> Iterator[str]:
    full = exercise(mark.exercise)
    yield f"<h2>{html.escape(mark.exercise)}: {mark.points:g} of {full.points:g} points ({mark.status})</h2><ul>"
    right = not any(rule.name in mark.broken for rule in full.rules if not rule.manners)
    for rule in full.rules:
        if rule.name in mark.broken:
            yield f"<li class=no>✗ {html.escape(rule.name)}: 0 of {rule.points:g}</li>"
        elif rule.name in mark.kept:
            words = "" if right or not rule.manners else ", which counts once the rest is right"
            worth = 0 if words else rule.points
            yield f"<li class=yes>✓ {html.escape(rule.name)}: {worth:g} of {rule.points:g}{words}</li>"
    yield "</ul>"
    if mark.said:
        yield f"<p>{html.escape(mark.said)}</p>"
    if mark.status != "ok":
        yield f"<p>Read: {html.escape(full.read)}.</p>"


def summary(marked: Sequence[Marked], hand: Hand, found: Sequence[Submission]) -> Iterator[str]:
    """The class: points, what goes wrong, equal hand-ins, the share that is right by exercise and by property."""
    totals = [one.total + given(hand[one.student]) for one in marked]
    most = max((worth(one.marks, hand[one.student]) for one in marked), default=0)
    yield f"<h1>{len(marked)} submissions</h1>"
    yield f"<p>{sum(totals) / max(1, len(totals)):.1f} of {most:g} points on average</p>"
    marks = [mark for one in marked for mark in one.marks if mark.status not in ("missing", "ungraded")]
    causes = Counter(f"{mark.exercise}: {mark.said}" for mark in marks if mark.status != "ok" and mark.said)
    yield "<h2>The commonest causes</h2>" + counted(causes.most_common(5))
    yield "<h2>Equal hand-ins</h2><p>All answers of a set are the same but for names, comments and layout. That judges "
    pairs = [f"{name}: {', '.join(students)}" for name, students in equal(found)]
    yield "nobody.</p><ul>" + "".join(f"<li>{html.escape(words)}</li>" for words in pairs or ["none"]) + "</ul>"
    statuses = Counter(mark.status for one in marked for mark in one.marks)
    yield "<h2>Status</h2>" + counted(statuses.most_common())
    points = Counter(f"{total:g} points" for total in sorted(totals, reverse=True))
    yield "<h2>Points</h2>" + counted(list(points.items()))
    yield "<h2>Right, of those handed in</h2><table>"
    for name in dict.fromkeys(mark.exercise for mark in marks):
        own = [mark for mark in marks if mark.exercise == name]
        yield share(sum(mark.status == "ok" for mark in own) / len(own), name, "th")
        for rule in exercise(name).rules:
            yield share(sum(rule.name in mark.kept for mark in own) / len(own), f"{name}: {rule.name}", "td")
    yield "</table>"


def share(part: float, words: str, cell: str) -> str:
    return f"<tr><{cell}>{part:.0%}</{cell}><{cell}>{html.escape(words)}</{cell}></tr>"


def worth(marks: Sequence[Mark], rows: Sequence[Row]) -> float:
    return sum(exercise(mark.exercise).points for mark in marks) + sum(ITEMS[row["item"]] for row in rows)


def counted(counts: Sequence[tuple[str, int]]) -> str:
    rows = "".join(f"<tr><td>{count}</td><td>{html.escape(words)}</td></tr>" for words, count in counts)
    return f"<table><tr><th>how often</th><th>what</th></tr>{rows}</table>"


def page(title: str, body: str) -> str:
    head = f'<meta charset="utf-8"><title>{html.escape(title)}</title><style>{STYLE}</style>'
    return f'<!doctype html><html lang="en"><head>{head}</head><body>{body}</body></html>\n'
