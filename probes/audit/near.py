"""Texts that are nearly the same, among a million of them: exact Jaccard likeness, on numpy alone.

A text is the set of its words and pairs of neighbouring words. Two sets that share at least `t` of
all that is in either have two members in common among the `n - ceil(t n) + 2` rarest of each: only
texts that meet there twice are compared, and each comparison is exact (prefix filtering: Bayardo,
Ma & Srikant 2007, WWW; two in common: Wang, Li & Feng 2012, SIGMOD). MinHash would find the same
pairs with a probability; this finds them for certain, except where a rare member stands in more
than `NEIGHBOURS` texts, and there it compares those of nearly the same length. What most texts
share is their template and does not count, unlike in `probes.retrieval_health.near_duplicates`:
what passages share is what confuses a search.
"""

from __future__ import annotations

import zlib
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from probes.retrieval import words

LIKENESS = 0.8
"""At .8 and above 95 % of banking77's pairs have one label, at .6 to .7 three quarters."""
SHORT, SHORT_LIKENESS = 30, 0.6
"""In a set of fewer members one other word of 8 takes it to .6, and of 15 to .8."""
MAX_CHARS = 20_000
"""Of a longer text only the beginning is read."""
TEMPLATE_SHARE = 0.5
"""What stands in more than this share of the texts is their template, and is left out."""
MIN_TEMPLATE_TEXTS = 20
"""Fewer texts show no template; our choice."""
NEIGHBOURS = 16
"""How many of those that share a rare member a text is compared with."""
MAX_CANDIDATES = 32_000_000
"""Room for them; texts that share more are compared with fewer neighbours each."""
BLOCK = 20_000
"""Texts at once; at most 65,536."""

_COUNT_BITS = 16
_SHARED = 2
"""Rarest members in common before two texts are compared (Wang, Li & Feng 2012)."""
_TABLE_BITS = 24

Ints = NDArray[np.int64]
Hashes = NDArray[np.uint32]
Keys = NDArray[np.uint64]


@dataclass(frozen=True)
class _Sets:
    """Sets of hashes, one after the other, each sorted."""

    members: Hashes
    ends: Ints  # (N + 1,): the set of text n is members[ends[n]:ends[n + 1]]

    @classmethod
    def of(cls, members: array[int], sizes: array[int]) -> _Sets:
        """From the members of all texts and the size of each set."""
        ends = np.concatenate([[0], np.cumsum(np.frombuffer(sizes, dtype=np.int64))])
        return cls(np.frombuffer(members, dtype=np.uint32), ends.astype(np.int64))

    @property
    def sizes(self) -> Ints:
        return np.diff(self.ends)

    def blocks(self, size: int) -> Iterator[tuple[int, Hashes, Ints]]:
        """(first text, members, number in the block of the text of each member)."""
        for first in range(0, len(self.ends) - 1, size):
            ends = self.ends[first : first + size + 1]
            owners = np.repeat(np.arange(len(ends) - 1), np.diff(ends))
            yield first, self.members[ends[0] : ends[-1]], owners


def near_pairs(texts: Sequence[str], block: int = BLOCK) -> Ints:
    """Pairs (i, j), i < j, of texts with a likeness of at least .8, or .6 where one is short.

    Sorted, (P, 2). Which texts are paired depends neither on their order nor on `block`. A text
    without words is like none. Of more than `NEIGHBOURS` texts with the same rare members not every
    pair is given, but each with some.
    """
    order = _canonical(texts)
    sets = _sets_of([texts[at] for at in order], block)
    table = _counted(sets, block)
    sets = _without_template(sets, table, block)
    candidates = _candidates(sets.sizes, _rarest(sets, table, block))
    found = order[_verified(sets, candidates)]  # (P, 2)
    found.sort(axis=1)
    return found[np.lexsort((found[:, 1], found[:, 0]))]


def likeness(one: Sequence[str], other: Sequence[str]) -> float:
    """What two lists of words share of the words and pairs of neighbours in either."""
    left, right = ({*found, *pairwise(found)} for found in (one, other))
    return len(left & right) / max(1, len(left | right))


def grouped(n: int, pairs: Ints) -> list[int]:
    """For each of `n` the smallest number that pairs join it to (union-find)."""
    parent = list(range(n))

    def root(at: int) -> int:
        while parent[at] != at:
            parent[at] = parent[parent[at]]
            at = parent[at]
        return at

    for one, other in pairs.tolist():
        low, high = sorted((root(one), root(other)))
        parent[high] = low
    return [root(at) for at in range(n)]


# ---------------------------------------------------------------- texts as sets


def _canonical(texts: Sequence[str]) -> Ints:
    """Numbers of the texts, the shorter first and else in an order that is theirs."""
    keys = array("q")
    for text in texts:
        read = text[:MAX_CHARS]
        keys.append(len(read) << 32 | zlib.crc32(read.encode("utf-8", "surrogatepass")))
    return np.argsort(np.frombuffer(keys, dtype=np.int64), kind="stable")


class _WordHashes(dict[str, int]):
    """The hash of a word, made once while it is remembered."""

    def __missing__(self, word: str) -> int:
        if len(self) > 1_000_000:
            self.clear()
        self[word] = value = zlib.crc32(word.encode("utf-8", "surrogatepass"))
        return value


def _sets_of(texts: Sequence[str], block: int) -> _Sets:
    members, sizes = array("I"), array("q")
    known = _WordHashes()
    for first in range(0, len(texts), block):
        hashes, lengths = array("I"), []
        for text in texts[first : first + block]:
            found = words(text[:MAX_CHARS])
            hashes.extend([known[word] for word in found])
            lengths.append(len(found))
        keys = _shingles(np.frombuffer(hashes, dtype=np.uint32), np.array(lengths))
        members.frombytes((keys & np.uint64(0xFFFFFFFF)).astype(np.uint32).tobytes())
        owners = (keys >> np.uint64(32)).astype(np.int64)
        sizes.frombytes(np.bincount(owners, minlength=len(lengths)).astype(np.int64).tobytes())
    return _Sets.of(members, sizes)


def _shingles(hashes: Hashes, lengths: Ints) -> Keys:
    """Different (text, hash) of words and of pairs of neighbours, sorted, as one number each."""
    owners = np.repeat(np.arange(len(lengths), dtype=np.uint64), lengths)
    single = _mixed(hashes.astype(np.uint64))
    within = owners[1:] == owners[:-1]
    double = _mixed(single[:-1] * np.uint64(3) + single[1:])[within]
    owner = np.concatenate([owners, owners[1:][within]]) << np.uint64(32)
    keys = owner | (np.concatenate([single, double]) >> np.uint64(32))
    keys.sort()
    return keys[_is_new(keys)]


def _mixed(values: Keys) -> Keys:
    """The finaliser of SplitMix64 (Steele, Lea & Flood 2014, OOPSLA)."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


def _is_new(ordered: NDArray[np.generic]) -> NDArray[np.bool_]:
    new = np.ones(len(ordered), dtype=bool)
    np.not_equal(ordered[1:], ordered[:-1], out=new[1:])
    return new


# ---------------------------------------------------------------- which to compare


def _without_template(sets: _Sets, table: Ints, block: int) -> _Sets:
    """Without what most texts have, but for texts that have nothing else."""
    n_texts = len(sets.ends) - 1
    if n_texts < MIN_TEMPLATE_TEXTS or table.max(initial=0) <= TEMPLATE_SHARE * n_texts:
        return sets
    members, sizes = array("I"), array("q")
    for first, found, owners in sets.blocks(block):
        many = min(block, n_texts - first)
        rare = table[found >> _shift(table)] <= TEMPLATE_SHARE * n_texts
        kept = rare | (np.bincount(owners[rare], minlength=many) == 0)[owners]
        members.frombytes(found[kept].tobytes())
        sizes.frombytes(np.bincount(owners[kept], minlength=many).astype(np.int64).tobytes())
    return _Sets.of(members, sizes)


def _counted(sets: _Sets, block: int) -> Ints:
    """In how many texts each hash stands, by its first bits; a cell shared by two does no harm."""
    bits = min(_TABLE_BITS, max(10, len(sets.members).bit_length() + 1))
    table = np.zeros(1 << bits, dtype=np.int64)
    for _, found, _ in sets.blocks(8 * block):
        table += np.bincount(found >> _shift(table), minlength=len(table))
    return table


def _shift(table: Ints) -> np.uint32:
    return np.uint32(33 - len(table).bit_length())


def _rarest(sets: _Sets, table: Ints, block: int) -> Keys:
    """(hash, text) of the rarest members of each text that stand in others too, sorted."""
    found = []
    for first, members, owners in sets.blocks(block):
        sizes = np.bincount(owners, minlength=int(owners[-1]) + 1 if len(owners) else 0)
        counts = np.minimum(table[members >> _shift(table)], (1 << _COUNT_BITS) - 1)
        keys = (owners << _COUNT_BITS | counts).astype(np.uint64) << np.uint64(32) | members
        keys.sort()
        place = np.arange(len(keys)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        # A longer text may be paired with a short one.
        n_kept = sizes - np.ceil(_least(SHORT_LIKENESS * sizes) * sizes - 1e-9) + _SHARED
        shared = (keys >> np.uint64(32)) & np.uint64((1 << _COUNT_BITS) - 1) > np.uint64(1)
        kept = (place < n_kept[owners]) & shared
        numbers = (owners[kept] + first).astype(np.uint64)
        found.append((keys[kept] << np.uint64(32)) | numbers)
    rarest = np.concatenate(found) if found else np.zeros(0, dtype=np.uint64)
    rarest.sort()
    return rarest


def _least(sizes: NDArray[np.floating[Any]] | Ints) -> NDArray[np.float64]:
    """The likeness that makes texts near, where the shorter has so many members."""
    return np.where(sizes < SHORT, SHORT_LIKENESS, LIKENESS)


def _candidates(sizes: Ints, rarest: Keys) -> Keys:
    """(text, text) that share two of their rarest members and are of nearly one size, sorted."""
    hashes = (rarest >> np.uint64(32)).astype(np.uint32)
    numbers = (rarest & np.uint64(0xFFFFFFFF)).astype(np.uint32)
    found, room = [], MAX_CANDIDATES
    for step in range(1, NEIGHBOURS + 1):
        at = np.flatnonzero(hashes[step:] == hashes[:-step])
        if not len(at) or (step > 1 and len(at) > room):
            break
        room -= len(at)
        one, other = numbers[at], numbers[at + step]
        smaller, larger = np.minimum(sizes[one], sizes[other]), np.maximum(sizes[one], sizes[other])
        close = smaller >= _least(smaller) * larger - 1e-9
        found.append(one[close].astype(np.uint64) << np.uint64(32) | other[close])
    if not found:
        return np.zeros(0, dtype=np.uint64)
    keys = np.concatenate(found)
    found.clear()
    keys.sort()
    new = _is_new(keys)
    several = np.append(~new[1:], False)
    single = sizes[(keys[new] >> np.uint64(32)).astype(np.int64)] < _SHARED
    return keys[new][several[new] | single]


# ---------------------------------------------------------------- comparing


def _verified(sets: _Sets, candidates: Keys) -> Ints:
    """Those pairs of `candidates` that are alike, (P, 2)."""
    pairs = np.stack(
        [candidates >> np.uint64(32), candidates & np.uint64(0xFFFFFFFF)], axis=1
    ).astype(np.int64)
    if not len(pairs):
        return pairs
    kept = [_alike(sets, pairs[first : first + BLOCK]) for first in range(0, len(pairs), BLOCK)]
    return pairs[np.concatenate(kept)]


def _alike(sets: _Sets, pairs: Ints) -> NDArray[np.bool_]:
    sizes = sets.sizes[pairs]  # (P, 2)
    total = sizes.sum(axis=1)
    ends = np.cumsum(sizes.ravel())
    inside = np.arange(ends[-1]) - np.repeat(ends - sizes.ravel(), sizes.ravel())
    at = np.repeat(sets.ends[pairs.ravel()], sizes.ravel()) + inside
    owners = np.repeat(np.arange(len(pairs), dtype=np.uint64), total)
    keys = owners << np.uint64(32) | sets.members[at]
    keys.sort()
    twice = (keys[~_is_new(keys)] >> np.uint64(32)).astype(np.int64)
    shared = np.bincount(twice, minlength=len(pairs))
    alike: NDArray[np.bool_] = shared >= _least(sizes.min(axis=1)) * (total - shared) - 1e-9
    return alike
