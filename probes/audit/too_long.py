"""Rows longer than what a rung can read, with tokens counted where it matters only."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from probes.audit.costs import by_share, counted, have
from probes.audit.records import Found
from probes.audit.sheet import Entry, Rung, Sheet

_WINDOW = 100
"""Rows on either side of the boundary that are counted one by one."""
_CHARS_PER_TOKEN = 16
"""Of so many characters a token of context the beginning is counted first: it nearly always has
more tokens than fit, and the rest of a long row then need not be read."""


def too_long(sheet: Sheet) -> Iterator[Found]:
    """Kind too-long, one finding a rung: instruction, input and output against its context."""
    if not sheet.rungs:
        return
    least = min(rung.context_tokens for rung in sheet.rungs) - len(sheet.instruction) * 4
    # a token holds at least one byte, a character at most four
    ranked = [
        at for at, row in enumerate(sheet.entries) if 4 * (len(row.text) + len(row.output)) > least
    ]
    ranked.sort(key=lambda at: -_length(sheet.entries[at]))
    for rung in sheet.rungs:
        rows = _over(sheet, rung, ranked)
        if rows:
            yield _found(sheet, rung, rows)


def _length(row: Entry) -> int:
    return len(row.text) + len(row.output)


def _over(sheet: Sheet, rung: Rung, ranked: Sequence[int]) -> list[int]:
    """Positions of rows over the rung's context, the longest first.

    Tokens grow with characters: the boundary is found by halving, and rows near it are counted.
    """
    fixed = rung.count_tokens(sheet.instruction) if sheet.instruction else 0
    known: dict[int, bool] = {}

    def over(place: int) -> bool:
        if place not in known:
            known[place] = _exceeds(sheet.entries[ranked[place]], rung, fixed)
        return known[place]

    low, high = 0, len(ranked)
    while low < high:
        middle = (low + high) // 2
        if over(middle):
            low = middle + 1
        else:
            high = middle
    begin, end = max(0, low - _WINDOW), min(len(ranked), low + _WINDOW)
    for place in range(min(len(ranked), _WINDOW)):
        over(place)
    near = {place for place in range(begin, end) if over(place)}
    places = set(range(begin)) | near | {place for place, held in known.items() if held}
    places -= {place for place, held in known.items() if not held}
    return [ranked[place] for place in sorted(places)]


def _exceeds(row: Entry, rung: Rung, fixed: int) -> bool:
    """Whether the row and `fixed` tokens of instruction are more than the rung can read."""
    read = _CHARS_PER_TOKEN * rung.context_tokens
    for part in (row.text, row.output):
        if len(part) > read and fixed + rung.count_tokens(part[:read]) > rung.context_tokens:
            return True
    return fixed + rung.count_tokens(row.text) + rung.count_tokens(row.output) > rung.context_tokens


def _found(sheet: Sheet, rung: Rung, rows: list[int]) -> Found:
    n, of = len(rows), len(sheet.entries)
    return Found(
        kind="too-long",
        text=f"{counted(n, of)} {have(n)} more tokens than {rung.name} can read"
        f" ({rung.context_tokens:,} with instruction, input and output).",
        rows=rows,
        of=of,
        fix="Shorten or split the inputs, give documents to retrieval, or leave this model out.",
        effect=by_share(
            n, of, "model", "such a row is cut or refused, for this model only", (0.8, 0.3, 1.0)
        ),
        details={"model": rung.name, "context_tokens": rung.context_tokens},
    )
