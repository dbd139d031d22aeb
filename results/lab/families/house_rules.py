"""Visitors sorted by what they bring, beside a house book that says nothing of it."""

from random import Random

from probes.pocket import templates
from probes.pocket.example_rows import HELD, Row
from probes.pocket.vocabulary import CATEGORIES, SYLLABLES, attribute_value, template

CLAIM = "tuning"
SPEC = {
    "task_type": "classification",
    "metric": "accuracy",
    "instruction": "Name the door.",
    "target": 0.9,
}
DOORS = {"animal": "yard", "food": "side", "cloth": "front", "vehicle": "gate", "tool": "side"}


def rows(r: Random, count: int) -> list[Row]:
    """So many visitors, each with a line of the house book about a colour or a sport."""
    found: dict[str, Row] = {}
    while len(found) < count:
        who = "".join(r.choice(SYLLABLES) for _ in range(3)).capitalize()
        thing, kind = r.choice(("colour", "sport")), r.choice(list(DOORS))
        line = template(r, templates.STATEMENT, HELD)
        line = line.format(e=who, a=thing, v=attribute_value(r, thing))
        brought, left = r.choice(CATEGORIES[kind]), r.choice(CATEGORIES["colour"])
        text = f"{who} brings a {brought} and leaves the {left} one"
        found.setdefault(who, Row(text, DOORS[kind], (line,)))
    return list(found.values())
