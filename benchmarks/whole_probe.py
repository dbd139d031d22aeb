"""A whole probe beside the same trials by HF Trainer, PEFT, Optuna and `generate`.

    python -m benchmarks.whole_probe --minutes 2 --seeds 0 1 --tasks order-item popular-facts

Both sides run in this process, through the same driver, proposals and decision; only what stands
next to the weights differs, and the public side has no stacks, no screening and no halving. CPU
seconds of the whole run, one thread; imports and loading count on neither side. With `--ablate`
ours is run again without each of its parts.
"""

from __future__ import annotations

import argparse
import importlib
import json
import logging
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

import torch

from advisor import belief, decide
from advisor.prepare import Prepared, prepare
from advisor.report.inputs import Inputs, dev_measurements
from advisor.session import final_cells, open_run
from advisor.task import Flags, read_task
from benchmarks import public
from benchmarks.pairing import RESULTS
from probes.driver import Driver, Limits, Rules
from probes.executors.local import Outcome, Progress, Request
from probes.methods import Proposals
from probes.models.hf import HfModel
from probes.plan import rung_proposals, situations
from probes.pocket.tasks import TASKS, write
from probes.records import Cell, Json
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

    cpu_s: float
    verdict: str
    option: str
    quality: float
    cells: int
    by_method: dict[str, float]
    """CPU seconds next to the weights."""


def run(prepared: Prepared, models: dict[str, HfModel], *, stacked: bool = True) -> Run:
    """Measure everything, decide, answer the finalists' test items."""
    with tempfile.TemporaryDirectory() as folder:
        store = open_run(prepared, Path(folder) / "run")
        at_rungs = situations(
            prepared.task.question, prepared.rungs, prepared.plan.battery, prepared.memory_bytes
        )
        by_rung = {situation.rung: situation for situation in at_rungs}

        def size(cell: Cell) -> int:
            return group_size(cell, by_rung[cell.rung], "cpu") if stacked else 1

        driver = Driver(
            store,
            InProcess(store, models),  # type: ignore[arg-type]
            Rules(prepared.key, lambda _: Limits(time_s=1e6, no_progress_s=1e6), size),
            engine=prepared.engine,
            at_once=1,
        )
        began_s = time.process_time()
        for _ in driver.run({name: rung_proposals(at) for name, at in by_rung.items()}):
            pass
        inputs = Inputs.of(store)
        dev = dev_measurements(inputs.measurements)
        options = belief.options(
            dev, inputs.spec, inputs.examples, inputs.cards, inputs.priced_machine
        )
        verdict, chosen = decide.choose(options, inputs.spec)
        finals = final_cells(decide.finalists(options, inputs.spec), dev, prepared)
        for _ in driver.run({rung: once(cells) for rung, cells in finals.items()}):
            pass
        cpu_s = time.process_time() - began_s
        spent: dict[str, float] = {}
        measured = store.measurements()
        for found in measured:
            spent[found.cell.method] = spent.get(found.cell.method, 0.0) + found.cost.cpu_s
        return Run(cpu_s, verdict, chosen.name, chosen.quality.value, len(measured), spent)


def once(cells: list[Cell]) -> Proposals:
    """Proposals of these cells and no more."""
    yield cells


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


@contextmanager
def public_tools() -> Iterator[None]:
    """Trained cells by HF Trainer and PEFT, one by one; nothing is screened or halved."""
    with ExitStack() as stack:
        stack.enter_context(patch("probes.methods.screening._pays", lambda *_: False))
        stack.enter_context(patch("probes.methods.tuning.HALVED_TRIALS", 10**9))
        for name in ("answer", "answer_together"):
            stack.enter_context(patch(f"probes.methods.trained.{name}", getattr(public, name)))
        stack.enter_context(patch("probes.worker.answer_together", public.answer_together))
        yield


def sides(prepared: Prepared, *, ablate: bool) -> Iterator[tuple[str, Callable[[], Run]]]:
    """What is compared, by name."""
    ours, theirs = models_of(prepared, HfModel), models_of(prepared, public.PublicModel)

    def by_public_tools() -> Run:
        with public_tools():
            return run(prepared, theirs, stacked=False)

    yield "ours", lambda: run(prepared, ours)
    yield "public tools", by_public_tools
    if ablate:
        yield "ours, no stacks", lambda: run(prepared, ours, stacked=False)
        yield "ours, generate", lambda: run(prepared, theirs)

        def on_all_data() -> Run:
            with patch("probes.methods.tuning.HALVED_TRIALS", 10**9):
                return run(prepared, ours)

        yield "ours, no halving", on_all_data


def rows(
    names: Sequence[str], seeds: Sequence[int], minutes: float, *, ablate: bool
) -> Iterator[dict[str, object]]:
    """Each side of each task and seed."""
    with tempfile.TemporaryDirectory() as home:
        for seed in seeds:
            for task in (task for task in TASKS if task.name in names):
                folder = Path(home) / f"seed-{seed}"
                write(task, folder, seed)
                spec = folder / task.name / "spec.yaml"
                prepared = prepare(read_task(spec, Flags(seed=seed, minutes=minutes)))
                for side, go in sides(prepared, ablate=ablate):
                    found = go()
                    row = {"task": task.name, "seed": seed, "side": side, **found.__dict__}
                    print(
                        f"{task.name} {seed} {side}: {found.cpu_s:.1f} CPU-s, {found.verdict}"
                        f" {found.option} {found.quality:.3f}", flush=True,
                    )  # fmt: skip
                    yield row


def page(found: Sequence[Json]) -> Iterator[str]:
    """Every side beside ours on the same task and seed, and the CPU seconds by method."""
    ours = {(row["task"], row["seed"]): row for row in found if row["side"] == "ours"}
    others = [row for row in found if row["side"] != "ours"]
    yield from ("# Whole probes beside public tools", "", *(__doc__ or "").strip().splitlines(), "")
    yield "| task | seed | ours, CPU-s: verdict | other side, CPU-s: verdict | ratio |"
    yield "|---|---|---|---|---|"
    for row in others:
        mine = ours[row["task"], row["seed"]]
        yield (
            f"| {row['task']} | {row['seed']} | {mine['cpu_s']:.1f}: {_said(mine)} |"
            f" {row['side']}, {row['cpu_s']:.1f}: {_said(row)} |"
            f" {row['cpu_s'] / mine['cpu_s']:.2f} |"
        )
    yield from ("", "| other side | runs | ratio of the sums | median | same verdict |")
    yield "|---|---|---|---|---|"
    for side in dict.fromkeys(row["side"] for row in others):
        theirs = [row for row in others if row["side"] == side]
        mine_too = [ours[row["task"], row["seed"]] for row in theirs]
        pairs = list(zip(theirs, mine_too, strict=True))
        sums = sum(a["cpu_s"] for a in theirs) / sum(b["cpu_s"] for b in mine_too)
        middle = statistics.median(a["cpu_s"] / b["cpu_s"] for a, b in pairs)
        same = sum(_said(a) == _said(b) for a, b in pairs)
        yield f"| {side} | {len(pairs)} | {sums:.2f} | {middle:.2f} | {same} |"


def _said(row: Json) -> str:
    return f"{row['option']}" if row["verdict"] == "use" else str(row["verdict"])


def main() -> None:
    """Append to results/benchmarks/whole_probe.jsonl and write the page from all of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", nargs="*", default=[task.name for task in TASKS])
    parser.add_argument("--seeds", type=int, nargs="*", default=[0])
    parser.add_argument("--minutes", type=float, default=2.0)
    parser.add_argument("--ablate", action="store_true")
    options = parser.parse_args()
    for module in ("optuna", "peft", "sklearn.feature_extraction.text", "transformers.trainer"):
        importlib.import_module(module)  # outside of what is timed
    warnings.filterwarnings("ignore")
    logging.disable(logging.WARNING)
    torch.set_num_threads(1)
    RESULTS.mkdir(parents=True, exist_ok=True)
    found = rows(options.tasks, options.seeds, options.minutes, ablate=options.ablate)
    with (RESULTS / "whole_probe.jsonl").open("a") as file:
        for row in found:
            file.write(json.dumps(row) + "\n")
            file.flush()
    told = (RESULTS / "whole_probe.jsonl").read_text().splitlines()
    lines = page([json.loads(line) for line in told])
    (RESULTS / "whole_probe.md").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
