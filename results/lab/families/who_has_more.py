"""Two people, two numbers, and which of the two has more."""

from random import Random

from probes.pocket.example_rows import HELD, Row, one_by_one
from probes.pocket.vocabulary import any_word, names

CLAIM = "tuning"
SPEC = {
    "task_type": "reasoning",
    "metric": "exact_match",
    "instruction": "Answer the question.",
    "target": 0.9,
}


def _pair(r: Random) -> tuple[str, str]:
    people, thing = names(r, 2, HELD), any_word(r)
    counts = r.sample(range(10, 100), 2)
    told = f"{people[0]} has {counts[0]} {thing}. {people[1]} has {counts[1]} {thing}."
    return f"{told} Who has more?", people[counts.index(max(counts))]


def rows(r: Random, count: int) -> list[Row]:
    """So many rows, no input twice."""
    return one_by_one(_pair)(r, count)
