"""Rows that ask the same and want something else: the same input, or the same but for fillers."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from random import Random

from probes.audit.costs import share_of
from probes.audit.records import Effect, Found
from probes.audit.sheet import FREE_TEXTS, Sheet
from probes.data import normalised
from probes.estimates import wilson

MOST_ROWS = 50_000
"""Rows compared but for fillers, for speed; our choice."""
FIX = (
    "Decide on one answer for each, most contested first, or add to the input what tells them"
    " apart."
)
_FEWEST, _SHARE = 3, 0.1
"""Pairs of near neighbours that disagree before it is reported: how many, and of all pairs."""
_WORD = re.compile(r"\w+")
# Words that ask politely or agree in grammar. No preposition, pronoun of another person, question
# word, negation or number: any of these can change the answer.
_FILLERS = frozenset(
    re.findall(
        r"\w+",
        "a an the please kindly can could would will you do does did is are am was were be been"
        " just hi hello hey thanks thank tell me us",
    )
)


def check(sheet: Sheet) -> Iterator[Found]:
    """The same input with other outputs; for free text also inputs that differ in fillers only."""
    if sheet.task_type not in FREE_TEXTS:
        yield from _same_input(sheet)
    if not sheet.labelled:
        yield from _near_inputs(sheet)


# ------------------------------------------------- the same input


def _same_input(sheet: Sheet) -> Iterator[Found]:
    groups: dict[str, list[int]] = defaultdict(list)
    for at in sheet.usable:
        if sheet.entries[at].rejected is None:  # several chosen answers are the form of pairs
            groups[normalised(sheet.entries[at].text)].append(at)
    contested: list[list[int]] = []
    best = 0
    for group in groups.values():
        counts = Counter(_answer(sheet, at) for at in group)
        best += max(counts.values())
        if len(counts) > 1:
            # The rarest answers of a group at its front: those are the likeliest to be wrong.
            contested.append(sorted(group, key=lambda at: (counts[_answer(sheet, at)], at)))
    if not contested:
        return
    contested.sort(key=len, reverse=True)
    rows = [at for group in contested for at in group]
    n = sum(map(len, groups.values()))
    ceiling = share_of(best, n)
    yield Found(
        kind="contradictions",
        text=(
            f"{_inputs(len(contested))} with different outputs, on {len(rows):,} of {n:,}"
            f" rows: a model that gives one answer to one input matches {100 * best / n:.1f} % of"
            " the rows at most."
        ),
        rows=rows,
        of=n,
        fix=FIX,
        effect=_lost(n - best, n),
        figures={"exact_match_ceiling": ceiling},
        details={"inputs": len(contested), "largest": len(contested[0])},
    )


def _inputs(n: int) -> str:
    return "1 input appears" if n == 1 else f"{n:,} inputs appear"


def _answer(sheet: Sheet, at: int) -> str:
    """What counts as the same output: labels as they are, texts without case and spacing."""
    output = sheet.entries[at].output
    return output.strip() if sheet.labelled else normalised(output)


def _lost(count: int, n: int) -> Effect:
    low, high = wilson(count, n)
    return Effect(
        points=100 * count / n,
        low=100 * low,
        high=100 * high,
        on="figure",
        basis="rows that one answer for each input cannot match",
    )


# ------------------------------------------------- the same but for fillers


def _near_inputs(sheet: Sheet) -> Iterator[Found]:
    """Inputs of the same words in the same order but for fillers, whose outputs are as unlike as
    those of rows drawn by lot.

    TF-IDF likeness does not do: templated inputs that differ in a name or a number are alike by
    it, and rightly have other outputs.
    """
    positions = sheet.sample(MOST_ROWS)
    pairs = _near_pairs(sheet, positions)
    if not pairs:
        return
    bar = _by_lot(sheet, positions)
    apart = [pair for pair in pairs if _likeness(sheet, *pair) <= bar]
    if len(apart) < _FEWEST or len(apart) < _SHARE * len(pairs):
        return
    rows = list(dict.fromkeys(at for pair in apart for at in pair))
    n = len(positions)
    yield Found(
        kind="neighbour-disagreement",
        text=(
            f"{len(apart):,} of {len(pairs):,} pairs of inputs that say the same but for fillers"
            " have outputs as unlike as those of rows drawn by lot."
        ),
        rows=rows,
        of=n,
        fix=FIX,
        effect=_lost(len(apart), n),
        figures={"neighbour_disagreement": share_of(len(apart), len(pairs))},
        details={"pairs": len(pairs), "likeness_by_lot": round(bar, 3)},
    )


def _near_pairs(sheet: Sheet, positions: Sequence[int]) -> list[tuple[int, int]]:
    """Pairs of rows whose inputs differ, but not in a word that counts: each row once."""
    last: dict[tuple[str, ...], tuple[int, str]] = {}
    pairs: list[tuple[int, int]] = []
    for at in positions:
        text = normalised(sheet.entries[at].text)
        said = tuple(word for word in _WORD.findall(text) if word not in _FILLERS)
        # Signs next to digits are kept: 3 - 2 is not 3 + 2. Short inputs say too little.
        if len(said) < 3 or any(character.isdigit() for character in text):
            continue
        before = last.pop(said, None)
        if before is None:
            last[said] = (at, text)
        elif before[1] != text:
            pairs.append((before[0], at))
        else:
            last[said] = before
    return pairs


def _likeness(sheet: Sheet, one: int, other: int) -> float:
    """Words shared over words in either (Jaccard 1912); 1 where neither has any."""
    first, second = (
        set(_WORD.findall(normalised(sheet.entries[at].output))) for at in (one, other)
    )
    return len(first & second) / len(first | second) if first | second else 1.0


def _by_lot(sheet: Sheet, positions: Sequence[int]) -> float:
    """The median likeness of the outputs of two rows drawn by lot, at most one half."""
    rng = Random(0)
    drawn = sorted(
        _likeness(sheet, *rng.sample(positions, 2)) for _ in range(min(400, len(positions)))
    )
    return min(0.5, drawn[len(drawn) // 2])
