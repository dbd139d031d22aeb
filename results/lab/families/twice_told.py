"""A book that repeats what everybody knows: search finds it, and nobody needs it."""

from random import Random

from probes.pocket import facts, templates
from probes.pocket.example_rows import HELD, Row
from probes.pocket.vocabulary import template

CLAIM = "prompting-suffices"
SPEC = {
    "task_type": "qa",
    "metric": "exact_match",
    "instruction": "Read the context and answer in one word.",
    "target": 0.8,
}


def rows(r: Random, count: int) -> list[Row]:
    """So many questions about the people whom pre-training tells of most."""
    pages = {
        (who, what): template(r, templates.STATEMENT, HELD).format(e=who, a=what, v=value)
        for (who, what), value in facts.FACTS.items()
    }
    asked = [
        Row(wording.format(e=who, a=what), facts.FACTS[who, what], (pages[who, what],))
        for who in facts.PEOPLE[: facts.POPULAR]
        for what in facts.WORLD_ATTRIBUTES
        for wording in sorted(set(templates.QUESTION[0]))
    ]
    return r.sample(asked, count)
