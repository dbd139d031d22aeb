"""Files of rows, read strictly: JSON lines, JSON arrays, CSV, TSV and Parquet."""

from __future__ import annotations

import csv
import difflib
import json
import math
import os
import re
import stat
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Literal, NamedTuple

from knowledge.errors import UserError
from probes.sinks import file_name, one_line

MAX_FILE_BYTES = 2 * 2**30
MAX_LINE_BYTES = 64 * 2**20
MAX_ROWS = 5_000_000
MAX_FIELD_CHARS = 1_000_000
MAX_COLUMNS = 1_000
MAX_DIGITS = 300
MAX_DEPTH = 32

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
_SURROGATE = re.compile("[\ud800-\udfff]")
_SPACE = re.compile(r"[ \t\r\n]*")


class Row(NamedTuple):
    """One record of a file."""

    number: int
    """Line on which it starts, or its place among the rows, from 1."""
    values: dict[str, Any]
    """By column; text in CSV and TSV, JSON's own types elsewhere."""


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
            raise _error("ARCHIVE", path, f"{suffix} is an archive", hint="unpack it first")
        if suffix not in _READERS:
            raise _error("SUFFIX", path, f"unknown suffix {suffix!r}", hint=f"give {_SUFFIXES}")
        before = os.fstat(file.fileno())
        if before.st_size == 0:
            raise _error("EMPTY", path, "the file has 0 bytes", hint="check how it was written")
        if before.st_size > MAX_FILE_BYTES:
            what = f"{before.st_size} bytes; the limit is {MAX_FILE_BYTES}"
            raise _error("TOO-BIG", path, what, hint="give a sample of it")
        _check_magic(path, suffix, file.read(16))
        file.seek(0)
        unit, reader = _READERS[suffix]
        rows = _collect(path, unit, reader(path, file))
        _check_unchanged(path, before)
    if not rows:
        raise _error("EMPTY", path, "there are no rows", hint="a header alone is not enough")
    columns = dict.fromkeys(name for row in rows for name in row.values)
    return Table(path=path, unit=unit, columns=tuple(columns), rows=rows)


def open_regular(path: Path, prefix: Literal["SPEC", "DATA"]) -> BinaryIO:
    """The file, opened for reading bytes; never blocks on a FIFO, never reads a device or /proc.

    Raises UserError with a code that begins with `E-<prefix>-`.
    """

    def refuse(code: str, what: str, hint: str) -> UserError:
        return UserError(f"E-{prefix}-{code}", what, place=file_name(path), hint=hint)

    try:
        what = _kind(os.stat(path).st_mode)
        if what is None and os.path.realpath(path).startswith(("/proc/", "/sys/")):
            what = "a file of the kernel"
        if what is not None:
            raise refuse("NOT-A-FILE", f"not a regular file but {what}", "give a file")
        # Opened without blocking, and looked at again: the path may have been swapped meanwhile.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except (FileNotFoundError, NotADirectoryError):
        raise refuse("NOTFOUND", "there is no such file", _near(path)) from None
    except PermissionError:
        raise refuse("UNREADABLE", "it may not be read", "change its permissions") from None
    except (OSError, ValueError) as error:
        reason = (isinstance(error, OSError) and error.strerror) or "not a usable path"
        raise refuse("UNREADABLE", reason, "check the path") from None
    file = os.fdopen(descriptor, "rb")
    if _kind(os.fstat(descriptor).st_mode) is not None:
        file.close()
        raise refuse("NOT-A-FILE", "not a regular file", "give a file")
    return file


def _kind(mode: int) -> str | None:
    """What a path is, or None for a regular file."""
    if stat.S_ISREG(mode):
        return None
    kinds = {stat.S_IFDIR: "a folder", stat.S_IFIFO: "a FIFO", stat.S_IFSOCK: "a socket"}
    return kinds.get(stat.S_IFMT(mode), "a device")


def _near(path: Path) -> str:
    """Hint for a missing file: a name like it in the same folder."""
    try:
        names = [entry.name for entry in os.scandir(path.parent)][:1000]
    except (OSError, ValueError):
        return "check the folder's name"
    near = difflib.get_close_matches(path.name, names, n=1)
    return f"did you mean {one_line(near[0], 60)}?" if near else "check the name"


def _error(code: str, path: Path, what: str, *, number: int = 0, hint: str) -> UserError:
    place = file_name(path) + (f":{number}" if number else "")
    return UserError(f"E-DATA-{code}", what, place=place, hint=hint)


def _check_magic(path: Path, suffix: str, head: bytes) -> None:
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise _error("ENCODING", path, "the text is UTF-16", hint="save as UTF-8")
    for magic, name in _MAGIC.items():
        if head.startswith(magic) and (suffix, name) != (".parquet", "Parquet"):
            what = f"named {suffix}, but the content is {name}"
            raise _error("FORMAT", path, what, hint=f"give {_SUFFIXES}")
    if suffix == ".parquet" and not head.startswith(b"PAR1"):
        what = "named .parquet, but the content is not Parquet"
        raise _error("FORMAT", path, what, hint="give the file the suffix of its format")
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()[:1]
    if suffix in (".csv", ".tsv") and start in (b"{", b"["):
        what = f"named {suffix}, but the content looks like JSON"
        raise _error("FORMAT", path, what, hint="name it .jsonl or .json")
    if suffix == ".json" and start == b"{":
        what = "one JSON object, an array of objects is wanted"
        raise _error("FORMAT", path, what, hint="name it .jsonl if each line is an object")
    wanted = {".json": b"[", ".jsonl": b"{", ".ndjson": b"{"}.get(suffix)
    if wanted and start and start != wanted:
        what = f"named {suffix}, but the content does not begin with `{wanted.decode()}`"
        raise _error("FORMAT", path, what, hint="give the file the suffix of its format")


def _collect(path: Path, unit: str, rows: Iterator[Row]) -> list[Row]:
    collected: list[Row] = []
    for row in rows:
        if len(collected) >= MAX_ROWS:
            what = f"more than {MAX_ROWS} rows"
            raise _error("TOO-BIG", path, what, hint="give a sample of them")
        if len(row.values) > MAX_COLUMNS:
            what = f"{unit} {row.number} has more than {MAX_COLUMNS} columns"
            raise _error("TOO-BIG", path, what, hint="keep those that matter")
        for name, value in row.values.items():
            problem = _problem(name) or _problem(value)
            if problem:
                code, what = problem
                what = f"{unit} {row.number}, column {one_line(name, 40)!r}: {what}"
                hint = "cut or mend this value"
                line = row.number if unit == "line" else 0
                raise _error(code, path, what, number=line, hint=hint)
        collected.append(row)
    return collected


def _problem(value: Any, depth: int = 0) -> tuple[str, str] | None:
    """Code and description of what makes a value unusable, at any depth."""
    if isinstance(value, str):
        if len(value) > MAX_FIELD_CHARS:
            return "TOO-BIG", f"longer than {MAX_FIELD_CHARS} characters"
        if _SURROGATE.search(value):
            return "ENCODING", "half a surrogate pair, which is not text"
        return None
    if not isinstance(value, dict | list):
        return None
    if depth >= MAX_DEPTH:
        return "JSON", f"nested deeper than {MAX_DEPTH}"
    parts = [*value, *value.values()] if isinstance(value, dict) else value
    return next(filter(None, (_problem(part, depth + 1) for part in parts)), None)


def _check_unchanged(path: Path, before: os.stat_result) -> None:
    try:
        after = os.stat(path)
    except OSError:
        raise _error("CHANGED", path, "removed while it was read", hint="run again") from None
    if (before.st_size, before.st_mtime_ns, before.st_ino) != (
        after.st_size,
        after.st_mtime_ns,
        after.st_ino,
    ):
        what = "changed while it was read"
        raise _error("CHANGED", path, what, hint="run again when it is complete")


# ---------------------------------------------------------------- text


def _lines(path: Path, file: BinaryIO) -> Iterator[str]:
    number = 0
    while raw := file.readline(MAX_LINE_BYTES + 1):
        number += 1
        if len(raw) > MAX_LINE_BYTES:
            what = f"line {number} is longer than {MAX_LINE_BYTES} bytes"
            raise _error("TOO-BIG", path, what, number=number, hint="check the line ends")
        if number == 1:
            raw = raw.removeprefix(b"\xef\xbb\xbf")
        if b"\0" in raw:
            what = f"a NUL byte in line {number}"
            raise _error("ENCODING", path, what, number=number, hint="save as plain UTF-8 text")
        try:
            line = raw.decode("utf-8")
        except UnicodeDecodeError as error:
            what = f"line {number}, byte {error.start + 1} is not UTF-8"
            raise _error("ENCODING", path, what, number=number, hint="save as UTF-8") from None
        yield line


def _comma_separated(path: Path, file: BinaryIO) -> Iterator[Row]:
    return _separated(path, file, ",")


def _tab_separated(path: Path, file: BinaryIO) -> Iterator[Row]:
    return _separated(path, file, "\t")


def _separated(path: Path, file: BinaryIO, delimiter: str) -> Iterator[Row]:
    # The limit belongs to the whole process, and its default (131,072) refuses honest documents.
    csv.field_size_limit(MAX_FIELD_CHARS)
    reader = csv.reader(_lines(path, file), delimiter=delimiter, strict=True)
    header: list[str] | None = None
    while True:
        number = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise _csv_error(path, number, str(error)) from None
        if not cells:
            continue
        if header is None:
            header = _header(path, cells, delimiter)
            continue
        if len(cells) != len(header):
            what = f"line {number} has {len(cells)} cells, the header has {len(header)}"
            hint = "put quotes around cells that hold the separator"
            raise _error("CSV", path, what, number=number, hint=hint)
        yield Row(number, dict(zip(header, cells, strict=True)))


def _header(path: Path, cells: list[str], delimiter: str) -> list[str]:
    names = [cell.strip() for cell in cells]
    twice = next((name for name, count in Counter(names).items() if count > 1), None)
    if twice is not None:
        what = f"two columns are named {one_line(twice, 40)!r}"
        raise _error("CSV", path, what, number=1, hint="rename one of them")
    other = next((mark for mark in ",;\t|" if mark != delimiter and mark in names[0]), None)
    if len(names) == 1 and other:
        what = f"one column found: {one_line(names[0], 60)!r}"
        hint = f"separate with {delimiter!r}, not {other!r}"
        raise _error("CSV", path, what, number=1, hint=hint)
    return names


def _csv_error(path: Path, number: int, message: str) -> UserError:
    if "unexpected end" in message:
        what = f"a quote opened in the row of line {number} is never closed"
        return _error("CSV", path, what, number=number, hint='close it, or write "" for a quote')
    if "new-line" in message:
        what = "the line ends are carriage returns only"
        return _error("CSV", path, what, number=number, hint="save with \\n or \\r\\n")
    if "field limit" in message:
        what = f"a cell in the row of line {number} is longer than {MAX_FIELD_CHARS} characters"
        return _error("TOO-BIG", path, what, number=number, hint="look for an unclosed quote")
    what = f"line {number}: {one_line(message)}"
    return _error("CSV", path, what, number=number, hint='write "" for a quote inside quotes')


# ---------------------------------------------------------------- JSON


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for name, value in pairs:
        if name in result:
            raise ValueError(f"the key {one_line(name, 40)!r} occurs twice in one object")
        result[name] = value
    return result


def _integer(text: str) -> int:
    if len(text) > MAX_DIGITS:
        raise ValueError(f"a number of {len(text)} digits")
    return int(text)


def _real(text: str) -> float:
    value = float(text) if len(text) <= 2 * MAX_DIGITS else math.inf
    if not math.isfinite(value):
        raise ValueError("a number too large or too long")
    return value


def _constant(name: str) -> float:
    raise ValueError(f"{name} is not JSON")


_DECODER = json.JSONDecoder(
    object_pairs_hook=_object,
    parse_int=_integer,
    parse_float=_real,
    parse_constant=_constant,
)


def parse_json(text: str) -> Any:
    """One JSON value, as strictly as the files are read; ValueError where it is anything less."""
    try:
        value = _DECODER.decode(text)
    except RecursionError:
        raise ValueError(f"nested deeper than {MAX_DEPTH}") from None
    problem = _problem(value)
    if problem:
        raise ValueError(problem[1])
    return value


def _json_lines(path: Path, file: BinaryIO) -> Iterator[Row]:
    for number, line in enumerate(_lines(path, file), start=1):
        if not line.strip():
            continue
        try:
            value = _DECODER.decode(line)
        except (ValueError, RecursionError) as error:
            raise _json_error(path, f"line {number}", number, line, error) from None
        yield Row(number, _mapping(path, f"line {number}", number, value))


def _json_array(path: Path, file: BinaryIO) -> Iterator[Row]:
    text = "".join(_lines(path, file))
    position = _skip(text, _skip(text, 0) + 1)
    number, line, counted = 0, 1, 0
    more = text[position : position + 1] != "]"
    while more:
        number += 1
        line += text.count("\n", counted, position)
        counted = position
        try:
            value, position = _DECODER.raw_decode(text, position)
        except (ValueError, RecursionError) as error:
            raise _json_error(path, f"row {number}", line, text, error) from None
        yield Row(number, _mapping(path, f"row {number}", line, value))
        position = _skip(text, position)
        more = text[position : position + 1] == ","
        if more:
            position = _skip(text, position + 1)
    end = _skip(text, position + 1)
    if text[position : position + 1] != "]" or end != len(text):
        line += text.count("\n", counted, position)
        what = f"after row {number}: only `,` or a last `]` may follow"
        raise _error("JSON", path, what, number=line, hint="check that the file is complete")


def _skip(text: str, position: int) -> int:
    found = _SPACE.match(text, position)
    return found.end() if found else position


def _mapping(path: Path, where: str, line: int, value: Any) -> dict[str, Any]:
    if isinstance(value, dict):
        return value
    what = f"{where} holds {type(value).__name__}, an object is wanted"
    raise _error("TYPE", path, what, number=line, hint='write {"input": …, "output": …}')


def _json_error(path: Path, where: str, line: int, text: str, error: Exception) -> UserError:
    message, hint = str(error), "write one complete JSON object a row"
    if isinstance(error, RecursionError):
        message = f"nested deeper than {MAX_DEPTH}"
    elif isinstance(error, json.JSONDecodeError):
        message = error.msg
        if where.startswith("row"):
            line = error.lineno
        if text[: error.pos].rstrip().endswith(",") and text[error.pos : error.pos + 1] in "]}":
            message, hint = "a comma before the closing bracket", "remove the trailing comma"
    return _error("JSON", path, f"{where}: {one_line(message)}", number=line, hint=hint)


# ---------------------------------------------------------------- Parquet


def _parquet(path: Path, file: BinaryIO) -> Iterator[Row]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    number = 0
    try:
        # Without extension types: reading them may run code that somebody registered.
        table = pq.ParquetFile(
            file,
            arrow_extensions_enabled=False,
            thrift_string_size_limit=10**8,
            thrift_container_size_limit=10**6,
        )
        _check_parquet(path, table, pa)
        for batch in table.iter_batches(batch_size=1024, use_threads=False):
            for values in batch.to_pylist():
                number += 1
                yield Row(number, {name: _plain(value) for name, value in values.items()})
    except (pa.ArrowException, OSError, ValueError) as error:
        what = f"the file is damaged: {one_line(str(error))}"
        raise _error("PARQUET", path, what, hint="write it again") from None


def _check_parquet(path: Path, table: Any, pa: Any) -> None:
    metadata, schema = table.metadata, table.schema_arrow
    if metadata.num_columns > MAX_COLUMNS or metadata.num_rows > MAX_ROWS:
        what = f"{metadata.num_columns} columns and {metadata.num_rows} rows"
        hint = f"at most {MAX_COLUMNS} columns and {MAX_ROWS} rows"
        raise _error("TOO-BIG", path, what, hint=hint)
    groups = range(metadata.num_row_groups)
    if sum(metadata.row_group(index).total_byte_size for index in groups) > 2 * MAX_FILE_BYTES:
        what = f"more than {2 * MAX_FILE_BYTES} bytes when unpacked"
        raise _error("TOO-BIG", path, what, hint="give a sample of it")
    names = list(schema.names)
    for column in schema:
        kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
        marked = b"ARROW:extension:name" in (column.metadata or {})
        refused = next((name for name, test in _REFUSED.items() if test(pa, kind)), None)
        if marked or refused or names.count(column.name) > 1:
            fault = "an extension type" if marked else refused or "a name used twice"
            what = f"column {one_line(column.name, 40)!r} has {fault}"
            hint = "keep columns of text, numbers or true/false; nested data goes into .jsonl"
            raise _error("PARQUET", path, what, hint=hint)


_REFUSED: dict[str, Callable[[Any, Any], bool]] = {
    "an extension type": lambda pa, kind: isinstance(kind, pa.BaseExtensionType),
    "nested values": lambda pa, kind: pa.types.is_nested(kind),
    "binary values": lambda pa, kind: (
        pa.types.is_binary(kind)
        or pa.types.is_large_binary(kind)
        or pa.types.is_binary_view(kind)
        or pa.types.is_fixed_size_binary(kind)
    ),
}


def _plain(value: Any) -> Any:
    """A cell as JSON has it: dates as text, NaN as the missing value it means."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if value is None or isinstance(value, str | bool | int | float) else str(value)


_READERS: dict[str, tuple[Literal["line", "row"], Callable[[Path, BinaryIO], Iterator[Row]]]] = {
    ".jsonl": ("line", _json_lines),
    ".ndjson": ("line", _json_lines),
    ".json": ("row", _json_array),
    ".csv": ("line", _comma_separated),
    ".tsv": ("line", _tab_separated),
    ".parquet": ("row", _parquet),
}
