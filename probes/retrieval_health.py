"""What can be said of search over a collection before anyone has written a question for it."""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

from pydantic import Field

from probes.record import Record
from probes.records import Estimate, Passage
from probes.retrieval import Library, Retriever, words
from probes.self_queries import extracted_query, inverse_frequencies, sentences
from probes.sinks import one_line

DEPTHS = (1, 5, 10)
TOO_SHORT_WORDS = 10
TOO_LONG_WORDS = 200
"""The embedding model reads 256 tokens, about 200 English words, and nothing behind them."""
NEAR_DUPLICATE_LIKENESS = 0.8
"""Words that two passages share, of all the words in either."""
BOILERPLATE_WORDS = 3
"""Shorter sentences (headings, list items) repeat without being boilerplate."""
N_CONFUSABLE, N_LABEL_FIRST = 10, 20


class NearDuplicates(Record):
    """Passages with nearly the same words as an earlier one."""

    n: int
    """Each such passage counts once, paired with the first passage that it is like."""
    examples: tuple[tuple[str, str], ...] = ()
    """Up to 5 pairs of ids, the earlier first."""


class Lengths(Record):
    """How long the passages are, in words (characters in Chinese and Japanese)."""

    p5_words: int
    p50_words: int
    p95_words: int
    n_too_short: int
    n_too_long: int


class Confusable(Record):
    """A passage that its own query does not find first."""

    id: str
    found_id: str
    """What stands first instead."""
    rank: int | None
    """Where the passage itself stands among the first 10, if it does."""
    query: str


class LabelFirst(Record):
    """A passage that a person should write a question for, and why this one."""

    id: str
    reason: str


class RetrievalHealth(Record):
    """Search over a collection, as far as it can be judged without a labelled question."""

    n_passages: int
    n_queries: int
    self_recall: dict[str, dict[str, Estimate]] = Field(default_factory=dict)
    """By retriever, then by depth ("1", "5", "10"): how often a passage is found by its own words.
    Optimistic: see `probes.self_queries.extracted_query`."""
    near_duplicates: NearDuplicates
    lengths: Lengths
    boilerplate_share: float
    """Share of the sentences that stand in at least 3 passages and in 1 % of them."""
    n_sentences: int
    n_not_found: int
    """Queries whose passage does not come first, by the first of the retrievers."""
    confusable: tuple[Confusable, ...] = ()
    """Up to 10 of these, the worst ranks first."""
    label_first: tuple[LabelFirst, ...] = ()
    """Up to 20: half at most because search missed them, the rest spread over the collection."""


def retrieval_health(
    passages: Sequence[Passage],
    retrievers: Sequence[Retriever] = ("bm25",),
    n_queries: int = 200,
) -> RetrievalHealth:
    """Asks for up to `n_queries` passages by their own words, and looks for what confuses search.

    The passages asked for are a sample by the hash of their ids. ValueError without retrievers.
    """
    if not retrievers:
        raise ValueError("no retriever")
    bags = [words(passage.text) for passage in passages]
    idf = inverse_frequencies(bags)
    queries = {at: extracted_query(passages[at].text, idf) for at in _sample(passages)}
    queries = dict([(at, query) for at, query in queries.items() if query][:n_queries])
    library = Library(passages)
    recall: dict[str, dict[str, Estimate]] = {}
    misses: list[Confusable] = []
    for retriever in retrievers:
        found = library.search(list(queries.values()), max(DEPTHS), retriever)
        names = [[passage.id for passage in row] for row in found]
        recall[retriever] = _self_recall([passages[at].id for at in queries], names)
        if retriever == retrievers[0]:
            misses = _misses(passages, queries, names)
    repeats = near_duplicates(bags)
    share, n_sentences = _boilerplate(passages)
    return RetrievalHealth(
        n_passages=len(passages),
        n_queries=len(queries),
        self_recall=recall if queries else {},
        near_duplicates=NearDuplicates(
            n=len(repeats),
            examples=tuple(
                (passages[first].id, passages[at].id) for at, first in list(repeats.items())[:5]
            ),
        ),
        lengths=_lengths(bags),
        boilerplate_share=share,
        n_sentences=n_sentences,
        n_not_found=len(misses),
        confusable=tuple(misses[:N_CONFUSABLE]),
        label_first=_label_first(passages, bags, misses, set(repeats)),
    )


# ---------------------------------------------------------------- asking for passages


def _sample(passages: Sequence[Passage]) -> list[int]:
    def digest(at: int) -> str:
        return hashlib.sha256(passages[at].id.encode("utf-8", "surrogatepass")).hexdigest()

    return sorted(range(len(passages)), key=digest)


def _self_recall(asked: Sequence[str], found: Sequence[Sequence[str]]) -> dict[str, Estimate]:
    from probes.stats import estimate_mean  # numpy, which the records above do without

    return {
        str(depth): estimate_mean(
            [float(name in names[:depth]) for name, names in zip(asked, found, strict=True)]
        )
        for depth in DEPTHS
        if asked
    }


def _misses(
    passages: Sequence[Passage], queries: dict[int, str], found: Sequence[Sequence[str]]
) -> list[Confusable]:
    """The worst ranks first, then in the order of the passages."""
    missed = []
    for (at, query), names in zip(queries.items(), found, strict=True):
        name = passages[at].id
        if names[0] != name:
            rank = names.index(name) + 1 if name in names else None
            missed.append((at, Confusable(id=name, found_id=names[0], rank=rank, query=query)))
    missed.sort(key=lambda pair: (-(pair[1].rank or math.inf), pair[0]))
    return [confusable for _, confusable in missed]


# ---------------------------------------------------------------- what confuses search


def near_duplicates(bags: Sequence[Sequence[str]]) -> dict[int, int]:
    """By number of a passage the first one whose words are nearly the same, in order.

    Jaccard likeness of the sets of words of at least 0.8. Two sets that are so alike share one of
    their rarest words, one fifth of each, so only these are looked up (prefix filtering, Bayardo,
    Ma & Srikant 2007, WWW). A passage that is like an earlier one is not compared with later ones.
    """
    frequency = Counter(word for bag in bags for word in set(bag))
    holders: dict[str, list[int]] = {}
    sets: dict[int, set[str]] = {}
    repeats: dict[int, int] = {}
    for at, bag in enumerate(bags):
        own = set(bag)
        rarest = sorted(own, key=lambda word: (frequency[word], word))
        prefix = rarest[: len(own) - math.ceil(NEAR_DUPLICATE_LIKENESS * len(own)) + 1]
        candidates = sorted({number for word in prefix for number in holders.get(word, ())})
        alike = (number for number in candidates if _alike(own, sets[number]))
        first = next(alike, None)
        if first is not None:
            repeats[at] = first
            continue
        sets[at] = own
        for word in prefix:
            holders.setdefault(word, []).append(at)
    return repeats


def _alike(one: set[str], other: set[str]) -> bool:
    shared = len(one & other)
    return shared >= NEAR_DUPLICATE_LIKENESS * (len(one) + len(other) - shared)


def _lengths(bags: Sequence[Sequence[str]]) -> Lengths:
    ordered = sorted(len(bag) for bag in bags) or [0]
    p5, p50, p95 = (ordered[round(share * (len(ordered) - 1))] for share in (0.05, 0.5, 0.95))
    return Lengths(
        p5_words=p5,
        p50_words=p50,
        p95_words=p95,
        n_too_short=sum(len(bag) < TOO_SHORT_WORDS for bag in bags),
        n_too_long=sum(len(bag) > TOO_LONG_WORDS for bag in bags),
    )


def _boilerplate(passages: Sequence[Passage]) -> tuple[float, int]:
    """(share of sentences that stand in many passages, number of sentences)."""
    rows = [[words(piece) for piece in sentences(passage.text)] for passage in passages]
    kept = [[" ".join(bag) for bag in row if len(bag) >= BOILERPLATE_WORDS] for row in rows]
    n_holding = Counter(sentence for row in kept for sentence in set(row))
    many = max(3, 0.01 * len(passages))
    n_sentences = sum(map(len, kept))
    n_repeated = sum(n_holding[sentence] >= many for row in kept for sentence in row)
    return n_repeated / max(1, n_sentences), n_sentences


# ---------------------------------------------------------------- what to label


def _label_first(
    passages: Sequence[Passage],
    bags: Sequence[Sequence[str]],
    misses: Sequence[Confusable],
    repeats: set[int],
) -> tuple[LabelFirst, ...]:
    """Misses, then passages unlike those before; no near-duplicate, no scrap of a few words."""
    worth = [at for at, bag in enumerate(bags) if at not in repeats and bag]
    worth = [at for at in worth if len(bags[at]) >= TOO_SHORT_WORDS] or worth
    numbers = {passages[at].id: place for place, at in enumerate(worth)}
    missed = [miss for miss in misses if miss.id in numbers][: N_LABEL_FIRST // 2]
    chosen = [
        LabelFirst(
            id=miss.id, reason=f"its own words find '{one_line(miss.found_id, 60)}' before it"
        )
        for miss in missed
    ]
    spread = _farthest_first(
        [bags[at] for at in worth], [numbers[miss.id] for miss in missed], N_LABEL_FIRST
    )
    for place in spread[len(missed) :]:
        reason = "it is unlike the passages listed before it"
        if not chosen:
            reason = "it is the most typical passage of the collection"
        chosen.append(LabelFirst(id=passages[worth[place]].id, reason=reason))
    return tuple(chosen)


def _farthest_first(bags: Sequence[Sequence[str]], chosen: Sequence[int], n: int) -> list[int]:
    """`chosen`, then always the one that is least like any before it (Gonzalez 1985), n in all.

    By cosine of TF-IDF weights; where none is chosen, the one nearest to the mean comes first.
    """
    import numpy as np
    from sklearn.feature_extraction.text import TfidfVectorizer

    if not bags:
        return []
    vectors: Any = TfidfVectorizer(analyzer=list, sublinear_tf=True).fit_transform(bags)  # (N, F)
    order = list(chosen)
    if not order:
        mean = np.asarray(vectors.mean(axis=0)).ravel()
        order = [int(np.argmax((vectors @ mean).round(9)))]
    nearest = np.max([_likeness(vectors, at) for at in order], axis=0)  # (N,)
    while len(order) < min(n, len(bags)):
        nearest[order] = np.inf
        order.append(int(np.argmin(nearest.round(9))))
        nearest = np.maximum(nearest, _likeness(vectors, order[-1]))
    return order


def _likeness(vectors: Any, at: int) -> Any:
    return (vectors @ vectors[at].T).toarray().ravel()  # (N,)
