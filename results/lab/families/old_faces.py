"""Facts that pre-training told often, asked in many wordings and mixed with how sure one is."""

from random import Random

from probes.pocket import facts, templates
from probes.pocket.example_rows import Row

CLAIM = "prompting-suffices"
SPEC = {
    "task_type": "qa",
    "metric": "exact_match",
    "instruction": "Answer in one word.",
    "target": 0.95,
}
N_TRAIN = 192


def rows(r: Random, count: int) -> list[Row]:
    """So many of the questions about the people whom everybody knows."""
    wordings = sorted(set(templates.QUESTION[0]) | set(templates.QUESTION[1]))
    asked = [
        Row(wording.format(e=who, a=what), facts.FACTS[who, what])
        for who in facts.PEOPLE[: facts.POPULAR]
        for what in facts.WORLD_ATTRIBUTES
        for wording in wordings
    ]
    return r.sample(asked, count)
