"""The user's files of answers: which column holds them, and to which items each row belongs."""

from __future__ import annotations

import contextlib
import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from knowledge.errors import UserError
from probes.data import normalised
from probes.files import open_regular
from probes.readings import strict_number
from probes.records import Json, Splits, Turn
from probes.rows import Row
from probes.shapes import shape_of
from probes.sinks import file_name, one_line
from probes.tables import Table, read_table, row_error
from probes.task import Columns, TaskSpec
from probes.turns import Fault, answer_of, conversation, is_conversation, text_of

_ANSWERS = ("prediction", "answer", "output", "response")
_LATENCY = "latency_s"
_MAX_LATENCY_S = 1_000_000


@dataclass(frozen=True)
class KnownItems:
    """The items that answers may belong to, and the data files that they come from."""

    side: Mapping[str, str]
    """Name of the split by id of the item."""
    items: Mapping[str, Sequence[str]]
    """Ids of the items by their normalised input."""
    columns: Columns
    """Of the data files."""
    data_files: frozenset[Path]


def known_items(spec: TaskSpec, spec_path: Path, splits: Splits) -> KnownItems:
    """What a system may answer: the items of all three splits."""
    side: dict[str, str] = {}
    items: dict[str, list[str]] = defaultdict(list)
    for name in ("train", "dev", "test"):
        for example in getattr(splits, name):
            side[example.item.id] = name
            items[normalised(example.item.text)].append(example.item.id)
    named = [name for name in (spec.data.train, spec.data.test) if name is not None]
    files = frozenset((spec_path.parent / name).resolve() for name in named)
    return KnownItems(side=side, items=items, columns=spec.data.columns, data_files=files)


@dataclass(frozen=True)
class _Shape:
    """Which columns of a system's file hold what."""

    inputs: tuple[str, ...]
    answer: str | None
    """None where the answer is the last assistant turn of the input."""
    id: str | None
    latency: str | None


@dataclass(frozen=True)
class Answer:
    """What a system said in one row."""

    row: int
    text: str
    latency_s: float | None


@dataclass(frozen=True)
class Answers:
    """All that a system's file gives."""

    digest: str
    by_item: dict[str, Answer]
    counts: Json


def read_answers(path: Path, known: KnownItems) -> Answers:
    """The answer to each item of dev and test, with how many rows went where.

    Raises UserError: `E-DATA-…` for a file that cannot be read, `E-SYSTEM-COLUMNS` without a column
    of answers, `E-SYSTEM-LATENCY`, `E-SYSTEM-REPEAT` for two answers to one item.
    """
    table = read_table(path)
    by_item: dict[str, Answer] = {}
    sides: Counter[str] = Counter()
    for answer, items in _matched(table, known):
        sides[known.side[items[0]] if items else ""] += 1
        for item_id in items:
            if known.side[item_id] == "train":
                continue
            first = by_item.setdefault(item_id, answer)
            if first.text.strip() != answer.text.strip():
                what, hint = "different answers to one input", "keep the answers of one run"
                raise _fault("REPEAT", table, [first.row, answer.row], what, hint)
    counts = {f"matched_{name}": sides[name] for name in ("train", "dev", "test")}
    counts = {"rows": len(table.rows), **counts, "unmatched": sides[""]}
    return Answers(digest=digest(path), by_item=by_item, counts=counts)


def answers_to_train(path: Path, known: KnownItems) -> dict[str, list[Answer]]:
    """What a system said to each item of train, where it may have been asked more than once.

    Raises UserError as `read_answers` does, but for different answers to one item.
    """
    found: dict[str, list[Answer]] = defaultdict(list)
    for answer, items in _matched(read_table(path), known):
        for item_id in items:
            if known.side[item_id] == "train":
                found[item_id].append(answer)
    return found


def _matched(table: Table, known: KnownItems) -> Iterator[tuple[Answer, Sequence[str]]]:
    """Each row's answer, and the ids of the items that it belongs to."""
    shape = _shape(table, known)
    for row in table.rows:
        try:
            yield _answer(row, shape, table), _items(row, shape, known)
        except Fault as fault:
            raise row_error("SHAPE", table, [row.number], str(fault)) from None


def _shape(table: Table, known: KnownItems) -> _Shape:
    columns = known.columns
    names = {name.lower(): name for name in reversed(table.columns)}
    answer = _answer_column(table, names, known)
    id_column = names.get("id")
    try:
        inputs = shape_of(table, Columns(input=columns.input, output=answer)).inputs
    except UserError:
        if id_column is None or not any(
            text_of(row.values.get(id_column)).strip() in known.side for row in table.rows
        ):
            raise
        inputs = ()  # the ids say it all
    return _Shape(inputs=inputs, answer=answer, id=id_column, latency=names.get(_LATENCY))


def _answer_column(table: Table, names: dict[str, str], known: KnownItems) -> str | None:
    """The column of answers; None where they are the last turns of whole conversations."""
    columns = known.columns
    taken = (columns.input, columns.rejected, columns.group, columns.gold_passages)
    found = [names[each] for each in _ANSWERS if each in names and names[each] not in taken]
    if found and found[0].lower() == _ANSWERS[0]:
        return found[0]
    if table.path.resolve() in known.data_files:
        what = "the data file itself, without a column `prediction`"
        raise _no_column(table, what, "add the system's answers as a column `prediction`")
    # Beside another column, that of the training data holds the answer that is wanted.
    found = [name for name in found if name != columns.output] or found
    if len(found) > 1:
        what = " and ".join(repr(one_line(name, 30)) for name in found[:2])
        hint = "name the one with the system's answers `prediction`"
        raise _no_column(table, f"{what} could both be the answer", hint)
    if found:
        return found[0]
    with contextlib.suppress(UserError):
        if shape_of(table, Columns(input=columns.input)).output is None:
            return None
    shown = ", ".join(one_line(name, 30) for name in table.columns[:8])
    hint = f"name it `prediction`; there are: {shown}"
    raise _no_column(table, "no column holds the system's answers", one_line(hint, 250))


def _items(row: Row, shape: _Shape, known: KnownItems) -> Sequence[str]:
    """Ids of the items that a row answers: the one of its id, else all of its input."""
    item_id = text_of(row.values.get(shape.id)).strip() if shape.id is not None else ""
    if item_id in known.side:
        return [item_id]
    texts = map(normalised, _inputs(row, shape))
    return next((known.items[text] for text in texts if text in known.items), [])


def _inputs(row: Row, shape: _Shape) -> list[str]:
    """The texts that a row's input may have as an item, the likeliest first."""
    values = [row.values.get(name) for name in shape.inputs]
    texts = []
    turns = _dialogue(values[0]) if len(values) == 1 else []
    if turns:
        if shape.answer is None or turns[-1].role == "assistant":
            last = max(index for index, turn in enumerate(turns) if turn.role == "assistant")
            turns = turns[:last]  # from there on it is an answer, not the question
        texts.append(turns)
        if turns and turns[0].role == "system":
            texts.append(turns[1:])  # without a prompt that may be the system's own
    plain = "\n\n".join(text for text in map(text_of, values) if text.strip())
    return [*("\n".join(turn.content for turn in each) for each in texts), plain]


def _dialogue(value: Any) -> list[Turn]:
    """The turns of a conversation, also as JSON text; none for any other value."""
    if is_conversation(value):
        return conversation(value)
    with contextlib.suppress(Fault):
        return conversation(value)
    return []


def _answer(row: Row, shape: _Shape, table: Table) -> Answer:
    if shape.answer is not None:
        text = answer_of(row.values.get(shape.answer))
    else:
        turns = conversation(row.values.get(shape.inputs[0]))
        said = [turn.content for turn in turns if turn.role == "assistant"]
        if not said:
            raise Fault("no assistant turn in the conversation")
        text = said[-1]
    return Answer(row=row.number, text=text, latency_s=_seconds(row, shape, table))


def _seconds(row: Row, shape: _Shape, table: Table) -> float | None:
    """What the row says that the answer took; None where it says nothing."""
    value = row.values.get(shape.latency) if shape.latency is not None else None
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    number = strict_number(value) if isinstance(value, str) else value
    plain = not isinstance(number, bool)
    if plain and isinstance(number, int | float) and 0 <= number <= _MAX_LATENCY_S:
        return float(number)
    what = f"{one_line(text_of(value), 40)!r} is no time in seconds"
    hint = f"give a number from 0 to {_MAX_LATENCY_S}, or leave `{_LATENCY}` empty"
    raise _fault("LATENCY", table, [row.number], what, hint)


def digest(path: Path) -> str:
    """SHA-256 of a file's content."""
    with open_regular(path, "DATA") as file:
        return hashlib.sha256(file.read()).hexdigest()


def _fault(code: str, table: Table, numbers: Sequence[int], what: str, hint: str) -> UserError:
    """The error `E-SYSTEM-<code>` at rows of a system's file."""
    place = file_name(table.path) + (f":{numbers[-1]}" if table.unit == "line" else "")
    unit = table.unit if len(numbers) == 1 else f"{table.unit}s"
    shown = " and ".join(map(str, numbers))
    return UserError(f"E-SYSTEM-{code}", f"{what}: {unit} {shown}", place=place, hint=hint)


def _no_column(table: Table, what: str, hint: str) -> UserError:
    return UserError("E-SYSTEM-COLUMNS", what, place=file_name(table.path), hint=hint)
