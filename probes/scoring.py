"""Scores for answers: form apart from content, by the metric that the spec names."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Literal, NamedTuple, Protocol, get_args

from probes import judges
from probes.readings import Labels
from probes.records import Example, Prediction, Score
from probes.task import MetricName, TaskSpec, TaskType
from probes.user_scorer import run_scorer

Layer = Literal["form", "content", "quality"]


class Scorer(Protocol):
    """Scores answers in the order given; `examples` holds the item of each, in any order."""

    def __call__(
        self, predictions: Sequence[Prediction], examples: Sequence[Example]
    ) -> list[Score]:
        """One score for each prediction; ValueError for answers to items that are not there."""
        ...


class Metric(NamedTuple):
    """One way of scoring."""

    learn: Callable[[Sequence[Example]], judges.Judge] | None
    """From train examples to a judge of single answers; None for the user's own command."""
    tasks: tuple[TaskType, ...]
    """Task types that it can score."""
    says: str
    """What 1 means, in reports."""


_TEXT: tuple[TaskType, ...] = ("qa", "generation", "summarization", "reasoning", "synthetic-data")
_SHORT: tuple[TaskType, ...] = ("classification", "extraction", "qa", "generation", "reasoning")

METRICS: dict[MetricName, Metric] = {
    "accuracy": Metric(judges.judge_labels, ("classification",), "the right label"),
    "exact_match": Metric(
        judges.judge_exact, (*_SHORT, "code", "synthetic-data"), "the wanted text, normalised"
    ),
    "macro_f1": Metric(judges.judge_labels, ("classification",), "the right label; F1 over labels"),
    "token_f1": Metric(judges.judge_token_f1, (*_TEXT, "extraction"), "the wanted words"),
    "rouge_l": Metric(judges.judge_rouge_l, _TEXT, "the wanted words in their order"),
    "numeric": Metric(judges.judge_number, ("qa", "reasoning", "extraction"), "the right number"),
    "json_fields": Metric(judges.judge_fields, ("extraction", "synthetic-data"), "right fields"),
    "function_call": Metric(judges.judge_call, ("function-calling",), "an accepted call"),
    "command": Metric(None, get_args(TaskType), "what the user's command says"),
}

_DEFAULTS: dict[TaskType, MetricName] = {
    "classification": "accuracy",
    "extraction": "json_fields",
    "qa": "token_f1",
    "generation": "rouge_l",
    "summarization": "rouge_l",
    "reasoning": "exact_match",
    "function-calling": "function_call",
    "code": "exact_match",
    "synthetic-data": "token_f1",
}


def default_metric(task_type: TaskType) -> MetricName:
    """The metric for a spec that names none."""
    return _DEFAULTS[task_type]


def fits(metric: MetricName, task_type: TaskType) -> bool:
    """Whether answers of this task type can be scored by `metric`."""
    return task_type in METRICS[metric].tasks


def make_scorer(
    spec: TaskSpec, examples: Sequence[Example], spec_folder: Path | None = None
) -> Scorer:
    """The scorer of `spec`; labels, fields and final-answer signs are learned from `examples`.

    `examples` are those of the train split. `spec_folder` is where the user's command runs.
    UserError where the outputs of the examples do not suit the metric (E-METRIC-JSON and others),
    with the row as place, and for every failure of the user's command (E-SCORER-...).
    """
    metric = spec.metric or default_metric(spec.task_type)
    learn = METRICS[metric].learn
    if learn is None:
        return _Command(spec.scorer or [], spec_folder)
    return _Judged(learn(examples))


class _Judged:
    """Scores answers one by one."""

    def __init__(self, judge: judges.Judge) -> None:
        self._judge = judge

    def __call__(
        self, predictions: Sequence[Prediction], examples: Sequence[Example]
    ) -> list[Score]:
        return [
            self._score(prediction, example)
            for prediction, example in _pairs(predictions, examples)
        ]

    def _score(self, prediction: Prediction, example: Example) -> Score:
        with judges.row_as_place(example):
            form, content = self._judge(prediction.text, example.output)
        quality = content if form else 0.0
        return Score(item_id=prediction.item_id, form=form, content=content, quality=quality)


class _Command:
    """Scores answers by the user's command, all in one run of it."""

    def __init__(self, command: Sequence[str], folder: Path | None) -> None:
        self._command, self._folder = command, folder

    def __call__(
        self, predictions: Sequence[Prediction], examples: Sequence[Example]
    ) -> list[Score]:
        paired = [example for _, example in _pairs(predictions, examples)]
        return run_scorer(self._command, predictions, paired, self._folder)


def _pairs(
    predictions: Sequence[Prediction], examples: Sequence[Example]
) -> list[tuple[Prediction, Example]]:
    by_id = {example.item.id: example for example in examples}
    unknown = [p.item_id for p in predictions if p.item_id not in by_id]
    if unknown or len({p.item_id for p in predictions}) < len(predictions):
        raise ValueError(f"answers to unknown items, or two to one: {unknown[:3]}")
    return [(prediction, by_id[prediction.item_id]) for prediction in predictions]


# ---------------------------------------------------------------- many scores


def aggregate(
    metric: MetricName,
    scores: Sequence[Score],
    examples: Sequence[Example],
    predictions: Sequence[Prediction] = (),
    layer: Layer = "quality",
) -> float:
    """One figure from 0 to 1: the mean, or for `macro_f1` the mean F1 over the examples' labels.

    F1 needs the answers too: which label was given is not in a score. A label given by an answer
    without form counts in the layer `content` alone. ValueError for no scores, or macro-F1 without
    the answers.
    """
    if not scores:
        raise ValueError("no scores")
    if metric != "macro_f1" or layer == "form":
        return sum(float(getattr(score, layer)) for score in scores) / len(scores)
    given = {prediction.item_id: prediction.text for prediction in predictions}
    wanted = {example.item.id: example.output.strip() for example in examples}
    if any(score.item_id not in given or score.item_id not in wanted for score in scores):
        raise ValueError("macro-F1 needs the answers and the examples")
    labels = Labels(wanted.values()) if layer == "content" else None
    right: dict[str, int] = dict.fromkeys(sorted(set(wanted.values())), 0)
    wrong = dict(right)  # times missed plus times given in place of another
    for score in scores:
        gold, text = wanted[score.item_id], given[score.item_id]
        if getattr(score, layer) == 1:
            right[gold] += 1
            continue
        wrong[gold] += 1
        named = labels.read(text) if labels else text.strip()
        if named in wrong and named != gold:
            wrong[named] += 1
    present = [label for label in right if label in {wanted[s.item_id] for s in scores}]
    return sum(2 * right[k] / (2 * right[k] + wrong[k]) for k in present) / len(present)


def cost_weighted(
    scores: Sequence[Score], examples: Sequence[Example], error_costs: Mapping[str, float]
) -> float:
    """Mean quality where each item counts as the cost of missing its label, 1 where none is given.

    1 less this is the share of the avoidable cost that the errors make. ValueError where all costs
    are 0 or an item is unknown.
    """
    labels = {example.item.id: example.output.strip() for example in examples}
    if any(score.item_id not in labels for score in scores):
        raise ValueError("a score of an unknown item")
    weights = [error_costs.get(labels[score.item_id], 1.0) for score in scores]
    if sum(weights) <= 0:
        raise ValueError("no item has a cost")
    return sum(w * s.quality for w, s in zip(weights, scores, strict=True)) / sum(weights)
