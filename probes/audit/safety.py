"""Personal data, secrets, hidden characters and export damage: counted and located, never shown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from probes.audit.costs import HARDLY, UNFELT, UNMEASURED, counted, have, listed
from probes.audit.kinds import Kind
from probes.audit.odd_characters import (
    entities,
    hidden,
    is_plain,
    misdecoded,
    redecoded,
    tags,
    unhidden,
)
from probes.audit.private_patterns import (
    ip_addresses,
    may_be_address,
    may_be_personal,
    may_hold_secrets,
    personal_data,
    secrets,
)
from probes.audit.records import NO_EFFECT, Effect, Found, Remedy
from probes.audit.sheet import Entry, Sheet

_CHUNK = 64
"""Rows looked at together first: most hold none of what is sought."""
_PEOPLE = "the harm is to people, not to the score; rule of thumb, not measured"
HIDDEN = Kind(
    name="hidden-characters",
    says="{have} characters that nobody sees",
    fix="Remove them; in inputs only if the live inputs will not have them either.",
    on="model",
    basis=UNFELT,
    factors=HARDLY,
)
MOJIBAKE = Kind(
    name="mojibake",
    says="{have} letters that were decoded wrongly or lost",
    fix="Export the data again as UTF-8; lost letters need the source.",
    on="model",
    basis=UNMEASURED,
    factors=(0.3, 0.0, 1.0),
)
HTML = Kind(
    name="html-remnants",
    says="{have} remnants of HTML",
    fix="Take the text out of the markup before the data are written, unless the live inputs come"
    " with it.",
    on="model",
    basis="LoRA on three pocket tasks lost nothing surely with markup in 40 % of the inputs, and"
    " the figure of one 16 points (results/pocket/dirty_data.md); the share is a rule of thumb",
    factors=(0.2, 0.0, 1.0),
)
Patterns = Callable[[str], Mapping[str, int]]


def check(sheet: Sheet) -> Iterator[Found]:
    """Kinds personal-data, secrets, ip-addresses, hidden-characters, mojibake, html-remnants."""
    yield from _private(sheet)
    yield from _hidden(sheet)
    yield from _misdecoded(sheet)
    yield from _html(sheet)


def _private(sheet: Sheet) -> Iterator[Found]:
    passed: list[tuple[str, Callable[[str], bool], Patterns]] = [
        ("personal-data", may_be_personal, personal_data),
        ("secrets", may_hold_secrets, secrets),
        ("ip-addresses", may_be_address, _addresses),
    ]
    for kind, worth, patterns in passed:
        rows, counts, places = _located(sheet.entries, worth, patterns)
        if rows:
            yield _private_found(kind, rows, len(sheet.entries), counts, places)


def _private_found(
    kind: str, rows: Sequence[int], of: int, counts: Counter[str], places: Counter[str]
) -> Found:
    what, effect, fix = _PRIVATE[kind]
    return Found(
        kind=kind,
        text=f"{counted(len(rows), of)} {have(len(rows))} what looks like {what}:"
        f" {listed(counts)}.",
        rows=rows,
        of=of,
        fix=fix,
        effect=effect,
        details={"counts": dict(counts), "places": dict(places)},
    )


_PRIVATE: dict[str, tuple[str, Effect, str]] = {
    "personal-data": (
        "personal data",
        Effect(points=5, low=0, high=30, on="safety", basis=_PEOPLE),
        "Replace each by a made-up one of the same form, or drop the rows, before anything is"
        " trained or sent: a tuned model can repeat what it has read.",
    ),
    "secrets": (
        "keys or passwords",
        Effect(points=20, low=5, high=60, on="safety", basis=_PEOPLE),
        "Revoke them first, for they have been copied already; then replace them in the data.",
    ),
    "ip-addresses": (
        "public IP addresses",
        NO_EFFECT,
        "Check whether they belong to people; replace those that do.",
    ),
}


def _addresses(text: str) -> dict[str, int]:
    n = ip_addresses(text)
    return {"IPv4 address": n} if n else {}


def _located(
    entries: Sequence[Entry], worth: Callable[[str], bool], patterns: Patterns
) -> tuple[list[int], Counter[str], Counter[str]]:
    """Positions of the rows with a match, most matches first; matches by pattern and by place."""
    counts: Counter[str] = Counter()
    places: Counter[str] = Counter()
    weights: dict[int, int] = {}
    for start in range(0, len(entries), _CHUNK):
        chunk = entries[start : start + _CHUNK]
        if not worth("\n".join(_texts(chunk))):
            continue
        for at, row in enumerate(chunk, start):
            for place, text in _places(row):
                if worth(text):
                    found = patterns(text)
                    if found:
                        counts.update(found)
                        places[place] += 1
                        weights[at] = weights.get(at, 0) + sum(found.values())
    return sorted(weights, key=lambda at: (-weights[at], at)), counts, places


def _texts(rows: Iterable[Entry]) -> Iterator[str]:
    for row in rows:
        yield row.text
        yield row.output
        if row.rejected is not None:
            yield row.rejected


def _places(row: Entry) -> Iterator[tuple[str, str]]:
    yield "input", row.text
    yield "output", row.output
    if row.rejected is not None:
        yield "rejected", row.rejected


def _hidden(sheet: Sheet) -> Iterator[Found]:
    counts: Counter[str] = Counter()
    rows: list[int] = []
    outputs: dict[int, str] = {}
    for at, row in enumerate(sheet.entries):
        if is_plain(row.text) and is_plain(row.output) and is_plain(row.rejected or ""):
            continue
        found = [hidden(text) for _, text in _places(row)]
        if any(found):
            rows.append(at)
            counts.update(sum(found, Counter()))
            clean = unhidden(row.output)
            if found[1] and not found[0] and clean.strip():
                outputs[at] = clean
    rows.sort(key=lambda at: at not in outputs)
    yield from HIDDEN.found(
        rows,
        len(sheet.entries),
        f": {listed(counts)}.",
        Remedy.writing(outputs),
        {"counts": dict(counts), "in outputs only": len(outputs)},
    )


def _misdecoded(sheet: Sheet) -> Iterator[Found]:
    rows: list[int] = []
    outputs: dict[int, str] = {}
    for at, row in enumerate(sheet.entries):
        if row.text.isascii() and row.output.isascii():
            continue
        wrong = misdecoded(row.output)
        if wrong or misdecoded(row.text):
            rows.append(at)
            again = redecoded(row.output) if wrong else None
            if again is not None:
                outputs[at] = again
    rows.sort(key=lambda at: not misdecoded(sheet.entries[at].output))
    again_as_utf8 = {"outputs that read back as UTF-8": len(outputs)}
    yield from MOJIBAKE.found(
        rows, len(sheet.entries), remedy=Remedy.writing(outputs), details=again_as_utf8
    )


def _html(sheet: Sheet) -> Iterator[Found]:
    """Tags are natural in code, and where most rows have them; entities are not."""
    with_entities: list[int] = []
    with_tags: list[int] = []
    for at, row in enumerate(sheet.entries):
        both = (row.text, row.output)
        if any("&" in text and entities(text) for text in both):
            with_entities.append(at)
        elif any("<" in text and tags(text) for text in both):
            with_tags.append(at)
    of = len(sheet.entries)
    if sheet.task_type == "code":
        return
    rows = with_entities + (with_tags if len(with_tags) < of / 2 else [])
    sizes = {"entities": len(with_entities), "tags": len(with_tags)}
    yield from HTML.found(rows, of, f", {len(with_entities):,} entities.", details=sizes)
