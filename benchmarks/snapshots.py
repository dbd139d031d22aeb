"""Whether one pass at a constant rate can stand for the learning curve of separate runs.

    python -m benchmarks.snapshots --tasks order-item ticket-routing popular-facts --seeds 0 1 2

A snapshot after a share of one pass at a constant rate is a run of one pass at that rate on that
share of the examples: so such runs are measured here, beside runs of the probe's own schedule
(warm-up, linear decay, several passes) on the same shares, at the same settings otherwise.
"""

from __future__ import annotations

import argparse
import logging
import statistics
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from unittest.mock import patch

import torch

from advisor.prepare import Prepared, prepare
from advisor.task import Flags, read_task
from benchmarks.in_process import measured, models_of
from benchmarks.pairing import write_page
from probes.batches import Steps
from probes.methods import Situation
from probes.methods.lora import central_learning_rate
from probes.methods.tuning import passes
from probes.models.hf import HfModel
from probes.plan import situations
from probes.pocket.tasks import TASKS, write
from probes.records import Cell

FRACTIONS = (0.25, 0.5, 1.0)
RATES = (0.5, 1.0, 2.0)
"""Times the centre: one pass may want another rate; the best on all of the data is taken."""

Found = tuple[str, str, int, list[list[float]]]
"""Task, rung, seed, and both curves."""


def cells(situation: Situation, epochs: int, rate: float) -> list[Cell]:
    """A run on each share of the data."""
    params = {
        "learning_rate": central_learning_rate(situation.hidden_size) * rate,
        "rank": 16, "alpha": 32, "epochs": epochs, "batch_size": 16,
        "decoding": "generate", "list_labels": False,
    }  # fmt: skip
    return [
        situation.cell("lora", "curve", params=params, n_train=round(share * situation.n_train))
        for share in FRACTIONS
    ]


def curves(prepared: Prepared, situation: Situation, model: HfModel) -> list[list[float]]:
    """Quality by share of the data: by separate runs, and by one pass at a constant rate."""
    rung = situation.rung
    apart = measured(prepared, {rung: model}, cells(situation, max(passes(situation)), 1.0))
    found = [[run.quality.value for run in apart if run.quality is not None]]
    with patch.object(Steps, "rate_factor", lambda self, step: 1.0):
        tried = []
        for rate in RATES:
            runs = measured(prepared, {rung: model}, cells(situation, 1, rate))
            tried.append([run.quality.value if run.quality else 0.0 for run in runs])
    return [*found, max(tried, key=lambda curve: curve[-1])]


def rows(names: Sequence[str], seeds: Sequence[int]) -> Iterator[Found]:
    """Task, rung, seed and both curves."""
    with tempfile.TemporaryDirectory() as home:
        for task in (task for task in TASKS if task.name in names):
            for seed in seeds:
                write(task, Path(home) / str(seed), seed)
                spec = Path(home) / str(seed) / task.name / "spec.yaml"
                prepared = prepare(read_task(spec, Flags(seed=seed, minutes=5)))
                models = models_of(prepared, HfModel)
                for situation in situations(
                    prepared.task.question, prepared.rungs, prepared.plan.battery, 0
                ):
                    both = curves(prepared, situation, models[situation.rung])
                    print(task.name, situation.rung, seed, both, flush=True)
                    yield task.name, situation.rung, seed, both


def page(found: Sequence[Found]) -> Iterator[str]:
    """Means over seeds, and how far apart the curves are."""
    yield from ("# A learning curve from one pass", "", *(__doc__ or "").strip().splitlines(), "")
    shares = ", ".join(f"{share:g}" for share in FRACTIONS)
    yield f"| task | rung | seeds | separate runs at {shares} | one pass | mean difference |"
    yield "|---|---|---|---|---|---|"
    for name, rung in dict.fromkeys(row[:2] for row in found):
        both = [row[3] for row in found if row[:2] == (name, rung)]
        mean = [
            [statistics.mean(run[side][at] for run in both) for at in range(len(FRACTIONS))]
            for side in (0, 1)
        ]
        apart = statistics.mean(abs(a - b) for a, b in zip(*mean, strict=True))
        told = [", ".join(f"{value:.2f}" for value in curve) for curve in mean]
        yield f"| {name} | {rung} | {len(both)} | {told[0]} | {told[1]} | {apart:.2f} |"


def main() -> None:
    """Write results/benchmarks/snapshots.md."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", nargs="*", default=["order-item", "ticket-routing"])
    parser.add_argument("--seeds", type=int, nargs="*", default=[0, 1, 2])
    options = parser.parse_args()
    warnings.filterwarnings("ignore")
    logging.disable(logging.WARNING)
    torch.set_num_threads(1)
    lines = page(list(rows(options.tasks, options.seeds)))
    write_page("snapshots", lines)


if __name__ == "__main__":
    main()
