"""Data that no metric fits, and answers that are meant to break one."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from knowledge.errors import UserError
from probes.scoring import make_scorer
from probes.task import MetricName
from tests.probes.scored import AREA, MIKA, REFERENCES, answer, make_examples, make_spec, score_one


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
