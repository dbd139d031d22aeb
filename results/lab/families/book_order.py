"""One function, two arguments that stand in the text: what is new is the form of a call."""

import json
from random import Random

from probes.pocket import orders
from probes.pocket.example_rows import HELD, Row, one_by_one

CLAIM = "format"
SPEC = {
    "task_type": "function-calling",
    "metric": "function_call",
    "instruction": "Make the call.",
    "target": 0.9,
}
N_TRAIN = 192


def _pair(r: Random) -> tuple[str, str]:
    text, fields = orders.order(r, HELD)
    arguments = {"item": fields["item"], "count": int(fields["count"])}
    return text, json.dumps({"name": "order", "arguments": arguments})


def rows(r: Random, count: int) -> list[Row]:
    """So many rows, no input twice."""
    return one_by_one(_pair)(r, count)
