"""A house book with three things of each lodger on a page; the question asks for one of them."""

from random import Random

from probes.pocket import templates
from probes.pocket.example_rows import HELD, Row
from probes.pocket.vocabulary import ATTRIBUTES, SYLLABLES, attribute_value, template

CLAIM = "knowledge"
SPEC = {
    "task_type": "qa",
    "metric": "exact_match",
    "instruction": "Read the context and answer in one word.",
    "target": 0.9,
}


def rows(r: Random, count: int) -> list[Row]:
    """So many questions, each about a lodger of its own."""
    found: dict[str, Row] = {}
    while len(found) < count:
        who = "".join(r.choice(SYLLABLES) for _ in range(3)).capitalize()
        if who in found:
            continue
        things = r.sample([a for a in ATTRIBUTES if a != "code"], 3)
        values = [attribute_value(r, thing) for thing in things]
        page = " ".join(
            template(r, templates.STATEMENT, HELD).format(e=who, a=thing, v=value)
            for thing, value in zip(things, values, strict=True)
        )
        at = r.randrange(3)
        asked = template(r, templates.QUESTION, HELD).format(e=who, a=things[at])
        found[who] = Row(asked, values[at], (page,))
    return list(found.values())
