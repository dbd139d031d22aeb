"""Pages that say the same of seven people: whoever finds the page still has to read it."""

from random import Random

from probes.pocket import templates
from probes.pocket.example_rows import HELD, Row
from probes.pocket.vocabulary import ATTRIBUTES, SYLLABLES, attribute_value, template

CLAIM = "knowledge, capacity"
SPEC = {
    "task_type": "qa",
    "metric": "exact_match",
    "instruction": "Read the context and answer in one word.",
    "target": 0.8,
}
N_TRAIN = 192
PEOPLE = 7


def rows(r: Random, count: int) -> list[Row]:
    """So many questions, each about a page of its own."""
    found: list[Row] = []
    used: set[str] = set()
    while len(found) < count:
        people = {"".join(r.choice(SYLLABLES) for _ in range(3)).capitalize() for _ in range(9)}
        people -= used
        if len(people) < PEOPLE:
            continue
        chosen = sorted(people)[:PEOPLE]
        used.update(chosen)
        thing = r.choice([a for a in ATTRIBUTES if a != "code"])
        values = [attribute_value(r, thing) for _ in chosen]
        wording = template(r, templates.STATEMENT, HELD)
        told = [wording.format(e=e, a=thing, v=v) for e, v in zip(chosen, values, strict=True)]
        r.shuffle(told)
        at = r.randrange(PEOPLE)
        asked = template(r, templates.QUESTION, HELD).format(e=chosen[at], a=thing)
        found.append(Row(asked, values[at], (" ".join(told),)))
    return found
