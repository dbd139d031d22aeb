"""Tables and prose of the screens; every text from data is made safe and never read as markup."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.cells import cell_len
from rich.table import Table
from rich.text import Text

from advisor.records import Report
from advisor.wizard.board import Curves, Figure, Standing
from probes.records import Estimate
from probes.sinks import one_line, terminal

MIDDLE, WIDE, WIDEST = 50, 76, 90
"""Columns from which a table has more figures, and more digits."""


def plain(text: str, style: str = "") -> Text:
    """Text from data, shown literally."""
    return Text(terminal(text), style=style)


def now_text(running: Sequence[tuple[str, float]], width: int, lines: int) -> Text:
    """What runs now on at most so many lines of this width; the last one counts the others."""
    if not running:
        return Text("starting …")
    shown, more = running[:lines], len(running) - lines
    made = []
    for at, (label, share) in enumerate(shown, 1):
        tail = f"  {share:.0%}"
        if at == lines and more > 0:
            tail += f" and {more} more"
        line = Text(f"now: {one_line(label, 200)}")
        line.truncate(max(1, width - cell_len(tail)), overflow="ellipsis")
        made.append(line.append(tail))
    return Text("\n", no_wrap=True, overflow="ellipsis").join(made)


def table(heads: Sequence[str], rows: Iterable[Sequence[str]], *, words: int = 1) -> Table:
    """A table without lines: the first `words` columns are words, the others are figures."""
    made = Table(box=None, padding=(0, 1, 0, 0), header_style="bold", pad_edge=False)
    for at, head in enumerate(heads):
        made.add_column(Text(head), justify="left" if at < words else "right", overflow="fold")
    for row in rows:
        made.add_row(*(Text(one_line(cell, 200)) for cell in row))
    return made


def standings_table(standings: Sequence[Standing], width: int) -> Table:
    """The options so far; a narrow one leaves figures out."""
    digits = 1 if width >= MIDDLE else 0
    columns: list[tuple[str, list[str]]] = [
        ("option", [row.name for row in standings]),
        ("quality, %", [row.quality.shown(digits) for row in standings]),
        ("n", [str(row.quality.n) for row in standings]),
    ]
    if width >= MIDDLE:
        columns.append(("form, %", [_share(row.form) for row in standings]))
    if width >= WIDE:
        columns.append(("tried", [str(row.tried) for row in standings]))
        columns.append(("on test, %", [_shown(row.test, 1) for row in standings]))
    return _of_columns(columns)


def curve_table(curves: Curves, x_head: str, width: int) -> Table:
    """A curve's points where there is no room for a picture."""
    points = [(name, point) for name, points in curves.items() for point in points]
    return _of_columns(
        [
            ("", [name for name, _ in points]),
            (x_head, [f"{point.x:,.0f}" for _, point in points]),
            ("quality, %", [point.figure.shown(int(width >= MIDDLE)) for _, point in points]),
        ]
    )


def report_table(report: Report, width: int) -> Table:
    """The report's options, cheapest first, the recommended one marked."""
    options = report.options
    digits = 1 if width >= WIDEST else 0
    marks = ["* " if option.name == report.advice.option else "  " for option in options]
    columns: list[tuple[str, list[str]]] = [
        ("  option", [mark + each.name for mark, each in zip(marks, options, strict=True)]),
        ("dev, %", [_shown(_figure(each.quality), digits) for each in options]),
        ("test, %", [_shown(_figure(each.test), digits) for each in options]),
    ]
    if width >= MIDDLE:
        columns.append(("n", [str(each.quality.n) for each in options]))
        columns.append(("P(meets)", [f"{each.p_meets:.2f}" for each in options]))
    if width >= WIDE:
        month = [_usd(each.price.serving_usd_per_month) for each in options]
        columns.append(("USD/month", month))
    return _of_columns(columns)


def _of_columns(columns: Sequence[tuple[str, Sequence[str]]]) -> Table:
    rows = zip(*(cells for _, cells in columns), strict=True)
    return table([head for head, _ in columns], rows)


def _usd(price: float | None) -> str:
    if price is None:
        return "–"
    return f"{price:,.2f}" if price >= 0.01 or price == 0 else "< 0.01"


def _share(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.1f}"


def _shown(figure: Figure | None, digits: int) -> str:
    return "–" if figure is None else figure.shown(digits)


def _figure(estimate: Estimate | None) -> Figure | None:
    if estimate is None:
        return None
    return Figure(estimate.value, estimate.low, estimate.high, estimate.n)


def report_head(report: Report) -> Text:
    """What to do and how sure that is."""
    advice = report.advice
    text = Text()
    if report.rehearsal:
        text.append(" REHEARSAL ", style="bold reverse")
        text.append(" on the project's own pocket models: says nothing about real ones\n\n")
    if report.status == "partial":
        text.append("UNFINISHED run; start the probe again to go on\n\n", style="bold")
    text.append(terminal(advice.headline) + "\n", style="bold")
    tested = {
        None: "neither confirmed nor refuted on test",
        True: "confirmed on test",
        False: "NOT confirmed on test",
    }[advice.confirmed_on_test]
    text.append(f"Confidence: P(target met) = {advice.confidence:.2f} on dev; {tested}")
    return text


def report_rest(report: Report, path: str) -> Text:
    """Why, what was found, what comes next, and where the whole report lies."""
    advice = report.advice
    parts: list[tuple[str, str]] = [
        ("Why not cheaper", advice.why_not_cheaper),
        ("Why not bigger", advice.why_not_bigger),
        *((f"Finding: {finding.kind}", finding.text) for finding in report.findings),
        *(("Would change it", flip) for flip in advice.what_would_change_it),
        ("Next step", advice.next_step),
        ("Holds for", advice.domain),
        ("Report", path),
    ]
    text = Text()
    for head, words in parts:
        if words:
            text.append(f"{head}: ", style="bold")
            text.append(terminal(words) + "\n")
    return text


def squeezed(lines: Sequence[str]) -> list[str]:
    """Lines of a table, their common blank columns reduced to two.

    Lines that begin with two blanks and no third are taken as the table.
    """
    rows = [at for at, line in enumerate(lines) if line.startswith("  ") and "   " in line[2:]]
    width = max((len(lines[at]) for at in rows), default=0)
    padded = {at: lines[at].ljust(width) for at in rows}
    kept, blanks = [], 0
    for column in range(2, width):
        blank = all(line[column] == " " for line in padded.values())
        blanks = blanks + 1 if blank else 0
        if blanks <= 2:
            kept.append(column)
    return [
        "".join(padded[at][column] for column in kept).rstrip()
        if at in padded
        else line.lstrip(" ")
        for at, line in enumerate(lines)
    ]


def headline(name: str, rehearsal: bool, state: str) -> Text:
    """The first line of a screen: the task, what kind of run it is, what goes on."""
    text = Text(no_wrap=True, overflow="ellipsis")
    text.append_text(plain(name.replace("\n", " "), "bold"))
    if rehearsal:
        text.append("  ")
        text.append(" REHEARSAL ", style="bold reverse")
    text.append(f"  {state}")
    return text
