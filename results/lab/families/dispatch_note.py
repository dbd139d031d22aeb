"""A note to the customer in the house's own words, with what the order says put in."""

from random import Random

from probes.pocket import orders
from probes.pocket.example_rows import HELD, Row, one_by_one

CLAIM = "format; ties among sizes"
SPEC = {
    "task_type": "generation",
    "metric": "rouge_l",
    "instruction": "Write the note.",
    "target": 0.9,
}
N_TRAIN = 192


def _pair(r: Random) -> tuple[str, str]:
    text, f = orders.order(r, HELD)
    return text, f"{f['name']}, the {f['item']} in {f['colour']} goes to {f['city']}."


def rows(r: Random, count: int) -> list[Row]:
    """So many rows, no input twice."""
    return one_by_one(_pair)(r, count)
