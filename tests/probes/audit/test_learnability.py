"""Planted: shuffled labels, leaked labels, answers that stand somewhere, facts that come again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import Any

import pytest

from probes.audit import answers, learnability, novelty
from probes.audit.baselines import kappa, partners, same_inputs, vectors
from probes.audit.records import Found, NotChecked
from probes.audit.sheet import Entry, Sheet
from probes.records import Passage

TOPICS = {
    "card": ("card", "pin", "chip", "swipe"),
    "loan": ("loan", "rate", "credit", "mortgage"),
    "transfer": ("transfer", "iban", "wire", "recipient"),
}
OPENINGS = ("please help with", "what about", "there is trouble with", "tell me of", "why is")


def sheet_of(
    pairs: Sequence[tuple[str, str]], task_type: Any = "classification", **rest: Any
) -> Sheet:
    """Three fifths train, then dev, then test."""
    sides = ("train", "train", "train", "dev", "test")
    entries = [
        Entry(text, output, row, "train", sides[row % 5])  # type: ignore[arg-type]
        for row, (text, output) in enumerate(pairs, 1)
    ]
    return Sheet(entries, task_type, "accuracy", **rest)


def tickets(n: int = 400, seed: int = 0, noise: float = 0.2) -> list[tuple[str, str]]:
    """Rows whose words tell the label, a fifth of them of another topic."""
    r, pairs = Random(seed), []
    for i in range(n):
        label = r.choice(list(TOPICS))
        topic = r.choice(list(TOPICS)) if r.random() < noise else label
        text = f"{r.choice(OPENINGS)} my {' and '.join(r.sample(TOPICS[topic], 2))} number {i}"
        pairs.append((text, label))
    return pairs


def shuffled(pairs: list[tuple[str, str]]) -> list[tuple[str, str]]:
    outputs = [output for _, output in pairs]
    Random(1).shuffle(outputs)
    return [(text, output) for (text, _), output in zip(pairs, outputs, strict=True)]


def only(found: Sequence[Found], kind: str) -> Found:
    return next(each for each in found if each.kind == kind)


def test_labels_that_words_tell() -> None:
    (found,) = learnability.check(sheet_of(tickets()))
    assert found.kind == "baselines"
    figures = found.figures
    assert figures["majority"].high < figures["nearest"].high
    assert figures["linear"].low <= figures["linear"].value <= figures["linear"].high
    assert 0.75 < figures["linear"].value < 0.95
    assert found.effect.points == 0


def test_a_linear_model_that_reaches_the_target() -> None:
    (found,) = learnability.check(sheet_of(tickets(noise=0.0), target=0.8))
    assert found.kind == "easy-baseline"
    assert "surely reaches the target of 80 %" in found.text


def test_macro_f1_is_held_against_the_target_where_it_is_the_metric() -> None:
    sheet = sheet_of(tickets(noise=0.0), target=0.8)
    sheet = Sheet(sheet.entries, "classification", "macro_f1", target=0.8)
    (found,) = learnability.check(sheet)
    assert found.kind == "easy-baseline"
    assert found.figures["linear-macro-f1"].value > 0.9


def test_shuffled_labels_are_not_learnable() -> None:
    (found,) = learnability.check(sheet_of(shuffled(tickets(900))))
    assert found.kind == "not-learnable"
    assert len(found.rows) == 900
    assert found.effect.high >= found.effect.points > 20


def test_labels_that_the_input_defines_are_not_called_independent() -> None:
    r = Random(0)
    pairs = []
    for i in range(600):
        names = r.sample(["red", "blue"], 2)
        pairs.append((f"north is {names[0]} and south is {names[1]}, go north {i}", names[0]))
    found = list(learnability.check(sheet_of([(text, out) for text, out in pairs])))
    assert "not-learnable" not in [each.kind for each in found]


def test_shuffled_texts_are_not_learnable_and_paired_ones_are() -> None:
    r = Random(0)
    vocabulary = [f"{a}{b}{c}o" for a in "bdfgk" for b in "aeiou" for c in "lmnr"]
    pairs = []
    for _ in range(300):
        said = r.sample(vocabulary, 8)
        pairs.append((" ".join(said), " ".join(said[:5])))
    assert [f.kind for f in learnability.check(sheet_of(pairs, "summarization"))] == ["neighbours"]
    (found,) = learnability.check(sheet_of(shuffled(pairs), "summarization"))
    assert found.kind == "not-learnable"


def test_rows_written_twice_are_no_random_partners_of_each_other() -> None:
    r = Random(0)
    vocabulary = [f"{a}{b}{c}o" for a in "bdfgk" for b in "aeiou" for c in "lmnr"]
    pairs = [(said, said) for said in (" ".join(r.sample(vocabulary, 8)) for _ in range(200))]
    (found,) = learnability.check(sheet_of(pairs * 2, "generation"))
    assert found.kind == "neighbours"
    assert found.figures["own-gain"].low > 0.5
    assert found.of == 200
    (found,) = answers.check(sheet_of(pairs * 2, "generation"))
    assert found.kind == "answer-in-input"
    assert found.figures["chance"].value < 0.05


@pytest.mark.parametrize("task_type", ["classification", "generation", "qa"])
def test_one_row_many_times_is_not_called_unlearnable(task_type: str) -> None:
    with pytest.raises(NotChecked):
        list(learnability.check(sheet_of([("say it", "it is said")] * 300, task_type)))


def test_partners_are_others_and_each_once() -> None:
    other = partners(50).tolist()
    assert sorted(other) == list(range(50))
    assert all(at != i for i, at in enumerate(other))


def test_too_few_rows_are_not_checked() -> None:
    with pytest.raises(NotChecked):
        list(learnability.check(sheet_of(tickets(20))))
    with pytest.raises(NotChecked):
        list(learnability.check(sheet_of([("!", "a"), ("?", "b")] * 50)))


def test_near_copies_stay_in_one_fold() -> None:
    texts = [f"the quick brown fox jumps over number {i} of the lazy dogs" for i in range(40)]
    texts += ["something else"] * 2 + [f"word{i} other{i} third{i}" for i in range(60)]
    groups = same_inputs(texts, vectors(texts))
    assert groups[40] == groups[41]
    assert len(set(groups.tolist())) > 60


def test_vectors_read_the_end_of_a_long_text() -> None:
    long = "same " * 500
    begin, end = vectors([f"first {long}", f"{long}first"]).toarray()
    assert (begin > 0).sum() == 2  # the word and its pair
    assert (end > 0).sum() == 4


def test_kappa_is_0_by_chance_and_1_at_agreement() -> None:
    import numpy as np

    truth = np.asarray([0, 1] * 100)
    assert kappa(truth, truth)[0] == pytest.approx(1)
    value, error = kappa(truth, np.asarray([0, 0, 1, 1] * 50))
    assert value == pytest.approx(0)
    assert error == pytest.approx(200**-0.5)


# ---------------------------------------------------------------- where answers stand

LEAKS: dict[str, Callable[[str, str], str]] = {
    "field": lambda text, label: f"{text}\ncategory: {label}",
    "last": lambda text, label: f"{text} {label}",
    "code": lambda text, label: f"{text} {list(TOPICS).index(label)}",
    "first": lambda text, label: f"[{label}] {text}",
}


@pytest.mark.parametrize("leak", LEAKS)
@pytest.mark.parametrize("share", [1.0, 0.9])
def test_a_leaked_label_is_found(leak: str, share: float) -> None:
    r = Random(2)
    told = [LEAKS[leak](t, o) if r.random() < share else t for t, o in tickets()]
    pairs = [(text, out) for text, (_, out) in zip(told, tickets(), strict=True)]
    found = only(list(answers.check(sheet_of(pairs))), "label-in-input")
    touched = {
        i for i, (text, (plain, _)) in enumerate(zip(told, tickets(), strict=True)) if text != plain
    }
    # A text that ends in a topic's number already tells it.
    assert touched <= set(found.rows) <= touched | {0, 1, 2}
    assert found.effect.on == "figure"
    assert found.effect.points > 5


def test_words_that_tell_the_label_are_no_leak() -> None:
    assert list(answers.check(sheet_of(tickets(noise=0.0)))) == []


def test_copied_answers_and_their_documents() -> None:
    pairs = [(f"Who has item {i}? Box {i}: owner{i} has it.", f"owner{i}") for i in range(60)]
    (found,) = answers.check(sheet_of(pairs, "qa"))
    assert (found.kind, len(found.rows)) == ("answer-in-input", 60)

    passages = [Passage(id=f"p{i}", text=f"Box {i} is of Owner{i}.") for i in range(55)]
    entries = [
        Entry(f"Whose is box {i}?", f"owner{i}", i, "train", "train", gold=(f"p{i}",))
        for i in range(60)
    ]
    (found,) = answers.check(Sheet(entries, "qa", "exact_match", passages=passages))
    assert found.kind == "answer-in-documents"
    assert sorted(found.rows) == [55, 56, 57, 58, 59]
    assert found.figures["in-gold"].value == pytest.approx(55 / 60)


def test_new_facts_and_repeated_ones() -> None:
    r = Random(0)
    colours = ["red", "blue", "green", "grey", "brown"]
    wordings = ["What colour has {}?", "The colour of {}?", "Tell me {}'s colour.", "{} is which?"]
    new = [(r.choice(wordings).format(f"name{i}"), r.choice(colours)) for i in range(300)]
    (found,) = novelty.check(sheet_of(new, "qa"))
    assert found.kind == "new-answers"
    assert found.figures["repeated-answers"].value == 1

    known = [(w.format(f"name{i}"), colours[i % 5]) for i in range(75) for w in wordings]
    r.shuffle(known)
    (found,) = novelty.check(sheet_of(known, "qa"))
    assert found.kind == "memorised-answers"
    with pytest.raises(NotChecked):
        list(novelty.check(sheet_of(tickets())))
