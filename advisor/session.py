"""One run from spec to report, as a generator of events; every front end reads the same ones."""

from __future__ import annotations

import os
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path

from advisor import belief, decide
from advisor.chosen import chosen_runs
from advisor.once import keep_audit, keep_health
from advisor.plan_summary import plan_summary
from advisor.prepare import Prepared, now
from advisor.records import Option
from advisor.report.build import build_report
from advisor.report.files import write_report
from advisor.report.inputs import Inputs, dev_measurements
from advisor.stages import left_out
from advisor.until_sure import UntilSure
from probes.driver import Driver, Limits, Rules
from probes.events import finished
from probes.executors.local import Limits as WorkerLimits
from probes.executors.local import LocalExecutor
from probes.free_memory import no_room, together_within
from probes.methods import Proposals, Situation
from probes.models.hub import snapshot
from probes.plan import rung_proposals, situations
from probes.records import Cell, Event, Json, Measurement
from probes.store import RunStore
from probes.task import TRAINED
from probes.work import PlannedCell, group_size, planned

SLOWER = 20.0
"""A cell may take so many times its predicted time, and PATIENCE_S beside, before it is ended."""
PATIENCE_S = 300.0
NO_PROGRESS_S = 600.0


def find_run(prepared: Prepared, runs: Path) -> Path:
    """The folder of this very run: the one that is there, or a new name with today's date."""
    tail = f"{prepared.task.spec.name}-{prepared.run_id}"
    there = sorted(runs.glob(f"????-??-??-{tail}")) if runs.is_dir() else []
    return there[0] if there else runs / f"{now()[:10]}-{tail}"


def open_run(prepared: Prepared, folder: Path) -> RunStore:
    """The run's store, made with its frozen inputs where it is new."""
    if (folder / "run.json").is_file():
        return RunStore.open(folder)
    task = prepared.task
    frozen: dict[str, Json] = {
        "splits": task.splits.model_dump(mode="json"),
        "documents": task.documents.model_dump(mode="json"),
        "plan": prepared.plan.model_dump(mode="json"),
        "origin": {
            "spec_path": str(task.path.resolve()),
            "started": now(),
            "argv": sys.argv[1:],
            "machine": prepared.machine.model_dump(mode="json"),
            "engine": prepared.engine,
            "rehearsal": prepared.rehearsal,
            "data": task.summary.model_dump(mode="json"),
            "cards": [rung.card.model_dump(mode="json") for rung in prepared.rungs],
        },
    }
    for rung in prepared.rungs:
        frozen[f"rung-{rung.ref.name}"] = {
            "ref": rung.ref.model_dump(mode="json"),
            "device": prepared.device,
            "threads": prepared.plan.threads,
            "labels": list(task.labels),
            "spec_folder": str(task.path.resolve().parent),
        }
    return RunStore.create(folder, task.spec.model_dump(mode="json"), frozen=frozen)


def probe(prepared: Prepared, folder: Path, *, retry_failed: bool = False) -> Iterator[Event]:
    """Measure, decide, report. Starting it again goes on where it was; nothing is measured twice.

    With `retry_failed`, cells whose recorded outcome is a failure are measured again.

    Raises:
        UserError: the run is driven by another process, or its disk fails.
    """
    store = open_run(prepared, folder)
    with store.lock():
        if retry_failed:
            store.retire_failed()
        for event in _events(prepared, store):
            store.append_event(event, now())
            yield event


def _events(prepared: Prepared, store: RunStore) -> Iterator[Event]:
    yield Event(
        kind="run",
        payload={
            "folder": str(store.folder),
            "name": prepared.task.spec.name,
            "rehearsal": prepared.rehearsal,
            "rungs": [rung.ref.name for rung in prepared.rungs],
        },
    )
    yield Event(kind="data", payload=prepared.task.summary.model_dump(mode="json"))
    yield Event(kind="audit", payload=keep_audit(prepared, store).model_dump(mode="json"))
    yield Event(kind="plan", payload=plan_summary(prepared))
    for rung in prepared.rungs:
        if rung.ref.source == "hub":
            yield Event(kind="note", payload={"text": f"fetching {rung.ref.location}"})
            snapshot(rung.ref)
    yield from _publish_systems(prepared, store, "dev", names=None)
    by_rung = _situations(prepared)
    rules, at_once = _rules(prepared, by_rung), _at_once(prepared)
    with _executor(prepared, store) as executor:
        driver = Driver(store, executor, rules, engine=prepared.engine, at_once=at_once)
        yield from _measure(prepared, store, driver, by_rung)
        yield from _open_test(prepared, store, driver)
    keep_health(prepared, store)
    inputs = Inputs.of(store)
    report = build_report(inputs, finished=now())
    write_report(store, report, inputs)
    yield Event(kind="advice", payload=report.advice.model_dump(mode="json"))
    yield Event(
        kind="done",
        payload={
            "verdict": report.advice.verdict,
            "report": str(store.folder / "report.json"),
            "cells": report.cells,
            "cost": report.cost.model_dump(mode="json"),
        },
    )


def _at_once(prepared: Prepared) -> int:
    """Rungs under way together: one where what a rung shows decides what others are asked."""
    return 1 if prepared.task.spec.budget.until_sure else prepared.plan.workers


def _measure(
    prepared: Prepared, store: RunStore, driver: Driver, by_rung: Mapping[str, Situation]
) -> Iterator[Event]:
    """The dev split: everything, or what could still change the decision."""
    if not prepared.task.spec.budget.until_sure:
        yield from driver.run({name: rung_proposals(at) for name, at in by_rung.items()})
        return
    stages = UntilSure(prepared, store, by_rung)
    yield from driver.run({name: rung_proposals(at, stages.asks) for name, at in by_rung.items()})
    for line in left_out(store, by_rung):
        yield Event(kind="note", payload={"text": f"left out: {line}"})


def _publish_systems(
    prepared: Prepared, store: RunStore, split: str, names: Collection[str] | None
) -> Iterator[Event]:
    """Put what the user's systems answered on a split beside the cells; all, or those named."""
    for found in prepared.systems:
        wanted = names is None or found.cell.rung in names
        if found.cell.split == split and wanted:
            cached = store.measurement(found.key) is not None
            if not cached:
                store.publish(found)
            yield finished(found, cached=cached)


def _executor(prepared: Prepared, store: RunStore) -> LocalExecutor:
    threads = str(prepared.plan.threads)
    env = dict(os.environ) | {
        "OMP_NUM_THREADS": threads,
        "MKL_NUM_THREADS": threads,
        "TOKENIZERS_PARALLELISM": "false",
        "PYTHONUNBUFFERED": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
    }
    return LocalExecutor(
        lambda rung: [sys.executable, "-m", "probes.worker", str(store.folder.resolve()), rung],
        max_workers=prepared.plan.workers,
        limits=WorkerLimits(start_s=NO_PROGRESS_S),
        attempt_folder=store.scratch,
        log_folder=store.logs,
        env=env,
    )


def _situations(prepared: Prepared) -> dict[str, Situation]:
    """Each rung's situation in the order of running.

    Side by side the largest rung comes first, since the longest job should not start last. One
    after the other the smallest does, since it has figures to show soonest; so it does until the
    decision is sure, as what is cheap may settle it.
    """
    found = situations(
        prepared.task.question, prepared.rungs, prepared.plan.battery, prepared.memory_bytes
    )
    in_turn = prepared.plan.workers == 1 or prepared.task.spec.budget.until_sure
    ordered = found if in_turn else reversed(found)
    return {situation.rung: situation for situation in ordered}


def _rules(prepared: Prepared, by_rung: Mapping[str, Situation]) -> Rules:
    return Rules(
        key=prepared.key,
        limits=lambda cell: _limits(prepared, by_rung[cell.rung], cell),
        group_size=lambda cell: _together(prepared, by_rung[cell.rung], cell),
        refused=lambda cell: _refused(prepared, by_rung[cell.rung], cell),
    )


def _row(prepared: Prepared, situation: Situation, cell: Cell) -> PlannedCell:
    rung = next(rung for rung in prepared.rungs if rung.ref.name == cell.rung)
    return planned(cell, situation, rung.card, prepared.device, prepared.plan.threads)


def _together(prepared: Prepared, situation: Situation, cell: Cell) -> int:
    size, row = group_size(cell, situation, prepared.device), _row(prepared, situation, cell)
    return together_within(row, size, prepared.free, prepared.plan.workers)


def _refused(prepared: Prepared, situation: Situation, cell: Cell) -> str:
    why = no_room(_row(prepared, situation, cell), prepared.free, prepared.plan.workers)
    return f"{why}; --retry-failed tries it again" if why else ""


def _limits(prepared: Prepared, situation: Situation, cell: Cell) -> Limits:
    predicted = _row(prepared, situation, cell).seconds
    return Limits(time_s=SLOWER * predicted + PATIENCE_S, no_progress_s=NO_PROGRESS_S)


# ---------------------------------------------------------------- the test split


def _open_test(prepared: Prepared, store: RunStore, driver: Driver) -> Iterator[Event]:
    """Declare the finalists from dev alone, log the opening, then answer the test items."""
    inputs = Inputs.of(store)
    dev = dev_measurements(inputs.measurements)
    options = belief.options(
        dev, inputs.spec, inputs.examples, inputs.cards, inputs.priced_machine, inputs.space
    )
    if not options:
        return
    declared = store.frozen("finalists")
    if declared is None:
        names = [option.name for option in decide.finalists(options, inputs.spec)]
        declared = {"options": names, "declared": now()}
        store.freeze("finalists", declared)
    final = [option for option in options if option.name in declared["options"]]
    cells = final_cells(final, dev, prepared)
    systems = {option.rung for option in final if option.method == "existing"}
    keys = sorted(
        [prepared.key(cell) for batch in cells.values() for cell in batch]
        + [
            found.key
            for found in prepared.systems
            if found.cell.split == "test" and found.cell.rung in systems
        ]
    )
    opened = {key for opening in store.test_openings() for key in opening.get("cells", [])}
    if not opened.issuperset(keys):
        opening: Json = {"time": now(), "options": declared["options"], "cells": keys}
        store.log_test_opening(opening)
        yield Event(kind="test-opened", payload=opening)
    yield from _publish_systems(prepared, store, "test", systems)
    yield from driver.run({rung: _once(batch) for rung, batch in cells.items()})


def _once(cells: list[Cell]) -> Proposals:
    yield cells


def final_cells(
    options: Sequence[Option], dev: Sequence[Measurement], prepared: Prepared
) -> dict[str, list[Cell]]:
    """The finalists' test cells by rung: each dev run again on the test items.

    A trained run is not trained again: the adapter that was measured on dev is loaded.
    """
    n_test = min(len(prepared.task.splits.test), prepared.plan.battery.max_test)
    changes = {"split": "test", "n_eval": n_test, "role": "final", "taken_over": None}
    cells: dict[str, list[Cell]] = {}
    for option in options:
        if option.method == "existing":
            continue
        runs, _ = chosen_runs(dev, option.rung, option.method)
        for run in runs:
            adapter = run.key if option.method in TRAINED else None
            final = run.cell.model_copy(update={**changes, "adapter": adapter})
            cells.setdefault(option.rung, []).append(final)
    return cells
