from __future__ import annotations

from typing import Any

import pytest

from probes.records import Estimate, Example, Item, Prediction, Score, Turn
from probes.spec import spec_from_mapping
from probes.stats import wilson
from probes.summary import summarise
from probes.task import TaskSpec

LABELS = ("yes", "no")


def spec_of(**changes: Any) -> TaskSpec:
    data = {"train": "rows.jsonl"}
    base = {"version": 1, "name": "t", "task_type": "classification", "data": data}
    return spec_from_mapping({**base, **changes})


def figures(spec: TaskSpec, right: list[bool], groups: int = 0) -> dict[str, Estimate]:
    """The figures of answers to rows of two labels in turn; a wrong answer has no form."""
    examples = [
        Example(
            item=Item(id=f"i{n}", turns=(Turn(role="user", content=f"ask {n}"),)),
            output=LABELS[n % 2],
            row=n + 1,
            group=f"g{n * groups // len(right)}" if groups else None,
        )
        for n in range(len(right))
    ]
    scores = [
        Score(item_id=f"i{n}", form=good, content=float(good), quality=float(good))
        for n, good in enumerate(right)
    ]
    predictions = [
        Prediction(item_id=f"i{n}", text=LABELS[n % 2] if good else "perhaps")
        for n, good in enumerate(right)
    ]
    return summarise(spec, scores, examples, predictions)


RESAMPLED = [{"metric": "macro_f1"}, {"needs": {"error_costs": {"yes": 5.0}}}]


@pytest.mark.parametrize("changes", RESAMPLED)
@pytest.mark.parametrize("right", [[True] * 40, [False] * 40, [True] * 30 + [False] * 10])
def test_never_narrower_than_wilson(changes: dict[str, Any], right: list[bool]) -> None:
    for layer in ("content", "quality"):
        estimate = figures(spec_of(**changes), right)[layer]
        low, high = wilson(estimate.value * 40, 40)
        assert 0 <= estimate.low <= low < high <= estimate.high <= 1
        assert (estimate.n, estimate.basis) == (40, "bootstrap(items), at least wilson")


def test_a_mean_is_as_in_stats() -> None:
    found = figures(spec_of(), [True] * 30 + [False] * 10)
    assert {each.basis for each in found.values()} == {"wilson"}
    assert found["quality"].value == 0.75
    assert (found["quality"].low, found["quality"].high) == pytest.approx(wilson(30, 40))


def test_groups_are_clusters_for_all_three() -> None:
    right = ([True] * 10 + [False] * 10) * 2
    alone, grouped = figures(spec_of(), right), figures(spec_of(), right, groups=4)
    for layer in ("form", "content", "quality"):
        assert grouped[layer].basis == "wilson(effective n, clusters)"
        assert grouped[layer].high - grouped[layer].low > alone[layer].high - alone[layer].low
