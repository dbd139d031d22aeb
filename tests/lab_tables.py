"""Laboratory tables made without a model: every cell is answered by a coin of a known bias."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np

from advisor.lab.laboratory import driven
from probes.lab.family import Family
from probes.lab.menu import FRACTIONS, LAB, at_fraction, everything
from probes.lab.packing import packed
from probes.lab.table import Header, Table, TruthLine, cell_id, item_id, line_of, restored
from probes.methods import Situation
from probes.pocket import RUNGS
from probes.records import Cell, Cost, Measurement, Prediction, Score

N_DEV, N_TRUTH = 60, 200
SIZES = {"pocket-xs": 108_048, "pocket-s": 345_120, "pocket-m": 1_018_496}

Quality = Callable[[str, str, float], float]
"""(method, rung, share of the data) -> true quality."""


def family(name: str = "made", **changes: object) -> Family:
    fields: dict[str, object] = {
        "name": name,
        "task_type": "extraction",
        "metric": "exact_match",
        "instruction": "Give the item.",
        "target": 0.8,
        "claim": "tuning",
        "n_train": 64,
    }
    return Family.model_validate(fields | changes)


def situation(rung: str, **changes: object) -> Situation:
    fields: dict[str, object] = {
        "rung": rung,
        "n_params": SIZES[rung],
        "hidden_size": 48,
        "smallest": rung == RUNGS[0],
        "context_tokens": 1024,
        "task_type": "extraction",
        "instruction": "Give the item.",
        "n_train": 64,
        "n_dev": N_DEV,
        "tokens_per_input": 20,
        "tokens_per_output": 4,
        "mean_tokens": 18.0,
        "battery": LAB,
        "seed": 0,
    }
    return Situation.model_validate(fields | changes)


def by_size(method: str, rung: str, share: float) -> float:
    """Tuning helps, size helps, prompts do nothing."""
    if method == "lora":
        return {"pocket-xs": 0.6, "pocket-s": 0.9, "pocket-m": 0.95}[rung] * share**0.2
    return 0.1


def made_table(
    path: Path,
    quality: Quality = by_size,
    name: str = "made",
    fractions: tuple[float, ...] = FRACTIONS,
    alike: bool = False,
) -> Table:
    """A whole table: every cell of every rung, and its truth; `alike`: all answers the same."""
    table = Table(path)
    header = Header(
        family=family(name),
        data="0" * 64,
        n_truth=N_TRUTH,
        situations=tuple(situation(rung) for rung in RUNGS),
    )
    table.begin(header, {"numbers": 0})
    for rung in RUNGS:
        whole = header.situation(rung)
        for share in fractions:
            for _ in driven(
                everything(at_fraction(whole, share), whole),
                lambda cell: _answered(table, header, cell, quality, alike),
            ):
                pass
    return table


def _answered(
    table: Table, header: Header, cell: Cell, quality: Quality, alike: bool
) -> Measurement:
    name = cell_id(cell)
    if name not in table.cells:
        share = cell.n_train / header.situation(cell.rung).n_train if cell.n_train else 1.0
        bias = quality(cell.method, cell.rung, share)
        table.add(line_of(measurement(cell, bias, alike=alike)))
        if cell.role != "tune":
            right = _coins(name + "truth", bias, N_TRUTH)
            cost = Cost(cpu_s=0.2, input_tokens=18 * N_TRUTH)
            every = packed([1.0] * N_TRUTH)
            table.add(TruthLine(id=name, form=every, content=packed(right), cost=cost))
    return restored(table.cells[name], header).model_copy(update={"cell": cell})


def measurement(cell: Cell, bias: float, *, alike: bool = False) -> Measurement:
    """A measurement whose answers are right with that probability."""
    right = _coins(cell_id(cell), bias, cell.n_eval)
    trained = "learning_rate" in cell.params
    return Measurement(
        key="0" * 64,
        cell=cell,
        status="ok",
        scores=tuple(
            Score(item_id=item_id(at), form=True, content=value, quality=value)
            for at, value in enumerate(right)
        ),
        predictions=tuple(
            Prediction(
                item_id=item_id(at),
                text="right" if value or alike else f"wrong {at} {cell.rung}",
                input_tokens=18,
                output_tokens=3,
            )
            for at, value in enumerate(right)
        ),
        cost=Cost(
            cpu_s=2.0 if trained else 0.06,
            input_tokens=18 * cell.n_eval,
            output_tokens=3 * cell.n_eval,
            train_tokens=5000 if trained else 0,
        ),
    )


def _coins(seed: str, bias: float, n: int) -> list[float]:
    rng = np.random.default_rng(zlib.crc32(seed.encode()))
    return [float(value) for value in rng.random(n) < bias]
