"""Write the example tasks of the pocket world: `python -m probes.pocket.tasks OUT_DIR`.

Each has one ceiling that binds, shown by measuring everything (results/pocket/truth.md), and no
task type has the same ceiling throughout.
"""

import argparse
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from ruamel.yaml import YAML

from probes.pocket import example_questions as questions
from probes.pocket import example_rows as rows
from probes.pocket import templates
from probes.pocket.example_rows import QUEUES, Pair, Row, RowMaker, one_by_one, ticket
from probes.pocket.vocabulary import template


@dataclass(frozen=True)
class Task:
    """One example task: its specification's own fields, and the maker of its rows."""

    name: str
    task_type: str
    metric: str
    instruction: str
    count: int
    make: RowMaker
    target: float = 0.9


CLOSED_BOOK = "Answer in one word."
READ = "Read the context and answer in one word."

TASKS: tuple[Task, ...] = (
    Task(
        "ticket-routing",
        "classification",
        "accuracy",
        "Route the ticket.",
        1200,
        one_by_one(ticket),
    ),
    Task(
        "few-tickets",
        "classification",
        "accuracy",
        "Route the ticket.",
        400,
        one_by_one(rows.worded_ticket),
    ),
    Task(
        "word-labels",
        "classification",
        "accuracy",
        "Label the text.",
        600,
        one_by_one(rows.word_label),
    ),
    Task(
        "noisy-labels",
        "classification",
        "accuracy",
        "Route the ticket.",
        1000,
        one_by_one(rows.noisy_label),
    ),
    Task(
        "addition",
        "reasoning",
        "numeric",
        template(Random(1), templates.ADD_INSTRUCTION, rows.HELD),
        1200,
        rows.sums(2),
    ),
    Task(
        "long-addition",
        "reasoning",
        "numeric",
        template(Random(1), templates.ADD_INSTRUCTION, rows.HELD),
        1000,
        rows.sums(3),
        target=0.85,
    ),
    Task(
        "who-is-first",
        "reasoning",
        "exact_match",
        "Say the name.",
        800,
        one_by_one(rows.who_is_first),
    ),
    Task(
        "order-json",
        "extraction",
        "json_fields",
        template(Random(2), templates.JSON_INSTRUCTION, rows.HELD).format(keys="name and count"),
        800,
        one_by_one(rows.order_fields),
    ),
    Task(
        "order-item",
        "extraction",
        "exact_match",
        "Give the item.",
        600,
        one_by_one(rows.order_item),
    ),
    Task(
        "disputed-items",
        "extraction",
        "exact_match",
        "Give the item.",
        800,
        one_by_one(rows.disputed_item),
    ),
    Task(
        "popular-facts",
        "qa",
        "exact_match",
        CLOSED_BOOK,
        600,
        questions.popular_facts,
        target=0.75,
    ),
    Task("frequent-facts", "qa", "exact_match", CLOSED_BOOK, 600, questions.frequent_facts),
    Task("handbook", "qa", "exact_match", READ, 600, questions.handbook),
    Task("buried-answers", "qa", "exact_match", READ, 400, questions.buried_answers),
    Task(
        "coded-handbook",
        "qa",
        "exact_match",
        "Give the code of the item.",
        600,
        questions.coded_handbook,
    ),
)


def drawn(task: Task, seed: int = 0, count: int | None = None) -> list[Row]:
    """The task's rows, no input twice; other seeds draw other data of the same task."""
    return task.make(Random(f"{task.name}/{seed}"), count or task.count)


def examples(task: Task, seed: int = 0) -> list[Pair]:
    """Inputs and outputs alone."""
    return [(row.input, row.output) for row in drawn(task, seed)]


def library(task_rows: Iterable[Row]) -> tuple[dict[str, str], list[list[str]]]:
    """Passages by id in the order of the alphabet, and for each row the ids of its answer."""
    rows_of_task = list(task_rows)
    texts = sorted({text for row in rows_of_task for text in row.passages})
    ids = {text: f"p{index:04}" for index, text in enumerate(texts, start=1)}
    gold = [[ids[row.passages[0]]] if row.passages else [] for row in rows_of_task]
    return {name: text for text, name in ids.items()}, gold


def specification(task: Task, row: Row) -> dict[str, Any]:
    """The task's spec.yaml as plain data, with the columns that a row of it has."""
    data: dict[str, Any] = {"train": "data.jsonl"}
    columns = {"input": "input", "output": "output"}
    if row.group:
        columns["group"] = "group"
    if row.passages:
        data["documents"] = "documents.jsonl"
        columns["gold_passages"] = "gold_passages"
    return {
        "version": 1,
        "name": task.name,
        "task_type": task.task_type,
        "instruction": task.instruction,
        "data": {**data, "columns": columns},
        "metric": task.metric,
        "target": task.target,
        "ladder": "pocket",
        "seed": 0,
        "budget": {"probe_minutes": 5},
    }


def write(task: Task, out: Path, seed: int = 0) -> Path:
    """Write one task's folder."""
    folder = out / task.name
    folder.mkdir(parents=True, exist_ok=True)
    found = drawn(task, seed)
    passages, gold = library(found)
    lines: list[dict[str, Any]] = [{"input": row.input, "output": row.output} for row in found]
    for line, row, ids in zip(lines, found, gold, strict=True):
        line |= {"group": row.group} if row.group else {}
        line |= {"gold_passages": ids} if ids else {}
    if passages:
        documents = [{"id": name, "text": text} for name, text in passages.items()]
        _write_lines(folder / "documents.jsonl", documents)
    _write_lines(folder / "data.jsonl", lines)
    YAML().dump(specification(task, found[0]), folder / "spec.yaml")
    return folder


def _write_lines(path: Path, lines: Iterable[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines))


def main() -> None:
    """Write every example task below the given folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--seed", type=int, default=0, help="other data of the same tasks")
    arguments = parser.parse_args()
    for task in TASKS:
        print(write(task, arguments.out, arguments.seed))


__all__ = ["QUEUES", "TASKS", "Pair", "Task", "drawn", "examples", "library", "ticket", "write"]

if __name__ == "__main__":
    main()
