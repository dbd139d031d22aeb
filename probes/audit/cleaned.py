"""A cleaned copy beside the data, for the fixes that are safe; never in place."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from knowledge.errors import UserError
from probes.audit.duplicates import GROUP
from probes.audit.records import FileName, Found
from probes.audit.sheet import Sheet
from probes.durable import publish, user_errors
from probes.json_text import parse_json
from probes.records import Json
from probes.rows import Row
from probes.shapes import Shape, shape_of
from probes.sinks import file_name
from probes.spec import resolve
from probes.tables import Table, read_table
from probes.task import TaskSpec


@dataclass
class Changes:
    """What becomes of the rows of one file, by their numbers, and why."""

    dropped: dict[int, str] = field(default_factory=dict)
    """Kinds of the findings for which a row is left out."""
    outputs: dict[int, tuple[str, str]] = field(default_factory=dict)
    """Kind, and the new output."""
    groups: dict[int, tuple[str, str]] = field(default_factory=dict)
    """Kind, and the name of the set that a row stays with."""


def changes_of(sheet: Sheet, found: Sequence[Found]) -> dict[FileName, Changes]:
    """The safe fixes of all findings; where two would change one row, the dearer finding's."""
    changes: dict[FileName, Changes] = {"train": Changes(), "test": Changes()}
    for each in found:
        if each.remedy is None:
            continue
        for at in each.remedy.drop:
            entry = sheet.entries[at]
            changes[entry.file].dropped.setdefault(entry.row, each.kind)
        for at, output in each.remedy.outputs.items():
            entry = sheet.entries[at]
            changes[entry.file].outputs.setdefault(entry.row, (each.kind, output))
        for at, name in each.remedy.groups.items():
            entry = sheet.entries[at]
            changes[entry.file].groups.setdefault(entry.row, (each.kind, name))
    return changes


def write_cleaned(
    sheet: Sheet, found: Sequence[Found], spec: TaskSpec, spec_path: Path
) -> list[Path]:
    """Write `<data>.cleaned.<suffix>` and its log for each file in which a row changes.

    The log has a line for each changed row: its number, the finding, and what it was.

    Raises:
        UserError: E-AUDIT-EXISTS, a copy of that name is there; E-AUDIT-ALL, no row would be left;
            E-RUN-…, the disk.
    """
    written: list[Path] = []
    sources = {"train": spec.data.train, "test": spec.data.test}
    todo = {
        resolve(source, spec_path): changes
        for name, changes in changes_of(sheet, found).items()
        if (source := sources[name]) is not None
        and (changes.dropped or changes.outputs or changes.groups)
    }
    for path in todo:
        _refuse_existing(_copy_of(path), _log_of(path))
    made = {path: _made(path, changes, spec) for path, changes in todo.items()}
    for path, (body, log) in made.items():
        with user_errors(path.parent):
            for target, data in ((_log_of(path), log), (_copy_of(path), body)):
                if not publish(target, data):
                    _refuse_existing(target)
                written.append(target)
    return written


def refuse_existing(spec: TaskSpec, spec_path: Path) -> None:
    """Refuse before the work begins where a cleaned copy or its log is there.

    Raises:
        UserError: E-AUDIT-EXISTS.
    """
    for source in filter(None, (spec.data.train, spec.data.test)):
        path = resolve(source, spec_path)
        _refuse_existing(_copy_of(path), _log_of(path))


def _made(path: Path, changes: Changes, spec: TaskSpec) -> tuple[bytes, bytes]:
    """The copy of one file, and its log.

    Raises:
        UserError: E-AUDIT-ALL, no row would be left.
    """
    table = read_table(path)
    if changes.dropped.keys() >= {row.number for row in table.rows}:
        raise UserError(
            "E-AUDIT-ALL",
            "no row would be left",
            place=file_name(path),
            hint="is `data.test` the same file? Mend the data by hand",
        )
    return _changed(table, shape_of(table, spec.data.columns), changes)


def _copy_of(path: Path) -> Path:
    return path.with_suffix(f".cleaned{path.suffix}")


def _log_of(path: Path) -> Path:
    return path.with_suffix(f".cleaned{path.suffix}.log.jsonl")


def _refuse_existing(*paths: Path) -> None:
    for path in paths:
        if path.exists():
            raise UserError(
                "E-AUDIT-EXISTS",
                "the cleaned copy is there already, perhaps with work of yours in it",
                place=file_name(path),
                hint="move or remove it, then run again",
            )


def _changed(table: Table, shape: Shape, changes: Changes) -> tuple[bytes, bytes]:
    """The copy, and the log of what changed."""
    if GROUP in table.columns:
        changes = replace(changes, groups={})
    elif changes.groups:
        table = replace(table, columns=(*table.columns, GROUP))
    kept: list[Row] = []
    log: list[Json] = []
    for row in table.rows:
        if row.number in changes.dropped:
            kind = changes.dropped[row.number]
            log.append(
                {"row": row.number, "change": "left out", "finding": kind, "was": row.values}
            )
            continue
        if row.number in changes.outputs:
            kind, output = changes.outputs[row.number]
            values = _with_output(row.values, shape, output)
            log.append({"row": row.number, "change": "output", "finding": kind, "was": row.values})
            row = Row(row.number, values)
        if changes.groups:
            kind, name = changes.groups.get(row.number, ("", ""))
            if name:
                log.append({"row": row.number, "change": "group", "finding": kind, "set": name})
            row = Row(row.number, {**row.values, GROUP: name})
        kept.append(row)
    lines = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in log)
    return _WRITERS[table.path.suffix.lower()](table, kept), lines.encode()


def _with_output(values: Mapping[str, Any], shape: Shape, output: str) -> dict[str, Any]:
    """The row with another output: the column's, or the last assistant turn's."""
    column = shape.output or shape.inputs[0]
    before = values[column]
    if shape.output is not None and not isinstance(before, list):
        return {**values, column: parse_json(output) if isinstance(before, dict) else output}
    as_text = isinstance(before, str)
    turns = [dict(turn) for turn in (parse_json(before) if as_text else before)]
    last = max(at for at, turn in enumerate(turns) if _speaker(turn) in _ANSWERERS)
    turns[last]["content" if "content" in turns[last] else "value"] = output
    return {**values, column: json.dumps(turns, ensure_ascii=False) if as_text else turns}


_ANSWERERS = ("assistant", "gpt", "model")


def _speaker(turn: Mapping[str, Any]) -> object:
    return turn.get("role", turn.get("from"))


# ---------------------------------------------------------------- formats


def _json_lines(table: Table, rows: Sequence[Row]) -> bytes:
    return "".join(json.dumps(row.values, ensure_ascii=False) + "\n" for row in rows).encode()


def _json_array(table: Table, rows: Sequence[Row]) -> bytes:
    return json.dumps([row.values for row in rows], ensure_ascii=False, indent=1).encode()


def _separated(table: Table, rows: Sequence[Row]) -> bytes:
    text = io.StringIO(newline="")
    delimiter = "\t" if table.path.suffix.lower() == ".tsv" else ","
    writer = csv.DictWriter(text, table.columns, delimiter=delimiter, lineterminator="\n")
    writer.writeheader()
    writer.writerows(row.values for row in rows)
    return text.getvalue().encode()


def _parquet(table: Table, rows: Sequence[Row]) -> bytes:
    """With the file's own types; only text can have changed."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pq.read_schema(table.path).remove_metadata()
    numbers = [row.number - 1 for row in rows]
    found = pq.read_table(table.path).take(numbers)
    for at, name in enumerate(schema.names):
        kind = schema.field(at).type
        kind = kind.value_type if pa.types.is_dictionary(kind) else kind
        if pa.types.is_string(kind) or pa.types.is_large_string(kind):
            column = pa.array([row.values[name] for row in rows], kind)
            found = found.set_column(at, schema.field(at), column.cast(schema.field(at).type))
    if GROUP in table.columns and GROUP not in schema.names:
        found = found.append_column(GROUP, pa.array([row.values[GROUP] for row in rows]))
    sink = io.BytesIO()
    pq.write_table(found, sink)
    return sink.getvalue()


_WRITERS = {
    ".jsonl": _json_lines,
    ".ndjson": _json_lines,
    ".json": _json_array,
    ".csv": _separated,
    ".tsv": _separated,
    ".parquet": _parquet,
}
