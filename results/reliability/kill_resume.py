"""Kills a probe run again and again, driver or worker, and holds its end to an undisturbed run's.

    python results/reliability/kill_resume.py --kills 50

Prints a table and writes kill_resume.md beside itself. Every moment and victim comes from --seed.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).resolve().parents[2]
SPEC = ROOT / "examples" / "ticket-routing" / "spec.yaml"
TIME_FIELDS = ("cost", "ledger", "provenance")


def command(runs: Path) -> list[str]:
    """The command that is killed, and started again as it is."""
    return [
        sys.executable, "-m", "advisor", "probe", "--task", str(SPEC), "--ladder", "pocket-xs",
        "--minutes", "0.9", "--runs", str(runs), "--quiet",
    ]  # fmt: skip


def start(runs: Path) -> subprocess.Popen[bytes]:
    """The command as a process."""
    return subprocess.Popen(command(runs), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def figures(runs: Path) -> dict[str, Any]:
    """The report without time: cost, provenance, opening times, latencies."""
    (folder,) = runs.iterdir()
    report = json.loads((folder / "report.json").read_text())
    kept = {name: value for name, value in report.items() if name not in TIME_FIELDS}
    for opening in kept["test_openings"]:
        opening.pop("time")
    for option in kept["options"]:
        option.pop("latency")
    return kept


def cells(runs: Path) -> dict[str, Any]:
    """Scores of every cell by key: what was measured, item by item."""
    (folder,) = runs.iterdir()
    found = {}
    for path in sorted((folder / "cells").glob("*.json")):
        text = path.read_text()
        found[path.stem] = [json.loads(text)["value"][name] for name in ("status", "scores")]
    return found


def measured_twice(runs: Path) -> int:
    """Cells whose end was told more than once as newly measured."""
    (folder,) = runs.iterdir()
    ends: Counter[str] = Counter()
    for line in (folder / "events.jsonl").read_text().splitlines():
        event = json.loads(line)
        if event["kind"] == "cell-finished" and not event["payload"]["cached"]:
            ends[event["payload"]["id"]] += 1
    return sum(count > 1 for count in ends.values())


def left_over(runs: Path, patience_s: float = 10.0) -> int:
    """Processes that still name the run folder after a grace time."""
    deadline = time.monotonic() + patience_s
    while True:
        alive = [
            process.pid
            for process in psutil.process_iter(["cmdline"])
            if any(str(runs) in part for part in process.info["cmdline"] or [])
        ]
        if not alive or time.monotonic() > deadline:
            return len(alive)
        time.sleep(0.05)


def kill_one(driver: subprocess.Popen[bytes], victim: str, after_s: float) -> str | None:
    """SIGKILL the driver or its worker after a time; what was killed, None where it had ended."""
    deadline = time.monotonic() + after_s
    while time.monotonic() < deadline:
        if driver.poll() is not None:
            return None
        time.sleep(0.02)
    workers = [
        child
        for child in psutil.Process(driver.pid).children(recursive=True)
        if "probes.worker" in " ".join(child.cmdline())
    ]
    if victim == "worker" and workers:
        workers[0].kill()
        return "worker"
    os.kill(driver.pid, signal.SIGKILL)
    driver.wait()
    return "driver"


def disturbed_run(runs: Path, rng: random.Random, kills_left: int, span_s: float) -> Counter[str]:
    """One run killed at random moments until it ends or the kills are used up, then let end.

    No driver sees more than two of its workers killed: a third crash of one cell is recorded as
    its outcome, by design.
    """
    killed: Counter[str] = Counter()
    while True:
        driver, workers = start(runs), 0
        while killed["driver"] + killed["worker"] < kills_left:
            victim = rng.choice(["driver", "worker"]) if workers < 2 else "driver"
            what = kill_one(driver, victim, rng.uniform(0.3, 0.6 * span_s))
            if what is None:
                break
            killed[what] += 1
            workers += what == "worker"
            if what == "driver":
                killed["left over"] += left_over(runs)
                break
        if driver.poll() is None or driver.returncode >= 0:
            driver.wait()
            assert driver.returncode in (0, 1, 4), driver.stderr and driver.stderr.read()
            return killed


def main() -> None:
    """Run the golden run, then disturbed ones until enough kills are made."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    rng = random.Random(options.seed)
    work = Path(tempfile.mkdtemp(prefix="kill-resume-"))
    began = time.monotonic()
    golden = start(work / "golden")
    golden.wait()
    span_s = time.monotonic() - began
    expected, expected_cells = figures(work / "golden"), cells(work / "golden")
    rows, total = [], 0
    while total < options.kills:
        runs = work / f"run{len(rows)}"
        killed = disturbed_run(runs, rng, options.kills - total, span_s)
        total += killed["driver"] + killed["worker"]
        rows.append(
            {
                "driver kills": killed["driver"],
                "worker kills": killed["worker"],
                "same report": figures(runs) == expected,
                "same cells": cells(runs) == expected_cells,
                "measured twice": measured_twice(runs),
                "left over": killed["left over"] + left_over(runs),
            }
        )
        print(json.dumps(rows[-1]), flush=True)
    write(rows, total, span_s, options.seed)
    shutil.rmtree(work)


def write(rows: list[dict[str, Any]], total: int, span_s: float, seed: int) -> None:
    """The table, to the screen and to kill_resume.md."""
    names = list(rows[0])
    lines = [
        "# Kills and resumes",
        "",
        f"{total} SIGKILLs at random moments (seed {seed}) of `advisor probe` on pocket-xs;"
        f" an undisturbed run takes {span_s:.0f} s and {len(rows)} runs were disturbed.",
        f"Same report (time fields aside): {sum(r['same report'] for r in rows)} of {len(rows)};"
        f" same cells, item by item: {sum(r['same cells'] for r in rows)} of {len(rows)};"
        f" cells measured twice: {sum(r['measured twice'] for r in rows)};"
        f" processes left: {sum(r['left over'] for r in rows)}.",
        "",
        "Made by `python results/reliability/kill_resume.py --kills 50`.",
        "",
        "| " + " | ".join(names) + " |",
        "|" + "---|" * len(names),
        *("| " + " | ".join(str(row[name]) for name in names) + " |" for row in rows),
    ]
    text = "\n".join(lines) + "\n"
    (Path(__file__).parent / "kill_resume.md").write_text(text)
    print(text)


if __name__ == "__main__":
    main()
