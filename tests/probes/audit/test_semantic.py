"""Rows alike in meaning are sought only where the embedding model is, and numbers tell apart."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from probes.audit import semantic
from probes.audit.records import NotChecked
from probes.audit.sheet import Entry, Sheet


def sheet(pairs: Sequence[tuple[str, str]]) -> Sheet:
    entries = [
        Entry(text, output, at + 1, "train", "test" if at % 2 else "train")
        for at, (text, output) in enumerate(pairs)
    ]
    return Sheet(entries=entries, task_type="qa", metric="exact_match")


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> None:
    """Texts are alike that begin with the same letter."""
    monkeypatch.setattr(semantic, "available_retrievers", lambda: ("bm25", "dense"))

    def embed(texts: Sequence[str]) -> np.ndarray:
        vectors = np.zeros((len(texts), 26), dtype=np.float32)
        for row, text in enumerate(texts):
            vectors[row, ord(text[0].lower()) - ord("a")] = 1
        return vectors

    monkeypatch.setattr("probes.models.embedding.embed", embed)


def test_other_words_and_one_answer_on_both_sides(model: None) -> None:
    letters = "abcdefgh"
    pairs = [(f"{letter}nything about this at all", letter) for letter in letters]
    pairs += [(f"{letter} quite another wording here", letter) for letter in letters]
    pairs = [pair for both in zip(pairs[:8], pairs[8:], strict=True) for pair in both]
    (found,) = semantic.check(sheet(pairs))
    assert sorted(found.rows) == list(range(16))
    assert "8 of the sets lie on both sides" in found.text


def test_answers_that_differ_are_no_duplicates(model: None) -> None:
    pairs = [(f"a {word} of its own", word) for word in ("box", "dog", "cup", "key", "hat", "pen")]
    assert list(semantic.check(sheet(pairs))) == []


def test_a_number_tells_rows_apart(model: None) -> None:
    pairs = [(f"a {'word ' * at} {at}", "yes") for at in range(1, 9)] + [("b", "no"), ("c", "no")]
    assert list(semantic.check(sheet(pairs))) == []


def test_without_the_model_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(semantic, "available_retrievers", lambda: ("bm25",))
    with pytest.raises(NotChecked, match="not installed"):
        list(semantic.check(sheet([("a", "b")])))
