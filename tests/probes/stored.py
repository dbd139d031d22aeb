"""Measurements to store, and what a store leaves lying about."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from probes.records import Cell, Estimate, Measurement, Prediction
from probes.store import RunStore, cell_key

KEY = cell_key({"cell": 1})
OTHER = cell_key({"cell": 2})
LATER = "2026-11-21T10:00:00Z"


def measured(key: str = KEY, *, value: float = 0.1 + 0.2, engine: Any = None) -> Measurement:
    cell = Cell(rung="s", method="zero-shot", split="dev", n_eval=2, role="baseline")
    return Measurement(
        key=key,
        cell=cell,
        status="ok",
        quality=Estimate(value=value, low=0.0, high=1.0, n=2, basis="wilson"),
        predictions=(Prediction(item_id="i", text="é\u2028\n\x1b[31m"),),
        history=({"step": 1, "loss": 1e-300, "big": 10**25},),
        engine=engine or {"torch": "2.15.0"},
    )


def temps(store: RunStore) -> list[Path]:
    return list(store.folder.rglob(".tmp-*"))
