"""How far a run is and how long the rest takes, from its events."""

from __future__ import annotations

import time
from collections.abc import Iterator

from probes.methods import METHODS
from probes.records import Event, Json

ROLES = ("baseline", "screen", "search", "tune", "curve", "repeat", "diagnostic")
"""In the order in which a method asks for them; `final` comes when all methods are done."""

Place = tuple[str, str, str]
"""(rung, method, role)."""


class Pace:
    """How far a run is, in predicted seconds, and how long the rest takes at the pace so far."""

    def __init__(self) -> None:
        self.predicted: dict[Place, list[float]] = {}
        """Seconds of each cell that is still to come."""
        self.total = 1.0
        self.finished = 0.0
        self.running: dict[str, tuple[str, float, float]] = {}
        self.started: dict[str, Place] = {}
        """Where each cell belongs that a worker was asked for, by id."""
        self.began_s = time.monotonic()
        self.measured = 0.0

    def event(self, event: Event) -> None:
        """Take note of a plan, a start, progress, or an end."""
        if event.kind == "plan":
            for rung, method, role, seconds in event.payload["seconds_by_cell"]:
                self.predicted.setdefault((rung, method, role), []).append(seconds)
            self.total = max(1e-6, sum(sum(rows) for rows in self.predicted.values()))
        elif event.kind == "cell-started":
            payload = event.payload
            place = payload["rung"], payload["method"], payload["role"]
            self.started[payload["id"]] = place
            self._forget_before(place)
            self.running[payload["id"]] = (cell_label(payload), 0.0, self._take(event))
        elif event.kind == "cell-failed" and event.payload["again"]:
            self._withdraw(event.payload["rung"])
        elif event.kind == "progress" and event.payload["id"] in self.running:
            label, _, seconds = self.running[event.payload["id"]]
            share = event.payload["done"] / max(1e-9, event.payload["total"])
            self.running[event.payload["id"]] = (label, share, seconds)
        elif event.kind == "cell-finished":
            known = self.running.pop(event.payload["id"], None)
            seconds = known[2] if known else self._take(event)
            self.finished += seconds
            if not event.payload["cached"]:
                self.measured += seconds

    def _forget_before(self, now: Place) -> None:
        """What was predicted before the place that now runs has come, or never will.

        A plan asks for what would come if every measurement were one half; in truth settings are
        dropped after a screening, and methods ask for less where an earlier one failed.
        """
        for place, rows in self.predicted.items():
            if _is_before(place, now):
                self.total = max(1e-6, self.total - sum(rows))
                rows.clear()

    def _withdraw(self, rung: str) -> None:
        """A rung's request failed and is to be tried again: none of its cells runs now.

        A rung has one request under way, for one cell or a group that is trained together, and only
        the first of a group is named. What its cells were predicted to take is still to come; the
        last one gives it back first, so that each takes the same again.
        """
        for name, place in reversed(self.started.items()):
            if place[0] == rung and name in self.running:
                _, _, seconds = self.running.pop(name)
                self.predicted.setdefault(place, []).append(seconds)

    def _take(self, event: Event) -> float:
        payload = event.payload
        rows = self.predicted.get((payload["rung"], payload["method"], payload["role"]), [])
        return rows.pop() if rows else 0.0

    @property
    def done(self) -> float:
        """Share of the predicted work that is done, 0 to 1."""
        under_way = sum(share * seconds for _, share, seconds in self.running.values())
        return min(1.0, (self.finished + under_way) / self.total)

    def left(self) -> str:
        """Time that the rest takes at the pace so far, `2:05`, or `?` where nothing is known."""
        under_way = sum(share * seconds for _, share, seconds in self.running.values())
        made = self.measured + under_way
        if made <= 0:
            return "?"
        seconds = (time.monotonic() - self.began_s) / made * self.total * (1 - self.done)
        return f"{int(seconds // 60)}:{int(seconds % 60):02d}"

    def where(self) -> str:
        """What runs now."""
        labels = [label for label, _, _ in self.running.values()]
        more = f" and {len(labels) - 2} more" if len(labels) > 2 else ""
        return "; ".join(labels[:2]) + more


def _is_before(place: Place, now: Place) -> bool:
    """Whether cells of `place` are over once one of `now` has begun."""
    if "final" in (place[2], now[2]):
        return place[2] != "final"
    same_rung = place[0] == now[0]
    return same_rung and _stage(place) < _stage(now)


def _stage(place: Place) -> tuple[int, int]:
    _, method, role = place
    return [*METHODS].index(method), ROLES.index(role)


def cell_label(payload: Json) -> str:
    """A cell in short words: rung, method, what sets it apart."""
    settings = " ".join(_settings(payload["params"], payload["n_train"]))
    test = " on test" if payload["split"] == "test" else ""
    named = f"{payload['rung']} {payload['method'].replace('_', '-')} {settings}".rstrip()
    return named + test


def _settings(params: Json, n_train: int) -> Iterator[str]:
    """What sets this cell apart from others of its method, in short words."""
    if "shots" in params:
        yield f"k={params['shots']} {params['selection']}"
    if params.get("context") == "retrieved":
        yield f"{params['retriever']} k={params['k']}"
    elif "context" in params:
        yield f"{params['context']} passages"
    if "samples" in params:
        yield f"{params['samples']} samples by {params['chooser']}"
    if "learning_rate" in params:
        rank = f"r={params['rank']} " if "rank" in params else ""
        yield f"{rank}lr={params['learning_rate']:.1e} ep={params['epochs']} n={n_train}"
    elif params.get("decoding") == "choices":
        yield "choices"
    if params.get("list_labels"):
        yield "labels listed"
    if "trigger" in params:
        yield "in short" if len(params["trigger"]) < 20 else "with a sign"
