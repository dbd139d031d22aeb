"""Whether the lamps that are on are an even or an odd number, of nine lamps: no shortcut exists."""

from random import Random

from probes.pocket.example_rows import Row, one_by_one
from probes.pocket.vocabulary import CITIES

CLAIM = "nothing-suffices"
SPEC = {
    "task_type": "reasoning",
    "metric": "exact_match",
    "instruction": "Say how the lamps stand.",
    "target": 0.8,
}


def _pair(r: Random) -> tuple[str, str]:
    lamps = [r.random() < 0.5 for _ in range(9)]
    told = " ".join("on" if lamp else "off" for lamp in lamps)
    return f"{r.choice(CITIES)}: {told}", "odd" if sum(lamps) % 2 else "even"


def rows(r: Random, count: int) -> list[Row]:
    """So many rows, no input twice."""
    return one_by_one(_pair)(r, count)
