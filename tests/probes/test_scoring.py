"""Scores: tables of answers per metric, traps among them, and the user's own command."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from knowledge.errors import UserError
from probes.fields import validator
from probes.judges import judge_fields, rouge_l
from probes.readings import tokens
from probes.records import Example, Item, Prediction, Score, Turn
from probes.scoring import (
    METRICS,
    aggregate,
    cost_weighted,
    default_metric,
    fits,
    make_scorer,
)
from probes.task import DataSpec, MetricName, TaskSpec, TaskType

BFCL = Path("/work/shared/data/bfcl_simple")
TASKS: dict[MetricName, TaskType] = {
    "accuracy": "classification",
    "macro_f1": "classification",
    "exact_match": "qa",
    "token_f1": "qa",
    "rouge_l": "summarization",
    "numeric": "reasoning",
    "json_fields": "extraction",
    "function_call": "function-calling",
    "command": "generation",
}


def make_spec(metric: MetricName, scorer: list[str] | None = None) -> TaskSpec:
    return TaskSpec(
        version=1,
        name="t",
        task_type=TASKS[metric],
        data=DataSpec(train="x.jsonl"),
        metric=metric,
        scorer=scorer,
    )


def make_examples(outputs: Sequence[str]) -> list[Example]:
    return [
        Example(
            item=Item(id=f"i{row}", turns=(Turn(role="user", content="?"),)), output=text, row=row
        )
        for row, text in enumerate(outputs, start=1)
    ]


def answer(text: str, item_id: str = "i1") -> Prediction:
    return Prediction(item_id=item_id, text=text)


def score_one(metric: MetricName, train: Sequence[str], reference: str, text: str) -> Score:
    (score,) = make_scorer(make_spec(metric), make_examples(train))(
        [answer(text)], make_examples([reference])
    )
    assert score.quality == (score.content if score.form else 0)
    return score


def judged(
    metric: MetricName, train: Sequence[str], reference: str, text: str
) -> tuple[bool, float]:
    score = score_one(metric, train, reference, text)
    return score.form, round(score.content, 3)


# ---------------------------------------------------------------- labels

CARDS = ["card", "card arrival", "card_lost", "refund", "non-urgent", "urgent", "Überweisung"]


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


# ---------------------------------------------------------------- JSON

ORDERS = [
    '{"name": "Ann", "item": "lamp", "count": 2}',
    '{"name": "Bob", "item": "desk", "count": 1, "note": null}',
]
MIKA = '{"name": "Mika", "item": "lamp", "count": 3}'


@pytest.mark.parametrize(
    "text, expected",
    [
        (MIKA, (True, 1)),
        ('{"count": 3, "item": "lamp", "name": "Mika"}', (True, 1)),
        ('{"name": "mika ", "item": "Lamp.", "count": 3.0}', (True, 1)),
        ('{"name": "Mika", "item": "desk", "count": 3}', (True, 0.667)),
        ('{"name": "Mika", "item": "lamp"}', (False, 0.667)),
        ('{"name": "Mika", "item": "lamp", "count": "3"}', (False, 1)),
        ('{"name": "Mika", "item": "lamp", "count": true}', (False, 0.667)),
        ('{"name": "Mika", "item": "lamp", "count": 3, "note": null}', (True, 1)),
        ('{"name": "Mika", "item": "lamp", "count": 3, "extra": 1}', (False, 0.75)),
        (f"{MIKA} and that is all", (False, 1)),
        (f"Sure! Here it is:\n```json\n{MIKA}\n```", (False, 1)),
        (f"As {{asked}}: {MIKA}", (False, 1)),
        ("name = Mika ; item = lamp ; count = 3", (False, 1)),
        ("name: Mika\nitem: lamp\ncount: 3", (False, 1)),
        ("{'name': 'Mika', 'item': 'lamp', 'count': 3}", (False, 1)),
        ('{"name": "Mika", "item": "la', (False, 0.333)),
        (f"[{MIKA}]", (False, 1)),
        ('"Mika"', (False, 0)),
        ("", (False, 0)),
        ("{}", (False, 0)),
        ("[[[[" * 30_000, (False, 0)),
        ('{"a":' * 30_000, (False, 0)),
        ('{"name": "Mika", "name": "Mika", "item": "lamp", "count": 3}', (False, 1)),
        ('{"name": "Mika", "item": "lamp", "count": NaN}', (False, 0.667)),
        ('{"name": "Mika", "item": "lamp", "count": ' + "9" * 6_000 + "}", (False, 0.667)),
    ],
)
def test_json_fields(text: str, expected: tuple[bool, float]) -> None:
    assert judged("json_fields", ORDERS, MIKA, text) == expected


def test_nested_json() -> None:
    train = ['{"who": {"first": "A", "tags": ["x"]}, "n": 1}']
    gold = '{"who": {"first": "Zoë", "tags": ["a", "b"]}, "n": 2}'
    right = '{"n": 2, "who": {"tags": ["b", "a"], "first": "zoë"}}'
    half = '{"n": 2, "who": {"first": "Zoë", "tags": ["a"]}}'
    flat = '{"n": 2, "who": "Zoë"}'
    assert judged("json_fields", train, gold, right) == (True, 1)
    assert judged("json_fields", train, gold, half) == (True, 0.667)
    assert judged("json_fields", train, gold, flat)[0] is False


def test_a_field_that_train_never_showed_keeps_its_form() -> None:
    gold = '{"name": "Mika", "colour": "red"}'
    assert judged("json_fields", ORDERS, gold, gold) == (True, 1)


def test_a_schema_of_the_user() -> None:
    schema = {"type": "object", "properties": {"count": {"type": "integer", "minimum": 1}}}
    judge = judge_fields(make_examples(ORDERS), schema)
    assert judge('{"count": 0}', MIKA)[0] is False
    assert judge('{"count": 5, "more": 1}', MIKA)[0] is True


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "objekt"},
        {"properties": {"a": {"pattern": "(a+)+$"}}},
        {"patternProperties": {"(a+)+$": {}}},
        {"$ref": "http://127.0.0.1:1/schema.json"},
        {"$ref": "file:///etc/passwd"},
    ],
)
def test_a_bad_schema_is_an_error(schema: dict[str, Any]) -> None:
    with pytest.raises(UserError, match="E-SCHEMA"):
        validator(schema)({"a": "x"})


# ---------------------------------------------------------------- calls

AREA = '{"calculate_area": {"base": [10], "height": [5.5], "unit": ["cm", "", "centi-metre"]}}'


@pytest.mark.parametrize(
    "text, expected",
    [
        ("calculate_area(base=10, height=5.5)", (True, 1)),
        ("calculate_area(height=5.5, base=10, unit='Centi Metre')", (True, 1)),
        ("[calculate_area(base=10, height=5.5)]", (True, 1)),
        ('{"name": "calculate_area", "arguments": {"base": 10, "height": 5.5}}', (True, 1)),
        (
            '{"name": "calculate_area", "arguments": "{\\"base\\": 10, \\"height\\": 5.5}"}',
            (True, 1),
        ),
        ("calculate_area(10, 5.5)", (True, 1)),
        ("calculate_area(10, 5.5, 'cm', 4)", (True, 0)),
        ("calculate_area(base=10)", (True, 0)),
        ("calculate_area(base=10, height=5.5, colour='red')", (True, 0)),
        ("calculate_area(base='10', height=5.5)", (True, 0)),
        ("calculate_area(base=True, height=5.5)", (True, 0)),
        ("calculate_area(base=-10, height=5.5)", (True, 0)),
        ("area(base=10, height=5.5)", (True, 0)),
        ("Sure: calculate_area(base=10, height=5.5) gives it.", (False, 1)),
        ("```python\ncalculate_area(base=10, height=5.5)\n```", (False, 1)),
        (
            'I call {"name": "calculate_area", "parameters": {"base": 10, "height": 5.5}}',
            (False, 1),
        ),
        ("calculate_area(base=10, height=5.5", (False, 0)),
        ("calculate_area(base=5+5, height=5.5)", (False, 0)),
        (
            "calculate_area(base=__import__('os').system('touch /tmp/pwned'), height=5.5)",
            (False, 0),
        ),
        ("calculate_area(base=9**9**9, height=5.5)", (False, 0)),
        ("calculate_area(**{'base': 10, 'height': 5.5})", (False, 0)),
        ("calculate_area(base=10, base=10, height=5.5)", (False, 0)),
        ("calculate_area", (False, 0)),
        ("f(" * 5_000, (False, 0)),
        ("-" * 15_000 + "1", (False, 0)),
        ("a." * 9_000 + "b()", (True, 0)),
        ("f(x='\\d')", (True, 0)),
        ("f(x=" + "9" * 6_000 + ")", (False, 0)),
        ("", (False, 0)),
        ("null", (False, 0)),
    ],
)
def test_function_call(text: str, expected: tuple[bool, float]) -> None:
    result = judged("function_call", [AREA], AREA, text)
    if text.startswith("a."):
        assert result[1] == expected[1]  # how deep the parser goes is its own affair
    else:
        assert result == expected
    assert not Path("/tmp/pwned").exists()


@pytest.mark.parametrize(
    "reference, text, expected",
    [
        ("f(a=[1, 2], b={'c': 'x'})", "f(a=(1, 2), b={'c': 'X'})", 1),
        ("f(a=[1, 2])", "f(a=[2, 1])", 0),
        ("math.sqrt(x=4)", "math.sqrt(x=4)", 1),
        ("math.sqrt(x=4)", "sqrt(x=4)", 0),
        ('{"name": "f", "arguments": {"a": null}}', "f(a=None)", 1),
        ('{"f": {"box": [{"w": [20, 21], "h": [12]}]}}', "f(box={'w': 21, 'h': 12})", 1),
        ('{"f": {"box": [{"w": [20, 21], "h": [12]}]}}', "f(box={'w': 22, 'h': 12})", 0),
        ('[{"f": {}}]', "f()", 1),
        ("f(x=2.0)", "f(x=2)", 1),
        ("f(x={'c': [1, 2]})", "f(x={'c': [1, 2]})", 1),
        ("f(x={'c': [1, 2]})", "f(x={'c': 1})", 0),
        ('f(s="it\'s")', "f(s='it\"s')", 1),
    ],
)
def test_call_values(reference: str, text: str, expected: float) -> None:
    assert judged("function_call", [reference], reference, text) == (True, expected)


@pytest.mark.skipif(not BFCL.exists(), reason=f"{BFCL} is absent")
def test_bfcl_answers_accept_themselves() -> None:
    rows = [json.loads(line) for line in (BFCL / "answers.jsonl").read_text().splitlines()]
    examples = make_examples([json.dumps(row["ground_truth"][0]) for row in rows])
    scorer = make_scorer(make_spec("function_call"), examples)

    def plain(values: dict[str, list[Any]]) -> dict[str, Any]:
        firsts = {name: held[0] for name, held in values.items() if held[0] != ""}
        return {name: below(held) for name, held in firsts.items()}

    def below(value: Any) -> Any:
        if isinstance(value, list):
            return [below(part) for part in value]
        return plain(value) if isinstance(value, dict) else value

    as_python, as_json, renamed = [], [], []
    for example, row in zip(examples, rows, strict=True):
        ((name, values),) = row["ground_truth"][0].items()
        arguments = plain(values)
        written = ", ".join(f"{key}={value!r}" for key, value in arguments.items())
        as_python.append(answer(f"{name}({written})", example.item.id))
        call = {"name": name, "arguments": arguments}
        as_json.append(answer(json.dumps(call), example.item.id))
        renamed.append(answer(f"{name}_({written})", example.item.id))
    assert len(examples) == 400
    assert all(score.quality == 1 for score in scorer(as_python, examples))
    assert all(score.quality == 1 for score in scorer(as_json, examples))
    assert all((score.form, score.content) == (True, 0) for score in scorer(renamed, examples))


# ---------------------------------------------------------------- unfit data, hostile answers


@pytest.mark.parametrize(
    "metric, outputs, code",
    [
        ("json_fields", [MIKA, "Mika"], "E-METRIC-JSON"),
        ("json_fields", [MIKA, "[1]"], "E-METRIC-JSON"),
        ("numeric", ["4", "four"], "E-METRIC-NUMBER"),
        ("function_call", [AREA, "call me"], "E-METRIC-CALL"),
        ("function_call", [AREA, "f(1)"], "E-METRIC-CALL"),
    ],
)
def test_unfit_outputs_are_named_with_their_row(
    metric: MetricName, outputs: list[str], code: str
) -> None:
    with pytest.raises(UserError, match=f"{code}.*row 2"):
        make_scorer(make_spec(metric), make_examples(outputs))
    with pytest.raises(UserError, match=f"{code}.*row 2"):
        make_scorer(make_spec(metric), make_examples(outputs[:1]))(
            [answer("x", "i2")], make_examples(outputs)
        )


HUGE = {
    "digits": "1" * 1_000_000,
    "numbers": "1,234 " * 170_000,
    "words": "lamp card refund " * 60_000,
    "braces": "{" * 1_000_000,
    "objects": '{"name": ' * 110_000,
    "quotes": "'\"" * 500_000,
    "calls": "f(" * 500_000,
    "equals": "= so so= #### " * 75_000,
    "spaces": ". " + " " * 1_000_000,
    "dashes": "-" * 1_000_000,
    "fields": "name = " * 150_000,
    "marks": "\u0300" * 300_000,
}
REFERENCES: dict[MetricName, tuple[list[str], str]] = {
    "accuracy": (CARDS, "card"),
    "exact_match": (["lamp"], "lamp"),
    "token_f1": (["lamp"], "a lamp"),
    "rouge_l": (["lamp"], "a red lamp " * 500),
    "numeric": (["4"], "4"),
    "json_fields": (ORDERS, MIKA),
    "function_call": ([AREA], AREA),
}


@pytest.mark.parametrize("metric", REFERENCES)
def test_answers_of_a_megabyte_are_scored_fast(metric: MetricName) -> None:
    train, reference = REFERENCES[metric]
    score_one(metric, train, reference, "warm up")
    for name, text in HUGE.items():
        start = time.perf_counter()
        score_one(metric, train, reference, text)
        assert time.perf_counter() - start < 4, name


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=60), st.sampled_from(sorted(REFERENCES)))
def test_any_text_gets_a_score(text: str, metric: MetricName) -> None:
    train, reference = REFERENCES[metric]
    score = score_one(metric, train, reference, text)
    assert 0 <= score.content <= 1
    if text.strip() == "":
        assert not score.form


@pytest.mark.parametrize("metric", REFERENCES)
def test_a_reference_is_its_own_right_answer(metric: MetricName) -> None:
    train, reference = REFERENCES[metric]
    if metric != "function_call":  # there the reference is a list of accepted values
        assert score_one(metric, train, reference, reference).quality == 1


def test_answers_may_come_in_another_order_than_examples() -> None:
    examples = make_examples(["card", "refund"])
    scorer = make_scorer(make_spec("accuracy"), examples)
    scores = scorer([answer("refund", "i2"), answer("card", "i1")], examples)
    assert [(s.item_id, s.quality) for s in scores] == [("i2", 1), ("i1", 1)]
    for bad in ([answer("x", "i9")], [answer("x"), answer("x")]):
        with pytest.raises(ValueError):
            scorer(bad, examples)


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
