"""Files of rows, read strictly: JSON lines, JSON arrays, CSV, TSV and Parquet."""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal

from knowledge.errors import UserError
from probes.delimited import comma_separated, tab_separated
from probes.files import open_regular
from probes.json_text import json_array, json_lines
from probes.parquet import parquet_rows
from probes.rows import MAX_COLUMNS, MAX_FILE_BYTES, MAX_ROWS, Row, data_error, problem_of
from probes.sinks import file_name, one_line

_SUFFIXES = ".jsonl, .ndjson, .json, .csv, .tsv or .parquet"
_ARCHIVES = {".gz", ".zip", ".bz2", ".xz", ".zst", ".7z", ".tar", ".tgz", ".rar"}
_MAGIC = {
    b"PAR1": "Parquet",
    b"PK\x03\x04": "a zip archive or an Office file",
    b"\x1f\x8b": "gzip",
    b"7z\xbc\xaf": "a 7z archive",
    b"BZh": "bzip2",
    b"\xfd7zXZ": "xz",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"ARROW1": "Arrow",
    b"SQLite ": "SQLite",
}
_READERS: dict[str, tuple[Literal["line", "row"], Callable[[Path, BinaryIO], Iterator[Row]]]] = {
    ".jsonl": ("line", json_lines),
    ".ndjson": ("line", json_lines),
    ".json": ("row", json_array),
    ".csv": ("line", comma_separated),
    ".tsv": ("line", tab_separated),
    ".parquet": ("row", parquet_rows),
}


@dataclass(frozen=True)
class Table:
    """The rows of one file."""

    path: Path
    unit: Literal["line", "row"]
    """What `Row.number` counts."""
    columns: tuple[str, ...]
    """Every name that some row has, in the order of first sight."""
    rows: list[Row]


def read_table(path: Path) -> Table:
    """All rows of a file; its suffix says the format, its first bytes must agree.

    Raises UserError for everything that the file can have wrong: `E-DATA-…`.
    """
    suffix = path.suffix.lower()
    with open_regular(path, "DATA") as file:
        if suffix in _ARCHIVES:
            raise data_error("ARCHIVE", path, f"{suffix} is an archive", hint="unpack it first")
        if suffix not in _READERS:
            raise data_error("SUFFIX", path, f"unknown suffix {suffix!r}", hint=f"give {_SUFFIXES}")
        before = os.fstat(file.fileno())
        if before.st_size == 0:
            raise data_error("EMPTY", path, "the file has 0 bytes", hint="check how it was written")
        if before.st_size > MAX_FILE_BYTES:
            what = f"{before.st_size} bytes; the limit is {MAX_FILE_BYTES}"
            raise data_error("TOO-BIG", path, what, hint="give a sample of it")
        _check_magic(path, suffix, file.read(16))
        file.seek(0)
        unit, reader = _READERS[suffix]
        rows = _collect(path, unit, reader(path, file))
        _check_unchanged(path, before)
    if not rows:
        raise data_error("EMPTY", path, "there are no rows", hint="a header alone is not enough")
    columns = dict.fromkeys(name for row in rows for name in row.values)
    return Table(path=path, unit=unit, columns=tuple(columns), rows=rows)


def row_error(
    code: str, table: Table, numbers: Sequence[int], what: str, *, hint: str = ""
) -> UserError:
    """The error `E-DATA-<code>` at rows of a table, the first five of them named."""
    shown = ", ".join(map(str, numbers[:5])) + (", …" if len(numbers) > 5 else "")
    unit = table.unit if len(numbers) == 1 else f"{table.unit}s"
    place = file_name(table.path)
    if table.unit == "line":
        place += f":{numbers[0]}"
    usual = "mend or remove them" if len(numbers) > 1 else "mend or remove it"
    return UserError(f"E-DATA-{code}", f"{what}: {unit} {shown}", place=place, hint=hint or usual)


def missing_column(table: Table, what: str, wanted: str) -> UserError:
    """The error for a column that is not there, with those that are."""
    near = difflib.get_close_matches(wanted, table.columns, n=2)
    start = f"did you mean {' or '.join(one_line(name, 30) for name in near)}? " if near else ""
    shown = ", ".join(one_line(name, 30) for name in table.columns[:8])
    more = ", …" if len(table.columns) > 8 else ""
    hint = f"{start}there are: {shown}{more}; name them under `data.columns`"
    return UserError("E-DATA-COLUMNS", what, place=file_name(table.path), hint=one_line(hint, 250))


def _check_magic(path: Path, suffix: str, head: bytes) -> None:
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise data_error("ENCODING", path, "the text is UTF-16", hint="save as UTF-8")
    for magic, name in _MAGIC.items():
        if head.startswith(magic) and (suffix, name) != (".parquet", "Parquet"):
            what = f"named {suffix}, but the content is {name}"
            raise data_error("FORMAT", path, what, hint=f"give {_SUFFIXES}")
    if suffix == ".parquet" and not head.startswith(b"PAR1"):
        what = "named .parquet, but the content is not Parquet"
        raise data_error("FORMAT", path, what, hint="give the file the suffix of its format")
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()[:1]
    if suffix in (".csv", ".tsv") and start in (b"{", b"["):
        what = f"named {suffix}, but the content looks like JSON"
        raise data_error("FORMAT", path, what, hint="name it .jsonl or .json")
    if suffix == ".json" and start == b"{":
        what = "one JSON object, an array of objects is wanted"
        raise data_error("FORMAT", path, what, hint="name it .jsonl if each line is an object")
    wanted = {".json": b"[", ".jsonl": b"{", ".ndjson": b"{"}.get(suffix)
    if wanted and start and start != wanted:
        what = f"named {suffix}, but the content does not begin with `{wanted.decode()}`"
        raise data_error("FORMAT", path, what, hint="give the file the suffix of its format")


def _collect(path: Path, unit: str, rows: Iterator[Row]) -> list[Row]:
    collected: list[Row] = []
    for row in rows:
        if len(collected) >= MAX_ROWS:
            what = f"more than {MAX_ROWS} rows"
            raise data_error("TOO-BIG", path, what, hint="give a sample of them")
        if len(row.values) > MAX_COLUMNS:
            what = f"{unit} {row.number} has more than {MAX_COLUMNS} columns"
            raise data_error("TOO-BIG", path, what, hint="keep those that matter")
        for name, value in row.values.items():
            problem = problem_of(name) or problem_of(value)
            if problem:
                code, what = problem
                what = f"{unit} {row.number}, column {one_line(name, 40)!r}: {what}"
                hint = "cut or mend this value"
                line = row.number if unit == "line" else 0
                raise data_error(code, path, what, number=line, hint=hint)
        collected.append(row)
    return collected


def _check_unchanged(path: Path, before: os.stat_result) -> None:
    try:
        after = os.stat(path)
    except OSError:
        raise data_error("CHANGED", path, "removed while it was read", hint="run again") from None
    if (before.st_size, before.st_mtime_ns, before.st_ino) != (
        after.st_size,
        after.st_mtime_ns,
        after.st_ino,
    ):
        what = "changed while it was read"
        raise data_error("CHANGED", path, what, hint="run again when it is complete")
