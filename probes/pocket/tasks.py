"""Write the example tasks of the pocket world: `python -m probes.pocket.tasks OUT_DIR`."""

import argparse
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from ruamel.yaml import YAML

from probes.pocket import arithmetic, orders, templates
from probes.pocket.labelling import definition
from probes.pocket.vocabulary import (
    CATEGORIES,
    Split,
    labels_for,
    name,
    template,
)

Pair = tuple[str, str]
HELD: Split = "probe"
QUEUES: dict[str, str] = {
    "animal": "K7",
    "food": "P2",
    "tool": "M4",
    "colour": "R9",
    "vehicle": "T1",
    "cloth": "L5",
    "sport": "N3",
    "job": "Q8",
}
"""The house codes of ticket routing, which no model can know without examples."""


@dataclass(frozen=True)
class Task:
    """One example task: its specification's own fields, and the maker of one example."""

    name: str
    task_type: str
    metric: str
    instruction: str
    count: int
    example: Callable[[Random], Pair]


def ticket(r: Random) -> Pair:
    """A ticket; its queue code follows from the kind of what is needed first and from urgency.

    "needs A before B" and "needs B after A" both mean A: the models have met neither word.
    """
    kind = r.choice(list(QUEUES))
    first, second = r.choice(CATEGORIES[kind]), r.choice(CATEGORIES[r.choice(list(QUEUES))])
    urgent = r.random() < 0.5
    needs = f"{first} before {second}" if r.random() < 0.5 else f"{second} after {first}"
    text = f"Ticket: {name(r, HELD)} {'urgently ' if urgent else ''}needs {needs}"
    return text, f"{QUEUES[kind]}-{'HOT' if urgent else 'STD'}"


_RULE_KINDS = ["animal", "tool", "cloth", "sport", "food"]
_RULE_LABELS = labels_for(Random(12), _RULE_KINDS, HELD)


def word_label(r: Random) -> Pair:
    """A word and its label under the rules that the instruction states.

    Frames, labels and their pairing with kinds are held out; the words are all words of the kinds,
    because the held-out fifth alone makes too few different inputs.
    """
    index = r.randrange(len(_RULE_KINDS))
    word = r.choice(CATEGORIES[_RULE_KINDS[index]])
    frame = template(r, templates.WORD_FRAME, HELD)
    return frame.format(w=word, n=name(r, HELD)), _RULE_LABELS[index]


def two_digit_sum(r: Random) -> Pair:
    """A held-out pair of two-digit numbers and its sum."""
    x, y = arithmetic.pair(r, 2, HELD)
    return template(r, templates.ADD, HELD).format(x=x, y=y), str(x + y)


def order_fields(r: Random) -> Pair:
    """An order in a held-out wording, and three of its fields as JSON."""
    text, fields = orders.order(r, HELD)
    return text, orders.as_json(fields, ["name", "item", "count"])


TASKS: tuple[Task, ...] = (
    Task("ticket-routing", "classification", "accuracy", "Route the ticket.", 1200, ticket),
    Task(
        "word-labels",
        "classification",
        "accuracy",
        definition(Random(3), _RULE_KINDS, _RULE_LABELS, HELD),
        400,
        word_label,
    ),
    Task(
        "addition",
        "reasoning",
        "numeric",
        template(Random(1), templates.ADD_INSTRUCTION, HELD),
        1200,
        two_digit_sum,
    ),
    Task(
        "order-json",
        "extraction",
        "json_fields",
        template(Random(2), templates.JSON_INSTRUCTION, HELD).format(keys="name, item and count"),
        800,
        order_fields,
    ),
)


def examples(task: Task, seed: int = 0) -> list[Pair]:
    """The task's examples, no input twice."""
    r = Random(f"{task.name}/{seed}")
    found: dict[str, str] = {}
    while len(found) < task.count:
        question, answer = task.example(r)
        found.setdefault(question, answer)
    return list(found.items())


def specification(task: Task) -> dict[str, Any]:
    """The task's spec.yaml as plain data."""
    return {
        "version": 1,
        "name": task.name,
        "task_type": task.task_type,
        "instruction": task.instruction,
        "data": {"train": "data.jsonl", "columns": {"input": "input", "output": "output"}},
        "metric": task.metric,
        "target": 0.9,
        "ladder": "pocket",
        "seed": 0,
        "budget": {"probe_minutes": 5},
    }


def write(task: Task, out: Path) -> Path:
    """Write one task's folder."""
    folder = out / task.name
    folder.mkdir(parents=True, exist_ok=True)
    rows = [{"input": question, "output": answer} for question, answer in examples(task)]
    lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    (folder / "data.jsonl").write_text(lines)
    YAML().dump(specification(task), folder / "spec.yaml")
    return folder


def main() -> None:
    """Write every example task below the given folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    for task in TASKS:
        print(write(task, parser.parse_args().out))


if __name__ == "__main__":
    main()
