"""The shape of the user's rows: which columns hold the input, the output, the worse answer."""

from __future__ import annotations

from dataclasses import dataclass

from knowledge.errors import UserError
from probes.records import Turn
from probes.rows import Row
from probes.sinks import file_name, one_line
from probes.tables import Table, missing_column
from probes.task import Columns
from probes.turns import Fault, answer_of, conversation, is_conversation, text_of

_INPUTS = (
    "input",
    "prompt",
    "question",
    "text",
    "sentence",
    "utterance",
    "query",
    "document",
    "article",
    "content",
)
_OUTPUTS = (
    "output",
    "completion",
    "response",
    "answer",
    "label",
    "category",
    "intent",
    "class",
    "target",
    "summary",
    "chosen",
)
_CHATS = ("messages", "conversations")


@dataclass(frozen=True)
class Shape:
    """Which columns hold what. Without an output the last assistant turn of the input is it."""

    inputs: tuple[str, ...]
    output: str | None
    rejected: str | None = None


def shape_of(table: Table, columns: Columns) -> Shape:
    """Which columns hold what: as `columns` says, else by known names; UserError where unclear."""
    given = {field: getattr(columns, field) for field in type(columns).model_fields}
    for field, name in given.items():
        if name is not None and name not in table.columns:
            raise missing_column(table, f"no column {one_line(name, 40)!r} for `{field}`", name)
    taken = {name for name in given.values() if name is not None}
    names = {name.lower(): name for name in reversed(table.columns) if name not in taken}
    pair = columns.output is None and "chosen" in names
    pair = pair and ("rejected" in names or columns.rejected is not None)
    rejected = columns.rejected or (names["rejected"] if pair else None)
    output = columns.output or (names["chosen"] if pair else None)
    if output is None:
        chat = _chat(table, names, columns)
        if chat is not None:
            return Shape(inputs=(chat,), output=None, rejected=rejected)
        output = _only(table, names, _OUTPUTS, "output")
        if not output:
            raise missing_column(table, "no column is known to be the output", "output")
    inputs = _inputs(table, names, columns)
    if not inputs and not pair:
        raise missing_column(table, "no column is known to be the input", "input")
    return Shape(inputs=inputs or (output,), output=output, rejected=rejected)


def _chat(table: Table, names: dict[str, str], columns: Columns) -> str | None:
    """The column of whole conversations, whose last assistant turn is the output."""
    if columns.input is None:
        return next((names[each] for each in _CHATS if each in names), None)
    values = (row.values.get(columns.input) for row in table.rows)
    first = next((value for value in values if value), None)
    alone = not any(each in names for each in _OUTPUTS)
    return columns.input if alone and is_conversation(first) else None


def _inputs(table: Table, names: dict[str, str], columns: Columns) -> tuple[str, ...]:
    if columns.input is not None:
        return (columns.input,)
    for chat in _CHATS:
        if chat in names:
            return (names[chat],)
    if "instruction" in names:
        return tuple(names[each] for each in ("instruction", "input") if each in names)
    found = _only(table, names, _INPUTS, "input")
    return (found,) if found else ()


def _only(table: Table, names: dict[str, str], known: tuple[str, ...], side: str) -> str:
    """The one column with a known name, '' where there is none; never a guess between two."""
    found = [names[each] for each in known if each in names]
    if len(found) > 1:
        shown = " and ".join(repr(one_line(name, 30)) for name in found[:2])
        what = f"{shown} could both be the {side}"
        hint = f"say which: `data.columns.{side}`"
        raise UserError("E-DATA-COLUMNS", what, place=file_name(table.path), hint=hint)
    return found[0] if found else ""


def turns_and_output(row: Row, shape: Shape) -> tuple[tuple[Turn, ...], str]:
    """What a row asks and the answer that is wanted; Fault where it does not fit the shape."""
    values = [row.values.get(name) for name in shape.inputs]
    if shape.output is None:
        turns = conversation(values[0])
        last = max((i for i, turn in enumerate(turns) if turn.role == "assistant"), default=None)
        if last is None:
            raise Fault("no assistant turn to learn from")
        return _checked(turns[:last]), turns[last].content
    output = row.values.get(shape.output)
    # Preference pairs may come as two whole conversations, whose last turns differ.
    if shape.inputs == (shape.output,):
        if not is_conversation(output):
            raise Fault("no prompt beside the chosen answer")
        return turns_and_output(row, Shape(inputs=(shape.output,), output=None))
    if len(values) == 1 and is_conversation(values[0]):
        turns = conversation(values[0])
    else:
        texts = [text for text in map(text_of, values) if text.strip()]
        turns = [Turn(role="user", content="\n\n".join(texts))]
    return _checked(turns), answer_of(output)


def _checked(turns: list[Turn]) -> tuple[Turn, ...]:
    if not turns or turns[-1].role != "user":
        raise Fault("no user turn before the answer")
    if any(turn.role == "system" for turn in turns[1:]):
        raise Fault("a system turn that is not the first")
    return tuple(turns)
