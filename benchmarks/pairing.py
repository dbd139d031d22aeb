"""Ours and the public alternative, timed in turns in one process; the ratio with its interval."""

from __future__ import annotations

import json
import platform
import statistics
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from probes.machine import package_versions, this_machine

RESULTS = Path(__file__).resolve().parents[1] / "results" / "benchmarks"
ROUNDS = 5


@dataclass(frozen=True)
class Ratio:
    """CPU time of the alternative over ours: medians over rounds, the interval over the rounds."""

    name: str
    alternative: str
    ours_s: float
    theirs_s: float
    ratio: float
    low: float
    high: float
    rounds: int
    goal: float | None
    """What the issue asks for; None where it asks for the figure alone."""


def paired(
    name: str,
    ours: Callable[[], object],
    theirs: Callable[[], object],
    *,
    alternative: str,
    goal: float | None = None,
    rounds: int = ROUNDS,
) -> Ratio:
    """Time both in turns after one run of each; CPU seconds of this process, all threads.

    The interval is that of the median ratio by order statistics: with 5 rounds the smallest and the
    largest cover it with 94 %.
    """
    ours(), theirs()
    times = [(_cpu_s(ours), _cpu_s(theirs)) for _ in range(rounds)]
    ratios = sorted(theirs_s / ours_s for ours_s, theirs_s in times)
    found = Ratio(
        name=name,
        alternative=alternative,
        ours_s=statistics.median(pair[0] for pair in times),
        theirs_s=statistics.median(pair[1] for pair in times),
        ratio=statistics.median(ratios),
        low=ratios[0],
        high=ratios[-1],
        rounds=rounds,
        goal=goal,
    )
    print(row(found), flush=True)
    return found


def _cpu_s(run: Callable[[], object]) -> float:
    began = time.process_time()
    run()
    return time.process_time() - began


def row(found: Ratio) -> str:
    """A line of the table."""
    goal = "" if found.goal is None else f"≥ {found.goal:g}"
    return (
        f"| {found.name} | {found.alternative} | {1000 * found.ours_s:.1f} |"
        f" {1000 * found.theirs_s:.1f} | {found.ratio:.2f} [{found.low:.2f}, {found.high:.2f}] |"
        f" {goal} |"
    )


def write_page(stem: str, lines: Iterable[str]) -> None:
    """Write a page of results/benchmarks and print where it is."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    path = RESULTS / f"{stem}.md"
    path.write_text("\n".join(lines) + "\n")
    print(path, flush=True)


def write(stem: str, title: str, command: str, found: Sequence[Ratio], *notes: str) -> None:
    """The table as Markdown and JSON in results/benchmarks, with the machine and the versions."""
    machine, versions = this_machine(), package_versions()
    lines = [
        f"# {title}",
        "",
        f"`{command}`: CPU time in ms, medians of {found[0].rounds} rounds in turns in one",
        "process; ratio = alternative / ours, with its smallest and largest round.",
        "",
        "| what | alternative | ours, ms | alternative, ms | ratio | goal |",
        "|---|---|---|---|---|---|",
        *(row(each) for each in found),
        "",
        *notes,
        "",
        f"{machine.cpu}, one thread, Python {platform.python_version()}, "
        + ", ".join(f"{name} {versions[name]}" for name in ("torch", "transformers", "peft"))
        + f", {time.strftime('%Y-%m-%d')}.",
    ]
    write_page(stem, lines)
    rows = [asdict(each) for each in found]
    (RESULTS / f"{stem}.json").write_text(json.dumps(rows, indent=1) + "\n")
