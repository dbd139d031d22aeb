"""Rows of CSV and TSV: one header, as many cells in every row, all of them text."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from knowledge.errors import UserError
from probes.rows import MAX_FIELD_CHARS, Row, data_error, text_lines
from probes.sinks import one_line


def comma_separated(path: Path, file: BinaryIO) -> Iterator[Row]:
    """Rows of a CSV, numbered by the line on which they start; UserError at the first fault."""
    return _separated(path, file, ",")


def tab_separated(path: Path, file: BinaryIO) -> Iterator[Row]:
    """Rows of a TSV, as `comma_separated` gives them."""
    return _separated(path, file, "\t")


def _separated(path: Path, file: BinaryIO, delimiter: str) -> Iterator[Row]:
    # The limit belongs to the whole process, and its default (131,072) refuses honest documents.
    csv.field_size_limit(MAX_FIELD_CHARS)
    reader = csv.reader(text_lines(path, file), delimiter=delimiter, strict=True)
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
            raise data_error("CSV", path, what, number=number, hint=hint)
        yield Row(number, dict(zip(header, cells, strict=True)))


def _header(path: Path, cells: list[str], delimiter: str) -> list[str]:
    names = [cell.strip() for cell in cells]
    twice = next((name for name, count in Counter(names).items() if count > 1), None)
    if twice is not None:
        what = f"two columns are named {one_line(twice, 40)!r}"
        raise data_error("CSV", path, what, number=1, hint="rename one of them")
    other = next((mark for mark in ",;\t|" if mark != delimiter and mark in names[0]), None)
    if len(names) == 1 and other:
        what = f"one column found: {one_line(names[0], 60)!r}"
        hint = f"separate with {delimiter!r}, not {other!r}"
        raise data_error("CSV", path, what, number=1, hint=hint)
    return names


def _csv_error(path: Path, number: int, message: str) -> UserError:
    if "unexpected end" in message:
        what = f"a quote opened in the row of line {number} is never closed"
        return data_error(
            "CSV", path, what, number=number, hint='close it, or write "" for a quote'
        )
    if "new-line" in message:
        what = "the line ends are carriage returns only"
        return data_error("CSV", path, what, number=number, hint="save with \\n or \\r\\n")
    if "field limit" in message:
        what = f"a cell in the row of line {number} is longer than {MAX_FIELD_CHARS} characters"
        return data_error("TOO-BIG", path, what, number=number, hint="look for an unclosed quote")
    what = f"line {number}: {one_line(message)}"
    return data_error("CSV", path, what, number=number, hint='write "" for a quote inside quotes')
