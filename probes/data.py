"""The user's rows and documents as examples and passages, whatever shape they come in."""

from __future__ import annotations

import contextlib
import difflib
import hashlib
import json
import os
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from knowledge.errors import UserError
from probes.records import Columns, Example, Item, Passage, Role, TaskSpec, Turn
from probes.sinks import file_name, one_line
from probes.spec import resolve
from probes.tables import Row, Table, open_regular, parse_json, read_table

MIN_ROWS = 30
PASSAGE_CHARS = 1_000
MAX_DOCUMENT_BYTES = 50 * 2**20
MAX_DOCUMENTS = 100_000

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
_ROLES: dict[str, Role] = {
    "system": "system",
    "user": "user",
    "human": "user",
    "assistant": "assistant",
    "gpt": "assistant",
    "model": "assistant",
}


@dataclass(frozen=True)
class _Shape:
    """Which columns hold what. Without an output the last assistant turn of the input is it."""

    inputs: tuple[str, ...]
    output: str | None
    rejected: str | None = None


class _Fault(Exception):
    """What is wrong with one row, in a clause."""


def read_examples(
    spec: TaskSpec, spec_path: Path
) -> tuple[tuple[Example, ...], tuple[Example, ...] | None]:
    """The rows of `data.train`, and those of `data.test` where the spec gives it.

    Raises UserError (`E-DATA-…`): unreadable files, unknown shape, blank inputs or outputs, fewer
    than 30 different rows in `data.train`, one class only.
    """
    train_path = resolve(spec.data.train, spec_path)
    train = _examples(read_table(train_path), spec)
    test = None
    if spec.data.test is not None:
        test = _examples(read_table(resolve(spec.data.test, spec_path)), spec)
    different = {(normalised(each.item.text), each.output, each.rejected) for each in train}
    if len(different) < MIN_ROWS:
        what = f"{len(different)} different rows of {len(train)}, {MIN_ROWS} are needed"
        hint = "label more of them, in the order that they come in"
        raise UserError("E-DATA-TOO-FEW", what, place=file_name(train_path), hint=hint)
    labels = {example.output for example in train}
    if spec.task_type == "classification" and len(labels) == 1:
        what = f"every row has the label {one_line(labels.pop(), 40)!r}"
        hint = "add rows of another class, or check `data.columns.output`"
        raise UserError("E-DATA-ONE-CLASS", what, place=file_name(train_path), hint=hint)
    return train, test


def normalised(text: str) -> str:
    """`text` in NFKC, without case, with single spaces: what counts as the same input."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return " ".join(unicodedata.normalize("NFKC", folded).split())


# ---------------------------------------------------------------- rows


def _examples(table: Table, spec: TaskSpec) -> tuple[Example, ...]:
    shape = _shape(table, spec.data.columns)
    examples: list[Example] = []
    blank: dict[str, list[int]] = defaultdict(list)
    for row in table.rows:
        try:
            example = _example(row, shape, spec)
        except _Fault as fault:
            raise _row_error("SHAPE", table, [row.number], str(fault)) from None
        if not any(turn.content.strip() for turn in example.item.turns if turn.role == "user"):
            blank["input"].append(row.number)
        elif not example.output.strip():
            blank["output"].append(row.number)
        elif example.rejected is not None and not example.rejected.strip():
            blank["rejected answer"].append(row.number)
        examples.append(example)
    for side, numbers in blank.items():
        many = f"{len(numbers)} row has" if len(numbers) == 1 else f"{len(numbers)} rows have"
        raise _row_error("BLANK", table, numbers, f"{many} an empty {side}")
    return _identified(examples)


def _example(row: Row, shape: _Shape, spec: TaskSpec) -> Example:
    columns = spec.data.columns
    turns, output = _turns_and_output(row, shape)
    if spec.task_type == "classification":
        output = output.strip()  # `a, b` in a CSV: the space is not part of the label
    group = _text(row.values.get(columns.group)) if columns.group else ""
    return Example(
        item=Item(id="", turns=turns),
        output=output,
        row=row.number,
        group=group if group.strip() else None,
        rejected=_answer(row.values.get(shape.rejected)) if shape.rejected else None,
        gold_passages=_ids(row.values.get(columns.gold_passages or "")),
    )


def _row_error(code: str, table: Table, numbers: Sequence[int], what: str) -> UserError:
    shown = ", ".join(map(str, numbers[:5])) + (", …" if len(numbers) > 5 else "")
    unit = table.unit if len(numbers) == 1 else f"{table.unit}s"
    place = file_name(table.path)
    if table.unit == "line":
        place += f":{numbers[0]}"
    hint = "mend or remove them" if len(numbers) > 1 else "mend or remove it"
    return UserError(f"E-DATA-{code}", f"{what}: {unit} {shown}", place=place, hint=hint)


def _turns_and_output(row: Row, shape: _Shape) -> tuple[tuple[Turn, ...], str]:
    values = [row.values.get(name) for name in shape.inputs]
    if shape.output is None:
        turns = _conversation(values[0])
        last = max((i for i, turn in enumerate(turns) if turn.role == "assistant"), default=None)
        if last is None:
            raise _Fault("no assistant turn to learn from")
        return _checked(turns[:last]), turns[last].content
    output = row.values.get(shape.output)
    # Preference pairs may come as two whole conversations, whose last turns differ.
    if shape.inputs == (shape.output,):
        if not _is_conversation(output):
            raise _Fault("no prompt beside the chosen answer")
        return _turns_and_output(row, _Shape(inputs=(shape.output,), output=None))
    if len(values) == 1 and _is_conversation(values[0]):
        turns = _conversation(values[0])
    else:
        texts = [text for text in map(_text, values) if text.strip()]
        turns = [Turn(role="user", content="\n\n".join(texts))]
    return _checked(turns), _answer(output)


def _checked(turns: list[Turn]) -> tuple[Turn, ...]:
    if not turns or turns[-1].role != "user":
        raise _Fault("no user turn before the answer")
    if any(turn.role == "system" for turn in turns[1:]):
        raise _Fault("a system turn that is not the first")
    return tuple(turns)


def _is_conversation(value: Any) -> bool:
    return (
        isinstance(value, list)
        and bool(value)
        and all(isinstance(each, dict) and ({"role", "from"} & each.keys()) for each in value)
    )


def _conversation(value: Any) -> list[Turn]:
    """Turns of `role`/`content` or `from`/`value`, also as the JSON text of such a list."""
    if isinstance(value, str) and value.lstrip().startswith("["):
        try:
            value = parse_json(value)
        except ValueError:
            raise _Fault("the conversation is not a list of messages") from None
    if not _is_conversation(value):
        raise _Fault("the conversation is not a list of messages")
    turns = []
    for message in value:
        given = message.get("role", message.get("from"))
        role = _ROLES.get(given) if isinstance(given, str) else None
        if role is None:
            raise _Fault(f"unknown role {one_line(repr(given), 40)}")
        turns.append(Turn(role=role, content=_content(message)))
    return turns


def _content(message: dict[str, Any]) -> str:
    content = message.get("content", message.get("value"))
    if not isinstance(content, list):
        return _text(content)
    texts = [part.get("text") for part in content if isinstance(part, dict)]
    if len(texts) != len(content) or not all(isinstance(text, str) for text in texts):
        raise _Fault("a message has parts that are not text")
    return "\n".join(map(str, texts))


def _answer(value: Any) -> str:
    if _is_conversation(value):
        answers = [turn.content for turn in _conversation(value) if turn.role == "assistant"]
        if not answers:
            raise _Fault("no assistant turn in the answer")
        return answers[-1]
    return _text(value)


def _text(value: Any) -> str:
    """Text as it is, nothing as '', all else as compact JSON text."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _ids(value: Any) -> tuple[str, ...]:
    """Ids from a list, from a list as JSON text, or from text with `;` between them."""
    if isinstance(value, str) and value.lstrip().startswith("["):
        with contextlib.suppress(ValueError):  # an id may begin with a bracket
            value = parse_json(value)
    parts = value if isinstance(value, list) else _text(value).split(";")
    return tuple(filter(None, (_text(part).strip() for part in parts)))


def _identified(examples: list[Example]) -> tuple[Example, ...]:
    """With ids that depend on content alone.

    Rows of one input are numbered by output, the repetitions after all that differ, so that
    neither the order of rows nor a repeated row changes the id of another.
    """
    same_input: dict[str, list[int]] = defaultdict(list)
    for index, example in enumerate(examples):
        turns = [[turn.role, normalised(turn.content)] for turn in example.item.turns]
        same_input[json.dumps(turns)].append(index)
    ids = [""] * len(examples)
    for turns_text, indices in same_input.items():
        repeats: dict[tuple[str, str, str], int] = defaultdict(int)
        ranked = []
        for index in sorted(indices, key=lambda i: _content_key(examples[i])):
            answer = _content_key(examples[index])[:3]
            ranked.append((repeats[answer], answer, index))
            repeats[answer] += 1
        for occurrence, (_, _, index) in enumerate(sorted(ranked)):
            digest = hashlib.sha256(f"{turns_text}\0{occurrence}".encode())
            ids[index] = digest.hexdigest()[:16]
    return tuple(
        example.model_copy(update={"item": example.item.model_copy(update={"id": name})})
        for example, name in zip(examples, ids, strict=True)
    )


def _content_key(example: Example) -> tuple[str, str, str, str, str]:
    gold = json.dumps(example.gold_passages)
    turns = json.dumps([turn.content for turn in example.item.turns])
    return example.output, example.rejected or "", example.group or "", gold, turns


# ---------------------------------------------------------------- which columns


def _shape(table: Table, columns: Columns) -> _Shape:
    given = {field: getattr(columns, field) for field in type(columns).model_fields}
    for field, name in given.items():
        if name is not None and name not in table.columns:
            raise _missing(table, f"no column {one_line(name, 40)!r} for `{field}`", name)
    taken = {name for name in given.values() if name is not None}
    names = {name.lower(): name for name in reversed(table.columns) if name not in taken}
    pair = columns.output is None and "chosen" in names
    pair = pair and ("rejected" in names or columns.rejected is not None)
    rejected = columns.rejected or (names["rejected"] if pair else None)
    output = columns.output or (names["chosen"] if pair else None)
    if output is None:
        chat = _chat(table, names, columns)
        if chat is not None:
            return _Shape(inputs=(chat,), output=None, rejected=rejected)
        output = _only(table, names, _OUTPUTS, "output")
        if not output:
            raise _missing(table, "no column is known to be the output", "output")
    inputs = _inputs(table, names, columns)
    if not inputs and not pair:
        raise _missing(table, "no column is known to be the input", "input")
    return _Shape(inputs=inputs or (output,), output=output, rejected=rejected)


def _chat(table: Table, names: dict[str, str], columns: Columns) -> str | None:
    """The column of whole conversations, whose last assistant turn is the output."""
    if columns.input is None:
        return next((names[each] for each in _CHATS if each in names), None)
    values = (row.values.get(columns.input) for row in table.rows)
    first = next((value for value in values if value), None)
    alone = not any(each in names for each in _OUTPUTS)
    return columns.input if alone and _is_conversation(first) else None


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


def _missing(table: Table, what: str, wanted: str) -> UserError:
    near = difflib.get_close_matches(wanted, table.columns, n=2)
    start = f"did you mean {' or '.join(one_line(name, 30) for name in near)}? " if near else ""
    shown = ", ".join(one_line(name, 30) for name in table.columns[:8])
    more = ", …" if len(table.columns) > 8 else ""
    hint = f"{start}there are: {shown}{more}; name them under `data.columns`"
    return UserError("E-DATA-COLUMNS", what, place=file_name(table.path), hint=one_line(hint, 250))


# ---------------------------------------------------------------- documents


def read_documents(spec: TaskSpec, spec_path: Path) -> tuple[Passage, ...]:
    """Passages of `data.documents`, in the order of their files; () where the spec names none.

    A folder gives passages of about 1,000 characters with ids such as `guide.md#3`; each row of a
    .jsonl stays whole and keeps its id. Raises UserError where nothing is there to read.
    """
    if spec.data.documents is None:
        return ()
    path = resolve(spec.data.documents, spec_path, folder=True)
    if not path.is_dir():
        return _rows_as_passages(path)
    found = sorted(_documents(path))
    if len(found) > MAX_DOCUMENTS:
        what = f"{len(found)} documents; the limit is {MAX_DOCUMENTS}"
        raise UserError("E-DATA-TOO-BIG", what, place=file_name(path), hint="give a part of them")
    passages = [
        Passage(id=f"{one_line(file.relative_to(path).as_posix(), None)}#{number}", text=text)
        for file in found
        for number, text in enumerate(_passages(_document(file)), start=1)
    ]
    if not passages:
        what = "no text in any .md or .txt of the folder"
        hint = "turn other formats into .md or .txt first"
        raise UserError("E-DATA-EMPTY", what, place=file_name(path), hint=hint)
    return tuple(passages)


def _documents(path: Path) -> Iterator[Path]:
    def refuse(error: OSError) -> None:
        place = file_name(error.filename or path)
        what = "a folder that may not be read"
        raise UserError("E-DATA-UNREADABLE", what, place=place, hint="change its permissions")

    for folder, subfolders, names in os.walk(path, onerror=refuse):
        subfolders[:] = [name for name in subfolders if not name.startswith(".")]
        yield from (Path(folder, name) for name in names if name.lower().endswith((".md", ".txt")))


def _rows_as_passages(path: Path) -> tuple[Passage, ...]:
    if path.suffix.lower() not in (".jsonl", ".ndjson"):
        what = "documents are a folder or a .jsonl"
        raise UserError("E-DATA-SUFFIX", what, place=file_name(path), hint="give one of them")
    table = read_table(path)
    for name in ("id", "text"):
        if name not in table.columns:
            raise _missing(table, f"documents need a field `{name}`", name)
    passages: dict[str, Passage] = {}
    for row in table.rows:
        name, text = _text(row.values.get("id")), row.values.get("text")
        if not name.strip() or not isinstance(text, str) or not text.strip():
            raise _row_error("BLANK", table, [row.number], "an empty id or text")
        if name in passages:
            raise _row_error("TYPE", table, [row.number], f"id {one_line(name, 40)!r} again")
        passages[name] = Passage(id=name, text=text)
    return tuple(passages.values())


def _document(path: Path) -> str:
    with open_regular(path, "DATA") as file:
        raw = file.read(MAX_DOCUMENT_BYTES + 1)
    place = file_name(path)
    if len(raw) > MAX_DOCUMENT_BYTES:
        what = f"larger than {MAX_DOCUMENT_BYTES} bytes"
        raise UserError("E-DATA-TOO-BIG", what, place=place, hint="cut it into several files")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        what = f"byte {error.start + 1} is not UTF-8"
        raise UserError("E-DATA-ENCODING", what, place=place, hint="save as UTF-8") from None
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _passages(text: str) -> list[str]:
    """Paragraphs joined up to about 1,000 characters; a heading begins a new passage."""
    passages: list[str] = []
    current = ""
    for paragraph in (piece for block in re.split(r"\n\s*\n", text) for piece in _pieces(block)):
        heading = re.match(r"#{1,6} ", paragraph)
        too_long = len(current) + len(paragraph) > PASSAGE_CHARS
        # A heading stays with what follows it.
        body = any(not line.startswith("#") for line in current.splitlines() if line)
        if body and (heading or too_long):
            passages.append(current)
            current = ""
        current = f"{current}\n\n{paragraph}" if current else paragraph
    return [*passages, current] if current else passages


def _pieces(block: str) -> list[str]:
    """A block cut at sentence ends, else at spaces, where it is longer than a passage."""
    block = block.strip()
    pieces = []
    while len(block) > PASSAGE_CHARS * 3 // 2:
        window = block[:PASSAGE_CHARS]
        ends = [found.end() for found in re.finditer(r"[.!?]\s|\n", window)]
        space = window.rfind(" ") + 1
        end = ends[-1] if ends and ends[-1] > PASSAGE_CHARS // 2 else space or PASSAGE_CHARS
        pieces.append(block[:end].strip())
        block = block[end:].strip()
    return [*pieces, block] if block else pieces
