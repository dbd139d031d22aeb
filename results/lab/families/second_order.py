"""Three orders in one text and the name of one of them: the city must be that order's."""

from random import Random

from probes.pocket import orders
from probes.pocket.example_rows import HELD, Row, one_by_one

CLAIM = "capacity"
SPEC = {
    "task_type": "extraction",
    "metric": "exact_match",
    "instruction": "Give the city.",
    "target": 0.85,
}
N_TRAIN = 192


def _pair(r: Random) -> tuple[str, str]:
    told = [orders.order(r, HELD) for _ in range(3)]
    _, asked = r.choice(told)
    text = " ".join(text for text, _ in told)
    return f"{text}\nFor {asked['name']}", asked["city"]


def rows(r: Random, count: int) -> list[Row]:
    """So many rows, no input twice."""
    return one_by_one(_pair)(r, count)
