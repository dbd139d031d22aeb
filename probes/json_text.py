"""JSON, read strictly: no key twice, no NaN, no endless numbers or nesting."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from knowledge.errors import UserError
from probes.rows import MAX_DEPTH, Row, data_error, problem_of, text_lines
from probes.sinks import one_line

MAX_DIGITS = 300

_SPACE = re.compile(r"[ \t\r\n]*")


def parse_json(text: str) -> Any:
    """One JSON value, as strictly as the files are read; ValueError where it is anything less."""
    try:
        value = _DECODER.decode(text)
    except RecursionError:
        raise ValueError(f"nested deeper than {MAX_DEPTH}") from None
    problem = problem_of(value)
    if problem:
        raise ValueError(problem[1])
    return value


def json_lines(path: Path, file: BinaryIO) -> Iterator[Row]:
    """Rows of JSON lines, numbered by line; UserError at the first that is no object."""
    for number, line in enumerate(text_lines(path, file), start=1):
        if not line.strip():
            continue
        try:
            value = _DECODER.decode(line)
        except (ValueError, RecursionError) as error:
            raise _json_error(path, f"line {number}", number, line, error) from None
        yield Row(number, _mapping(path, f"line {number}", number, value))


def json_array(path: Path, file: BinaryIO) -> Iterator[Row]:
    """Rows of one JSON array, numbered from 1; UserError at the first that is no object."""
    text = "".join(text_lines(path, file))
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
        raise data_error("JSON", path, what, number=line, hint="check that the file is complete")


def _skip(text: str, position: int) -> int:
    found = _SPACE.match(text, position)
    return found.end() if found else position


def _mapping(path: Path, where: str, line: int, value: Any) -> dict[str, Any]:
    if isinstance(value, dict):
        return value
    what = f"{where} holds {type(value).__name__}, an object is wanted"
    raise data_error("TYPE", path, what, number=line, hint='write {"input": …, "output": …}')


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
    return data_error("JSON", path, f"{where}: {one_line(message)}", number=line, hint=hint)


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
