"""How the cost of a probe grows, by the plan's own arithmetic: `python -m benchmarks.growth`.

The battery `quick` on the example ticket-routing, one knob turned at a time; seconds of one thread.
Reports say how far the plan is off (`What it cost`).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from advisor.prepare import Prepared, prepare
from advisor.task import read_task
from benchmarks.pairing import write_page
from probes.batteries import BATTERIES
from probes.methods import Battery
from probes.plan import imagined_cells, situation_of
from probes.work import planned

SPEC = Path(__file__).resolve().parents[1] / "examples" / "ticket-routing" / "spec.yaml"
QUICK = next(battery for battery in BATTERIES if battery.name == "quick")
KNOBS: dict[str, tuple[dict[str, Any], ...]] = {
    "trials of the search": tuple({"n_trials": n} for n in (2, 4, 8, 16)),
    "seeds of the chosen setting": tuple({"seeds": n} for n in (1, 2, 3, 5)),
    "training examples": tuple({"max_train": n} for n in (120, 240, 480)),
    "dev items": tuple({"max_dev": n} for n in (50, 100, 200)),
}


def seconds(prepared: Prepared, battery: Battery) -> dict[str, float]:
    """Planned seconds of each rung."""
    found = {}
    for rung in prepared.rungs:
        situation = situation_of(prepared.task.question, rung, battery, prepared.memory_bytes)
        cells = imagined_cells(situation)
        rows = [planned(cell, situation, rung.card, "cpu", 1) for cell in cells]
        found[rung.ref.name] = sum(row.seconds for row in rows)
    return found


def lines(prepared: Prepared) -> Iterator[str]:
    """The table."""
    names = [rung.ref.name for rung in prepared.rungs]
    yield f"| knob | value | {' | '.join(f'{name}, s' for name in names)} |"
    yield f"|---|---|{'---|' * len(names)}"
    for knob, settings in KNOBS.items():
        for changes in settings:
            found = seconds(prepared, QUICK.model_copy(update=changes))
            (value,) = changes.values()
            yield f"| {knob} | {value} | {' | '.join(f'{found[name]:.0f}' for name in names)} |"


def main() -> None:
    """Write results/benchmarks/growth.md."""
    table = lines(prepare(read_task(SPEC)))
    text = [
        "# How the cost of a probe grows",
        "",
        *(__doc__ or "").strip().splitlines(),
        "",
        *table,
    ]
    write_page("growth", text)


if __name__ == "__main__":
    main()
