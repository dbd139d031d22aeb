"""Rows of 200,000 characters and more: only as much of them is read as a check needs."""

from __future__ import annotations

import time
from random import Random

import pytest

from probes.audit import lengths
from probes.audit.near import MAX_CHARS
from probes.audit.same_question import difference, questions
from probes.audit.sheet import Entry, Rung, Sheet
from probes.audit.too_long import too_long

LONG = 210_000


class TokenCounter:
    """Counts tokens of four characters, and what it was given to count."""

    def __init__(self) -> None:
        self.longest = 0

    def __call__(self, text: str) -> int:
        self.longest = max(self.longest, len(text))
        return len(text) // 4


def sheet_of(texts: list[str], rung: Rung) -> Sheet:
    entries = [Entry(text, "a", row, "train", "train") for row, text in enumerate(texts, 1)]
    return Sheet(entries, "generation", "exact_match", rungs=[rung])


def test_a_hundred_long_rows_that_are_near_take_seconds() -> None:
    r = Random(0)
    said = [f"w{r.randrange(3000)}" for _ in range(LONG // 5)]
    texts = [" ".join([*said[:at], f"x{at}", *said[at:]])[:LONG] for at in range(100)]
    begun = time.process_time()
    questions(texts, ["a"] * 100)
    assert time.process_time() - begun < 8


def test_wordings_that_differ_beyond_what_is_read_stay_apart() -> None:
    document = "word " * (MAX_CHARS // 5)
    texts = [document + question for question in ("Who is it?", "What is it?", "Who is it?")]
    assert list(questions(texts, ["a"] * 3).of_row) == [0, 1, 0]


def test_difference_reads_the_beginning() -> None:
    document = " ".join(f"word{at}" for at in range(MAX_CHARS // 8))
    assert difference(f"1 {document}", f"2 {document}") == "number"
    short = document[: MAX_CHARS // 2]
    assert difference(f"one {short}", short) == "more"
    assert difference(f"{document} 1", f"{document} 2") is None


def test_the_beginning_of_a_long_row_shows_that_it_does_not_fit() -> None:
    count = TokenCounter()
    sheet = sheet_of(["a" * LONG] * 30 + ["a" * 300] * 70, Rung("small", 100, count))
    (found,) = too_long(sheet)
    assert found.rows == list(range(30))
    assert count.longest <= 1600


def test_a_long_row_of_few_tokens_fits() -> None:
    sheet = sheet_of(["a" * LONG], Rung("small", 100, lambda text: len(text) // 10_000))
    assert list(too_long(sheet)) == []


@pytest.mark.parametrize(("n_chars", "said"), [(LONG, True), (MAX_CHARS, False)])
def test_lengths_of_the_beginning(n_chars: int, said: bool) -> None:
    count = TokenCounter()
    (found,) = lengths.check(sheet_of(["a" * n_chars] * 20, Rung("small", 100, count)))
    assert ("of the first 20,000 characters" in found.text) is said
    assert count.longest == lengths.MAX_CHARS
