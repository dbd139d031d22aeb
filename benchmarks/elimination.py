"""Sequential elimination beside evaluating everything: how many items, and how often it errs.

    python -m benchmarks.elimination [RUN_FOLDER ...]

Simulated candidates answer items of varying difficulty (a Rasch model, so that their scores are
correlated as those of models are). With run folders, the settings of prompts that those runs
measured on all dev items are replayed in the same way. An error is that the best candidate is
dropped while it is more than the margin ahead of what is kept.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.pairing import write_page
from probes.methods.screening import ALPHA, MARGIN, SHARES
from probes.sequential import dominated
from probes.store import RunStore

Floats = NDArray[np.float64]
LAYOUTS = {
    "six, .45 to .80": (0.45, 0.55, 0.62, 0.70, 0.78, 0.80),
    "six, .30 to .82": (0.30, 0.40, 0.50, 0.60, 0.75, 0.82),
    "six, one ahead": (0.50, 0.50, 0.50, 0.50, 0.50, 0.75),
    "six alike": (0.70,) * 6,
}
EVERY = tuple(at / 20 for at in range(1, 20))
"""A look at every twentieth of the items."""
LOOKS = (("at every twentieth", EVERY, True), ("as the probe does", SHARES, False))
"""(name, shares at which is looked, whether the last candidate stops)."""


@cache
def abilities(qualities: tuple[float, ...]) -> list[float]:
    """The ability at which the mean over items of the Rasch model is each quality, by bisection."""
    difficulties = np.random.default_rng(0).normal(0, 1.5, 20_000)
    found = []
    for quality in qualities:
        low, high = -9.0, 9.0
        for _ in range(50):
            middle = (low + high) / 2
            if (1 / (1 + np.exp(difficulties - middle))).mean() < quality:
                low = middle
            else:
                high = middle
        found.append(low)
    return found


def simulated(qualities: tuple[float, ...], n_items: int, rng: np.random.Generator) -> Floats:
    """Scores (K, n) of candidates of those true qualities on items of varying difficulty."""
    difficulty = rng.normal(0, 1.5, n_items)
    right = [
        rng.random(n_items) < 1 / (1 + np.exp(difficulty - ability))
        for ability in abilities(qualities)
    ]
    return np.array(right, dtype=float)


def replay(
    scores: Floats, shares: Sequence[float], *, stop_at_one: bool
) -> tuple[float, list[int]]:
    """Share of all answers that were needed, and the candidates that stayed.

    With `stop_at_one` nothing more is answered once one candidate is left.
    """
    n_items = scores.shape[1]
    going, used, answered = list(range(len(scores))), 0, 0
    for share in (*shares, 1.0):
        look = round(share * n_items)
        used += len(going) * (look - answered)
        answered = look
        if share < 1.0:
            seen = [scores[at, :look].tolist() for at in going]
            lost = dominated(seen, n_begun=len(scores), alpha=ALPHA, margin=MARGIN)
            going = [candidate for at, candidate in enumerate(going) if at not in lost]
        if len(going) == 1 and stop_at_one:
            break
    return used / scores.size, going


def simulations(n_runs: int, n_items: int) -> Iterator[str]:
    """A line of the table for each layout and way of looking."""
    for name, qualities in LAYOUTS.items():
        for looks, shares, stop_at_one in LOOKS:
            rng = np.random.default_rng(1)
            shares_used, errors = [], 0
            for _ in range(n_runs):
                used, kept = replay(
                    simulated(qualities, n_items, rng), shares, stop_at_one=stop_at_one
                )
                shares_used.append(used)
                errors += max(qualities) - max(qualities[at] for at in kept) > MARGIN
            low, high = np.quantile(shares_used, [0.05, 0.95])
            yield (
                f"| {name} | {n_items} | {looks} | {np.mean(shares_used):.1%}"
                f" [{low:.1%}, {high:.1%}] | {errors} of {n_runs} |"
            )


def settings_of(folder: Path) -> Iterator[tuple[str, Floats]]:
    """For each rung and prompting method of a run: scores (settings, items), all on all items."""
    rows: dict[tuple[str, str], list[list[float]]] = defaultdict(list)
    for found in RunStore.open(folder).measurements():
        cell = found.cell
        prompt = cell.method in ("zero_shot", "few_shot", "rag")
        if prompt and cell.split == "dev" and cell.role in ("baseline", "search"):
            by_item = {score.item_id: score.quality for score in found.scores}
            rows[cell.rung, cell.method].append([by_item[item] for item in sorted(by_item)])
    for (rung, method), scores in sorted(rows.items()):
        if len(scores) > 1 and len({len(row) for row in scores}) == 1:
            yield f"{rung} {method}", np.array(scores)


def reality(folders: Sequence[Path]) -> Iterator[str]:
    """One line over all comparisons of all runs."""
    used, total, lost, n = 0.0, 0, 0, 0
    for folder in folders:
        for _, scores in settings_of(folder):
            share, kept = replay(scores, SHARES, stop_at_one=False)
            used += share * scores.size
            total += scores.size
            means = scores.mean(axis=1)
            lost += bool(means.max() - means[kept].max() > MARGIN)
            n += 1
    yield (
        f"| prompts of {len(folders)} pocket runs | {total // max(1, n)} answers each |"
        f" as the probe does | {used / max(1, total):.1%} | {lost} of {n} |"
    )


def main() -> None:
    """All tables; results/benchmarks/elimination.md."""
    folders = [Path(name) for name in sys.argv[1:]]
    lines = [*simulations(1000, 1000), *simulations(1000, 200)]
    if folders:
        lines += reality(folders)
    text = [
        "# Sequential elimination beside evaluating everything",
        "",
        "`python -m benchmarks.elimination RUNS…`: six candidates, 1,000 simulations a line; the",
        "share of all answers that was needed, mean [5 %, 95 %]. An error: the best was dropped",
        f"and what is kept is more than {MARGIN:g} worse (on pocket runs: by the dev items).",
        f"Level {ALPHA:g}. The probe looks at {', '.join(f'{share:.0%}' for share in SHARES)} and",
        "takes who stays to all items; the other rows stop once one is left.",
        "",
        "| candidates | items | looks | answers needed | errors |",
        "|---|---|---|---|---|",
        *lines,
    ]
    write_page("elimination", text)


if __name__ == "__main__":
    main()
