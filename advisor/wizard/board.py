"""What a live screen shows, gathered from a run's events; no Textual in here."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from advisor.pace import Pace
from probes.methods import DIAGNOSTIC
from probes.records import Estimate, Event
from probes.systems import METHOD as EXISTING

NO_STANDING = frozenset({"screen", "curve", "diagnostic"})
"""Roles of cells that are on some of the data only, or no option."""

Cell = Mapping[str, Any]
"""The payload of a cell that was started or is finished."""


@dataclass(frozen=True)
class Figure:
    """A share with its interval, 0 to 1."""

    value: float
    low: float
    high: float
    n: int

    def shown(self, digits: int = 1) -> str:
        """`93.1 [90.2, 95.3]`, in percent."""
        value, low, high = (f"{100 * x:.{digits}f}" for x in (self.value, self.low, self.high))
        return f"{value} [{low}, {high}]"


@dataclass(frozen=True)
class Point:
    """One point of a curve: so much data or so many parameters, and the quality there."""

    x: float
    figure: Figure


Curves = Mapping[str, list[Point]]
"""Points by series, in order of x."""


@dataclass(frozen=True)
class Standing:
    """A method on a rung, as far as it is measured."""

    rung: str
    method: str
    quality: Figure
    form: float | None
    tried: int
    """Cells measured on dev."""
    test: Figure | None

    @property
    def name(self) -> str:
        """`few-shot @ pocket-s`."""
        return f"{shown(self.method)} @ {self.rung}"


def shown(method: str) -> str:
    """A method's name as people read it."""
    return method.replace("_", "-")


@dataclass
class Board:
    """The state of a run. A resumed run tells its cells again; they count once."""

    folder: str = ""
    rehearsal: bool = False
    pace: Pace = field(default_factory=Pace)
    n_params: dict[str, int] = field(default_factory=dict)
    """By rung, in the plan's order."""
    cells: dict[tuple[str, str], Cell] = field(default_factory=dict)
    """Finished cells by id and role."""
    started: dict[str, Cell] = field(default_factory=dict)
    """Cells that a worker was asked for, by id."""

    def begin(self) -> None:
        """The command is started, again perhaps: the clock runs anew."""
        self.pace = Pace()
        self.started.clear()

    def event(self, event: Event) -> None:
        """Take note of what happened."""
        self.pace.event(event)
        payload = event.payload
        if event.kind == "run":
            if payload["folder"] != self.folder:
                self.cells.clear()
            self.folder, self.rehearsal = payload["folder"], payload["rehearsal"]
        elif event.kind == "plan":
            self.n_params = {row["rung"]: row["n_params"] for row in payload["rungs"]}
        elif event.kind == "cell-started":
            self.started[payload["id"]] = payload
        elif event.kind == "cell-finished":
            self.cells[payload["id"], payload["role"]] = payload

    def running(self) -> list[tuple[str, float]]:
        """What runs now and the share of it that is done; one cell of each rung, then the others.

        Cells that are trained together come as far at once: one speaks for its company.
        """
        first: dict[str, tuple[str, float]] = {}
        others = []
        for name, (label, share, _) in self.pace.running.items():
            rung = self.started[name]["rung"]
            if rung in first:
                others.append((label, share))
            else:
                first[rung] = (label, share)
        return [*first.values(), *others]

    def standings(self) -> list[Standing]:
        """The options so far, by rung in the plan's order, then by method as they came.

        Diagnoses are none: they cannot be served. The log tells them, and the report judges them.
        """
        groups: dict[tuple[str, str], list[Cell]] = {}
        for cell in self._measured("dev"):
            if cell["method"] not in DIAGNOSTIC:
                groups.setdefault((cell["rung"], cell["method"]), []).append(cell)
        order = list(self.n_params)
        found = [self._standing(rung, method, cells) for (rung, method), cells in groups.items()]
        known = [each for each in found if each is not None]
        return sorted(known, key=lambda row: order.index(row.rung) if row.rung in order else -1)

    def _standing(self, rung: str, method: str, cells: list[Cell]) -> Standing | None:
        chosen = _settled([cell for cell in cells if cell["role"] not in NO_STANDING])
        if not chosen:
            return None
        forms = [_figure(cell, "form") for cell in chosen if cell.get("form")]
        tests = [
            _figure(cell, "quality")
            for cell in self._measured("test")
            if (cell["rung"], cell["method"]) == (rung, method)
        ]
        return Standing(
            rung=rung,
            method=method,
            quality=_together([_figure(cell, "quality") for cell in chosen]),
            form=_together(forms).value if forms else None,
            tried=len([cell for cell in cells if cell["role"] != "screen"]),
            test=_together(tests) if tests else None,
        )

    def learning(self) -> dict[str, list[Point]]:
        """Quality of LoRA against training examples, one series a rung, as in the report."""
        groups: dict[str, dict[int, list[Cell]]] = {}
        order = list(self.n_params)
        trained = sorted(
            (cell for cell in self._measured("dev") if cell["method"] == "lora"),
            key=lambda cell: order.index(cell["rung"]) if cell["rung"] in order else -1,
        )
        for cell in trained:
            groups.setdefault(cell["rung"], {}).setdefault(cell["n_train"], []).append(cell)
        return {
            name: [
                Point(n, _together([_figure(cell, "quality") for cell in _settled(at[n])]))
                for n in sorted(at)
            ]
            for name, at in groups.items()
        }

    def sizes(self) -> dict[str, list[Point]]:
        """Quality against parameters, one series a method; the user's own systems have none."""
        curves: dict[str, list[Point]] = {}
        for row in self.standings():
            if row.method != EXISTING and row.rung in self.n_params:
                point = Point(self.n_params[row.rung], row.quality)
                curves.setdefault(shown(row.method), []).append(point)
        return {name: sorted(points, key=lambda at: at.x) for name, points in curves.items()}

    def _measured(self, split: str) -> Iterable[Cell]:
        return [
            cell
            for cell in self.cells.values()
            if cell["split"] == split and cell["status"] == "ok" and cell.get("quality")
        ]


def _settled(cells: list[Cell]) -> list[Cell]:
    """The runs a figure rests on: fresh seeds where there are any, else the best one so far."""
    fresh = [cell for cell in cells if cell["role"] in ("repeat", "curve")]
    if fresh or not cells:
        return fresh
    return [max(cells, key=lambda cell: _figure(cell, "quality").value)]


def _figure(cell: Cell, name: str) -> Figure:
    found = Estimate.model_validate(cell[name])
    return Figure(value=found.value, low=found.low, high=found.high, n=found.n)


def _together(figures: list[Figure]) -> Figure:
    """Several runs as one figure: their mean, and an interval that covers all of theirs."""
    return Figure(
        value=statistics.fmean(each.value for each in figures),
        low=min(each.low for each in figures),
        high=max(each.high for each in figures),
        n=figures[0].n,
    )
