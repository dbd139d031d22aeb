"""Three fields of an order as JSON, asked for as in pre-training."""

from random import Random

from probes.pocket import orders
from probes.pocket.example_rows import HELD, Row, one_by_one

CLAIM = "prompting-suffices"
SPEC = {
    "task_type": "extraction",
    "metric": "json_fields",
    "instruction": "Extract item, colour and city as JSON.",
    "target": 0.9,
}
N_TRAIN = 192


def _pair(r: Random) -> tuple[str, str]:
    text, fields = orders.order(r, HELD)
    return text, orders.as_json(fields, ["item", "colour", "city"])


def rows(r: Random, count: int) -> list[Row]:
    """So many rows, no input twice."""
    return one_by_one(_pair)(r, count)
