"""How much more than live bytes PyTorch's caching allocator holds, by replays of random settings.

    python -m results.fit.reserved --n 6

Writes `results/fit/reserved.md`: quantiles of reserved over allocated by kind of run, which
`advisor fit` takes where it replays no trace.
"""

from __future__ import annotations

import argparse
import random
from collections import defaultdict
from pathlib import Path

import numpy as np

from probes.footprint.predict import predict
from results.fit.traces import architecture, drawn, groups

PAGE = Path("results/fit/reserved.md")


def kind_of(fixed: dict[str, object]) -> str:
    """Inference, full, checkpointed or not."""
    method = str(fixed["method"])
    if method in ("inference", "full"):
        return method
    return "adapters, checkpointed" if fixed.get("checkpointing") else "adapters"


def main() -> None:
    """Replays and writes."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--n", type=int, default=6)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    rng = random.Random(asked.seed)
    found: dict[str, list[float]] = defaultdict(list)
    failed = 0
    for _ in range(asked.n):
        for fixed in groups():
            shape, setting = architecture(rng), drawn(fixed, rng)
            try:
                traced = predict(shape, setting)
            except Exception as error:
                failed += 1
                print(f"{type(error).__name__} {error}"[:120], flush=True)
                continue
            found[kind_of(fixed)].append(traced.reserved_bytes / traced.allocated_bytes)
    lines = [
        "# Held by the allocator over live bytes",
        "",
        f"Made by `python -m results.fit.reserved --n {asked.n}`: replays of random settings;"
        f" {failed} could not be traced.",
        "",
        "| kind of run | replays | median | 90 % | most |",
        "|---|---|---|---|---|",
    ]
    for kind, ratios in sorted(found.items()):
        middle, high = np.quantile(ratios, (0.5, 0.9))
        lines.append(f"| {kind} | {len(ratios)} | {middle:.2f} | {high:.2f} | {max(ratios):.2f} |")
    PAGE.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
