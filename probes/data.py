"""The user's rows as examples, whatever shape they come in."""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from collections import defaultdict
from pathlib import Path

from knowledge.errors import UserError
from probes.records import Example, Item
from probes.retrieval import words
from probes.rows import Row
from probes.shapes import Shape, shape_of, turns_and_output
from probes.sinks import file_name, one_line
from probes.spec import resolve
from probes.tables import Table, read_table, row_error
from probes.task import TaskSpec
from probes.turns import Fault, answer_of, ids_of, text_of

MIN_ROWS = 30
MEND = "mend or remove such rows; `advisor audit` lists them, `--fix` writes a copy without"
_SIGNS = re.compile(r"[+*×÷^%<>√±]|[-−/](?=\s*\d)")


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


def wording(text: str) -> str:
    """What is left of `text` where case, spaces and punctuation do not count, but arithmetic does:
    its words in their order, and the signs; the normalised text where there is no word."""
    found = words(text)
    if not found:
        return normalised(text)
    return " ".join(found) + f"\0{signs(text)}"


def signs(text: str) -> str:
    """The signs of arithmetic in `text`; a hyphen or a slash is one before a digit."""
    return "".join(_SIGNS.findall(text))


def _examples(table: Table, spec: TaskSpec) -> tuple[Example, ...]:
    shape = shape_of(table, spec.data.columns)
    examples: list[Example] = []
    blank: dict[str, list[int]] = defaultdict(list)
    for row in table.rows:
        try:
            example = _example(row, shape, spec)
        except Fault as fault:
            raise row_error("SHAPE", table, [row.number], str(fault), hint=MEND) from None
        if not any(turn.content.strip() for turn in example.item.turns if turn.role == "user"):
            blank["input"].append(row.number)
        elif not example.output.strip():
            blank["output"].append(row.number)
        elif example.rejected is not None and not example.rejected.strip():
            blank["rejected answer"].append(row.number)
        examples.append(example)
    for side, numbers in blank.items():
        many = f"{len(numbers)} row has" if len(numbers) == 1 else f"{len(numbers)} rows have"
        raise row_error("BLANK", table, numbers, f"{many} an empty {side}", hint=MEND)
    return _identified(examples)


def _example(row: Row, shape: Shape, spec: TaskSpec) -> Example:
    columns = spec.data.columns
    turns, output = turns_and_output(row, shape)
    if spec.task_type == "classification":
        output = output.strip()  # `a, b` in a CSV: the space is not part of the label
    group = text_of(row.values.get(columns.group)) if columns.group else ""
    return Example(
        item=Item(id="", turns=turns),
        output=output,
        row=row.number,
        group=group if group.strip() else None,
        rejected=answer_of(row.values.get(shape.rejected)) if shape.rejected else None,
        gold_passages=ids_of(row.values.get(columns.gold_passages or "")),
    )


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
