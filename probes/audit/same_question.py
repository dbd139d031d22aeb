"""Which near rows ask the same, and which differ in the very word that carries the question.

"Where is Anna's box?" is near "Where is Ben's box?", and asks something else. Two rows count as
the same question where they have the same answer and

- the same words in the same order, with the same signs of arithmetic; or
- near words (of short texts: all but a word more, or one in another spelling), no differing word
  with a digit in it, and a kind of difference that seldom changes the answer in these data: of all
  near pairs that differ so, two thirds and more have one answer beyond those that would by chance
  (Cohen's kappa, 1960, with the whole data's outputs as both margins).
"""

from __future__ import annotations

import zlib
from array import array
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, get_args

from probes.audit.near import (
    LIKENESS,
    MAX_CHARS,
    SHORT_LIKENESS,
    Ints,
    grouped,
    likeness,
    near_pairs,
)
from probes.data import signs, wording
from probes.retrieval import words

Difference = Literal["number", "order", "spelling", "more", "other"]
DIFFERENCES: tuple[Difference, ...] = get_args(Difference)

NEAR_ENOUGH: dict[Difference, float] = {
    "number": SHORT_LIKENESS,
    "order": SHORT_LIKENESS,
    "spelling": SHORT_LIKENESS,
    "more": 0.7,
    "other": LIKENESS,
}
"""Where banking77's near pairs have one label in 98, 99, 90 and 96 % (order to other)."""
FEW_PAIRS = 20
"""With fewer that differ in one way, all near pairs of the data are judged together."""
ENOUGH_AGREEMENT = 2 / 3
"""In banking77 .94, in rows made from templates 0 to .1, where wordings are near at all."""
N_SAMPLED, MAX_JUDGED = 20_000, 1_000_000
"""Of many near pairs some are judged first: templates give millions, and no harmless difference."""
MIN_TYPO_LETTERS = 5


@dataclass(frozen=True)
class Agreement:
    """Near pairs that differ in one way; all near pairs where too few do."""

    n: int
    n_same: int
    """Those with one answer."""
    chance: float
    """The share that would have by chance."""

    @property
    def harmless(self) -> bool:
        """Whether such a difference seldom changes the answer."""
        share = self.n_same / (self.n + 0.5)  # one pair alone proves nothing
        return share - self.chance >= ENOUGH_AGREEMENT * (1 - self.chance)


@dataclass(frozen=True)
class Questions:
    """Rows by the words of their input, and which of those ask the same."""

    of_row: Sequence[int]
    """For each row the number of its wording; what stands beyond 20,000 characters is compared
    letter by letter."""
    pairs: Sequence[tuple[int, int]]
    """Wordings that are near and may ask the same: where the answers are the same, too."""
    agreement: dict[Difference, Agreement]
    """By how they differ, without "number"."""


def questions(texts: Sequence[str], outputs: Sequence[str]) -> Questions:
    """The wordings of `texts`, with the pairs of them that may ask the same."""
    numbers: dict[int, int] = {}
    of_row, firsts = array("q"), array("q")
    for row, text in enumerate(texts):
        # The hash of a string has 64 bits: a million of them meet once in 40 million files.
        key = hash((wording(text[:MAX_CHARS]), text[MAX_CHARS:].strip()))
        if key not in numbers:
            numbers[key] = len(firsts)
            firsts.append(row)
        of_row.append(numbers[key])
    answers: dict[int, set[str]] = defaultdict(set)
    for number, output in zip(of_row, outputs, strict=True):
        answers[number].add(output)
    chance = sum((n / len(outputs)) ** 2 for n in Counter(outputs).values())
    different = [texts[row] for row in firsts]
    near = near_pairs(different)
    if len(near) > 2 * N_SAMPLED:
        _, agreement = _judged(_sampled(near, different, N_SAMPLED), different, answers, chance)
        if not any(each.harmless for each in agreement.values()):
            return Questions(of_row, [], agreement)
    near = _sampled(near, different, MAX_JUDGED)
    return Questions(of_row, *_judged(near, different, answers, chance))


def _sampled(pairs: Ints, texts: Sequence[str], n: int) -> Ints:
    """At most `n` of the pairs, those whose texts hash lowest."""
    import numpy as np

    if len(pairs) <= n:
        return pairs
    digests = (zlib.crc32(text.encode("utf-8", "surrogatepass")) for text in texts)
    codes = np.fromiter(digests, dtype=np.uint32, count=len(texts))
    mixed = (codes[pairs[:, 0]] ^ codes[pairs[:, 1]]) * np.uint32(0x9E3779B1)
    return pairs[np.argsort(mixed, kind="stable")[:n]]


def _judged(
    pairs: Ints, texts: Sequence[str], answers: Mapping[int, set[str]], chance: float
) -> tuple[list[tuple[int, int]], dict[Difference, Agreement]]:
    """The pairs that may ask the same, and what speaks for it."""
    near: list[tuple[int, int]] = []
    kinds: list[Difference] = []
    for one, other in pairs.tolist():
        kind = difference(texts[one], texts[other])
        if kind is not None:
            near.append((one, other))
            kinds.append(kind)
    same = [not answers[one].isdisjoint(answers[other]) for one, other in near]
    agreement = _agreements(kinds, same, chance)
    kept = [
        pair
        for pair, kind, agree in zip(near, kinds, same, strict=True)
        if agree and kind in agreement and agreement[kind].harmless
    ]
    return kept, agreement


def _agreements(
    kinds: Sequence[Difference], same: Sequence[bool], chance: float
) -> dict[Difference, Agreement]:
    total = Counter(kinds)
    agreeing = Counter(kind for kind, agree in zip(kinds, same, strict=True) if agree)
    del total["number"]
    found: dict[Difference, Agreement] = {}
    for kind in DIFFERENCES:
        if total[kind]:
            judged = [kind] if total[kind] >= FEW_PAIRS else [*total]
            n, n_same = (sum(each[name] for name in judged) for each in (total, agreeing))
            found[kind] = Agreement(n, n_same, chance)
    return found


def same_question_groups(found: Questions, outputs: Sequence[str]) -> list[int]:
    """For each row the first row that asks the same and has the same answer, at any steps."""
    import numpy as np

    holders: dict[tuple[int, str], int] = {}
    joined: list[tuple[int, int]] = []
    by_wording: dict[int, set[str]] = defaultdict(set)
    paired = {number for pair in found.pairs for number in pair}
    for row, (number, output) in enumerate(zip(found.of_row, outputs, strict=True)):
        first = holders.setdefault((number, output), row)
        if first != row:
            joined.append((first, row))
        if number in paired:
            by_wording[number].add(output)
    joined += [
        (holders[one, output], holders[other, output])
        for one, other in found.pairs
        for output in by_wording[one] & by_wording[other]
    ]
    return grouped(len(outputs), np.array(joined, dtype=np.int64).reshape(-1, 2))


# ---------------------------------------------------------------- how two texts differ


def difference(one: str, other: str) -> Difference | None:
    """How two near texts differ that are not of the same wording; None: too far for its kind.

    Only the beginnings that made them near are read; None, too, where they differ after those."""
    (left, signs_left), (right, signs_right) = _read(one[:MAX_CHARS]), _read(other[:MAX_CHARS])
    if (left, signs_left) == (right, signs_right):
        return None
    kind = "number" if signs_left != signs_right else _kind(left, right)
    return kind if likeness(left, right) >= NEAR_ENOUGH[kind] - 1e-9 else None


@lru_cache(maxsize=256)
def _read(text: str) -> tuple[list[str], str]:
    """Words and signs of arithmetic; one text is near to many others."""
    return words(text), signs(text)


def _kind(left: list[str], right: list[str]) -> Difference:
    less, more = Counter(left) - Counter(right), Counter(right) - Counter(left)
    if any(_has_digit(word) for word in (*less, *more)):
        return "number"
    if not less and not more:
        return "order"
    if "".join(left) == "".join(right) or _respelt(list(less), list(more)):
        return "spelling"
    return "other" if less and more else "more"


def _has_digit(word: str) -> bool:
    return any(character.isnumeric() for character in word)


def _respelt(left: Iterable[str], right: list[str]) -> bool:
    """Whether each word of the left is one of the right but for one letter."""
    for word in left:
        match = next((each for each in right if one_letter_apart(word, each)), None)
        if match is None:
            return False
        right.remove(match)
    return not right


def one_letter_apart(one: str, other: str) -> bool:
    """Whether one letter more, less, another or two exchanged makes one long word of the other."""
    short, long = sorted((one, other), key=len)
    if len(short) < MIN_TYPO_LETTERS - 1 or len(long) < MIN_TYPO_LETTERS:
        return False
    if len(long) - len(short) > 1:
        return False
    at = next((i for i, (a, b) in enumerate(zip(short, long, strict=False)) if a != b), len(short))
    if len(short) < len(long):
        return short[at:] == long[at + 1 :]
    exchanged = short[at : at + 2] == long[at : at + 2][::-1]
    return short[at + 1 :] == long[at + 1 :] or (exchanged and short[at + 2 :] == long[at + 2 :])
