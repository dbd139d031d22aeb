"""Tasks, examples and answers to score."""

from __future__ import annotations

from collections.abc import Sequence

from probes.records import Example, Item, Prediction, Score, Turn
from probes.scoring import make_scorer
from probes.task import DataSpec, MetricName, TaskSpec, TaskType

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


CARDS = ["card", "card arrival", "card_lost", "refund", "non-urgent", "urgent", "Überweisung"]
ORDERS = [
    '{"name": "Ann", "item": "lamp", "count": 2}',
    '{"name": "Bob", "item": "desk", "count": 1, "note": null}',
]
MIKA = '{"name": "Mika", "item": "lamp", "count": 3}'
AREA = '{"calculate_area": {"base": [10], "height": [5.5], "unit": ["cm", "", "centi-metre"]}}'
REFERENCES: dict[MetricName, tuple[list[str], str]] = {
    "accuracy": (CARDS, "card"),
    "exact_match": (["lamp"], "lamp"),
    "token_f1": (["lamp"], "a lamp"),
    "rouge_l": (["lamp"], "a red lamp " * 500),
    "numeric": (["4"], "4"),
    "json_fields": (ORDERS, MIKA),
    "function_call": ([AREA], AREA),
}
