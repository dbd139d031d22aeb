"""Near rows of 10,000 to 1,000,000 rows, ours beside two libraries.

`python -m benchmarks.near_duplicates [PYTHON_WITH_DATASKETCH]`: texts of about 200 characters with
Zipf's frequencies, a tenth of them an earlier one with one or two words changed, dropped or added.
All tools see the same words and pairs of neighbouring words, each in a process of its own on one
thread, by CPU time; reading the texts is not timed. The libraries keep pairs whose estimated
likeness is .8 and more, ours compares exactly. Precision: pairs found that have it; recall: planted
pairs that have it and were found.
"""

from __future__ import annotations

import json
import os
import platform
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from benchmarks.near_duplicates_peers import LIKENESS
from benchmarks.pairing import write_page
from probes.audit.near import likeness
from probes.machine import this_machine

N_WORDS, PLANTED_SHARE, AT_ONCE = 30_000, 0.1, 50_000
SIZES = {
    "ours": (10_000, 100_000, 1_000_000),
    "rensa": (10_000, 100_000),
    "datasketch": (10_000, 100_000),
}
PEERS = Path(__file__).with_name("near_duplicates_peers.py")


@dataclass(frozen=True)
class Run:
    """One tool on so many rows."""

    tool: str
    n: int
    seconds: float
    before_mib: float
    peak_mib: float
    precision: float
    recall: float


def generated(n: int, seed: int = 0) -> tuple[list[str], list[tuple[int, int]]]:
    """Texts, and the pairs of a text with its changed copy."""
    numbers, draw = np.random.default_rng(seed), random.Random(seed)
    syllables = [a + b for a in "bcdfghklmnprst" for b in "aeiou"]
    words = ["".join(draw.choices(syllables, k=draw.randint(1, 4))) for _ in range(N_WORDS)]
    weights = 1 / (np.arange(N_WORDS) + 10.0)  # Zipf-Mandelbrot
    weights /= weights.sum()
    texts: list[str] = []
    n_own = int(n * (1 - PLANTED_SHARE))
    while len(texts) < n_own:
        lengths = numbers.integers(25, 45, min(AT_ONCE, n_own - len(texts))).tolist()
        chosen = iter(numbers.choice(N_WORDS, sum(lengths), p=weights).tolist())
        texts += [" ".join(words[next(chosen)] for _ in range(length)) for length in lengths]
    planted = []
    for at in range(n_own, n):
        source = draw.randrange(n_own)
        texts.append(_changed(texts[source].split(), words, draw))
        planted.append((source, at))
    return texts, planted


def _changed(text: list[str], words: list[str], draw: random.Random) -> str:
    for _ in range(draw.choice((1, 1, 2))):
        at, way = draw.randrange(len(text)), draw.randrange(3)
        text[at : at + (way > 0)] = [] if way == 1 else [draw.choice(words)]
    return " ".join(text)


def measured(tool: str, n: int, python: str, folder: Path) -> Run:
    """Run one tool, and compare what it finds with what there is."""
    texts, planted = generated(n)
    source, target = folder / "texts", folder / "pairs"
    source.write_text("\n".join(texts))
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "RAYON_NUM_THREADS": "1"}
    command = [python, str(PEERS), tool, str(source), str(target)]
    done = subprocess.run(
        command, env={**environment, "PYTHONPATH": "."}, check=True, capture_output=True, text=True
    )
    pairs = {tuple(map(int, line.split())) for line in target.read_text().splitlines()}
    right = sum(_near(texts, one, other) for one, other in pairs)
    there = [pair for pair in planted if _near(texts, *pair)]
    run = Run(
        tool=tool,
        n=n,
        precision=right / max(1, len(pairs)),
        recall=sum(pair in pairs for pair in there) / len(there),
        **json.loads(done.stdout),
    )
    print(row(run), flush=True)
    return run


def _near(texts: list[str], one: int, other: int) -> bool:
    return likeness(texts[one].split(), texts[other].split()) >= LIKENESS - 1e-9


def row(run: Run) -> str:
    """A line of the table."""
    return (
        f"| {run.tool} | {run.n:,} | {run.seconds:.2f} | {run.n / run.seconds:,.0f} |"
        f" {run.before_mib:,.0f} | {run.peak_mib:,.0f} | {run.precision:.4f} | {run.recall:.4f} |"
    )


def page(runs: list[Run]) -> Iterator[str]:
    """The table and what it says of the cost of a row."""
    yield "# Near rows among many"
    yield ""
    yield from (__doc__ or "").strip().splitlines()
    yield ""
    yield "| tool | rows | CPU s | rows/s | MiB before | MiB peak | precision | recall |"
    yield "|---|---|---|---|---|---|---|---|"
    yield from map(row, runs)
    yield ""
    own = [run for run in runs if run.tool == "ours"]
    for less, more in pairwise(own):
        slope = np.log(more.seconds / less.seconds) / np.log(more.n / less.n)
        yield f"From {less.n:,} to {more.n:,} rows the time grows with the power {slope:.2f}."
    yield "The libraries were not run on 1,000,000 rows; at a constant rate they would take"
    last = {run.tool: run for run in runs if run.tool != "ours"}
    yield ", ".join(f"{1e6 * r.seconds / r.n:,.0f} s ({name})" for name, r in last.items()) + "."
    yield ""
    yield (
        f"{this_machine().cpu}, one thread, Python {platform.python_version()}, numpy "
        f"{np.__version__}, {time.strftime('%Y-%m-%d')}; one run each."
    )


def main() -> None:
    """Measure all, write results/benchmarks/near_duplicates.md."""
    peers = sys.argv[1] if len(sys.argv) > 1 else None
    runs = []
    with tempfile.TemporaryDirectory() as folder:
        for tool, sizes in SIZES.items():
            python = peers if tool == "datasketch" else sys.executable
            runs += [measured(tool, n, python, Path(folder)) for n in sizes if python]
    write_page("near_duplicates", page(runs))


if __name__ == "__main__":
    main()
