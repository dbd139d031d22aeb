"""Rows that a probe would refuse: of no known shape, or with nothing in a field that it needs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator

from probes.audit.costs import REFUSED, counted, have
from probes.audit.records import Found, Remedy
from probes.audit.sheet import Entry, Sheet
from probes.data import MIN_ROWS, normalised

BLANK: dict[str, Callable[[Entry], bool]] = {
    "input": lambda entry: not (entry.asked and entry.text.strip()),
    "output": lambda entry: not entry.output.strip(),
    "rejected": lambda entry: entry.rejected is not None and not entry.rejected.strip(),
}
"""Fields that must not be empty; a row counts for the first of them."""


def check(sheet: Sheet) -> Iterator[Found]:
    """Rows that are refused (`unreadable-rows`, `empty-…`), and files that are."""
    rows: dict[str, list[int]] = {}
    for at, entry in enumerate(sheet.entries):
        if entry.fault:
            rows.setdefault("unreadable-rows", []).append(at)
            continue
        blank = next((field for field, is_blank in BLANK.items() if is_blank(entry)), None)
        if blank is not None:
            rows.setdefault(f"empty-{blank}", []).append(at)
    for kind, found in sorted(rows.items()):
        yield _told(kind, found, sheet)
    yield from _too_few(sheet)


def _too_few(sheet: Sheet) -> Iterator[Found]:
    """Kinds `too-few-rows` and `one-class`: what `probes.data.read_examples` refuses a file for."""
    rows = [at for at in sheet.usable if sheet.entries[at].file == "train"]
    train = [sheet.entries[at] for at in rows]
    n = len({(normalised(entry.text), entry.output, entry.rejected) for entry in train})
    of = len(sheet.entries)
    if n < MIN_ROWS:
        text = f"Only {counted(n, len(train))} of the training file differ; {MIN_ROWS} are needed."
        fix = "Label more rows, in the order that they come in."
        yield Found("too-few-rows", text, [], of, fix, REFUSED)
    if sheet.labelled and train and len({entry.output for entry in train}) == 1:
        text = f"All {len(train):,} rows of the training file have one label."
        fix = "Add rows of another class, or check `data.columns.output`."
        yield Found("one-class", text, [], of, fix, REFUSED)


def _told(kind: str, rows: list[int], sheet: Sheet) -> Found:
    rows_have = f"{counted(len(rows), len(sheet.entries))} {have(len(rows))}"
    causes = Counter(sheet.entries[at].fault for at in rows if sheet.entries[at].fault)
    text = f"{rows_have} an {kind.replace('-', ' ')}."
    if causes:
        first, _ = causes.most_common(1)[0]
        text = f"{rows_have} no shape that can be learnt from, mostly: {first}."
    return Found(
        kind=kind,
        text=text.replace("empty rejected", "empty rejected answer"),
        rows=rows,
        of=len(sheet.entries),
        fix="Mend these rows or leave them out.",
        effect=REFUSED,
        remedy=Remedy(drop=rows),
        details={"causes": dict(causes.most_common(20))} if causes else {},
    )
