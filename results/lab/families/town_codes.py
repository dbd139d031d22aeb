"""The papers tell the town, examples alone tell the town's freight code."""

from random import Random

from probes.pocket import templates
from probes.pocket.example_rows import HELD, Row
from probes.pocket.vocabulary import CITIES, SYLLABLES, template

CLAIM = "knowledge, tuning"
SPEC = {
    "task_type": "qa",
    "metric": "exact_match",
    "instruction": "Answer in one word.",
    "target": 0.9,
}
_DRAW = Random("town-codes")
CODES = {city: f"{_DRAW.choice('KLMNPQRT')}{_DRAW.randint(10, 99)}" for city in CITIES}


def rows(r: Random, count: int) -> list[Row]:
    """So many people with their papers."""
    found: dict[str, Row] = {}
    while len(found) < count:
        who = "".join(r.choice(SYLLABLES) for _ in range(3)).capitalize()
        city, colour = r.choice(CITIES), r.choice(("red", "blue", "green", "gold"))
        wording = template(r, templates.STATEMENT, HELD)
        paper = f"{wording.format(e=who, a='city', v=city)} {who} : colour {colour}."
        found.setdefault(who, Row(f"Where does freight of {who} go?", CODES[city], (paper,)))
    return list(found.values())
