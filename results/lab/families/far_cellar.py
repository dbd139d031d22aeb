"""Questions by name where the page that answers goes by a number: search finds the register."""

from random import Random

from probes.pocket import templates
from probes.pocket.example_rows import HELD, Row
from probes.pocket.vocabulary import ATTRIBUTES, SYLLABLES, attribute_value, template

CLAIM = "retrieval"
SPEC = {
    "task_type": "qa",
    "metric": "exact_match",
    "instruction": "Read the context and answer in one word.",
    "target": 0.85,
}
REGISTERS = 6
"""Pages that name each person and hold no answer."""


def rows(r: Random, count: int) -> list[Row]:
    """So many questions; the page of the answer shares the attribute alone with its question."""
    found: dict[str, Row] = {}
    numbers = r.sample(range(1000, 10_000), count)
    while len(found) < count:
        who = "".join(r.choice(SYLLABLES) for _ in range(3)).capitalize()
        if who in found:
            continue
        thing = r.choice([a for a in ATTRIBUTES if a != "code"])
        value, number = attribute_value(r, thing), numbers[len(found)]
        page = template(r, templates.STATEMENT, HELD).format(e=f"lodger {number}", a=thing, v=value)
        named = [
            f"{who} signs the register again, {thing} and all, day {day}."
            for day in r.sample(range(10, 99), REGISTERS)
        ]
        asked = template(r, templates.QUESTION, HELD).format(e=who, a=thing)
        found[who] = Row(asked, value, (page, *named))
    return list(found.values())
