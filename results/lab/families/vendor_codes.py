"""Forty vendors who keep coming back, each with a code: look it up among old rows, or learn it."""

from random import Random

from probes.pocket.example_rows import HELD, Row, one_by_one
from probes.pocket.vocabulary import CITIES, any_word, names

CLAIM = "data, crossing: examples in the prompt first, tuning later"
SPEC = {
    "task_type": "classification",
    "metric": "accuracy",
    "instruction": "Book the delivery.",
    "target": 0.9,
}
CODES = ("north", "zj", "slow", "right", "bo")
_DRAW = Random("vendor-codes")
VENDORS = {who: _DRAW.choice(CODES) for who in names(_DRAW, 40, HELD)}


def _pair(r: Random) -> tuple[str, str]:
    who = r.choice(list(VENDORS))
    shape = r.choice(("{v} sends {w} to {c}", "{w} by {v} for {c}", "for {c}: {v}, {w}"))
    return shape.format(v=who, w=any_word(r), c=r.choice(CITIES)), VENDORS[who]


def rows(r: Random, count: int) -> list[Row]:
    """So many rows, no input twice."""
    return one_by_one(_pair)(r, count)
