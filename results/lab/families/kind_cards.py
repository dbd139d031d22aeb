"""Kinds of words, which the models know, on cards that begin with a capital letter."""

from random import Random

from probes.pocket.example_rows import HELD, Row, one_by_one
from probes.pocket.vocabulary import CATEGORIES, name

CLAIM = "format"
SPEC = {
    "task_type": "classification",
    "metric": "accuracy",
    "instruction": "Give the kind.",
    "target": 0.95,
}
N_TRAIN = 192
ASKED = (
    "{n} asks: what kind of thing is {w}?",
    "{n} asks: {w} is a kind of what?",
    "{n} asks: what is {w}?",
)


def _pair(r: Random) -> tuple[str, str]:
    kind = r.choice(list(CATEGORIES))
    text = r.choice(ASKED).format(n=name(r, HELD), w=r.choice(CATEGORIES[kind]))
    return text, kind.capitalize()


def rows(r: Random, count: int) -> list[Row]:
    """So many rows, no input twice."""
    return one_by_one(_pair)(r, count)
