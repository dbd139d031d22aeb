"""What a search finds on larger rungs beyond where the hidden size puts the learning rate.

    python -m results.pocket.search "/tmp/advice3/seed-*/*/runs/*"

From stored runs of the advice benchmark in which every rung searched the same four settings, each
relative to its own centre: the first trial is the centre, the others are drawn alike. What trying
fewer of them would have lost against the best of four, in dev quality, with a bootstrap interval
over runs. The best of four is chosen on the items that it is scored on, so the losses are too large
rather than too small.
"""

from __future__ import annotations

import argparse
import glob
import json
import math
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np

from knowledge.load import model_cards
from probes.methods.lora import central_learning_rate

RUNGS = ("pocket-xs", "pocket-s", "pocket-m")
Setting = tuple[float, int]
"""Logarithm of the rate over the centre's, and rank: what rungs share of a trial."""
Trials = Mapping[Setting, float]
"""Dev quality by setting."""
Rule = Callable[[Trials, Trials], float]
"""Trials of the smaller rung and of the larger one, to the quality that the rule ends with."""


def trials_of(run: Path) -> dict[str, dict[Setting, float]]:
    """The searched settings of each rung of a run; those of the confirming runs left out."""
    cards = model_cards()
    found: dict[str, dict[Setting, float]] = {}
    cells = [json.loads(file.read_text())["value"] for file in run.glob("cells/*.json")]
    tried = [at for at in cells if (at["cell"]["method"], at["cell"]["role"]) == ("lora", "tune")]
    first_seed = min((at["cell"]["seed"] for at in tried), default=0)
    for at in tried:
        cell = at["cell"]
        if cell["seed"] == first_seed and at["status"] == "ok":
            params = cell["params"]
            centre = central_learning_rate(cards[cell["rung"]].hidden_size)
            setting = round(math.log(params["learning_rate"] / centre), 1), params["rank"]
            found.setdefault(cell["rung"], {})[setting] = at["quality"]["value"]
    return found


def centre(trials: Trials) -> Setting:
    """The setting whose rate is nearest to the centre."""
    return min(trials, key=lambda setting: abs(setting[0]))


def best(trials: Trials) -> Setting:
    """The setting of the highest quality."""
    return max(trials, key=lambda setting: trials[setting])


def others(trials: Trials) -> list[Setting]:
    """All settings but the centre."""
    return [setting for setting in trials if setting != centre(trials)]


RULES: Mapping[str, Rule] = {
    "the centre": lambda _, large: large[centre(large)],
    "the smaller rung's best": lambda small, large: large[best(small)],
    "one at random": lambda _, large: statistics.mean(large.values()),
    "the centre, and the smaller rung's best other": lambda small, large: max(
        large[centre(large)], large[max(others(small), key=lambda setting: small[setting])]
    ),
    "the centre, and another at random": lambda _, large: statistics.mean(
        max(large[centre(large)], large[setting]) for setting in others(large)
    ),
}


def page(runs: Sequence[dict[str, dict[Setting, float]]]) -> Iterator[str]:
    """A row for each rule and pair of neighbouring rungs."""
    yield from ("# Searching again on a larger rung", "", *(__doc__ or "").strip().splitlines(), "")
    yield "| rung | what is tried | runs | loss against the best of four | worst |"
    yield "|---|---|---|---|---|"
    yield from _rows("pocket-xs", [(run["pocket-xs"],) * 2 for run in runs if _full(run)], 1)
    for small, large in pairwise(RUNGS):
        pairs = [(run[small], run[large]) for run in runs if _full(run)]
        yield from _rows(large, pairs, len(RULES))


def _full(run: Mapping[str, Trials]) -> bool:
    settings = [set(run.get(rung, ())) for rung in RUNGS]
    return len(settings[0]) == 4 and settings.count(settings[0]) == len(RUNGS)


def _rows(rung: str, pairs: Sequence[tuple[Trials, Trials]], n_rules: int) -> Iterator[str]:
    for name, rule in list(RULES.items())[:n_rules]:
        losses = [max(large.values()) - rule(small, large) for small, large in pairs]
        draws = np.random.default_rng(0).choice(losses, (10_000, len(losses))).mean(axis=1)
        low, high = np.quantile(draws, (0.025, 0.975))
        yield (
            f"| {rung} | {name} | {len(losses)} | {statistics.mean(losses):.3f}"
            f" [{low:.3f}, {high:.3f}] | {max(losses):.3f} |"
        )


def main() -> None:
    """Write results/pocket/search.md."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", help="a pattern of run folders, in quotes")
    runs = [trials_of(Path(run)) for run in sorted(glob.glob(parser.parse_args().runs))]
    Path(__file__).with_name("search.md").write_text("\n".join(page(runs)) + "\n")


if __name__ == "__main__":
    main()
