"""From the spec to the sheet: every row of the data files, also those that a probe would refuse."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from knowledge.errors import UserError
from probes.answer_files import KnownItems, answers_to_train, known_items
from probes.audit.records import FileName
from probes.audit.sheet import Answered, Entry, Rung, Sheet
from probes.data import normalised, read_examples
from probes.documents import read_documents
from probes.records import SplitName, Turn
from probes.rows import Row
from probes.scoring import default_metric
from probes.shapes import Shape, shape_of, turns_and_output
from probes.spec import resolve
from probes.split import side_of, split_examples
from probes.tables import Table, read_table
from probes.task import SystemSpec, TaskSpec
from probes.turns import Fault, answer_of, conversation, ids_of, text_of


def read_sheet(spec: TaskSpec, spec_path: Path, rungs: Sequence[Rung] = ()) -> Sheet:
    """All rows of `data.train` and `data.test`.

    Raises:
        UserError: `E-DATA-…`, a file that cannot be read or whose columns are not known. What is
            wrong with single rows is told by the checks instead.
    """
    train = read_table(resolve(spec.data.train, spec_path))
    tables: dict[FileName, Table] = {"train": train}
    if spec.data.test is not None:
        tables["test"] = read_table(resolve(spec.data.test, spec_path))
    entries: list[Entry] = []
    for name, table in tables.items():
        shape = shape_of(table, spec.data.columns)
        entries.extend(_entries(table, shape, spec, name))
    return Sheet(
        entries=entries,
        task_type=spec.task_type,
        metric=spec.metric or default_metric(spec.task_type),
        instruction=spec.instruction,
        target=spec.target,
        passages=read_documents(spec, spec_path),
        rungs=rungs,
        systems=_answered(spec, spec_path, entries),
    )


def _answered(spec: TaskSpec, spec_path: Path, entries: Sequence[Entry]) -> tuple[Answered, ...]:
    """What the systems in use said to the rows that a probe would train on, found as a probe finds
    what they said to the others."""
    if not spec.systems:
        return ()
    try:
        splits = split_examples(*read_examples(spec, spec_path))
    except UserError:
        fault = "a probe would refuse the data"
        return tuple(Answered(system.name, {}, fault) for system in spec.systems)
    rows = {entry.row: at for at, entry in enumerate(entries) if entry.file == "train"}
    positions = {example.item.id: rows[example.row] for example in splits.train}
    known = known_items(spec, spec_path, splits)
    return tuple(_said(system, spec_path, known, positions) for system in spec.systems)


def _said(
    system: SystemSpec, spec_path: Path, known: KnownItems, positions: Mapping[str, int]
) -> Answered:
    try:
        by_item = answers_to_train(resolve(system.predictions, spec_path), known)
    except UserError as error:
        return Answered(system.name, {}, error.what)
    said = {
        positions[item_id]: tuple(dict.fromkeys(answer.text for answer in answers))
        for item_id, answers in by_item.items()
    }
    return Answered(system.name, said)


def _entries(table: Table, shape: Shape, spec: TaskSpec, name: FileName) -> Iterator[Entry]:
    columns = spec.data.columns
    for row in table.rows:
        turns, output, fault = _content(row, shape)
        group = text_of(row.values.get(columns.group)).strip() if columns.group else ""
        text = "\n".join(turn.content for turn in turns)
        answer = output.strip() if spec.task_type == "classification" else output
        yield Entry(
            text=text,
            output=answer,
            row=row.number,
            file=name,
            side="test" if name == "test" else _side(group or normalised(text), spec),
            group=group or None,
            rejected=_rejected(row, shape),
            turns=(*turns, Turn(role="assistant", content=output)) if _is_chat(turns) else None,
            gold=ids_of(row.values.get(columns.gold_passages or "")),
            fault=fault,
            asked=any(turn.content.strip() for turn in turns if turn.role == "user"),
        )


def _side(key: str, spec: TaskSpec) -> SplitName:
    return side_of(key, test_file=spec.data.test is not None)


def _is_chat(turns: Sequence[Turn]) -> bool:
    return len(turns) > 1 or any(turn.role != "user" for turn in turns)


def _rejected(row: Row, shape: Shape) -> str | None:
    try:
        return answer_of(row.values.get(shape.rejected)) if shape.rejected else None
    except Fault:
        return ""


def _content(row: Row, shape: Shape) -> tuple[Sequence[Turn], str, str]:
    """Turns, wanted answer, and why the probe would refuse them."""
    try:
        turns, output = turns_and_output(row, shape)
    except Fault as fault:
        return _conversation(row, shape), "", str(fault)
    return turns, output, ""


def _conversation(row: Row, shape: Shape) -> Sequence[Turn]:
    """What can be read of a conversation that does not fit."""
    try:
        return conversation(row.values.get(shape.inputs[0]))
    except Fault:
        return ()
