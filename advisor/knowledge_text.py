"""What is believed, as lines of a terminal; what stands in them is still to be made safe for it."""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from textwrap import wrap
from typing import TYPE_CHECKING

from advisor.knowledge_index import KINDS, Known
from knowledge.records import Fact, Ladder, ModelCard
from knowledge.statements import Claim, Coverage, MethodCard, Symptom, age_days
from probes.sinks import markdown, one_line

if TYPE_CHECKING:
    from advisor.rules import Rule

NARROWEST = 40
"""Columns that a line's text wants; where fewer are left it stands on a line of its own."""


def counted(n: int, noun: str) -> str:
    """`1 day`, `2 days`."""
    return f"{n:,} {noun}{'' if n == 1 else 's'}"


# ---------------------------------------------------------------- lines


def folded(lines: Iterable[str], width: int) -> Iterator[str]:
    """Lines folded between words, under their text where they are entries of a list."""
    for line in lines:
        indent = " " * (len(line) - len(line.lstrip()) + 2 * line.lstrip().startswith("- "))
        yield from wrap(
            line, width, subsequent_indent=indent, break_on_hyphens=False, break_long_words=False
        ) or [line]


def aligned(rows: Sequence[Sequence[str]], width: int) -> Iterator[str]:
    """A line a row, its cells in columns and the last cut to the width; 0 cuts nothing.

    Where the width leaves too little to the last cell, it stands on the next line.
    """
    if not rows:
        return
    columns = [max(len(row[at]) for row in rows) for at in range(len(rows[0]) - 1)]
    left = width - sum(columns) - 2 * len(columns)
    for row in rows:
        head = "  ".join(cell.ljust(size) for cell, size in zip(row, columns, strict=False))
        if not width:
            yield f"{head}  {row[-1]}".rstrip()
        elif left >= NARROWEST:
            yield f"{head}  {one_line(row[-1], left)}".rstrip()
        else:
            yield from (head.rstrip(), f"    {one_line(row[-1], max(10, width - 4))}")


def record_title(record: Fact) -> str:
    """The one line that tells what a record is."""
    if isinstance(record, Claim):
        return record.statement
    if isinstance(record, ModelCard):
        return f"{record.n_params:,} parameters, {record.licence}"
    return str(getattr(record, "title", ""))


# ---------------------------------------------------------------- lists


def overview(known: Known) -> Iterator[str]:
    """How many records there are of each kind, and how well the claims are grounded."""
    rows = [[kind, f"{len(known.of(kind)):>5}", ""] for kind in KINDS]
    claims = known.claims.values()
    rows[0][2] = _tally(claim.grade for claim in claims)
    more = [_tally(claim.status for claim in claims), _tally(claim.topic for claim in claims)]
    rows[1:1] = [["", "", line] for line in more if line]
    rows.append(["rules", f"{len(known.rules):>5}", ""])
    with_claims = sum(bool(row.claims) for row in known.coverage)
    left_out = len(known.coverage) - with_claims
    covered = f"{with_claims} with claims, {left_out} left out with a reason"
    rows.append(["coverage", f"{len(known.coverage):>5}", covered if known.coverage else ""])
    yield from aligned(rows, 0)
    yield from ("", "advisor knowledge list claims --grade ungrounded", "advisor knowledge show ID")
    yield from ("advisor knowledge search WORDS", "advisor knowledge stale")


def _tally(names: Iterable[str]) -> str:
    return ", ".join(f"{name} {n}" for name, n in Counter(names).most_common())


def list_rows(records: Iterable[Fact], today: date) -> list[tuple[str, ...]]:
    """A row for each record: its name, what sorts it, and what it says."""
    return [_row(record, today) for record in records]


def _row(record: Fact, today: date) -> tuple[str, ...]:
    if isinstance(record, Claim):
        age = f"{age_days(record, today):>4} d"
        return (record.id, record.grade, record.status, record.lasts, age, record.statement)
    if isinstance(record, MethodCard):
        measured = "measured" if record.measured_by else "not measured"
        return (record.id, measured, record.title)
    if isinstance(record, ModelCard):
        context = f"{record.context_tokens:>9,} tokens"
        return (record.name, f"{size_text(record.n_params):>6}", context, record.licence)
    if isinstance(record, Ladder):
        return (record.name, " < ".join(record.models))
    if isinstance(record, Symptom):
        return (record.id, counted(len(record.causes), "cause"), record.title)
    return (str(getattr(record, "id", "")), record_title(record))


def size_text(n_params: int) -> str:
    """Parameters to three digits: `108K`, `494M`, `7.62B`."""
    for unit, letter in ((1e9, "B"), (1e6, "M")):
        if n_params >= unit:
            return f"{n_params / unit:.3g}{letter}"
    return f"{n_params / 1e3:.3g}K"


def stale_lines(
    late: Sequence[tuple[Claim, int]], n_claims: int, today: date, days: int
) -> Iterator[str]:
    """What is due for another look, oldest first, and how to take it."""
    number = f"{len(late):,}" if late else "none"
    limit = f"more than {counted(days, 'day')} before {today} (durable ones: {2 * days:,})"
    yield f"{number} of {counted(n_claims, 'claim')} last checked {limit}"
    for claim, age in late:
        yield f"- {claim.id}: {counted(age, 'day')}, {claim.lasts}, {claim.grade}"
        yield f"    re-test by {claim.retest.by}: {claim.retest.how}"


# ---------------------------------------------------------------- rules and coverage


def rule_rows(rules: Mapping[str, Rule]) -> list[tuple[str, ...]]:
    """A row for each rule: name, strength, the first line of what it does."""
    return [
        (rule.name, rule.strength, (rule_text(rule).splitlines() or [""])[0])
        for rule in rules.values()
    ]


def rule_text(rule: Rule) -> str:
    """What a rule does, in its own words."""
    return inspect.getdoc(rule.function) or "Nobody has written down what it does."


def coverage_table(rows: Iterable[Coverage]) -> Iterator[str]:
    """Each statement of the documents with its claims, or why it has none, in Markdown."""
    yield from ("| document | statement | claims, or why none |", "| --- | --- | --- |")
    for row in rows:
        became = ", ".join(f"`{claim}`" for claim in row.claims) or f"none: {row.left_out}"
        shown = became if row.claims else markdown(became)
        yield f"| {row.document} | {markdown(row.statement)} | {shown} |"
