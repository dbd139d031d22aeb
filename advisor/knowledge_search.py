"""Search over what is believed, by words."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from advisor.knowledge_index import Known
from knowledge.records import Fact
from probes.retrieval import words

K1, B = 1.5, 0.75
HEAD = ("id", "name", "title", "statement")
HEAD_WEIGHT = 3
"""A word of a record's name, title or statement counts as often as if it stood there so often."""
SILENT = ("url", "published", "checked", "revision", "evidence", "licence_source")
"""Fields that hold nothing to search for."""
SHORTEST_PREFIX = 3
"""Shorter words are found whole only."""


@dataclass(frozen=True)
class Hit:
    """A record that was found."""

    kind: str
    id: str
    score: float
    record: Fact


def search(known: Known, query: str) -> list[Hit]:
    """The records that hold a word of the query, best first; equal ones in the order of kinds.

    The score is BM25 (Robertson & Zaragoza 2009, Lucene's idf), in which a word of the query is
    every word that begins with it, its plural `s` taken off; words of the record's name, title and
    statement count three times.
    """
    documents = [(*each, _bag(each[2])) for each in known.everything()]
    lengths = [bag.total() for *_, bag in documents]
    mean = sum(lengths) / len(lengths) if lengths else 1.0
    scores = [0.0] * len(documents)
    for word in dict.fromkeys(_stem(word) for word in words(query)):
        counts = [_count(bag, word) for *_, bag in documents]
        n = sum(count > 0 for count in counts)
        idf = math.log(1 + (len(documents) - n + 0.5) / (n + 0.5))
        for at, (count, length) in enumerate(zip(counts, lengths, strict=True)):
            scores[at] += idf * count / (count + K1 * (1 - B + B * length / mean))
    hits = [
        Hit(kind, name, score, record)
        for (kind, name, record, _), score in zip(documents, scores, strict=True)
        if score > 0
    ]
    return sorted(hits, key=lambda hit: -round(hit.score, 9))


def _stem(word: str) -> str:
    plural = len(word) > SHORTEST_PREFIX and word.endswith("s") and not word.endswith("ss")
    return word[:-1] if plural else word


def _count(bag: Counter[str], word: str) -> int:
    if len(word) < SHORTEST_PREFIX:
        return bag[word]
    return sum(n for each, n in bag.items() if each.startswith(word))


def _bag(record: Fact) -> Counter[str]:
    bag: Counter[str] = Counter()
    for field, value in record.model_dump().items():
        weight = HEAD_WEIGHT if field in HEAD else 1
        for text in _texts({field: value}):
            for word in words(text):
                bag[word] += weight
    return bag


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, each in value.items():
            if key not in SILENT:
                yield from _texts(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _texts(each)
