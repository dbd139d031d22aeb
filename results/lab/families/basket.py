"""Things with prices and a purse: any choice that costs within the bounds is right."""

import itertools
import re
from random import Random

from probes.pocket.example_rows import Row
from probes.pocket.vocabulary import CATEGORIES

CLAIM = "checker: feasibility, capacity"
SPEC = {
    "task_type": "generation",
    "metric": "command",
    "instruction": "Choose what to buy.",
    "target": 0.9,
}
SHELF = CATEGORIES["food"] + CATEGORIES["tool"] + CATEGORIES["cloth"]


def feasible(text: str, answer: str) -> tuple[bool, float]:
    """(whether it names things of the shelf, 1 where their price is within the bounds)."""
    prices = {thing: int(price) for thing, price in re.findall(r"([a-z]+) (\d+)[,.]", text)}
    low, high = map(int, re.findall(r"from (\d+) to (\d+)", text)[0])
    chosen = re.findall(r"\w+", answer)
    if not chosen or len(set(chosen)) < len(chosen) or not set(chosen) <= set(prices):
        return False, 0.0
    return True, float(low <= sum(prices[thing] for thing in chosen) <= high)


def rows(r: Random, count: int) -> list[Row]:
    """So many rows, each with the shortest choice that fits as its reference."""
    found: dict[str, Row] = {}
    while len(found) < count:
        things = r.sample(SHELF, 4)
        prices = [r.randint(2, 40) for _ in things]
        low = r.randint(15, 50)
        told = ", ".join(f"{t} {p}" for t, p in zip(things, prices, strict=True))
        text = f"Shelf: {told}. Spend from {low} to {low + 12}"
        choices = [c for n in (1, 2, 3) for c in itertools.combinations(things, n)]
        fits = [c for c in choices if feasible(text, " ".join(c))[1]]
        if fits:
            found.setdefault(text, Row(text, ", ".join(fits[0])))
    return list(found.values())
