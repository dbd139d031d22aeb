"""Badges by trade: the register tells the trade, examples alone tell whose badge is which."""

from random import Random

from probes.pocket import templates
from probes.pocket.example_rows import HELD, Row
from probes.pocket.vocabulary import CATEGORIES, SYLLABLES, template

CLAIM = "knowledge, tuning"
SPEC = {
    "task_type": "classification",
    "metric": "accuracy",
    "instruction": "Give the badge of the guest.",
    "target": 0.85,
}
BADGES = ("B4", "H2", "S6", "V8")


def rows(r: Random, count: int) -> list[Row]:
    """So many guests, each with a line of the register."""
    found: dict[str, Row] = {}
    while len(found) < count:
        who = "".join(r.choice(SYLLABLES) for _ in range(3)).capitalize()
        at = r.randrange(len(CATEGORIES["job"]))
        told = template(r, templates.STATEMENT, HELD)
        told = told.format(e=who, a="job", v=CATEGORIES["job"][at])
        found.setdefault(who, Row(f"Guest {who}", BADGES[at % 4], (told,)))
    return list(found.values())
