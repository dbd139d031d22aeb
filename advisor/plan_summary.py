"""The plan as the events and `advisor plan` tell it."""

from __future__ import annotations

from advisor.prepare import Prepared
from advisor.room import Use, takes
from probes.plan import Rung
from probes.records import Json
from probes.stats import minimum_detectable_difference
from probes.task import TRAINED


def plan_summary(prepared: Prepared) -> Json:
    """The plan as the events and `advisor plan` tell it: cells, tokens, seconds, memory a rung."""
    plan, splits = prepared.plan, prepared.task.splits
    n_dev = min(len(splits.dev), plan.battery.max_dev)
    n_test = min(len(splits.test), plan.battery.max_test)
    rungs = []
    for rung in prepared.rungs:
        mine = [row for row in plan.cells if row.cell.rung == rung.ref.name]
        rungs.append(
            {
                "rung": rung.ref.name,
                "n_params": rung.card.n_params,
                "licence": rung.card.licence,
                "cells": len(mine),
                "tokens": sum(row.tokens for row in mine),
                "seconds": round(sum(row.seconds for row in mine), 1),
                "memory_bytes": max((row.memory_bytes for row in mine), default=0),
                "on_card": _on_card(prepared, rung),
            }
        )
    return {
        "battery": plan.battery.model_dump(mode="json"),
        "notes": list(plan.notes),
        "cells": len(plan.cells),
        "n_dev": n_dev,
        "n_test": n_test,
        "detectable_difference_dev": round(minimum_detectable_difference(n_dev), 4),
        "seconds": plan.seconds,
        "budget_seconds": plan.budget_seconds,
        "workers": plan.workers,
        "threads": plan.threads,
        "rungs": rungs,
        "seconds_by_cell": [
            [row.cell.rung, row.cell.method, row.cell.role, row.seconds] for row in plan.cells
        ],
        "usd": 0.0,
        "price_note": "probes run on this machine; no money is spent",
    }


def _on_card(prepared: Prepared, rung: Rung) -> list[Json]:
    """What tuning the rung and serving it take on the card, where there is a CUDA card."""
    spec, lengths = prepared.task.spec, prepared.plan.lengths.get(rung.ref.name)
    if prepared.space is None or lengths is None:
        return []
    tuned = not spec.methods or TRAINED.intersection(spec.methods)
    four_bit = spec.hardware.quantization == "nf4"
    use = Use("lora" if tuned else "zero_shot", *lengths, four_bit=four_bit)
    return [each.model_dump(mode="json") for each in takes(rung.card, use, prepared.space)]
