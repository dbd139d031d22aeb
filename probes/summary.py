"""From the scores of one cell to its three figures: form, content, quality."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from probes.records import Estimate, Example, Prediction, Score
from probes.scoring import Layer, aggregate, cost_weighted, default_metric
from probes.stats import estimate_mean, wilson
from probes.task import TaskSpec

RESAMPLES = 400


def is_item_mean(spec: TaskSpec) -> bool:
    """Whether the task's figure is the plain mean over items, as exact intervals need."""
    return spec.metric != "macro_f1" and not spec.needs.error_costs


def summarise(
    spec: TaskSpec,
    scores: Sequence[Score],
    examples: Sequence[Example],
    predictions: Sequence[Prediction],
) -> dict[str, Estimate]:
    """Form, content and quality with their intervals, over the items that were answered.

    `examples` holds the item of each score, in the same order. Items of one group count as one
    cluster. ValueError for no scores.
    """
    named = [example.group or example.item.id for example in examples]
    clusters = named if len(set(named)) < len(named) else None
    form = estimate_mean([float(score.form) for score in scores], clusters=clusters)
    if is_item_mean(spec):
        content = estimate_mean([score.content for score in scores], clusters=clusters)
        quality = estimate_mean([score.quality for score in scores], clusters=clusters)
    else:
        content = _resampled(spec, scores, examples, predictions, "content")
        quality = _resampled(spec, scores, examples, predictions, "quality")
    return {"form": form, "content": content, "quality": quality}


def figure(
    spec: TaskSpec,
    scores: Sequence[Score],
    examples: Sequence[Example],
    predictions: Sequence[Prediction],
    layer: Layer = "quality",
) -> float:
    """The task's one figure: the metric's aggregate, or the mean weighted by error costs."""
    if spec.needs.error_costs and layer == "quality":
        return cost_weighted(scores, examples, spec.needs.error_costs)
    metric = spec.metric or default_metric(spec.task_type)
    return aggregate(metric, scores, examples, predictions, layer)


def _has_weight(spec: TaskSpec, examples: Sequence[Example]) -> bool:
    """Whether any of the items costs anything: a resample without is no estimate of anything."""
    costs = spec.needs.error_costs
    return any(costs.get(example.output.strip(), 1.0) > 0 for example in examples)


def _resampled(
    spec: TaskSpec,
    scores: Sequence[Score],
    examples: Sequence[Example],
    predictions: Sequence[Prediction],
    layer: Layer,
) -> Estimate:
    """A figure that is no mean over items, with a percentile bootstrap over items (Efron, 1979).

    Never narrower than Wilson's interval of the same value and n: resamples of answers that are all
    right are all right too, and would leave no width.
    """
    value, n = figure(spec, scores, examples, predictions, layer), len(scores)
    rng = np.random.default_rng(0)
    drawn = []
    for _ in range(RESAMPLES):
        rows = rng.integers(0, n, n)
        if not _has_weight(spec, [examples[row] for row in rows]):
            continue
        drawn.append(
            figure(
                spec,
                [scores[row] for row in rows],
                [examples[row] for row in rows],
                [predictions[row] for row in rows],
                layer,
            )
        )
    ends = (np.quantile(drawn, [0.025, 0.975]), wilson(value * n, n))
    return Estimate(
        value=value,
        low=float(min(value, *(low for low, _ in ends))),
        high=float(max(value, *(high for _, high in ends))),
        n=n,
        basis="bootstrap(items), at least wilson",
    )
