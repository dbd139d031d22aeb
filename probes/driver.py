"""Measures what the methods propose: from the store where it is there, else by a worker."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import compress, zip_longest
from pathlib import Path

from knowledge.errors import UserError
from probes.events import finished, progressed, started, tried_again
from probes.executors.local import LocalExecutor, Outcome, Progress, Request
from probes.methods import Proposals
from probes.methods.trained import stack_key
from probes.records import Cell, Event, Json, Measurement
from probes.store import RunStore
from probes.task import TRAINED

MAX_CRASHES = 3
"""Attempts in one session before a crash is recorded as the cell's outcome."""
MAX_ATTEMPTS = 30
"""Attempts over all sessions: a cell that takes the whole machine down is given up."""
RETRIED = frozenset({"crash"})
"""Outcomes that may be nobody's fault; limits, exceptions and lack of memory would come again."""
USER_ERROR = "UserError: "
"""How a worker's outcome begins when the user can mend it: that ends the run, not one cell."""


@dataclass(frozen=True)
class Limits:
    """How long one cell may take, in seconds."""

    time_s: float
    no_progress_s: float


@dataclass(frozen=True)
class Rules:
    """What holds for a cell, by what it asks."""

    key: Callable[[Cell], str]
    limits: Callable[[Cell], Limits]
    group_size: Callable[[Cell], int] = lambda cell: 1
    """How many adapters like the cell's are trained together."""
    refused: Callable[[Cell], str] = lambda cell: ""
    """Why a cell is not to be tried now; empty where it is."""


@dataclass
class Track:
    """One rung's proposals and how far they have come."""

    rung: str
    proposals: Proposals
    cells: list[Cell] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    found: dict[str, Measurement] = field(default_factory=dict)
    to_do: list[str] = field(default_factory=list)
    """Keys still to be measured, in order; the first of them is with the worker."""
    groups: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """For keys of adapters that are trained together, all keys of their group."""
    alone: set[str] = field(default_factory=set)
    """Keys whose group failed: each is tried by itself."""
    started: bool = False
    done: bool = False

    @property
    def at_work(self) -> tuple[str, ...]:
        """The keys that go to the worker as one request, the first one to do among them.

        Those of the group that are stored already go along, so that a resumed run trains the same
        company; their outcome is not published again.
        """
        key = self.to_do[0]
        return (key,) if key in self.alone else self.groups.get(key, (key,))


class Driver:
    """Runs tracks side by side; the only one who publishes measurements."""

    def __init__(
        self,
        store: RunStore,
        executor: LocalExecutor,
        rules: Rules,
        *,
        engine: Json,
        at_once: int,
    ) -> None:
        self._store, self._executor, self._rules = store, executor, rules
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
                if not track.to_do:
                    yield from self._advance(track)
            active = [track for track in active if not track.done]
            if any(track.to_do for track in active):
                for news in self._executor.poll(timeout_s=1.0):
                    yield from self._digest(news, active)

    def _advance(self, track: Track) -> Iterator[Event]:
        """Send the batch's measurements and look up the next one, until a worker is needed."""
        while not track.to_do and not track.done:
            answers = [track.found[key] for key in track.keys]
            try:
                track.cells = (
                    track.proposals.send(answers) if track.started else next(track.proposals)
                )
                track.started = True
            except StopIteration:
                track.done = True
                return
            track.keys = [self._rules.key(cell) for cell in track.cells]
            tried = [not self._rules.refused(cell) for cell in track.cells]
            track.groups = grouped(
                list(compress(track.cells, tried)),
                list(compress(track.keys, tried)),
                self._rules.group_size,
            )
            for cell, key in zip(track.cells, track.keys, strict=True):
                self._cells[key] = cell
                yield from self._want(track, cell, key)
        if track.to_do:
            yield from self._submit(track)

    def _want(self, track: Track, cell: Cell, key: str) -> Iterator[Event]:
        if key in track.found or key in track.to_do:
            return
        known = self._store.measurement(key)
        if known is not None:
            # The role is no part of the key: the same figure may serve another purpose.
            track.found[key] = known.model_copy(update={"cell": cell})
            yield finished(track.found[key], cached=True)
            return
        if self._store.attempts(key) >= MAX_ATTEMPTS:
            yield self._failed(track, cell, key, f"given up after {MAX_ATTEMPTS} attempts")
            return
        refused = self._rules.refused(cell)
        if refused:
            yield self._failed(track, cell, key, refused)
            return
        track.to_do.append(key)

    def _submit(self, track: Track) -> Iterator[Event]:
        """Hand the track's next cell, or its whole group, to the worker.

        An attempt counts from here. A group may take as long as its cells would one by one.
        """
        cells = [self._body(track, key) for key in track.at_work]
        limits = [self._rules.limits(self._cells[key]) for key in track.at_work]
        self._executor.submit(
            track.rung,
            Request(
                key=track.to_do[0],
                body={"cells": cells},
                time_limit_s=sum(limit.time_s for limit in limits),
                no_progress_s=max(limit.no_progress_s for limit in limits),
            ),
        )
        for key in track.at_work:
            if key in track.to_do:
                attempt = self._store.attempts(key)
                yield started(self._cells[key], key, attempt)

    def _body(self, track: Track, key: str) -> Json:
        """What the worker is told of one cell."""
        cell = self._cells[key]
        body: Json = {"key": key, "cell": cell.model_dump_json()}
        if key not in track.to_do:
            return body
        attempt = self._store.begin_attempt(key)
        if cell.adapter:
            body["load_adapter"] = str(self._store.adapter_folder(cell.adapter))
        if _saves_adapter(cell):
            body["save_adapter"] = str(self._draft_adapter(key, attempt))
        return body

    def _draft_adapter(self, key: str, attempt: int) -> Path:
        return self._store.scratch / f"adapter-{key[:16]}-{attempt}"

    def _digest(self, news: Progress | Outcome, active: Sequence[Track]) -> Iterator[Event]:
        track = next(track for track in active if news.key in track.to_do)
        if isinstance(news, Progress):
            for key in track.at_work:
                if key in track.to_do:
                    yield progressed(track.rung, key, news)
            return
        yield from self._end(track, news)
        if track.to_do:
            yield from self._submit(track)

    def _end(self, track: Track, news: Outcome) -> Iterator[Event]:
        """Publish what a request brought, or decide what becomes of its cells."""
        key, together = news.key, track.at_work
        cell = self._cells[key]
        if news.status == "ok" and news.body is not None:
            yield from self._publish_all(track, together, news.body["measurements"])
        elif news.kind in RETRIED and self._crashed(key) < MAX_CRASHES:
            yield tried_again(cell, key, news.cause)
        elif news.cause.startswith(USER_ERROR):
            raise _user_error(news.cause.removeprefix(USER_ERROR))
        elif len(together) > 1:
            track.alone.update(together)
            cause = f"{news.kind}: {news.cause}; its group is trained one by one"
            yield tried_again(cell, key, cause)
        else:
            yield self._failed(track, cell, key, f"{news.kind}: {news.cause}")

    def _crashed(self, key: str) -> int:
        self._crashes[key] = self._crashes.get(key, 0) + 1
        return self._crashes[key]

    def _publish_all(
        self, track: Track, together: Sequence[str], bodies: Sequence[Json]
    ) -> Iterator[Event]:
        """Publish each wanted cell of a request; one that the reply leaves out has failed."""
        for key, body in zip_longest(together, bodies[: len(together)]):
            if key in track.to_do:
                yield self._publish(track, self._cells[key], key, body)

    def _publish(self, track: Track, cell: Cell, key: str, body: Json | None) -> Event:
        if body is None:
            return self._failed(track, cell, key, "the worker left this cell out of its answer")
        measurement = Measurement.model_validate(body | {"engine": self._engine}, strict=False)
        if measurement.key != key or measurement.cell != cell:
            return self._failed(track, cell, key, "the worker answered another cell")
        if _saves_adapter(cell) and measurement.status == "ok":
            draft = self._draft_adapter(key, self._store.attempts(key))
            self._store.publish_adapter(draft, key)
        return self._settled(track, measurement)

    def _failed(self, track: Track, cell: Cell, key: str, cause: str) -> Event:
        return self._settled(
            track,
            Measurement(
                key=key, cell=cell, status="failed", cause=cause[:500], engine=self._engine
            ),
        )

    def _settled(self, track: Track, measurement: Measurement) -> Event:
        self._store.publish(measurement)
        if measurement.key in track.to_do:
            track.to_do.remove(measurement.key)
        track.found[measurement.key] = measurement
        return finished(measurement, cached=False)


def grouped(
    cells: Sequence[Cell], keys: Sequence[str], size_of: Callable[[Cell], int]
) -> dict[str, tuple[str, ...]]:
    """Which of the cells are trained together: those of one `stack_key`, in their order.

    Depends on the cells alone, never on which of them are stored.
    """
    stacks: dict[str, list[str]] = {}
    sizes: dict[str, int] = {}
    for cell, key in zip(cells, keys, strict=True):
        name = stack_key(cell)
        if name is not None and key not in stacks.setdefault(name, []):
            stacks[name].append(key)
            sizes[name] = max(1, size_of(cell))
    groups: dict[str, tuple[str, ...]] = {}
    for name, members in stacks.items():
        for at in range(0, len(members), sizes[name]):
            group = tuple(members[at : at + sizes[name]])
            groups.update(dict.fromkeys(group, group))
    return groups


def _user_error(text: str) -> UserError:
    """The error that a worker told, from its one line `error[CODE]: what`."""
    code, _, what = text.removeprefix("error[").partition("]: ")
    return UserError(code, what)


def _saves_adapter(cell: Cell) -> bool:
    """True for runs that may become finalists: their adapter is kept for the test split."""
    return cell.method in TRAINED and cell.role == "repeat" and cell.adapter is None
