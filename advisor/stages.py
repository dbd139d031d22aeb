"""What a run decided of each method on each rung before it ran there, kept with the run."""

from __future__ import annotations

from collections.abc import Iterable

from advisor.belief import option_name
from probes.methods import METHODS
from probes.store import RunStore


def left_out(store: RunStore, rungs: Iterable[str]) -> list[str]:
    """Every method that was left out on a rung, with the reason: `full @ pocket-m: …`."""
    found = []
    for rung in rungs:
        for method in METHODS:
            known = store.frozen(stage_name(rung, method))
            if known is not None and not known["runs"]:
                found.append(f"{option_name(method, rung)}: {known['why']}")
    return found


def stage_name(rung: str, method: str) -> str:
    """Under which the decision on a method on a rung is kept with a run."""
    return f"asks-{method.replace('_', '-')}-{rung}"
