"""A whole probe in this process: the driver, its cells, the decision and the finalists' test."""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from advisor import belief, choice, decide
from advisor.prepare import Prepared
from advisor.report.inputs import Inputs, dev_measurements
from advisor.session import final_cells, open_run
from probes.driver import Driver, Limits, Rules
from probes.executors.local import Outcome, Progress, Request
from probes.methods import Proposals, Situation
from probes.models.hf import HfModel
from probes.plan import rung_proposals, situations
from probes.records import Cell, Event, Measurement
from probes.store import RunStore
from probes.work import group_size
from probes.worker import Worker


class InProcess:
    """An executor that answers each request in this process, in the order of asking."""

    def __init__(self, store: RunStore, models: dict[str, HfModel]) -> None:
        self.store, self.models = store, models
        self.workers: dict[str, Worker] = {}
        self.queue: list[tuple[str, Request]] = []

    def submit(self, rung: str, request: Request) -> None:
        """Put the request into the queue."""
        self.queue.append((rung, request))

    def poll(self, timeout_s: float) -> list[Progress | Outcome]:
        """Answer the first request."""
        rung, request = self.queue.pop(0)
        if rung not in self.workers:
            self.workers[rung] = Worker(self.store.folder, rung)
            self.workers[rung]._model = self.models[rung]
        body = self.workers[rung].handle(request.body, lambda *_: None)
        return [Outcome(key=request.key, status="ok", kind="result", body=body)]


@dataclass(frozen=True)
class Run:
    """One side of one task and seed."""

    battery: str
    cpu_s: float
    verdict: str
    option: str
    quality: float
    cells: int
    searched_on: int
    """Training examples of the search's smallest trial; 0 where nothing was searched."""
    by_method: dict[str, float]
    """CPU seconds next to the weights."""


def run(prepared: Prepared, models: dict[str, HfModel], *, stacked: bool = True) -> Run:
    """Measure everything, decide, answer the finalists' test items; finished cells to stderr."""
    battery = prepared.plan.battery
    at_rungs = situations(prepared.task.question, prepared.rungs, battery, prepared.memory_bytes)
    by_rung = {situation.rung: situation for situation in at_rungs}
    with tempfile.TemporaryDirectory() as folder:
        store = open_run(prepared, Path(folder) / "run")
        driver = _driver(prepared, store, models, by_rung if stacked else None)
        began_s = time.process_time()
        for event in driver.run({name: rung_proposals(at) for name, at in by_rung.items()}):
            _show(event)
        inputs = Inputs.of(store)
        dev = dev_measurements(inputs.measurements)
        options = belief.options(
            dev,
            inputs.spec,
            inputs.examples,
            inputs.cards,
            inputs.priced_machine,
            inputs.space,
        )
        verdict, chosen = choice.choose(options, inputs.spec)
        finals = final_cells(decide.finalists(options, inputs.spec), dev, prepared)
        for event in driver.run({rung: _once(cells) for rung, cells in finals.items()}):
            _show(event)
        cpu_s = time.process_time() - began_s
        measured = store.measurements()
        return Run(
            battery=battery.name,
            cpu_s=cpu_s,
            verdict=verdict,
            option=chosen.name,
            quality=chosen.quality.value,
            cells=len(measured),
            searched_on=_searched_on(measured),
            by_method=_by_method(measured),
        )


def _driver(
    prepared: Prepared,
    store: RunStore,
    models: dict[str, HfModel],
    by_rung: dict[str, Situation] | None,
) -> Driver:
    """A driver of this process; without situations by rung every cell is a request of its own."""

    def size(cell: Cell) -> int:
        return group_size(cell, by_rung[cell.rung], "cpu") if by_rung else 1

    return Driver(
        store,
        InProcess(store, models),  # type: ignore[arg-type]
        Rules(
            key=prepared.key,
            limits=lambda _: Limits(time_s=1e6, no_progress_s=1e6),
            group_size=size,
        ),
        engine=prepared.engine,
        at_once=1,
    )


def measured(
    prepared: Prepared, models: dict[str, HfModel], cells: list[Cell]
) -> list[Measurement]:
    """These cells of one rung, each by itself and in their order."""
    with tempfile.TemporaryDirectory() as folder:
        store = open_run(prepared, Path(folder) / "run")
        for _ in _driver(prepared, store, models, None).run({cells[0].rung: _once(cells)}):
            pass
        found = [store.measurement(prepared.key(cell)) for cell in cells]
        return [each for each in found if each is not None]


def _once(cells: list[Cell]) -> Proposals:
    """Proposals of these cells and no more."""
    yield cells


def _show(event: Event) -> None:
    """A line for each finished cell, so that a run of hours can be watched."""
    if event.kind == "cell-finished":
        told = event.payload
        words = (told["status"], told["rung"], told["method"], told["role"], f"{told['wall_s']} s")
        print(*words, file=sys.stderr, flush=True)


def _searched_on(measured: Sequence[Measurement]) -> int:
    return min((found.cell.n_train for found in measured if found.cell.role == "tune"), default=0)


def _by_method(measured: Sequence[Measurement]) -> dict[str, float]:
    spent: dict[str, float] = {}
    for found in measured:
        spent[found.cell.method] = spent.get(found.cell.method, 0.0) + found.cost.cpu_s
    return spent


def models_of(prepared: Prepared, kind: type[HfModel]) -> dict[str, HfModel]:
    """The rungs' models, loaded."""
    from probes.models.load import load_model

    found = {}
    for rung in prepared.rungs:
        own = load_model(rung.ref, "cpu")
        found[rung.ref.name] = kind(
            own.model, own.tokenizer, context_tokens=own.context_tokens, stop_ids=own.stop_ids
        )
    return found
