"""Measures what the methods propose: from the store where it is there, else by a worker."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from probes.executors.local import LocalExecutor, Outcome, Progress, Request
from probes.methods import Proposals
from probes.records import Cell, Event, Json, Measurement
from probes.store import RunStore

MAX_CRASHES = 3
"""Attempts in one session before a crash is recorded as the cell's outcome."""
MAX_ATTEMPTS = 30
"""Attempts over all sessions: a cell that takes the whole machine down is given up."""
RETRIED = frozenset({"crash"})
"""Outcomes that may be nobody's fault; limits, exceptions and lack of memory would come again."""


@dataclass(frozen=True)
class Limits:
    """How long one cell may take, in seconds."""

    time_s: float
    no_progress_s: float


@dataclass
class Track:
    """One rung's proposals and how far they have come."""

    rung: str
    proposals: Proposals
    cells: list[Cell] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    found: dict[str, Measurement] = field(default_factory=dict)
    waiting: set[str] = field(default_factory=set)
    started: bool = False
    done: bool = False


class Driver:
    """Runs tracks side by side; the only one who publishes measurements."""

    def __init__(
        self,
        store: RunStore,
        executor: LocalExecutor,
        *,
        key_of: Callable[[Cell], str],
        limits_of: Callable[[Cell], Limits],
        engine: Json,
        at_once: int,
    ) -> None:
        self._store, self._executor = store, executor
        self._key_of, self._limits_of = key_of, limits_of
        self._engine, self._at_once = engine, at_once
        self._crashes: dict[str, int] = {}
        self._cells: dict[str, Cell] = {}

    def run(self, proposals: Mapping[str, Proposals]) -> Iterator[Event]:
        """Measure everything that the rungs' proposals ask for; events as it happens.

        At most `at_once` rungs are under way, so that no warm worker is stopped for another rung
        before its own work is done.
        """
        queue = [Track(rung, generator) for rung, generator in proposals.items()]
        active: list[Track] = []
        while queue or active:
            while queue and len(active) < self._at_once:
                active.append(queue.pop(0))
            for track in active:
                if not track.waiting:
                    yield from self._advance(track)
            active = [track for track in active if not track.done]
            if any(track.waiting for track in active):
                for news in self._executor.poll(timeout_s=1.0):
                    yield from self._digest(news, active)

    def _advance(self, track: Track) -> Iterator[Event]:
        """Send the batch's measurements and submit the next one, until a worker is needed."""
        while not track.waiting and not track.done:
            answers = [track.found[key] for key in track.keys]
            try:
                track.cells = (
                    track.proposals.send(answers) if track.started else next(track.proposals)
                )
                track.started = True
            except StopIteration:
                track.done = True
                return
            track.keys = [self._key_of(cell) for cell in track.cells]
            for cell, key in zip(track.cells, track.keys, strict=True):
                yield from self._want(track, cell, key)

    def _want(self, track: Track, cell: Cell, key: str) -> Iterator[Event]:
        if key in track.found or key in track.waiting:
            return
        known = self._store.measurement(key)
        if known is not None:
            # The role is no part of the key: the same figure may serve another purpose.
            track.found[key] = known.model_copy(update={"cell": cell})
            yield finished(track.found[key], cached=True)
            return
        if self._store.attempts(key) >= MAX_ATTEMPTS:
            yield from self._give_up(track, cell, key, f"given up after {MAX_ATTEMPTS} attempts")
            return
        track.waiting.add(key)
        self._cells[key] = cell
        yield self._submit(cell, key)

    def _submit(self, cell: Cell, key: str) -> Event:
        attempt = self._store.begin_attempt(key)
        limits = self._limits_of(cell)
        body: Json = {"key": key, "cell": cell.model_dump_json()}
        if cell.adapter:
            body["load_adapter"] = str(self._store.adapter_folder(cell.adapter))
        if saves_adapter(cell):
            body["save_adapter"] = str(self._draft_adapter(key))
        self._executor.submit(
            cell.rung,
            Request(
                key=key,
                body=body,
                time_limit_s=limits.time_s,
                no_progress_s=limits.no_progress_s,
            ),
        )
        return Event(
            kind="cell-started",
            payload={"id": key[:12], "attempt": attempt, **described(cell)},
        )

    def _draft_adapter(self, key: str) -> Path:
        return self._store.scratch / f"adapter-{key[:16]}"

    def _digest(self, news: Progress | Outcome, active: Sequence[Track]) -> Iterator[Event]:
        track = next(track for track in active if news.key in track.waiting)
        if isinstance(news, Progress):
            yield Event(
                kind="progress",
                payload={
                    "id": news.key[:12],
                    "rung": track.rung,
                    "done": news.done,
                    "total": news.total,
                    "what": news.what,
                },
            )
            return
        cell = self._cells[news.key]
        if news.status == "ok" and news.body is not None:
            yield from self._publish(track, news.key, news.body)
            return
        self._crashes[news.key] = self._crashes.get(news.key, 0) + 1
        if news.kind in RETRIED and self._crashes[news.key] < MAX_CRASHES:
            yield Event(
                kind="cell-failed",
                payload={
                    "id": news.key[:12],
                    "cause": news.cause,
                    "again": True,
                    **described(cell),
                },
            )
            yield self._submit(cell, news.key)
            return
        yield from self._give_up(track, cell, news.key, f"{news.kind}: {news.cause}")

    def _publish(self, track: Track, key: str, body: Json) -> Iterator[Event]:
        cell = self._cells[key]
        measurement = Measurement.model_validate(body | {"engine": self._engine}, strict=False)
        if measurement.key != key or measurement.cell != cell:
            yield from self._give_up(track, cell, key, "the worker answered another cell")
            return
        if saves_adapter(cell) and measurement.status == "ok":
            self._store.publish_adapter(self._draft_adapter(key), key)
        self._store.publish(measurement)
        track.waiting.discard(key)
        track.found[key] = measurement
        yield finished(measurement, cached=False)

    def _give_up(self, track: Track, cell: Cell, key: str, cause: str) -> Iterator[Event]:
        measurement = Measurement(
            key=key, cell=cell, status="failed", cause=cause[:500], engine=self._engine
        )
        self._store.publish(measurement)
        track.waiting.discard(key)
        track.found[key] = measurement
        yield finished(measurement, cached=False)


def saves_adapter(cell: Cell) -> bool:
    """True for runs that may become finalists: their adapter is kept for the test split."""
    return cell.method == "lora" and cell.role == "repeat" and cell.adapter is None


def described(cell: Cell) -> Json:
    """The fields of a cell that events carry."""
    return {
        "rung": cell.rung,
        "method": cell.method,
        "role": cell.role,
        "split": cell.split,
        "params": cell.params,
        "n_train": cell.n_train,
        "n_eval": cell.n_eval,
        "seed": cell.seed,
    }


def finished(measurement: Measurement, *, cached: bool) -> Event:
    """The event of a cell that is measured, failed or pruned."""
    payload: Json = {
        "id": measurement.id,
        "status": measurement.status,
        "cause": measurement.cause,
        "cached": cached,
        "wall_s": measurement.cost.wall_s,
        **described(measurement.cell),
    }
    for name in ("form", "content", "quality"):
        estimate = getattr(measurement, name)
        payload[name] = estimate.model_dump() if estimate is not None else None
    return Event(kind="cell-finished", payload=payload)
