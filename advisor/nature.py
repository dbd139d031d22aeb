"""The nature of a task: what plain questions and a look at the data say of it, never its wording.

The goal as the user words it (`instruction`) is not read for this: the same task in other words
gets the same advice.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from knowledge.expectations import Kind
from knowledge.records import TaskType
from probes.record import Record
from probes.records import Example
from probes.split import train_share
from probes.task import RETRIEVING, TaskSpec

AnswersFrom = Literal["input", "documents", "memory"]
HardPart = Literal["form", "facts", "steps", "constraints", "variety"]

TOKENS: dict[TaskType, tuple[int, int]] = {
    "classification": (60, 4),
    "extraction": (200, 40),
    "qa": (60, 30),
    "generation": (150, 200),
    "summarization": (800, 100),
    "reasoning": (120, 120),
    "function-calling": (300, 40),
    "code": (200, 200),
    "synthetic-data": (100, 150),
}
"""Tokens of an input and of an output where there are no data to count: assumptions, for prices
alone."""
HARD: dict[TaskType, HardPart] = {
    "qa": "facts",
    "reasoning": "steps",
    "code": "steps",
    "synthetic-data": "variety",
}
"""What is hard where nobody says so; the form of the answer elsewhere."""
CHARACTERS_A_TOKEN = 4
LOOKED_AT = 500
"""Rows whose lengths are counted, the first ones."""
SHOTS, PASSAGES, PASSAGE_TOKENS, STEP_TOKENS, VOTES = 8, 3, 150, 150, 5
"""Examples and passages of a prompt, their tokens, tokens of written steps, samples of a vote: what
is taken for granted before any probe, which counts tokens instead."""
STANDS = 0.5
"""Share of outputs that stand in their input from which on answers are taken to come from it."""


class Nature(Record):
    """What is asked about a task before anything is measured."""

    task_type: TaskType
    answers_from: AnswersFrom
    """Whether a person could answer from the input alone, with documents, or from memory."""
    hard_part: HardPart
    """What must be got right: form and habit, facts, several steps, hard constraints, variety."""
    n_rows: int = Field(ge=0)
    """Examples with answers that can be trained on or shown; those kept for testing left out."""
    n_labels: int | None = Field(default=None, ge=2)
    """Different labels; None where outputs are no labels."""
    tokens_in: int = Field(ge=1)
    tokens_out: int = Field(ge=1)
    looked_up: tuple[str, ...] = ()
    """Which of these were read from the data, and how."""


def nature_of(task_type: TaskType, **given: Any) -> Nature:
    """The nature of a task without data; what is not given is assumed for its type."""
    known = {name: value for name, value in given.items() if value is not None}
    tokens_in, tokens_out = TOKENS[task_type]
    from_memory = task_type == "qa"
    defaults = {
        "answers_from": "memory" if from_memory else "input",
        "hard_part": HARD.get(task_type, "form"),
        "n_rows": 0,
        "n_labels": 2 if task_type == "classification" else None,
        "tokens_in": tokens_in,
        "tokens_out": tokens_out,
    }
    return Nature.model_validate({"task_type": task_type, **defaults, **known})


def look_at(spec: TaskSpec, spec_path: Path, **given: Any) -> Nature:
    """The nature of a spec's task, from a look at its data; what is given stands above it.

    Raises:
        UserError: E-DATA-…, the data cannot be read.
    """
    from probes.data import read_examples

    examples, _ = read_examples(spec, spec_path)
    seen = _seen(spec, examples)
    told = {name: value for name, value in given.items() if value is not None}
    notes = tuple(note for name, (_, note) in seen.items() if name not in told)
    values = {name: value for name, (value, _) in seen.items()}
    return nature_of(spec.task_type, **{**values, **told, "looked_up": notes})


def _seen(spec: TaskSpec, examples: Sequence[Example]) -> dict[str, tuple[Any, str]]:
    """Field -> (value, how it was found)."""
    n_train = round(train_share(test_file=spec.data.test is not None) * len(examples))
    seen: dict[str, tuple[Any, str]] = {
        "n_rows": (n_train, f"{len(examples):,} rows in `data.train`, {n_train:,} of them to learn")
    }
    if spec.task_type == "classification":
        n_labels = len({row.output.strip() for row in examples})
        seen["n_labels"] = (max(2, n_labels), f"{n_labels:,} labels")
    rows = examples[:LOOKED_AT]
    for name, texts in (
        ("tokens_in", [row.item.text for row in rows]),
        ("tokens_out", [row.output for row in rows]),
    ):
        count = max(1, round(statistics.fmean(map(len, texts)) / CHARACTERS_A_TOKEN))
        word = "inputs" if name == "tokens_in" else "outputs"
        seen[name] = (count, f"{word} of about {count:,} token{'' if count == 1 else 's'}")
    if spec.data.documents is not None:
        seen["answers_from"] = ("documents", "`data.documents` is given")
    elif spec.task_type == "qa":
        inside = statistics.fmean(
            row.output.strip().casefold() in row.item.text.casefold() for row in rows
        )
        place = "input" if inside >= STANDS else "memory"
        seen["answers_from"] = (place, f"{100 * inside:.0f} % of the outputs stand in their input")
        if place == "input":
            seen["hard_part"] = ("form", "the answers can be read off the input")
    return seen


def request_tokens(method: str, nature: Nature) -> int:
    """Tokens of one request, its answer included, as prices and memory take it."""
    row = nature.tokens_in + nature.tokens_out
    width = row
    if method in ("few_shot", "steps", "vote", "rag"):
        width += min(SHOTS, nature.n_rows) * row
    if method in RETRIEVING:
        width += PASSAGES * PASSAGE_TOKENS
    if method in ("steps", "vote"):
        width += STEP_TOKENS
    return width


def kind_of(nature: Nature, *, retrieves: bool) -> Kind:
    """Which published results speak for this task."""
    if nature.hard_part in ("steps", "constraints") and nature.task_type not in ("code",):
        return "reasoning"
    plain: dict[TaskType, Kind] = {
        "classification": "labels",
        "extraction": "extraction",
        "reasoning": "reasoning",
        "function-calling": "calls",
        "code": "code",
    }
    if nature.task_type in plain:
        return plain[nature.task_type]
    if nature.task_type == "qa":
        return "reading" if retrieves or nature.answers_from == "input" else "facts"
    return "text"
