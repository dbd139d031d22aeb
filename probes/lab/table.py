"""The table of a family: one line a cell, with what every item got, so that any policy can be
replayed without a model.

A JSON line is the header (what was asked), an engine (versions and processor from here on), a cell,
or a cell's truth: the same answers on items that no policy sees. Lines are only ever added. A last
line that a kill has torn is left out, and cut off before the next is added.
"""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Iterator
from pathlib import Path

from pydantic import Field, ValidationError

from knowledge.errors import UserError
from probes.lab.family import Family
from probes.lab.packing import fingerprints, packed, unpacked
from probes.methods import Situation
from probes.record import Record
from probes.records import (
    Cell,
    Cost,
    Estimate,
    Example,
    Item,
    Json,
    Latency,
    Measurement,
    Prediction,
    Score,
    Turn,
)
from probes.sealed import canonical_json, cell_key
from probes.stats import estimate_mean

TABLE_VERSION = 1


class Header(Record):
    """What a table is of."""

    version: int = TABLE_VERSION
    family: Family
    data: str
    """SHA-256 of the splits."""
    n_truth: int
    groups: tuple[str, ...] = ()
    """The group of each dev item, in their order; empty where there are none."""
    situations: tuple[Situation, ...]
    """Each rung's, with all of the data; smallest first."""

    @property
    def n_dev(self) -> int:
        """Items of the dev split."""
        return self.situations[0].n_dev

    def situation(self, rung: str) -> Situation:
        """The situation of that rung; StopIteration where there is none."""
        return next(each for each in self.situations if each.rung == rung)

    def examples(self) -> dict[str, Example]:
        """Stand-ins for the dev items by id: their groups, and nothing of their texts."""
        groups = self.groups or (None,) * self.n_dev
        return {
            item_id(at): Example(
                item=Item(id=item_id(at), turns=(Turn(role="user", content="-"),)),
                output="-",
                row=at + 1,
                group=group,
            )
            for at, group in enumerate(groups)
        }


class CellLine(Record):
    """One cell on the dev items (of a tuning cell: on the part of train that is kept for it)."""

    id: str
    key: str
    """SHA-256 of task, data, weights, cell and engine."""
    cell: Cell
    status: str
    cause: str = ""
    form: str = ""
    content: str = ""
    answers: str = ""
    """A byte for each answer's text, so that agreement can be read: base64."""
    cost: Cost = Cost()
    latency: Latency | None = None
    figures: dict[str, tuple[float, int]] = Field(default_factory=dict)
    """Further figures: value and number of items."""


class TruthLine(Record):
    """The same setting, and the same adapter, on the items of the truth."""

    id: str
    form: str
    content: str
    cost: Cost


def cell_id(cell: Cell) -> str:
    """16 hexadecimal digits of all that tells cells of one family apart."""
    fields = {"rung", "method", "params", "n_train", "n_eval", "seed"}
    return cell_key(cell.model_dump(mode="json", include=fields))[:16]


def item_id(at: int) -> str:
    """The stand-in's name of the dev item at that place."""
    return f"item-{at:04}"


# ---------------------------------------------------------------- lines


def line_of(measured: Measurement) -> CellLine:
    """A measurement as it is kept."""
    scores = measured.scores
    ok = measured.status == "ok"
    return CellLine(
        id=cell_id(measured.cell),
        key=measured.key,
        cell=measured.cell,
        status=measured.status,
        cause=measured.cause,
        form=packed([float(score.form) for score in scores]) if ok else "",
        content=packed([score.content for score in scores]) if ok else "",
        answers=fingerprints(measured.predictions) if ok else "",
        cost=measured.cost,
        latency=measured.latency,
        figures={name: (each.value, each.n) for name, each in measured.figures.items()},
    )


def truth_of(line_id: str, measured: Measurement) -> TruthLine:
    """A measurement on the items of the truth as it is kept."""
    return TruthLine(
        id=line_id,
        form=packed([float(score.form) for score in measured.scores]),
        content=packed([score.content for score in measured.scores]),
        cost=measured.cost,
    )


def restored(line: CellLine, header: Header, n_items: int | None = None) -> Measurement:
    """The measurement of a line, over its first `n_items` items; texts are stand-ins.

    The cost is the whole cell's.
    """
    if line.status != "ok":
        return Measurement.model_validate(
            {"key": line.key, "cell": line.cell, "status": line.status, "cause": line.cause}
            | {"cost": line.cost}
        )
    form, content = unpacked(line.form)[:n_items], unpacked(line.content)[:n_items]
    n, whole = len(form), line.cell.n_eval
    quality = [value if there else 0.0 for there, value in zip(form, content, strict=True)]
    groups = header.groups[:n] if line.cell.role != "tune" else ()
    clusters = groups if len(set(groups)) < len(groups) else None
    answers = base64.b64decode(line.answers)
    return Measurement(
        key=line.key,
        cell=line.cell.model_copy(update={"n_eval": n}),
        status="ok",
        form=estimate_mean(form, clusters=clusters),
        content=estimate_mean(content, clusters=clusters),
        quality=estimate_mean(quality, clusters=clusters),
        scores=tuple(
            Score(
                item_id=item_id(at), form=bool(form[at]), content=content[at], quality=quality[at]
            )
            for at in range(n)
        ),
        predictions=tuple(
            Prediction(
                item_id=item_id(at),
                text=f"#{answers[at]:02x}",
                input_tokens=_share(line.cost.input_tokens, at, whole),
                output_tokens=_share(line.cost.output_tokens, at, whole),
            )
            for at in range(n)
        ),
        figures={
            name: _figure(value, min(n, count)) for name, (value, count) in line.figures.items()
        },
        latency=line.latency,
        cost=line.cost,
    )


def _share(total: int, at: int, whole: int) -> int:
    """The part of a total that falls to one item, whole numbers that add up to it."""
    return total * (at + 1) // whole - total * at // whole


def _figure(value: float, n: int) -> Estimate:
    return estimate_mean([value] * max(1, n)).model_copy(update={"basis": "kept, without items"})


# ---------------------------------------------------------------- the file


class Table:
    """One family's lines, read at the start; `add` appends."""

    def __init__(self, path: Path) -> None:
        """Read what is there; nothing is written.

        Raises:
            UserError: E-LAB-TABLE, a line that is none, with its number.
        """
        self.path = path
        self.header: Header | None = None
        self.engine: Json | None = None
        self.cells: dict[str, CellLine] = {}
        self.truths: dict[str, TruthLine] = {}
        for number, line in enumerate(self._whole_lines(), start=1):
            try:
                self._take(json.loads(line))
            except (ValueError, TypeError, ValidationError) as error:
                what = f"not a line of a laboratory's table: {type(error).__name__}"
                raise UserError("E-LAB-TABLE", what, place=f"{path}:{number}") from None

    def begin(self, header: Header, engine: Json) -> None:
        """Write the header of a new table and, where it changed, the engine.

        Raises:
            UserError: E-LAB-CHANGED, the table that is there is of other data or another question.
        """
        if self.header is None:
            self._append("header", header.model_dump(mode="json"))
            self.header = header
        elif _asked(self.header) != _asked(header):
            raise UserError(
                "E-LAB-CHANGED",
                f"the table of {header.family.name} is of other data",
                place=str(self.path),
                hint="a family that changes is another family: give it a new name",
            )
        if engine != self.engine:
            self._append("engine", engine)
            self.engine = engine

    def add(self, line: CellLine | TruthLine) -> None:
        """Append a line, on the disk before this returns. ValueError where its id is there."""
        known = self.cells if isinstance(line, CellLine) else self.truths
        if line.id in known:
            raise ValueError(f"{line.id} is there already")
        kind = "cell" if isinstance(line, CellLine) else "truth"
        self._append(kind, line.model_dump(mode="json", exclude_defaults=True))
        known[line.id] = line  # type: ignore[assignment]

    def truth(self, line_id: str) -> list[float] | None:
        """Quality of each item of the truth; None where it was not measured."""
        line = self.truths.get(line_id)
        if line is None:
            return None
        pairs = zip(unpacked(line.form), unpacked(line.content), strict=True)
        return [content if form else 0.0 for form, content in pairs]

    def _take(self, told: Json) -> None:
        kind, value = told["kind"], told["value"]
        text = canonical_json(value)
        if kind == "header":
            self.header = Header.model_validate_json(text)
        elif kind == "engine":
            self.engine = value
        elif kind == "cell":
            line = CellLine.model_validate_json(text)
            self.cells[line.id] = line
        elif kind == "truth":
            truth = TruthLine.model_validate_json(text)
            self.truths[truth.id] = truth
        else:
            raise ValueError(f"no such kind of line: {kind!r}")

    def _whole_lines(self) -> Iterator[bytes]:
        if not self.path.is_file():
            return
        for line in self.path.read_bytes().splitlines(keepends=True):
            if line.endswith(b"\n"):
                yield line

    def _append(self, kind: str, value: Json) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("ab") as out:
            _cut_torn(self.path, out.fileno())
            out.write(canonical_json({"kind": kind, "value": value}).encode() + b"\n")
            out.flush()
            os.fsync(out.fileno())


def _cut_torn(path: Path, fd: int) -> None:
    """Take off what stands behind the last whole line."""
    data = path.read_bytes()
    whole = data.rfind(b"\n") + 1
    if whole < len(data):
        os.ftruncate(fd, whole)


def _asked(header: Header) -> Json:
    """What must not change: the data and the question; not where the checker's program lies."""
    family = header.family.model_dump(mode="json", exclude={"scorer", "claim"})
    return {"family": family, "data": header.data, "n_truth": header.n_truth}
