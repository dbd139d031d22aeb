"""A call that takes a place, and clerks who enter the wrong one of two in three cases of ten."""

import json
from random import Random

from probes.pocket.example_rows import HELD, Row, one_by_one
from probes.pocket.vocabulary import CITIES, category_word, name

CLAIM = "label-noise"
SPEC = {
    "task_type": "function-calling",
    "metric": "function_call",
    "instruction": "Make the call.",
    "target": 0.9,
}
WRONG = 0.3


def _pair(r: Random) -> tuple[str, str]:
    home, shop = r.sample(CITIES, 2)
    thing = category_word(r, "cloth")
    place = home if r.random() < WRONG else shop
    call = {"name": "collect", "arguments": {"item": thing, "place": place}}
    return f"{name(r, HELD)} of {home} left the {thing} in {shop}", json.dumps(call)


def rows(r: Random, count: int) -> list[Row]:
    """So many rows, no input twice."""
    return one_by_one(_pair)(r, count)
