"""Scores of labels, text and numbers: tables of answers, traps among them; and of many answers."""

from __future__ import annotations

import math
from typing import get_args

import pytest

from probes.judges import rouge_l
from probes.readings import tokens
from probes.records import Score
from probes.scoring import METRICS, aggregate, cost_weighted, default_metric, fits, make_scorer
from probes.task import MetricName, TaskType
from tests.probes.scored import (
    CARDS,
    REFERENCES,
    answer,
    judged,
    make_examples,
    make_spec,
    score_one,
)

# ---------------------------------------------------------------- labels


@pytest.mark.parametrize(
    "reference, text, expected",
    [
        ("card", "card", (True, 1)),
        ("card", "  card\n", (True, 1)),
        ("card", "Card", (False, 1)),
        ("card", "card.", (False, 1)),
        ("card", "**Card**", (False, 1)),
        ("card", "The label is: card.", (False, 1)),
        ("card", "refund", (True, 0)),
        ("card", "card arrival", (True, 0)),
        ("card arrival", "It is card arrival!", (False, 1)),
        ("card", "It is card arrival!", (False, 0)),
        ("card_lost", "card lost", (False, 1)),
        ("card_lost", "Card_Lost", (False, 1)),
        ("card", "postcard", (False, 0)),
        ("card", "cards", (False, 0)),
        ("card", "card or refund", (False, 0)),
        ("refund", "card or refund", (False, 0)),
        ("refund", "refund refund refund", (False, 1)),
        ("urgent", "non-urgent", (True, 0)),
        ("urgent", "This is non-urgent", (False, 0)),
        ("non-urgent", "This is non-urgent", (False, 1)),
        ("Überweisung", "überweisung", (False, 1)),
        ("Überweisung", "U\u0308berweisung", (False, 1)),
        ("card", "", (False, 0)),
        ("card", "\u200b", (False, 0)),
        ("card", "cаrd", (False, 0)),  # a Cyrillic letter
        ("unseen", "unseen", (True, 1)),
        ("unseen", "Unseen.", (False, 1)),
    ],
)
def test_accuracy(reference: str, text: str, expected: tuple[bool, float]) -> None:
    assert judged("accuracy", CARDS, reference, text) == expected


@pytest.mark.parametrize(
    "labels, reference, text, expected",
    [
        (["1", "-1", "0"], "-1", "-1", (True, 1)),
        (["1", "-1", "0"], "1", "-1", (True, 0)),
        (["1", "-1", "0"], "-1", "score: -1", (False, 1)),
        (["1", "-1", "0"], "1", "score: -1", (False, 0)),
        (["1", "2"], "1", "1.5", (False, 0)),
        (["1", "2"], "1", "1.", (False, 1)),
        (["1", "2"], "1", "12", (False, 0)),
        (["001", "1"], "001", "1", (True, 0)),
        (["C", "C++", "C#"], "C++", "It is C++.", (False, 1)),
        (["C", "C++", "C#"], "C", "c++.", (False, 0)),
        (["yes", "no", "NA"], "NA", "NA", (True, 1)),
        (["yes", "no"], "no", "I do not know", (False, 0)),
        (["+", "-"], "-", "-", (True, 1)),
        (["+", "-"], "-", "+", (True, 0)),
        (["(a)", "(b)"], "(a)", "A", (False, 1)),
        (["a|b", ".*"], ".*", "anything", (False, 0)),
        (["A", "a"], "A", "a", (True, 0)),
        ([" x "], "x", "x", (True, 1)),
        (["好", "坏"], "好", "好。", (False, 1)),
        ([""], "", "x", (False, 0)),
    ],
)
def test_awkward_labels(
    labels: list[str], reference: str, text: str, expected: tuple[bool, float]
) -> None:
    assert judged("accuracy", labels, reference, text) == expected


# ---------------------------------------------------------------- text


@pytest.mark.parametrize(
    "reference, text, expected",
    [
        ("Paris", "Paris", (True, 1)),
        ("Paris", "the paris.", (True, 1)),
        ("Paris", "I think Paris", (True, 0)),
        ("Paris", "Let me see. Answer: Paris", (True, 1)),
        ("Paris", "The answer is Paris.", (True, 1)),
        ("Paris", "#### Paris", (True, 1)),
        ("Mika", "Ann > Bob > Mika = Mika", (True, 1)),
        ("42", "12+30=42, so 42", (True, 1)),
        ("42", "so 42", (True, 1)),
        ("42", "so 43", (True, 0)),
        ("good", "not so good", (True, 0)),
        ("-5", "5", (True, 0)),
        ("-5", "-5.", (True, 1)),
        ("1234.5", "1,234.50", (True, 1)),
        ("3.5", "35", (True, 0)),
        ("Paris", "", (False, 0)),
        ("Paris", " \n", (False, 0)),
        ("Zürich", "zu\u0308rich", (True, 1)),
        ("北京", "北京。", (True, 1)),
        ("the", "the", (True, 1)),
        ("the", "a", (True, 0)),
        ("!!!", "!!!", (True, 1)),
        ("!!!", "???", (True, 0)),
    ],
)
def test_exact_match(reference: str, text: str, expected: tuple[bool, float]) -> None:
    assert judged("exact_match", ["Rome"], reference, text) == expected


def test_exact_match_of_references_with_steps() -> None:
    train = ["1+1=2 so 2", "2+3=5 so 5"]
    assert judged("exact_match", train, "3+4=7 so 7", "7") == (True, 1)
    assert judged("exact_match", train, "3+4=7 so 7", "4+4=8 so 8") == (True, 0)
    assert judged("exact_match", train, "3+4=7 so 7", "other steps. so 7") == (True, 1)
    assert judged("exact_match", ["x = 1", "y = 2"], "x = 3", "y = 3") == (True, 0)


@pytest.mark.parametrize(
    "reference, text, expected",
    [
        ("red apple", "a red apple", (True, 1)),
        ("red apple", "red pear", (True, 0.5)),
        ("red apple", "red red apple", (True, 0.8)),
        ("red apple", "blue", (True, 0)),
        ("red apple", "", (False, 0)),
        ("紅い林檎", "紅い梨", (True, 0.571)),
        ("red apple", "Hmm.\nAnswer: red apple\nBye", (True, 1)),
    ],
)
def test_token_f1(reference: str, text: str, expected: tuple[bool, float]) -> None:
    assert judged("token_f1", ["x"], reference, text) == expected


@pytest.mark.parametrize(
    "reference, text, expected",
    [
        ("police killed the gunman", "police kill the gunman", (True, 0.667)),
        ("police killed the gunman", "the gunman kill police", (True, 0.333)),
        ("кошка сидит дома", "кошка дома", (True, 0.8)),
        ("cat sat", "", (False, 0)),
        ("cat sat", "dog", (True, 0)),
    ],
)
def test_rouge_l(reference: str, text: str, expected: tuple[bool, float]) -> None:
    assert judged("rouge_l", ["x"], reference, text) == expected


def test_rouge_l_is_that_of_the_library_on_plain_english() -> None:
    from rouge_score import rouge_scorer

    scorer = rouge_scorer.RougeScorer(["rougeL"], use_stemmer=False)
    for a, b in [("we saw cats run", "we saw some cats"), ("x y z x y", "y x z y z")]:
        expected = scorer.score(a, b)["rougeL"].fmeasure
        assert rouge_l(tokens(b), tokens(a)) == pytest.approx(expected)


# ---------------------------------------------------------------- numbers


@pytest.mark.parametrize(
    "reference, text, expected",
    [
        ("42", "42", (True, 1)),
        ("42", "42.0", (True, 1)),
        ("42", "so 42", (False, 1)),
        ("42", "#### 42", (False, 1)),
        ("42", "#### 42 apples out of 50", (False, 0)),
        ("42", "12+30=42", (False, 1)),
        ("42", "= -42", (False, 0)),
        ("-42", "-42", (True, 1)),
        ("-42", "it is \u221242 degrees", (False, 1)),
        ("-42", "42", (True, 0)),
        ("3", "10-7=3", (False, 1)),
        ("7", "10-7", (False, 1)),
        ("3", "5 - 3", (False, 1)),
        ("1234.5", "1,234.50", (True, 1)),
        ("1234.5", "$1,234.50 in all", (False, 1)),
        ("1234567", "1'234'567 CHF", (False, 1)),
        ("3", "one of 1,2,3", (False, 1)),
        ("0.5", ".5", (True, 1)),
        ("50", "50%", (False, 1)),
        ("1000000", "1e6", (True, 1)),
        ("1", "1.0000001", (True, 1)),
        ("1", "1.001", (True, 0)),
        ("0", "0", (True, 1)),
        ("0", "-0.0", (True, 1)),
        ("42", "x42", (False, 0)),
        ("42", "forty-two", (False, 0)),
        ("42", "", (False, 0)),
        ("42", "nan", (False, 0)),
        ("42", "inf", (False, 0)),
        ("42", "1e999", (False, 0)),
        ("42", "9" * 5_000, (False, 0)),
        ("42", "42 __import__('os').system('x')", (False, 1)),
        ("42", "42\n", (True, 1)),
    ],
)
def test_numeric(reference: str, text: str, expected: tuple[bool, float]) -> None:
    assert judged("numeric", ["17", "3.5"], reference, text) == expected


def test_numeric_form_follows_the_references() -> None:
    train = ["4+4 = 8\n#### 8", "He has 1,200.\n#### 1,200"]
    assert judged("numeric", train, "7+1 = 8\n#### 8", "5+3 = 8\n#### 8") == (True, 1)
    assert judged("numeric", train, "7+1 = 8\n#### 8", "8") == (True, 1)
    assert judged("numeric", train, "7+1 = 8\n#### 8", "it is 8") == (False, 1)
    assert judged("numeric", train, "x\n#### 1,200", "#### 1200") == (True, 1)
    assert judged("numeric", train, "x\n#### 8", "8 and\n#### 9") == (True, 0)


# ---------------------------------------------------------------- many scores


def test_every_task_type_has_a_metric_that_fits() -> None:
    assert set(METRICS) == set(get_args(MetricName))
    for task_type in get_args(TaskType):
        assert fits(default_metric(task_type), task_type)
        assert fits("command", task_type)
    assert not fits("accuracy", "summarization")


def test_macro_f1_is_that_of_scikit_learn() -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    wanted = ["a", "a", "a", "b", "b", "c", "c", "c", "c", "d"]
    given = ["a", "b", "a", "b", "c", "c", "c", "a", "nothing", "d"]
    examples = make_examples(wanted)
    answers = [answer(text, e.item.id) for text, e in zip(given, examples, strict=True)]
    scores = make_scorer(make_spec("macro_f1"), examples)(answers, examples)
    expected = metrics.f1_score(wanted, given, average="macro", labels=["a", "b", "c", "d"])
    assert aggregate("macro_f1", scores, examples, answers) == pytest.approx(expected)
    assert aggregate("accuracy", scores, examples) == 0.6
    assert aggregate("macro_f1", scores, examples, answers, "form") == 0.9
    with pytest.raises(ValueError):
        aggregate("macro_f1", scores, examples)
    with pytest.raises(ValueError):
        aggregate("accuracy", [], [])


def test_macro_f1_by_layer() -> None:
    examples = make_examples(["yes", "no"])
    answers = [answer("Yes!", "i1"), answer("no", "i2")]
    scores = make_scorer(make_spec("macro_f1"), examples)(answers, examples)
    assert aggregate("macro_f1", scores, examples, answers) == 0.5
    assert aggregate("macro_f1", scores, examples, answers, "content") == 1.0


def test_cost_weighted() -> None:
    examples = make_examples(["fraud", "ok", "ok", "ok"])
    qualities = [0.0, 1.0, 1.0, 1.0]
    scores = [
        Score(item_id=e.item.id, form=True, content=q, quality=q)
        for e, q in zip(examples, qualities, strict=True)
    ]
    assert cost_weighted(scores, examples, {}) == 0.75
    assert cost_weighted(scores, examples, {"fraud": 9.0}) == 0.25
    assert cost_weighted(scores, examples, {"ok": 0.0}) == 0.0
    with pytest.raises(ValueError):
        cost_weighted(scores, examples, {"ok": 0.0, "fraud": 0.0})
    with pytest.raises(ValueError):
        cost_weighted(scores, examples[:1], {})


def test_scores_are_finite() -> None:
    assert all(
        math.isfinite(score_one(metric, *REFERENCES[metric], "1e400 NaN -Infinity").content)
        for metric in REFERENCES
    )
