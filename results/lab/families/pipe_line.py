"""Three fields of an order on one line, in an order and with bars that no model has been shown."""

from random import Random

from probes.pocket import orders
from probes.pocket.example_rows import HELD, Row, one_by_one

CLAIM = "format"
SPEC = {
    "task_type": "extraction",
    "metric": "exact_match",
    "instruction": "Give the line.",
    "target": 0.9,
}


def _pair(r: Random) -> tuple[str, str]:
    text, fields = orders.order(r, HELD)
    return text, f"{fields['city']} | {fields['count']} | {fields['name']}"


def rows(r: Random, count: int) -> list[Row]:
    """So many rows, no input twice."""
    return one_by_one(_pair)(r, count)
