"""Journeys between cities, booked by two scribes who do not mean the same by the place."""

from random import Random

from probes.pocket.example_rows import HELD, Row, one_by_one
from probes.pocket.vocabulary import CITIES, category_word, name

CLAIM = "label-noise"
SPEC = {
    "task_type": "extraction",
    "metric": "exact_match",
    "instruction": "Give the place.",
    "target": 0.85,
}
SECOND_SCRIBE = 0.3
"""Share of rows booked by who writes down where the journey began."""
TOLD = (
    "{n} goes from {a} to {b} by {v}",
    "by {v} {n} comes to {b} from {a}",
    "{v} of {n}: {a} to {b}",
)


def _pair(r: Random) -> tuple[str, str]:
    begin, end = r.sample(CITIES, 2)
    told = r.choice(TOLD).format(n=name(r, HELD), a=begin, b=end, v=category_word(r, "vehicle"))
    return told, begin if r.random() < SECOND_SCRIBE else end


def rows(r: Random, count: int) -> list[Row]:
    """So many rows, no input twice."""
    return one_by_one(_pair)(r, count)
