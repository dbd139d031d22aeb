"""Rows that stand more than once: word for word, or nearly so and with the same answer."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

from probes.audit.costs import many
from probes.audit.leaks import leaks
from probes.audit.records import Effect, Found, Remedy
from probes.audit.same_question import Agreement, Difference, Questions, questions
from probes.audit.same_question import same_question_groups as groups_of
from probes.audit.sheet import Entry, Sheet
from probes.data import normalised
from probes.records import Json

GROUP = "near_group"
"""Column of a cleaned copy that names a row's set of near-duplicates; empty where it has none."""
_EXACT = Effect(
    points=0,
    low=0,
    high=1,
    on="model",
    basis="the probe leaves repeats out; trained on elsewhere they only weigh more",
)
_NEAR = Effect(
    points=0,
    low=0,
    high=1,
    on="model",
    basis="they teach little that is new; what they do to the figure is a finding of its own",
)


def check(sheet: Sheet) -> Iterator[Found]:
    """Exact and near repeats within a file, and rows of the test side that stand in train."""
    usable = sheet.usable
    if len(usable) < 2:
        return
    rows = [sheet.entries[at] for at in usable]
    inputs = numbered([normalised(row.text) for row in rows])
    yield from _exact(sheet, rows, inputs)
    outputs = [row.output.strip() for row in rows]
    asked = questions([row.text for row in rows], outputs)
    yield from _near(sheet, rows, inputs, asked)
    yield from leaks(sheet, inputs, asked)


def numbered(values: Sequence[str]) -> list[int]:
    """The same number for the same value."""
    numbers: dict[int, int] = {}  # by hash, of 64 bits: a million strings need not be kept
    return [numbers.setdefault(hash(value), len(numbers)) for value in values]


def _exact(sheet: Sheet, rows: Sequence[Entry], inputs: Sequence[int]) -> Iterator[Found]:
    same: dict[tuple[object, ...], list[int]] = defaultdict(list)
    for at, number, row in zip(sheet.usable, inputs, rows, strict=True):
        key = (number, row.output.strip(), row.file, row.rejected, row.gold)
        same[key].append(at)
    groups = [group for group in same.values() if len(group) > 1]
    if not groups:
        return
    groups.sort(key=lambda group: (-len(group), group[0]))
    later = sorted(at for group in groups for at in group[1:])
    yield Found(
        kind="exact-duplicates",
        text=f"{_are(len(later), 'row')} an exact repeat of an earlier one, answer and all; the "
        "probe leaves such rows out.",
        rows=[at for group in groups for at in group],
        of=len(rows),
        fix="Keep one of each.",
        effect=_EXACT,
        remedy=Remedy(drop=later),
        details={"n_groups": len(groups), "n_repeats": len(later), "largest": len(groups[0])},
    )


def _near(
    sheet: Sheet, rows: Sequence[Entry], inputs: Sequence[int], asked: Questions
) -> Iterator[Found]:
    members: dict[tuple[int, str], list[int]] = defaultdict(list)
    for place, first in enumerate(groups_of(asked, [row.output.strip() for row in rows])):
        members[first, rows[place].file].append(place)
    groups = [group for group in members.values() if len({inputs[place] for place in group}) > 1]
    if not groups:
        return
    groups.sort(key=lambda group: (-len(group), group[0]))
    n_rows = sum(map(len, groups))
    apart = sum(len({rows[place].side for place in group}) > 1 for group in groups)
    sides = f"; {apart} of the sets lie on both sides of the split" if apart else ""
    yield Found(
        kind="near-duplicates",
        text=f"{n_rows:,} rows say nearly the same as another with the same answer, in "
        f"{many(len(groups), 'set')}{sides}.",
        rows=[sheet.usable[place] for group in groups for place in group],
        of=len(rows),
        fix=f"Keep each set on one side of the split: `--fix` writes a column `{GROUP}` to name in "
        "`data.columns.group`; or keep one row of each.",
        effect=_NEAR,
        remedy=_together(sheet, rows, groups),
        details={
            "n_groups": len(groups),
            "largest": len(groups[0]),
            "n_groups_on_both_sides": apart,
            "sizes": {str(n): sets for n, sets in sorted(Counter(map(len, groups)).items())},
            "agreement": agreement_table(asked.agreement),
        },
    )


def _together(
    sheet: Sheet, rows: Sequence[Entry], groups: Sequence[Sequence[int]]
) -> Remedy | None:
    """A name for each set, of its rows' words alone; none where rows have groups of their own."""
    if any(rows[place].group is not None for group in groups for place in group):
        return None
    names = {}
    for group in groups:
        words = min(normalised(rows[place].text) for place in group)
        name = hashlib.sha256(words.encode()).hexdigest()[:12]
        names.update(dict.fromkeys((sheet.usable[place] for place in group), name))
    return Remedy(groups=names)


def agreement_table(agreement: dict[Difference, Agreement]) -> Json:
    """By how near pairs differ: how many, how many with one answer, and whether they count."""
    return {
        kind: {
            "n": found.n,
            "n_same_answer": found.n_same,
            "chance": round(found.chance, 4),
            "counted": found.harmless,
        }
        for kind, found in agreement.items()
    }


def _are(count: int, noun: str) -> str:
    return f"{many(count, noun)} {'is' if count == 1 else 'are'}"
