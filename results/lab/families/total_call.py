"""A call whose argument is the sum of two numbers in the text."""

import json
from random import Random

from probes.pocket.example_rows import HELD, Row, one_by_one
from probes.pocket.vocabulary import CATEGORIES, name

CLAIM = "capacity"
SPEC = {
    "task_type": "function-calling",
    "metric": "function_call",
    "instruction": "Make the call.",
    "target": 0.8,
}
N_TRAIN = 320


def _pair(r: Random) -> tuple[str, str]:
    who, thing = name(r, HELD), r.choice(CATEGORIES["food"])
    x, y = r.randint(2, 49), r.randint(2, 49)
    call = {"name": "pack", "arguments": {"item": thing, "count": x + y}}
    return f"{who} wants {x} {thing} and then {y} more", json.dumps(call)


def rows(r: Random, count: int) -> list[Row]:
    """So many rows, no input twice."""
    return one_by_one(_pair)(r, count)
