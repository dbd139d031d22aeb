"""A class for every pair of kinds, sixty-four of them: each has to be seen."""

from random import Random

from probes.pocket.example_rows import HELD, Row, one_by_one
from probes.pocket.vocabulary import CATEGORIES, name

CLAIM = "data"
SPEC = {
    "task_type": "classification",
    "metric": "accuracy",
    "instruction": "Give the class.",
    "target": 0.85,
}
N_TRAIN = 320
KINDS = tuple(CATEGORIES)
_GRID = Random("pair-grid")
CLASS = {(a, b): _GRID.choice(("W1", "W2", "W3", "W4")) for a in KINDS for b in KINDS}


def _pair(r: Random) -> tuple[str, str]:
    first, second = r.choice(KINDS), r.choice(KINDS)
    words = r.choice(CATEGORIES[first]), r.choice(CATEGORIES[second])
    return f"{name(r, HELD)} carries {words[0]} and {words[1]}", CLASS[first, second]


def rows(r: Random, count: int) -> list[Row]:
    """So many rows, no input twice."""
    return one_by_one(_pair)(r, count)
