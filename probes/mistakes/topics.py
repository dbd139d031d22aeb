"""What wrong answers go with: words of the input, a wanted label, or its length."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Sequence

from probes.mistakes.clusters import MAX_IDS, group_of, guess_labels
from probes.mistakes.texts import words
from probes.record import Record
from probes.records import Example, Score

_MIN_WRONG, _MIN_WITH, _MAX_SHARE, _ALPHA = 10, 5, 0.6, 0.05
_MAX_WORD_CHARS = 40  # longer ones are ids and hashes, no topics


class Topic(Record):
    """Something in the inputs that goes with more errors."""

    term: str
    """A word of the input, `label: X` for a wanted label, or `longest quarter`."""
    n_with: int
    wrong_with: int
    n_without: int
    wrong_without: int
    p_value: float
    """Fisher's exact test, one-sided, adjusted after Holm for all terms that were looked at."""
    item_ids: tuple[str, ...]
    """The first 20 wrong ones with the term, in the order of the ids."""


def topics(
    scores: Sequence[Score],
    examples: Sequence[Example],
    max_topics: int = 5,
    *,
    labels: Collection[str] | None = None,
) -> list[Topic]:
    """What goes with clearly more errors, most significant first; often nothing.

    An answer counts as wrong where its quality is below the mean of all: for 0/1 scores that is
    every wrong one, for graded scores the worse part. Terms are looked at where at least 5 items of
    5 groups have them, and words where at most 60 % of the inputs do; of terms in the same items
    one is kept. These choices do not look at the errors, so Holm's adjustment stands. Items that
    share a group are counted singly, which makes p too small where errors come by group.
    """
    from probes.stats import holm  # numpy, which the records above do without

    by_id = {example.item.id: example for example in examples}
    if any(score.item_id not in by_id for score in scores):
        raise ValueError("a score of an unknown item")
    mean = math.fsum(score.quality for score in scores) / max(1, len(scores))
    wrong = {at for at, score in enumerate(scores) if score.quality < mean - 1e-9}
    if len(wrong) < _MIN_WRONG:
        return []
    known = frozenset(guess_labels(examples) if labels is None else labels)
    terms = _terms([by_id[score.item_id] for score in scores], known)
    n = len(scores)
    p_values = [fisher_greater(len(has & wrong), len(has), len(wrong), n) for has in terms]
    rows = zip(holm(p_values), p_values, terms.values(), terms, strict=True)
    found = sorted((row for row in rows if row[0] < _ALPHA), key=lambda row: row[:3])
    return [
        Topic(
            term=term,
            n_with=len(has),
            wrong_with=len(has & wrong),
            n_without=n - len(has),
            wrong_without=len(wrong - has),
            p_value=adjusted,
            item_ids=tuple(sorted(scores[at].item_id for at in has & wrong)[:MAX_IDS]),
        )
        for adjusted, _, term, has in found[:max_topics]
    ]


def _terms(examples: Sequence[Example], labels: Collection[str]) -> dict[frozenset[int], str]:
    """Terms by the positions of their items; of several in the same items the first, as listed."""
    named: dict[frozenset[int], str] = {}
    for term, has in _all_terms(examples, labels):
        if len({group_of(examples[at]) for at in has}) >= _MIN_WITH:
            named.setdefault(has, term)
    return named


def _all_terms(
    examples: Sequence[Example], labels: Collection[str]
) -> Iterator[tuple[str, frozenset[int]]]:
    """Labels, then the longest quarter, then words: the longest first."""
    holders: dict[str, set[int]] = {}
    outputs: dict[str, set[int]] = {}
    for at, example in enumerate(examples):
        outputs.setdefault(example.output.strip(), set()).add(at)
        for word in set(words(example.item.text)):
            holders.setdefault(word, set()).add(at)
    for label in sorted(outputs.keys() & set(labels)):
        yield f"label: {label}", frozenset(outputs[label])
    lengths = [len(example.item.text) for example in examples]
    longest_of_others = sorted(lengths)[len(lengths) - len(lengths) // 4 - 1]
    yield (
        "longest quarter",
        frozenset(at for at, length in enumerate(lengths) if length > longest_of_others),
    )
    for word in sorted(holders, key=lambda word: (-len(word), word)):
        if len(word) <= _MAX_WORD_CHARS and len(holders[word]) <= _MAX_SHARE * len(examples):
            yield word, frozenset(holders[word])


def fisher_greater(wrong_with: int, n_with: int, n_wrong: int, n: int) -> float:
    """P(at least `wrong_with` of the `n_with` are wrong) if `n_wrong` of the n fall at random.

    Fisher's exact test, one-sided: the upper tail of the hypergeometric distribution.
    """

    def log_choose(of: int, k: int) -> float:
        return math.lgamma(of + 1) - math.lgamma(k + 1) - math.lgamma(of - k + 1)

    lowest, highest = max(wrong_with, n_with + n_wrong - n), min(n_with, n_wrong)
    terms = (
        log_choose(n_wrong, k) + log_choose(n - n_wrong, n_with - k) - log_choose(n, n_with)
        for k in range(lowest, highest + 1)
    )
    return min(1.0, math.fsum(math.exp(term) for term in terms))
