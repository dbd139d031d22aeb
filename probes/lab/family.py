"""A task family: what is asked, rows drawn by a seeded generator, and its splits for good."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from pydantic import Field

from knowledge.errors import UserError
from probes.data import read_examples
from probes.documents import Documents, documents_of, read_documents
from probes.record import Record
from probes.records import Json, Splits
from probes.spec import spec_from_mapping
from probes.task import MetricName, ShortName, TaskSpec, TaskType

N_DEV, N_TRUTH = 300, 300
"""Items that policies are shown, and items that only the truth is measured on."""
N_TRAIN = 256
SPARE = 60
"""Rows drawn beyond what is needed: groups are cut at the edges of splits."""
TUNED_SHARE = 0.75
"""Share of the train split that settings are tried on; they are compared on the rest of it."""


class Row(Record):
    """One example of a family."""

    input: str
    output: str
    group: str = ""
    """What must stay on one side of a split; "" where the input alone decides."""
    passages: tuple[str, ...] = ()
    """What the row adds to the documents: the passage that answers it, then those around it."""


class Family(Record):
    """What is asked of all draws of a family."""

    name: ShortName
    task_type: TaskType
    metric: MetricName
    instruction: str
    target: float = Field(gt=0, le=1)
    """The target that the family was made for; scenarios set others."""
    claim: str
    """The ceiling that it is meant to show: only a claim, the table decides."""
    n_train: int = Field(default=N_TRAIN, ge=32, le=2000)
    scorer: tuple[str, ...] = ()
    """The checker's command, with `metric: command`; `python` is the one that runs this."""

    @property
    def n_rows(self) -> int:
        """Rows that a draw must have."""
        return self.n_train + N_DEV + N_TRUTH


class Drawn(NamedTuple):
    """A family's data, split for good."""

    spec: TaskSpec
    splits: Splits
    """`test` holds the items of the truth."""
    documents: Documents
    folder: Path
    """Where the checker runs."""

    @property
    def for_tuning(self) -> Splits:
        """The train split alone, parted: settings are trained on `train`, compared on `dev`."""
        train = self.splits.train
        at = round(TUNED_SHARE * len(train))
        return Splits(train=train[:at], dev=train[at:], test=train[at:])


def sides(rows: Sequence[Row], family: Family) -> list[Row]:
    """Train, dev and truth in this order, each of its full number; groups stay on one side.

    Raises:
        UserError: E-LAB-ROWS, where an input comes twice or the rows are too few.
    """
    if len({row.input for row in rows}) < len(rows):
        raise UserError("E-LAB-ROWS", "an input comes twice", place=family.name)
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(row.group or f"\0{row.input}", []).append(row)
    names = sorted(groups)
    Random(f"lab/{family.name}").shuffle(names)
    cut: list[list[Row]] = []
    for wanted in (N_TRUTH, N_DEV, family.n_train):
        side: list[Row] = []
        while len(side) < wanted and names:
            side += groups[names.pop()]
        if len(side) < wanted:
            raise UserError(
                "E-LAB-ROWS",
                f"{len(rows)} rows are too few for {family.n_rows}, groups kept whole",
                place=family.name,
            )
        Random(f"lab/{family.name}/{wanted}").shuffle(side)
        cut.append(side[:wanted])
    truth, dev, train = cut
    return [*train, *dev, *truth]


def specification(family: Family, rows: Sequence[Row]) -> Json:
    """The family's spec.yaml as plain data, with the columns that its rows have."""
    columns = {"input": "input", "output": "output"}
    data: Json = {"train": "data.jsonl", "columns": columns}
    if any(row.group for row in rows):
        columns["group"] = "group"
    if any(row.passages for row in rows):
        columns["gold_passages"] = "gold_passages"
        data["documents"] = "documents.jsonl"
    asked: Json = {
        "version": 1,
        "name": family.name,
        "task_type": family.task_type,
        "instruction": family.instruction,
        "data": data,
        "metric": family.metric,
        "target": family.target,
        "ladder": "pocket",
    }
    if family.scorer:
        program = sys.executable if family.scorer[0] == "python" else family.scorer[0]
        asked["scorer"] = [program, *family.scorer[1:]]
    return asked


def drawn(family: Family, rows: Sequence[Row], scratch: Path, folder: Path) -> Drawn:
    """The rows as the product reads them, by way of files in `scratch`; the checker runs in
    `folder`.

    Raises:
        UserError: the rows or the specification are not what the product takes.
    """
    ordered = sides(rows, family)
    ids = _write(ordered, scratch)
    spec = spec_from_mapping(specification(family, ordered))
    path = scratch / "spec.yaml"
    examples, _ = read_examples(spec, path)
    if len(examples) != family.n_rows:
        raise UserError("E-LAB-ROWS", "rows were lost on reading", place=family.name)
    edge = family.n_train + N_DEV
    splits = Splits(
        train=examples[: family.n_train], dev=examples[family.n_train : edge], test=examples[edge:]
    )
    passages = read_documents(spec, path) if ids else ()
    return Drawn(spec, splits, documents_of(passages, splits, spec.data), folder)


def _write(rows: Sequence[Row], scratch: Path) -> Mapping[str, str]:
    """Write the rows and their passages; the passages' ids by text."""
    scratch.mkdir(parents=True, exist_ok=True)
    texts = sorted({text for row in rows for text in row.passages})
    ids = {text: f"p{number:04}" for number, text in enumerate(texts, start=1)}
    lines: list[dict[str, Any]] = []
    grouped = any(row.group for row in rows)
    for row in rows:
        line: dict[str, Any] = {"input": row.input, "output": row.output}
        line |= {"group": row.group} if grouped else {}
        line |= {"gold_passages": [ids[row.passages[0]]] if row.passages else []} if ids else {}
        lines.append(line)
    write_lines(scratch / "data.jsonl", lines)
    if ids:
        documents = [{"id": name, "text": text} for text, name in ids.items()]
        write_lines(scratch / "documents.jsonl", documents)
    return ids


def write_lines(path: Path, lines: Iterable[Mapping[str, Any]]) -> None:
    """A JSONL file, in place of the one that is there."""
    path.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines))
