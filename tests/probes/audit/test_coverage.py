"""Planted: rare, unseen and shifted labels, one answer, one frame, a second language, few rows."""

from __future__ import annotations

import re
from collections.abc import Sequence
from random import Random
from typing import Any

import pytest

from probes.audit import (
    amount,
    coverage,
    difficulty,
    frames,
    languages,
    lengths,
    output_shapes,
    shift,
)
from probes.audit.language_guess import language_of
from probes.audit.records import Found, NotChecked
from probes.audit.sheet import Entry, Rung, Sheet
from probes.estimates import wilson

SIDES = ("train", "train", "train", "dev", "test")
GERMAN = "Wie kann ich die Karte sperren, wenn sie nicht mehr da ist?"
ENGLISH = "How can I block the card when it is not there any more?"


def sheet_of(
    pairs: Sequence[tuple[str, str]], task_type: Any = "classification", **rest: Any
) -> Sheet:
    """Three fifths train, then dev, then test."""
    entries = [
        Entry(text, output, row, "train", SIDES[row % 5])  # type: ignore[arg-type]
        for row, (text, output) in enumerate(pairs, 1)
    ]
    return Sheet(entries, task_type, "accuracy", **rest)


def labelled(counts: dict[str, int]) -> list[tuple[str, str]]:
    pairs = [(f"text {i} of {label}", label) for label, n in counts.items() for i in range(n)]
    Random(0).shuffle(pairs)
    return pairs


def test_rare_labels_with_all_their_rows() -> None:
    sheet = sheet_of(labelled({"a": 200, "b": 180, "c\n": 9}))
    (found,) = coverage.check(sheet)
    assert found.kind == "rare-labels"
    assert {sheet.entries[at].output for at in found.rows} == {"c\n"}
    assert len(found.rows) == 9
    said = "1 label of 3 has fewer than 10 train rows ('c'); it makes up 9 of 389 rows."
    assert found.text == said
    assert 0 <= found.effect.low <= found.effect.points <= found.effect.high


def test_labels_of_the_test_alone() -> None:
    entries = [
        Entry(
            f"t{i}", "new" if i % 5 == 0 and i < 50 else "ab"[i % 2], i, "train", SIDES[(i + 4) % 5]
        )  # type: ignore[arg-type]
        for i in range(500)
    ]
    found = [f for f in coverage.check(Sheet(entries, "classification", "accuracy"))]
    assert [f.kind for f in found] == ["unseen-labels"]
    assert len(found[0].rows) == 10
    assert found[0].text == (
        "1 label of the test rows never occurs in the train rows ('new'): 10 of 100 test rows, "
        "which a tuned model can only get wrong."
    )
    assert found[0].effect.points == 9.0


def test_balance() -> None:
    assert list(coverage.check(sheet_of(labelled({"a": 200, "b": 150})))) == []
    (found,) = coverage.check(sheet_of(labelled({"a": 2000, "b": 40, "c": 40})))
    assert found.kind == "imbalance"
    assert found.details["effective_labels"] < 1.5
    two = {"a": 2000, "b": 2000, "c": 9, "d": 9}
    rare = next(f for f in coverage.check(sheet_of(labelled(two))) if f.kind == "rare-labels")
    assert rare.text.startswith("2 labels of 4 have fewer than 10 train rows ('")
    assert rare.text.endswith("'); they make up 18 of 4,018 rows.")
    assert coverage.effective_number([5, 5, 0, 5]) == pytest.approx(3)


def test_one_answer_for_all() -> None:
    pairs = [(f"question {i}", "N/A" if i % 2 else f"answer {i}") for i in range(200)]
    (found,) = coverage.check(sheet_of(pairs, "generation"))
    assert (found.kind, len(found.rows)) == ("dominating-answer", 100)
    assert list(coverage.check(sheet_of([(t, t) for t, _ in pairs], "generation"))) == []


def files(train: dict[str, int], test: dict[str, int]) -> Sheet:
    entries = [Entry(t, o, 1, "train", "train") for t, o in labelled(train)]
    entries += [Entry(f"test {t}", o, 1, "test", "test") for t, o in labelled(test)]
    return Sheet(entries, "classification", "accuracy")


def test_label_shift() -> None:
    (found,) = shift.check(files({"a": 400, "b": 400}, {"a": 150, "b": 50}))
    assert found.kind == "label-shift"
    distance = found.figures["total-variation"]
    assert distance.value == pytest.approx(0.25)
    assert 0.1 < distance.low < 0.25 < distance.high < 0.4
    assert list(shift.check(files({"a": 400, "b": 400}, {"a": 104, "b": 96}))) == []
    with pytest.raises(NotChecked):
        list(shift.check(sheet_of(labelled({"a": 50, "b": 50}))))


def test_the_interval_of_a_shift_has_a_width_where_resamples_have_none() -> None:
    (found,) = shift.check(files({"a": 40}, {"b": 40}))
    distance = found.figures["total-variation"]
    assert (distance.value, distance.high) == (1, 1)
    assert distance.low == pytest.approx(wilson(40, 40)[0])


def test_no_shift_is_found_in_random_halves() -> None:
    pool = labelled({f"label {i}": 20 + i for i in range(30)})
    for seed in range(20):
        Random(seed).shuffle(pool)
        entries = [
            Entry(t, o, 1, "test" if i < 300 else "train", "test" if i < 300 else "train")
            for i, (t, o) in enumerate(pool)
        ]
        assert list(shift.check(Sheet(entries, "classification", "accuracy"))) == []


# ---------------------------------------------------------------- wording


@pytest.mark.parametrize(
    ("text", "language"),
    [
        (ENGLISH, "English"),
        (GERMAN, "German"),
        ("¿Cuál es la mejor manera de hacer esto?", "Spanish"),
        ("Quelle est la capitale de la France et pourquoi ?", "French"),
        ("Каков ответ на этот вопрос?", "Cyrillic script"),
        ("この質問の答えは何ですか、教えてください", "Japanese"),
        ("K7-STD", None),
        ("Müller", None),
        ("", None),
        ("\ud800 \u0000", None),
    ],
)
def test_language_of(text: str, language: str | None) -> None:
    assert language_of(text) == language


@pytest.mark.parametrize("share", [0.01, 0.05, 0.2])
def test_a_second_language(share: float) -> None:
    n = 1000
    second = set(Random(0).sample(range(n), int(share * n)))
    pairs = [(f"{GERMAN if i in second else ENGLISH} {i}", "a") for i in range(n)]
    (found,) = languages.check(sheet_of(pairs))
    assert set(found.rows) == second
    assert list(languages.check(sheet_of([(f"{ENGLISH} {i}", "a") for i in range(n)]))) == []


def test_answers_in_another_language_than_their_question() -> None:
    def found(pairs: list[tuple[str, str]]) -> list[Found]:
        given = sheet_of(pairs, "generation")
        return [*languages.check(given), *output_shapes.check(given)]

    (one,) = found([(f"{ENGLISH} {i}", GERMAN if i < 20 else ENGLISH) for i in range(400)])
    assert one.kind == "output-languages" and set(one.rows) == set(range(20))
    assert found([(f"{ENGLISH} {i}", GERMAN) for i in range(400)]) == []
    # German questions have German answers, but for 8 that have the answer of most
    mixed = [
        (f"{GERMAN if i < 100 else ENGLISH} {i}", GERMAN if 8 <= i < 100 else ENGLISH)
        for i in range(400)
    ]
    kinds = {each.kind: set(each.rows) for each in found(mixed)}
    assert kinds == {"mixed-languages": set(range(100)), "output-languages": set(range(8))}


def test_one_frame_and_many() -> None:
    r = Random(0)
    fillers = [f"{a}{b}{c}" for a in "bdfgklmn" for b in "aeiou" for c in "lmnrst"]
    framed = [
        f"Please tell me about {r.choice(fillers)} and {r.choice(fillers)}." for _ in range(150)
    ]
    free = [" ".join(r.choices(fillers, k=9)) for _ in range(250)]
    (found,) = frames.check(sheet_of([(text, "a") for text in [*framed, *free]]))
    assert found.kind == "few-frames"
    assert found.rows == list(range(150))
    assert list(frames.check(sheet_of([(text, "a") for text in free]))) == []


def test_a_frame_of_many_gaps_ends() -> None:
    r = Random(0)
    texts = [" ".join(f"w{r.randrange(3000)}" for _ in range(100)) for _ in range(100)]
    list(frames.check(sheet_of([(text, "a") for text in texts], "generation")))


def test_an_address_in_a_frame_is_not_shown() -> None:
    texts = [f"Please send the report of day {i} to jane.doe@acme-corp.com soon" for i in range(80)]
    (found,) = frames.check(sheet_of([(text, "a") for text in texts]))
    assert len(found.rows) == 80
    assert found.details["frames"] == [["(with an address)", 80]]


def test_lengths_by_rung() -> None:
    rungs = [Rung("a", 100, lambda text: len(text.split())), Rung("b", 100, len)]
    (found,) = lengths.check(sheet_of([("one two three", "x")] * 50, rungs=rungs))
    assert found.details["tokens"]["a"]["input"] == {"p5": 3, "p50": 3, "p95": 3, "max": 3}
    assert found.details["tokens"]["b"]["output"]["p95"] == 1
    with pytest.raises(NotChecked):
        list(lengths.check(sheet_of([("one", "x")])))


def test_difficulty_puts_long_and_rare_last() -> None:
    easy = [("the sum of it", "a")] * 60
    hard = [
        (f"rare{i} words{i} with 12 and {i} and {i + 1} more of the kind", "b") for i in range(60)
    ]
    (found,) = difficulty.check(sheet_of([*easy, *hard], "generation"))
    assert set(found.rows) <= set(range(60, 120))
    assert len(found.rows) == 40
    assert found.effect.points == 0


# ---------------------------------------------------------------- amount


def test_few_examples_and_a_small_test() -> None:
    found = {f.kind: f for f in amount.check(sheet_of(labelled({"a": 40, "b": 40})))}
    assert set(found) == {"few-examples", "small-test"}
    assert found["few-examples"].details["needed"] == 100
    assert "Label 52 more train rows" in found["few-examples"].fix
    assert found["few-examples"].text.startswith("There are 48 train rows, where about 100 are")
    assert "(power 80 %)" in found["small-test"].text
    assert found["small-test"].details["needed_for_5_points"] == 283
    assert found["small-test"].details["test"]["detectable_points"] > 15


def test_copies_are_no_examples() -> None:
    pairs = labelled({"a": 40, "b": 40})
    copies = [(f" {text.upper()}", output) for text, output in pairs]
    (few, *_) = amount.check(sheet_of([*pairs, *copies, *pairs]))
    assert few.kind == "few-examples"
    assert few.text.startswith("There are 48 different train rows among 144, where about 100 are")
    assert few.fix.startswith("Label 52 more different train rows")
    assert (few.details["train_rows"], few.details["different_rows"]) == (144, 48)


def test_enough_rows() -> None:
    assert list(amount.check(sheet_of(labelled({"a": 800, "b": 800})))) == []


@pytest.mark.parametrize("n", [1, 2, 3, 6])
def test_texts_are_sentences_whatever_the_count(n: int) -> None:
    sheet = sheet_of(labelled({"a": 5, "b": n}))
    for found in amount.check(sheet):
        assert re.match(r"[A-Z0-9]", found.text)
        assert found.text.endswith(".")
        assert not re.search(r"\b1 (?:\w+ )?(?:rows|labels|groups)\b|\d%", found.text + found.fix)


def test_a_label_that_is_an_address_is_not_told() -> None:
    rows = [Entry(f"text {at}", "a", at + 1, "train", "train") for at in range(60)]
    rows += [Entry(f"more {at}", "x@secretmail.com", 90, "train", "train") for at in range(3)]
    sheet = Sheet(entries=rows, task_type="classification", metric="accuracy")
    told = [found for found in coverage.check(sheet) if found.kind == "rare-labels"]
    assert told
    assert all("secretmail" not in f"{found.text}{found.details}" for found in told)
