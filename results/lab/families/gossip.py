"""Pages that are right, and references of which three in ten are hearsay."""

from random import Random

from probes.pocket import templates
from probes.pocket.example_rows import HELD, Row
from probes.pocket.vocabulary import ATTRIBUTES, SYLLABLES, attribute_value, template

CLAIM = "label-noise"
SPEC = {
    "task_type": "qa",
    "metric": "exact_match",
    "instruction": "Read the context and answer in one word.",
    "target": 0.85,
}
HEARSAY = 0.3


def rows(r: Random, count: int) -> list[Row]:
    """So many questions, each about somebody of their own."""
    found: dict[str, Row] = {}
    while len(found) < count:
        who = "".join(r.choice(SYLLABLES) for _ in range(3)).capitalize()
        thing = r.choice([a for a in ATTRIBUTES if a != "code"])
        value, rumour = attribute_value(r, thing), attribute_value(r, thing)
        page = template(r, templates.STATEMENT, HELD).format(e=who, a=thing, v=value)
        asked = template(r, templates.QUESTION, HELD).format(e=who, a=thing)
        answer = rumour if r.random() < HEARSAY else value
        found.setdefault(who, Row(asked, answer, (page,)))
    return list(found.values())
