"""What an assistant gets of a graded class: a table, points given by hand, a page for each student, a summary."""

import html
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from course_lib.checks.report import exercise
from course_lib.grading.hand import Hand, by_hand, csv_text, given
from course_lib.grading.marks import Mark, Marked
from course_lib.grading.submissions import file_of, legible
from course_lib.storage.files import write

STYLE = (
    "body{font:17px/1.5 sans-serif;max-width:46em;margin:2em auto;padding:0 1em;color:#1a1a1a}"
    "table{border-collapse:collapse}td,th{text-align:left;padding:.2em .8em .2em 0;vertical-align:top}"
    "h2{margin-top:1.6em}.no{color:#a02000}.yes{color:#006040}"
)


def write_reports(marked: Sequence[Marked], out: Path) -> None:
    """Write grades.csv, hand.csv, feedback/STUDENT.html and summary.html; points given by hand are kept and counted."""
    sets = sorted({mark.exercise.split(".")[0] for one in marked for mark in one.marks})
    hand = by_hand([one.student for one in marked], sets, out / "hand.csv")
    save(out / "grades.csv", table(marked, hand))
    for one in marked:
        save(out / "feedback" / f"{file_of(one.student)}.html", page(one.student, "".join(feedback(one, hand))))
    save(out / "summary.html", page("Summary", "".join(summary(marked, hand))))


def save(path: Path, text: str) -> None:
    write(path, legible(text).encode())


def table(marked: Sequence[Marked], hand: Hand) -> str:
    names = [mark.exercise for mark in marked[0].marks] if marked else []
    head = ["student", *names, "by hand", "total", *(f"{name} status" for name in names), "seconds", "sha256", "notes"]
    return csv_text(head, (row(one, hand[one.student]) for one in marked))


def row(one: Marked, rows: Sequence[Mapping[str, str]]) -> list[str]:
    extra = given(rows)
    numbers = ["" if mark.status == "ungraded" else f"{mark.points:g}" for mark in one.marks]
    seconds = f"{sum(mark.seconds for mark in one.marks):.1f}"
    statuses = [mark.status for mark in one.marks]
    notes = "; ".join(one.problems)
    return [one.student, *numbers, f"{extra:g}", total(one, rows), *statuses, seconds, one.sha256, notes]


def total(one: Marked, rows: Sequence[Mapping[str, str]]) -> str:
    return f"{one.total + given(rows):g}" if one.whole else ""


def feedback(one: Marked, hand: Hand) -> Iterator[str]:
    """A student's page: what holds, what does not, the likely cause, where to read. No hidden input is shown."""
    yield f"<h1>{html.escape(one.student)}: {total(one, hand[one.student]) or 'not yet all'} points</h1>"
    yield from (f"<p class=no>{html.escape(problem)}</p>" for problem in one.problems)
    for mark in one.marks:
        yield from about(mark)
    for line in hand[one.student]:
        if line["points"]:
            yield f"<h2>{html.escape(line['item'])}: {html.escape(line['points'])} points</h2>"
            yield f"<p>{html.escape(line['comment'])}</p>"
    yield f"<p>Submission {one.sha256[:16]}</p>"


def about(mark: Mark) -> Iterator[str]:
    full = exercise(mark.exercise)
    yield f"<h2>{html.escape(mark.exercise)}: {mark.points:g} of {full.points:g} points ({mark.status})</h2><ul>"
    yield from (f"<li class=yes>✓ {html.escape(name)}</li>" for name in mark.kept)
    yield from (f"<li class=no>✗ {html.escape(name)}</li>" for name in mark.broken)
    yield "</ul>"
    if mark.said:
        yield f"<p>{html.escape(mark.said)}</p>"
    if mark.status != "ok":
        yield f"<p>Read: {html.escape(full.read)}.</p>"


def summary(marked: Sequence[Marked], hand: Hand) -> Iterator[str]:
    """The class: how many points, which statuses, which checks failed most often."""
    totals = [one.total + given(hand[one.student]) for one in marked]
    yield f"<h1>{len(marked)} submissions</h1>"
    yield f"<p>{sum(totals) / max(1, len(totals)):.1f} points on average</p>"
    points = Counter(f"{total:g} points" for total in sorted(totals, reverse=True))
    yield "<h2>Points</h2>" + rows_of(list(points.items()))
    statuses = Counter(mark.status for one in marked for mark in one.marks)
    yield "<h2>Status</h2>" + rows_of(statuses.most_common())
    failed = Counter(f"{mark.exercise}: {name}" for one in marked for mark in one.marks for name in mark.broken)
    yield "<h2>Checks that failed most often</h2>" + rows_of(failed.most_common(15))
    causes = Counter(f"{mark.exercise}: {mark.said}" for one in marked for mark in one.marks if mark.status == "wrong")
    yield "<h2>Likely causes</h2>" + rows_of([(words, n) for words, n in causes.most_common(15) if words[-2:] != ": "])


def rows_of(counts: Sequence[tuple[str, int]]) -> str:
    rows = "".join(f"<tr><td>{count}</td><td>{html.escape(words)}</td></tr>" for words, count in counts)
    return f"<table><tr><th>how often</th><th>what</th></tr>{rows}</table>"


def page(title: str, body: str) -> str:
    head = f'<meta charset="utf-8"><title>{html.escape(title)}</title><style>{STYLE}</style>'
    return f'<!doctype html><html lang="en"><head>{head}</head><body>{body}</body></html>\n'
