"""Hours after an hour on a clock of twelve: a table that has to be learnt from few of its cells."""

from random import Random

from probes.pocket.example_rows import Row
from probes.pocket.vocabulary import CITIES

CLAIM = "data"
SPEC = {
    "task_type": "reasoning",
    "metric": "numeric",
    "instruction": "Give the hour.",
    "target": 0.9,
}


def rows(r: Random, count: int) -> list[Row]:
    """So many rows; all of one hour and one stretch stay on one side."""
    found: dict[str, Row] = {}
    while len(found) < count:
        hour, later = r.randint(1, 12), r.randint(2, 40)
        city, shape = (
            r.choice(CITIES),
            r.choice(("In {c} at {h}, {t} hours on", "{t} hours after {h} in {c}")),
        )
        answer = str((hour + later - 1) % 12 + 1)
        text = shape.format(c=city, h=hour, t=later)
        found.setdefault(text, Row(text, answer, group=f"{hour}+{later}"))
    return list(found.values())
