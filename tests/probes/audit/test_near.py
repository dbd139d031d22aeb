from __future__ import annotations

import random
from itertools import combinations, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from probes.audit import near
from probes.audit.near import grouped, likeness, near_pairs
from probes.retrieval import words

VOCABULARY = [f"{a}{b}{c}" for a in "bdfgk" for b in ("ala", "eno", "iru", "olta") for c in "mnst"]


def generated(n: int, seed: int = 0) -> list[str]:
    """Texts of 20 to 40 words, a quarter of them an earlier one with one or two words changed."""
    draw = random.Random(seed)
    texts = [" ".join(draw.choices(VOCABULARY, k=draw.randint(20, 40))) for _ in range(n)]
    for at in range(3 * n // 4, n):
        found = texts[draw.randrange(3 * n // 4)].split()
        for _ in range(draw.randint(1, 2)):
            found[draw.randrange(len(found))] = draw.choice(VOCABULARY)
        texts[at] = " ".join(found)
    return texts


def by_hand(texts: list[str]) -> set[tuple[int, int]]:
    bags = [words(text) for text in texts]
    sizes = [len({*bag, *pairwise(bag)}) for bag in bags]
    return {
        (one, other)
        for one, other in combinations(range(len(texts)), 2)
        if bags[one]
        and likeness(bags[one], bags[other])
        >= (0.6 if min(sizes[one], sizes[other]) < near.SHORT else 0.8) - 1e-9
    }


def pairs(texts: list[str], block: int = near.BLOCK) -> set[tuple[int, int]]:
    return {(one, other) for one, other in near_pairs(texts, block).tolist()}


def test_finds_exactly_what_comparing_all_finds() -> None:
    texts = generated(240)
    expected = by_hand(texts)
    assert len(expected) > 40
    assert pairs(texts) == expected


@settings(max_examples=40, deadline=None)
@given(st.lists(st.text("ab c.é漢", max_size=12), max_size=15))
def test_short_texts_too(texts: list[str]) -> None:
    assert pairs(texts) == by_hand(texts)


@pytest.mark.parametrize("block", [1, 7, 64, 1000])
def test_blocks_change_nothing(block: int) -> None:
    texts = generated(130, seed=1)
    assert pairs(texts, block) == pairs(texts)


def test_order_changes_nothing() -> None:
    texts = generated(200, seed=2)
    order = random.Random(3).sample(range(len(texts)), len(texts))
    shuffled = pairs([texts[at] for at in order])
    back = {tuple(sorted((order[one], order[other]))) for one, other in shuffled}
    assert back == pairs(texts)


@pytest.mark.parametrize(
    "texts",
    [
        [],
        [""],
        ["", ""],
        ["?!", "…"],
        ["one"],
        ["one", "two", "three"],
        ["\ud800 lone", "a \x00 zero"],
    ],
)
def test_nothing_to_find(texts: list[str]) -> None:
    assert near_pairs(texts).shape == (0, 2)
    assert grouped(len(texts), near_pairs(texts)) == list(range(len(texts)))


def test_the_same_words_are_near() -> None:
    assert pairs(["Yes!", "yes", "no"]) == {(0, 1)}
    assert pairs(["नमस्ते दुनिया", "नमस्ते, दुनिया", "漢字の本", "漢字 の本。"]) == {(0, 1), (2, 3)}


def test_a_template_does_not_make_texts_near() -> None:
    prefix = (
        "Read the following review with care and say in one word of your own choice whether its "
        "writer was happy with the thing or not so"
    )
    draw = random.Random(4)
    texts = [f"{prefix}: {' '.join(draw.choices(VOCABULARY, k=5))}" for _ in range(60)]
    assert by_hand(texts)
    assert pairs(texts) == set()


def test_many_copies_are_one_group() -> None:
    base = generated(2)[0]
    texts = [f"{base} {word}" for word in VOCABULARY] + generated(160, seed=5)[:120]
    found = grouped(len(texts), near_pairs(texts))
    assert len(VOCABULARY) > 2 * near.NEIGHBOURS
    assert set(found[: len(VOCABULARY)]) == {0}
    assert all(at >= len(VOCABULARY) for at in found[len(VOCABULARY) :])


def test_little_room_for_candidates_still_joins_copies(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = generated(200, seed=6)
    monkeypatch.setattr(near, "MAX_CANDIDATES", 0)
    assert pairs(texts) <= by_hand(texts)
    assert len(pairs(texts)) >= 30


def test_groups_are_named_by_their_first() -> None:
    import numpy as np

    assert grouped(6, np.array([(3, 4), (1, 4), (0, 5)])) == [0, 1, 2, 1, 1, 0]
