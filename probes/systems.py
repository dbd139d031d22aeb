"""Systems in use already as options: the user's files of answers, scored like any other."""

from __future__ import annotations

import contextlib
import hashlib
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from knowledge.errors import UserError
from probes.data import normalised
from probes.files import open_regular
from probes.readings import strict_number
from probes.records import Cell, Example, Json, Latency, Measurement, Prediction, Splits, Turn
from probes.rows import Row
from probes.scoring import Scorer, default_metric
from probes.sealed import cell_key
from probes.shapes import shape_of
from probes.sinks import file_name, one_line
from probes.spec import resolve
from probes.split import MIN_SPLIT_ROWS, splits_fingerprint
from probes.summary import summarise
from probes.tables import Table, read_table, row_error
from probes.task import Columns, SystemSpec, TaskSpec
from probes.turns import Fault, answer_of, conversation, is_conversation, text_of

METHOD = "existing"
"""The method of every cell of such a system."""
NUMBERS = 1
"""Raised whenever a change to the matching could change a measured number."""

_ANSWERS = ("prediction", "answer", "output", "response")
_LATENCY = "latency_s"
_MAX_LATENCY_S = 1_000_000


def read_systems(
    spec: TaskSpec, spec_path: Path, splits: Splits, scorer: Scorer
) -> list[Measurement]:
    """One measurement of each system on dev, and one on test where it answers enough of that.

    An answer belongs to the items that have its row's `id`, else to those with the same normalised
    input. The only record of `history` counts the rows: `matched_train` (of no use here),
    `matched_dev`, `matched_test` and `unmatched` add up to `rows`. Nothing is written.

    Raises UserError: `E-DATA-…` for a file that cannot be read, `E-SYSTEM-COLUMNS` without a column
    of answers, `E-SYSTEM-LATENCY`, `E-SYSTEM-REPEAT` for two answers to one item, `E-SYSTEM-ITEMS`
    for fewer than 8 items of dev; and whatever the scorer raises.
    """
    if not spec.systems:
        return []
    task = _Task(spec, spec_path, splits, scorer)
    return [measurement for system in spec.systems for measurement in _measured(task, system)]


class _Task:
    """The question, and its items by id and by input."""

    def __init__(self, spec: TaskSpec, spec_path: Path, splits: Splits, scorer: Scorer) -> None:
        self.spec, self.path, self.splits, self.scorer = spec, spec_path, splits, scorer
        self.side: dict[str, str] = {}
        self.items: dict[str, list[str]] = defaultdict(list)
        for name in ("train", "dev", "test"):
            for example in getattr(splits, name):
                self.side[example.item.id] = name
                self.items[normalised(example.item.text)].append(example.item.id)
        scorer_files = [spec_path.parent / argument for argument in spec.scorer or []]
        self.identity: Json = {
            "numbers": NUMBERS,
            "task_type": spec.task_type,
            "metric": spec.metric or default_metric(spec.task_type),
            "scorer": spec.scorer,
            "scorer_files": [_digest(path) for path in scorer_files if path.is_file()],
            "error_costs": spec.needs.error_costs,
            "columns": spec.data.columns.model_dump(mode="json"),
            "data": splits_fingerprint(splits),
        }
        """What else than a system's file can change the numbers."""

    def has_weight(self, examples: Sequence[Example]) -> bool:
        """Whether an error in any of them costs anything; without that there is no figure."""
        costs = self.spec.needs.error_costs
        return any(costs.get(example.output.strip(), 1.0) > 0 for example in examples)


@dataclass(frozen=True)
class _Shape:
    """Which columns of a system's file hold what."""

    inputs: tuple[str, ...]
    answer: str | None
    """None where the answer is the last assistant turn of the input."""
    id: str | None
    latency: str | None


@dataclass(frozen=True)
class _Answer:
    """What a system said in one row."""

    row: int
    text: str
    latency_s: float | None


@dataclass(frozen=True)
class _Answers:
    """All that a system's file gives."""

    digest: str
    by_item: dict[str, _Answer]
    counts: Json


# ---------------------------------------------------------------- from answers to measurements


def _measured(task: _Task, system: SystemSpec) -> list[Measurement]:
    path = resolve(system.predictions, task.path)
    answers = _answers(task, path)
    found = []
    for split in ("dev", "test"):
        examples = [each for each in getattr(task.splits, split) if each.item.id in answers.by_item]
        if len(examples) >= MIN_SPLIT_ROWS and task.has_weight(examples):
            found.append(_measurement(task, system, answers, split, examples))
        elif split == "dev":
            raise _too_few(task, system, path, answers.counts, len(examples))
    return found


def _measurement(
    task: _Task,
    system: SystemSpec,
    answers: _Answers,
    split: Literal["dev", "test"],
    examples: Sequence[Example],
) -> Measurement:
    said = [answers.by_item[example.item.id] for example in examples]
    predictions = [
        Prediction(item_id=example.item.id, text=answer.text)
        for example, answer in zip(examples, said, strict=True)
    ]
    cell = Cell(
        rung=system.name,
        method=METHOD,
        split=split,
        n_eval=len(examples),
        role="baseline" if split == "dev" else "final",
    )
    scores = task.scorer(predictions, examples)
    figures = summarise(task.spec, scores, examples, predictions)
    own = {"file": answers.digest, "latency_s": system.latency_s}
    return Measurement(
        key=cell_key(
            {**task.identity, **own, "cell": cell.model_dump(mode="json", exclude={"role"})}
        ),
        cell=cell,
        status="ok",
        form=figures["form"],
        content=figures["content"],
        quality=figures["quality"],
        scores=tuple(scores),
        predictions=tuple(predictions),
        latency=_latency(said, system.latency_s),
        history=(answers.counts,),
    )


def _latency(said: Sequence[_Answer], stated_s: float | None) -> Latency | None:
    """Over the rows that carry one, each row once; else what the spec states; else unknown."""
    by_row = {answer.row: answer.latency_s for answer in said if answer.latency_s is not None}
    timed = sorted(by_row.values())
    if timed:
        median, slow = timed[(len(timed) - 1) // 2], timed[int(0.95 * (len(timed) - 1) + 0.5)]
        return Latency(p50_s=median, p95_s=slow, n=len(timed), tokens_per_s=0)
    if stated_s is not None:
        return Latency(p50_s=stated_s, p95_s=stated_s, n=0, tokens_per_s=0)
    return None


def _too_few(task: _Task, system: SystemSpec, path: Path, counts: Json, n_items: int) -> UserError:
    what = f"{system.name} answers {n_items} of {len(task.splits.dev)} items of the dev split"
    what += f", {MIN_SPLIT_ROWS} are needed"
    if n_items >= MIN_SPLIT_ROWS:
        what = f"no item of the dev split that {system.name} answers has a cost"
    if counts["unmatched"]:
        what += f"; {counts['unmatched']} of {counts['rows']} rows match no input"
    files = "`data.train`" if task.spec.data.test is None else "`data.train` and `data.test`"
    hint = f"run it on every input of {files}: a hash decides which rows are held out"
    return UserError("E-SYSTEM-ITEMS", what, place=file_name(path), hint=hint)


# ---------------------------------------------------------------- from a file to answers


def _answers(task: _Task, path: Path) -> _Answers:
    """The answer to each item of dev and test, with how many rows went where."""
    table = read_table(path)
    shape = _shape(table, task)
    by_item: dict[str, _Answer] = {}
    sides: Counter[str] = Counter()
    for row in table.rows:
        try:
            answer, items = _answer(row, shape, table), _items(row, shape, task)
        except Fault as fault:
            raise row_error("SHAPE", table, [row.number], str(fault)) from None
        sides[task.side[items[0]] if items else ""] += 1
        for item_id in items:
            if task.side[item_id] == "train":
                continue
            first = by_item.setdefault(item_id, answer)
            if first.text.strip() != answer.text.strip():
                what, hint = "different answers to one input", "keep the answers of one run"
                raise _fault("REPEAT", table, [first.row, row.number], what, hint)
    counts = {f"matched_{name}": sides[name] for name in ("train", "dev", "test")}
    counts = {"rows": len(table.rows), **counts, "unmatched": sides[""]}
    return _Answers(digest=_digest(path), by_item=by_item, counts=counts)


def _shape(table: Table, task: _Task) -> _Shape:
    columns = task.spec.data.columns
    names = {name.lower(): name for name in reversed(table.columns)}
    answer = _answer_column(table, names, task)
    id_column = names.get("id")
    try:
        inputs = shape_of(table, Columns(input=columns.input, output=answer)).inputs
    except UserError:
        if id_column is None or not any(
            text_of(row.values.get(id_column)).strip() in task.side for row in table.rows
        ):
            raise
        inputs = ()  # the ids say it all
    return _Shape(inputs=inputs, answer=answer, id=id_column, latency=names.get(_LATENCY))


def _answer_column(table: Table, names: dict[str, str], task: _Task) -> str | None:
    """The column of answers; None where they are the last turns of whole conversations."""
    columns = task.spec.data.columns
    taken = (columns.input, columns.rejected, columns.group, columns.gold_passages)
    found = [names[each] for each in _ANSWERS if each in names and names[each] not in taken]
    if found and found[0].lower() == _ANSWERS[0]:
        return found[0]
    if table.path.resolve() in _data_files(task):
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


def _items(row: Row, shape: _Shape, task: _Task) -> Sequence[str]:
    """Ids of the items that a row answers: the one of its id, else all of its input."""
    item_id = text_of(row.values.get(shape.id)).strip() if shape.id is not None else ""
    if item_id in task.side:
        return [item_id]
    texts = map(normalised, _inputs(row, shape))
    return next((task.items[text] for text in texts if text in task.items), [])


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


def _answer(row: Row, shape: _Shape, table: Table) -> _Answer:
    if shape.answer is not None:
        text = answer_of(row.values.get(shape.answer))
    else:
        turns = conversation(row.values.get(shape.inputs[0]))
        said = [turn.content for turn in turns if turn.role == "assistant"]
        if not said:
            raise Fault("no assistant turn in the conversation")
        text = said[-1]
    return _Answer(row=row.number, text=text, latency_s=_seconds(row, shape, table))


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


def _data_files(task: _Task) -> set[Path]:
    named = (task.spec.data.train, task.spec.data.test)
    return {(task.path.parent / name).resolve() for name in named if name is not None}


def _digest(path: Path) -> str:
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
