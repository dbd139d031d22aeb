"""Systems in use already as options: the user's files of answers, scored like any other."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from knowledge.errors import UserError
from probes.answer_files import Answer, Answers, digest, known_items, read_answers
from probes.records import Cell, Example, Json, Latency, Measurement, Prediction, Splits
from probes.scoring import Scorer, default_metric
from probes.sealed import cell_key
from probes.sinks import file_name
from probes.spec import resolve
from probes.split import MIN_SPLIT_ROWS, splits_fingerprint
from probes.summary import summarise
from probes.task import SystemSpec, TaskSpec

METHOD = "existing"
"""The method of every cell of such a system."""
NUMBERS = 1
"""Raised whenever a change to the matching of answers and items could change a measured number."""


def read_systems(
    spec: TaskSpec, spec_path: Path, splits: Splits, scorer: Scorer
) -> list[Measurement]:
    """One measurement of each system on dev, and one on test where it answers enough of that.

    An answer belongs to the items that have its row's `id`, else to those with the same normalised
    input. The only record of `history` counts the rows: `matched_train` (of no use here),
    `matched_dev`, `matched_test` and `unmatched` add up to `rows`. Nothing is written.

    Raises UserError: `E-DATA-…` for a file that cannot be read, `E-SYSTEM-COLUMNS` without a column
    of answers, `E-SYSTEM-LATENCY`, `E-SYSTEM-REPEAT` for two answers to one item, `E-SYSTEM-ITEMS`
    for fewer than 8 items of dev; and whatever the scorer raises.
    """
    if not spec.systems:
        return []
    task = _Task(spec, spec_path, splits, scorer)
    return [measurement for system in spec.systems for measurement in _measured(task, system)]


class _Task:
    """The question that all systems are asked."""

    def __init__(self, spec: TaskSpec, spec_path: Path, splits: Splits, scorer: Scorer) -> None:
        self.spec, self.path, self.splits, self.scorer = spec, spec_path, splits, scorer
        self.known = known_items(spec, spec_path, splits)
        scorer_files = [spec_path.parent / argument for argument in spec.scorer or []]
        self.identity: Json = {
            "numbers": NUMBERS,
            "task_type": spec.task_type,
            "metric": spec.metric or default_metric(spec.task_type),
            "scorer": spec.scorer,
            "scorer_files": [digest(path) for path in scorer_files if path.is_file()],
            "error_costs": spec.needs.error_costs,
            "columns": spec.data.columns.model_dump(mode="json"),
            "data": splits_fingerprint(splits),
        }
        """What else than a system's file can change the numbers."""

    def has_weight(self, examples: Sequence[Example]) -> bool:
        """Whether an error in any of them costs anything; without that there is no figure."""
        costs = self.spec.needs.error_costs
        return any(costs.get(example.output.strip(), 1.0) > 0 for example in examples)


def _measured(task: _Task, system: SystemSpec) -> list[Measurement]:
    path = resolve(system.predictions, task.path)
    answers = read_answers(path, task.known)
    found = []
    for split in ("dev", "test"):
        examples = [each for each in getattr(task.splits, split) if each.item.id in answers.by_item]
        if len(examples) >= MIN_SPLIT_ROWS and task.has_weight(examples):
            found.append(_measurement(task, system, answers, split, examples))
        elif split == "dev":
            raise _too_few(task, system, path, answers.counts, len(examples))
    return found


def _measurement(
    task: _Task,
    system: SystemSpec,
    answers: Answers,
    split: Literal["dev", "test"],
    examples: Sequence[Example],
) -> Measurement:
    said = [answers.by_item[example.item.id] for example in examples]
    predictions = [
        Prediction(item_id=example.item.id, text=answer.text)
        for example, answer in zip(examples, said, strict=True)
    ]
    cell = Cell(
        rung=system.name,
        method=METHOD,
        split=split,
        n_eval=len(examples),
        role="baseline" if split == "dev" else "final",
    )
    scores = task.scorer(predictions, examples)
    figures = summarise(task.spec, scores, examples, predictions)
    own = {"file": answers.digest, "latency_s": system.latency_s}
    return Measurement(
        key=cell_key(
            {**task.identity, **own, "cell": cell.model_dump(mode="json", exclude={"role"})}
        ),
        cell=cell,
        status="ok",
        form=figures["form"],
        content=figures["content"],
        quality=figures["quality"],
        scores=tuple(scores),
        predictions=tuple(predictions),
        latency=_latency(said, system.latency_s),
        history=(answers.counts,),
    )


def _latency(said: Sequence[Answer], stated_s: float | None) -> Latency | None:
    """Over the rows that carry one, each row once; else what the spec states; else unknown."""
    by_row = {answer.row: answer.latency_s for answer in said if answer.latency_s is not None}
    if by_row:
        return Latency.of(list(by_row.values()))
    if stated_s is not None:
        return Latency(p50_s=stated_s, p95_s=stated_s, n=0, tokens_per_s=0)
    return None


def _too_few(task: _Task, system: SystemSpec, path: Path, counts: Json, n_items: int) -> UserError:
    what = f"{system.name} answers {n_items} of {len(task.splits.dev)} items of the dev split"
    what += f", {MIN_SPLIT_ROWS} are needed"
    if n_items >= MIN_SPLIT_ROWS:
        what = f"no item of the dev split that {system.name} answers has a cost"
    if counts["unmatched"]:
        what += f"; {counts['unmatched']} of {counts['rows']} rows match no input"
    files = "`data.train`" if task.spec.data.test is None else "`data.train` and `data.test`"
    hint = f"run it on every input of {files}: a hash decides which rows are held out"
    return UserError("E-SYSTEM-ITEMS", what, place=file_name(path), hint=hint)
