"""Does the advice hit the truth? `advisor probe` on every example task over several seeds.

    python -m results.pocket.advice --work /tmp/advice --minutes 2.5

Each seed draws other data of the same task and seeds the probe itself. What is right is read from
truth.csv (`python -m results.pocket.truth`), which measured everything. Runs that are there are not
run again; the table is written after every run, and rows of other runs stay in it.
"""

from __future__ import annotations

import argparse
import csv
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from probes.pocket.tasks import TASKS, Task, write

HERE = Path(__file__).resolve().parent
COLUMNS = (
    "task", "seed", "verdict", "option", "p_meets", "confirmed", "ceilings", "seconds", "cells",
)  # fmt: skip


def probe(task: Task, seed: int, work: Path, minutes: float) -> dict[str, Any] | None:
    """One run's verdict, from its report where it is there; None where the run failed."""
    home = work / f"seed-{seed}"
    spec = home / task.name / "spec.yaml"
    if not spec.is_file():
        write(task, home, seed)
    runs = home / task.name / "runs"
    found = sorted(runs.glob("*/report.json"))
    began_s = time.monotonic()
    if not found:
        command = [
            sys.executable, "-m", "advisor", "probe", "-t", str(spec), "--runs", str(runs),
            "--seed", str(seed), "--minutes", str(minutes), "--quiet",
        ]  # fmt: skip
        code = subprocess.run(command).returncode
        if code not in (0, 1, 4):
            return None
        (runs / "seconds").write_text(f"{time.monotonic() - began_s:.1f}")
        found = sorted(runs.glob("*/report.json"))
    report = json.loads(found[-1].read_text())
    advice = report["advice"]
    return {
        "task": task.name,
        "seed": seed,
        "verdict": advice["verdict"],
        "option": advice["option"],
        "p_meets": f"{advice['confidence']:.2f}",
        "confirmed": advice["confirmed_on_test"],
        "ceilings": " ".join(advice["ceilings"]),
        "seconds": (runs / "seconds").read_text() if (runs / "seconds").is_file() else "",
        "cells": sum(report["cells"].values()),
    }


def rows(
    work: Path, minutes: float, seeds: list[int], names: list[str]
) -> Iterator[dict[str, Any]]:
    """Every run, seed by seed, so that an interrupted benchmark has whole seeds."""
    for seed in seeds:
        for task in TASKS:
            if names and task.name not in names:
                continue
            row = probe(task, seed, work, minutes)
            if row is not None:
                print(*(row[name] for name in COLUMNS), flush=True)
                yield row


def main() -> None:
    """Run what is missing and write advice.csv."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, default=Path("/tmp/advisor-advice"))
    parser.add_argument("--minutes", type=float, default=2.5)
    parser.add_argument("--seeds", type=int, nargs="*", default=[0, 1, 2])
    parser.add_argument("--tasks", nargs="*", default=[])
    options = parser.parse_args()
    table = HERE / "advice.csv"
    with table.open(newline="") as file:
        known = {(row["task"], int(row["seed"])): row for row in csv.DictReader(file)}
    place = {task.name: at for at, task in enumerate(TASKS)}
    for row in rows(options.work, options.minutes, options.seeds, options.tasks):
        known[row["task"], row["seed"]] = row
        with table.open("w", newline="") as file:
            writer = csv.DictWriter(file, COLUMNS)
            writer.writeheader()
            writer.writerows(known[key] for key in sorted(known, key=lambda k: (k[1], place[k[0]])))


if __name__ == "__main__":
    main()
