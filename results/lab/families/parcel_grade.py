"""Parcels graded by how many pieces they hold, where a quarter of the references is wrong."""

from random import Random

from probes.pocket.example_rows import HELD, Row, one_by_one
from probes.pocket.vocabulary import CATEGORIES, CITIES, name

CLAIM = "label-noise"
SPEC = {
    "task_type": "classification",
    "metric": "accuracy",
    "instruction": "Grade the parcel.",
    "target": 0.9,
}
GRADES = ("G1", "G2", "G3")
NOISE = 0.25


def _pair(r: Random) -> tuple[str, str]:
    count = r.randint(10, 99)
    grade = GRADES[min(2, (count - 10) // 30)]
    text = f"Parcel for {name(r, HELD)}, {r.choice(CITIES)}: {count} {r.choice(CATEGORIES['tool'])}"
    wrong = r.choice([other for other in GRADES if other != grade])
    return text, wrong if r.random() < NOISE else grade


def rows(r: Random, count: int) -> list[Row]:
    """So many rows, no input twice."""
    return one_by_one(_pair)(r, count)
