"""One row of a file: what it may hold, how its text is read, and how a fault of it is told."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from knowledge.errors import UserError
from probes.sinks import file_name

MAX_FILE_BYTES = 2 * 2**30
MAX_LINE_BYTES = 64 * 2**20
MAX_ROWS = 5_000_000
MAX_FIELD_CHARS = 1_000_000
MAX_COLUMNS = 1_000
MAX_DEPTH = 32

_SURROGATE = re.compile("[\ud800-\udfff]")


class Row(NamedTuple):
    """One record of a file."""

    number: int
    """Line on which it starts, or its place among the rows, from 1."""
    values: dict[str, Any]
    """By column; text in CSV and TSV, JSON's own types elsewhere."""


def data_error(code: str, path: Path, what: str, *, number: int = 0, hint: str) -> UserError:
    """The error `E-DATA-<code>` at a file, and at a line of it where `number` is not 0."""
    place = file_name(path) + (f":{number}" if number else "")
    return UserError(f"E-DATA-{code}", what, place=place, hint=hint)


def problem_of(value: Any, depth: int = 0) -> tuple[str, str] | None:
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
    return next(filter(None, (problem_of(part, depth + 1) for part in parts)), None)


def text_lines(path: Path, file: BinaryIO) -> Iterator[str]:
    """Lines of UTF-8 with their ends, without a byte order mark; UserError for anything else."""
    number = 0
    while raw := file.readline(MAX_LINE_BYTES + 1):
        number += 1
        if len(raw) > MAX_LINE_BYTES:
            what = f"line {number} is longer than {MAX_LINE_BYTES} bytes"
            raise data_error("TOO-BIG", path, what, number=number, hint="check the line ends")
        if number == 1:
            raw = raw.removeprefix(b"\xef\xbb\xbf")
        if b"\0" in raw:
            what = f"a NUL byte in line {number}"
            raise data_error("ENCODING", path, what, number=number, hint="save as plain UTF-8 text")
        try:
            line = raw.decode("utf-8")
        except UnicodeDecodeError as error:
            what = f"line {number}, byte {error.start + 1} is not UTF-8"
            raise data_error("ENCODING", path, what, number=number, hint="save as UTF-8") from None
        yield line
