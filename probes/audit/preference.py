"""Preference pairs: equal, differing in form only, contradicting each other, biased to length."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from probes.audit.costs import UNMEASURED, percent, share_of
from probes.audit.kinds import Kind
from probes.audit.records import Effect, Found, NotChecked, Remedy
from probes.audit.sheet import Entry, Sheet

_FIRST = re.compile(r"[^\W_]+")
_FORM = re.compile(r"[\W_]+")
_LEAST = 30
"""Pairs that differ in length, of which a share can be told; our choice."""
_BALANCED = (0.35, 0.65)
"""Shares that call for nothing: length alone is then right in two of three at most; our choice."""
_CLEARLY = 1.1
"""A text counts as longer from 10 % on; our choice."""
_BY_LENGTH = 20
"""Points by the share beyond a half: 10 where length alone tells all pairs; our choice."""

EQUAL = Kind(
    name="equal-pairs",
    says="{have} the same answer chosen and rejected",
    fix="Drop these pairs: nothing can be learnt from them.",
    on="model",
    basis="they only add noise",
    factors=(0.1, 0.0, 0.3),
    noun="pair",
)
FORM_ONLY = Kind(
    name="form-only-pairs",
    says="differ in spaces, case, punctuation or markup alone",
    fix="Drop these pairs, unless form is what the model is to learn.",
    on="model",
    basis="they teach form, not content",
    factors=(0.1, 0.0, 0.5),
    noun="pair",
)
CONTRADICTING = Kind(
    name="contradicting-pairs",
    says="{have} an answer that is chosen in one row and rejected in another of the same input",
    fix="Decide which of the two is better, or drop both rows.",
    on="model",
    basis="one of both rows is wrong at least where the order is not a ranking of three; not"
    " measured",
    factors=(0.5, 0.0, 1.0),
    noun="pair",
)


def check(sheet: Sheet) -> Iterator[Found]:
    """Kinds equal-pairs, form-only-pairs, contradicting-pairs and length-bias."""
    pairs = [at for at in sheet.usable if (sheet.entries[at].rejected or "").strip()]
    if not pairs:
        raise NotChecked("no pairs")
    equal = [at for at in pairs if _same(sheet.entries[at])]
    known = set(equal)
    rest = [at for at in pairs if at not in known]
    yield from EQUAL.found(equal, len(pairs), remedy=Remedy(drop=equal))
    form_only = [at for at in rest if _form_alone(sheet.entries[at])]
    yield from FORM_ONLY.found(form_only, len(pairs))
    yield from _contradicting(sheet, rest)
    yield from _length_bias(sheet, rest)


def _same(row: Entry) -> bool:
    return row.output.strip() == (row.rejected or "").strip()


def _form_alone(row: Entry) -> bool:
    """Whether both answers have the same letters and digits; the first word rules most out."""
    chosen, rejected = row.output, row.rejected or ""
    one, two = _FIRST.search(chosen), _FIRST.search(rejected)
    if one is None or two is None or one[0].casefold()[:1] != two[0].casefold()[:1]:
        return False
    if abs(len(chosen) - len(rejected)) > 0.5 * max(len(chosen), len(rejected)):
        return False
    return _FORM.sub("", chosen).casefold() == _FORM.sub("", rejected).casefold()


def _contradicting(sheet: Sheet, pairs: list[int]) -> Iterator[Found]:
    inputs = Counter(hash(sheet.entries[at].text) for at in pairs)
    again = [at for at in pairs if inputs[hash(sheet.entries[at].text)] > 1]
    chosen = {(sheet.entries[at].text, sheet.entries[at].output.strip()) for at in again}
    refused = {(sheet.entries[at].text, (sheet.entries[at].rejected or "").strip()) for at in again}
    both = chosen & refused
    rows = [
        at
        for at in again
        if (sheet.entries[at].text, sheet.entries[at].output.strip()) in both
        or (sheet.entries[at].text, (sheet.entries[at].rejected or "").strip()) in both
    ]
    rows.sort(key=lambda at: (sheet.entries[at].text, at))
    yield from CONTRADICTING.found(rows, len(pairs))


def _length_bias(sheet: Sheet, pairs: list[int]) -> Iterator[Found]:
    longer: list[int] = []
    shorter: list[int] = []
    for at in pairs:
        chosen, rejected = len(sheet.entries[at].output), len(sheet.entries[at].rejected or "")
        if chosen >= _CLEARLY * rejected:
            longer.append(at)
        elif rejected >= _CLEARLY * chosen:
            shorter.append(at)
    n = len(longer) + len(shorter)
    if n < _LEAST:
        return
    share = share_of(len(longer), n)
    if share.low <= _BALANCED[1] and share.high >= _BALANCED[0]:
        return
    word = "longer" if share.value > 0.5 else "shorter"
    more = abs(share.value - 0.5)
    points = round(_BY_LENGTH * more, 1)
    yield Found(
        kind="length-bias",
        text=f"The chosen answer is the {word} one in {percent(0.5 + more)} of the {n:,}"
        " pairs that differ in length by a tenth or more.",
        rows=longer if share.value > 0.5 else shorter,
        of=len(pairs),
        fix="Add pairs in which the better answer is the other one in length, or judge at equal"
        " length: a model learns length first.",
        effect=Effect(points=points, low=0, high=2 * points, on="model", basis=UNMEASURED),
        figures={"chosen is longer": share},
        details={"longer": len(longer), "shorter": len(shorter), "pairs": len(pairs)},
    )
