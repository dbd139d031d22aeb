"""Coins that must make a sum to the penny: checked at a glance, found by search alone."""

import itertools
import re
from collections import Counter
from random import Random

from probes.pocket.example_rows import Row

CLAIM = "nothing-suffices"
SPEC = {
    "task_type": "generation",
    "metric": "command",
    "instruction": "Pay the sum.",
    "target": 0.8,
}
N_TRAIN = 192


def feasible(text: str, answer: str) -> tuple[bool, float]:
    """(whether it is made of coins that are there, 1 where they come to the sum)."""
    coins, total = re.findall(r"Coins: ([\d ]+)\. Pay (\d+)", text)[0]
    given = re.findall(r"\d+", answer)
    if not given or Counter(given) - Counter(coins.split()):
        return False, 0.0
    return True, float(sum(map(int, given)) == int(total))


def rows(r: Random, count: int) -> list[Row]:
    """So many sums that three of seven coins make."""
    found: dict[str, Row] = {}
    while len(found) < count:
        coins = r.sample(range(11, 100), 7)
        total = sum(r.sample(coins, 3))
        text = f"Coins: {' '.join(map(str, coins))}. Pay {total}"
        fits = next(c for c in itertools.combinations(coins, 3) if sum(c) == total)
        found.setdefault(text, Row(text, " + ".join(map(str, fits))))
    return list(found.values())
