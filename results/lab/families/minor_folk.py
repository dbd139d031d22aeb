"""Facts about people whom pre-training hardly mentions; nobody tells of them here either."""

from random import Random

from probes.pocket import facts, templates
from probes.pocket.example_rows import Row

CLAIM = "nothing-suffices"
SPEC = {
    "task_type": "qa",
    "metric": "exact_match",
    "instruction": "Answer in one word.",
    "target": 0.8,
}


def rows(r: Random, count: int) -> list[Row]:
    """So many questions about rare people; all of one person stay on one side."""
    wordings = sorted(set(templates.QUESTION[0]) | set(templates.QUESTION[1]))
    asked = [
        Row(wording.format(e=who, a=what), facts.FACTS[who, what], group=who)
        for who in facts.PEOPLE[facts.POPULAR : facts.POPULAR + facts.RARE]
        for what in facts.WORLD_ATTRIBUTES
        for wording in wordings
    ]
    return r.sample(asked, count)
