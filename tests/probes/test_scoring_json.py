"""Scores of JSON and of function calls: tables of answers, traps among them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from knowledge.errors import UserError
from probes.fields import validator
from probes.judges import judge_fields
from probes.scoring import make_scorer
from tests.probes.scored import AREA, MIKA, ORDERS, answer, judged, make_examples, make_spec

BFCL = Path("/work/shared/data/bfcl_simple")


# ---------------------------------------------------------------- JSON


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
