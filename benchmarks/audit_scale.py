"""What the data audit costs as rows grow, up to a million of about 200 characters.

    python -m benchmarks.audit_scale --rows 1000 10000 100000 1000000

Labelled rows of words with Zipf's frequencies, a twentieth of them near copies of earlier ones.
The whole command in a process of its own: reading, every check, `--json`. CPU seconds and peak
memory of that process; datasketch, for near-duplicates alone, stands in near_duplicates.md.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from benchmarks.pairing import RESULTS, write_page

N_LABELS, N_WORDS, COPIES = 40, 20_000, 0.05


@dataclass(frozen=True)
class Cost:
    """One size."""

    rows: int
    cpu_s: float
    check_s: dict[str, float]
    peak_bytes: int


def write_task(folder: Path, n: int) -> Path:
    """A spec and its rows; the label goes with the first word."""
    rng = np.random.default_rng(0)
    words = np.array([f"w{at:x}" for at in range(N_WORDS)])
    earlier: list[str] = []
    with (folder / "rows.jsonl").open("w", encoding="utf-8") as file:
        for first in range(0, n, 10_000):
            drawn = words[np.minimum(rng.zipf(1.2, (10_000, 45)) - 1, N_WORDS - 1)]
            for at, row in enumerate(drawn[: n - first]):
                text = " ".join(row)[:200]
                if earlier and rng.random() < COPIES:
                    text = f"{earlier[rng.integers(len(earlier))]} please"
                elif at % 50 == 0:
                    earlier.append(text)
                label = f"label {sum(text.split()[0].encode()) % N_LABELS}"
                file.write(json.dumps({"input": text, "output": label}) + "\n")
    spec = folder / "spec.yaml"
    spec.write_text(
        "version: 1\nname: scale\ntask_type: classification\ndata: {train: rows.jsonl}\n"
        "ladder: pocket\n"
    )
    return spec


def measured(n: int) -> Cost:
    """The command on `n` rows."""
    with tempfile.TemporaryDirectory() as folder:
        spec = write_task(Path(folder), n)
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run(
            [sys.executable, "-m", "advisor", "audit", "-t", str(spec), "--json"],
            capture_output=True, text=True, check=True, env=os.environ | {"OMP_NUM_THREADS": "1"},
        )  # fmt: skip
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
    record = json.loads(done.stdout)
    cpu_s = (after.ru_utime + after.ru_stime) - (before.ru_utime + before.ru_stime)
    return Cost(n, cpu_s, record["check_seconds"], record["peak_memory_bytes"])


def page(found: Sequence[Cost]) -> Iterator[str]:
    """The table, the dearest checks, and the plot."""
    yield from ("# The data audit at scale", "", *(__doc__ or "").strip().splitlines(), "")
    yield "| rows | CPU s | rows/s | peak memory, MiB | dearest checks, s (wall) |"
    yield "|---|---|---|---|---|"
    for cost in found:
        dearest = sorted(cost.check_s.items(), key=lambda pair: -pair[1])[:4]
        told = ", ".join(f"{name} {seconds:.1f}" for name, seconds in dearest)
        yield (
            f"| {cost.rows:,} | {cost.cpu_s:.1f} | {cost.rows / cost.cpu_s:,.0f} |"
            f" {cost.peak_bytes / 2**20:,.0f} | {told} |"
        )
    yield ""
    for one, other in pairwise(found):
        power = math.log(other.cpu_s / one.cpu_s) / math.log(other.rows / one.rows)
        yield f"From {one.rows:,} to {other.rows:,} rows the time grows with the power {power:.2f}."
    yield from ("", "![CPU seconds against rows, both axes logarithmic](audit_scale.svg)")


def plot(found: Sequence[Cost]) -> str:
    """CPU seconds against rows as SVG, both axes logarithmic."""
    xs = [math.log10(cost.rows) for cost in found]
    ys = [math.log10(cost.cpu_s) for cost in found]
    left, low = math.floor(min(xs)), math.floor(min(ys))
    right, high = math.ceil(max(xs)), math.ceil(max(ys))

    def place(x: float, y: float) -> tuple[float, float]:
        return 60 + 320 * (x - left) / (right - left), 220 - 200 * (y - low) / (high - low)

    parts = ['<svg xmlns="http://www.w3.org/2000/svg" width="400" height="260" font-size="12">']
    for x in range(left, right + 1):
        at, bottom = place(x, low)
        parts.append(f'<line x1="{at}" x2="{at}" y1="20" y2="{bottom}" stroke="#ccc"/>')
        parts.append(f'<text x="{at}" y="240" text-anchor="middle">10^{x} rows</text>')
    for y in range(low, high + 1):
        start, at = place(left, y)
        parts.append(f'<line x1="{start}" x2="380" y1="{at}" y2="{at}" stroke="#ccc"/>')
        parts.append(f'<text x="52" y="{at + 4}" text-anchor="end">10^{y} s</text>')
    points = [place(x, y) for x, y in zip(xs, ys, strict=True)]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    parts.append(f'<polyline points="{line}" fill="none" stroke="#4a7fb5" stroke-width="2"/>')
    return "\n".join([*parts, "</svg>"]) + "\n"


def main() -> None:
    """Write results/benchmarks/audit_scale.md and its plot."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="*", default=[1000, 10_000, 100_000, 1_000_000])
    found = []
    for n in parser.parse_args().rows:
        found.append(measured(n))
        print(found[-1], flush=True)
    (RESULTS / "audit_scale.svg").write_text(plot(found))
    write_page("audit_scale", page(found))


if __name__ == "__main__":
    main()
