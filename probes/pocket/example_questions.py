"""Rows of the question-answering example tasks, with the passages that their documents hold."""

from random import Random

from probes.pocket import facts, templates
from probes.pocket.example_rows import HELD, QUEUES, Row
from probes.pocket.vocabulary import ATTRIBUTES, CATEGORIES, attribute_value, names, template

WORDINGS: tuple[str, ...] = tuple(sorted(set(templates.QUESTION[1])))
"""The held-out wordings of questions, each once."""
HANDBOOK_ATTRIBUTES: tuple[str, ...] = tuple(a for a in ATTRIBUTES if a != "code")


def _every_wording(r: Random, told: list[tuple[str, str, str]], count: int) -> list[Row]:
    """So many of the questions that ask for each of these facts in every wording."""
    rows = [Row(w.format(e=who, a=what), value) for who, what, value in told for w in WORDINGS]
    return r.sample(rows, count)


def popular_facts(r: Random, count: int) -> list[Row]:
    """Questions about the 40 people whom pre-training tells of most, without any document."""
    people = facts.PEOPLE[: facts.POPULAR]
    told = [(p, a, facts.FACTS[p, a]) for p in people for a in facts.WORLD_ATTRIBUTES]
    return _every_wording(r, told, count)


def _frequent() -> list[tuple[str, str, str]]:
    r = Random("frequent facts")
    attributes = [r.choice(HANDBOOK_ATTRIBUTES) for _ in range(60)]
    return [
        (who, what, attribute_value(r, what))
        for who, what in zip(names(r, 60, HELD), attributes, strict=True)
    ]


FREQUENT: list[tuple[str, str, str]] = _frequent()
"""Sixty facts that no model has read and that every draw of the task asks for."""


def frequent_facts(r: Random, count: int) -> list[Row]:
    """Questions that keep coming back to the same sixty facts, in wordings that differ."""
    return _every_wording(r, FREQUENT, count)


def _subjects(r: Random, used: set[tuple[str, str]], count: int) -> tuple[list[str], str]:
    """People and an attribute that has not been told of any of them."""
    while True:
        attribute, people = r.choice(HANDBOOK_ATTRIBUTES), names(r, count, HELD)
        if not used & {(person, attribute) for person in people}:
            used.update((person, attribute) for person in people)
            return people, attribute


def handbook(r: Random, count: int) -> list[Row]:
    """Facts that only the documents hold; each passage tells the same of two people."""
    rows, used = [], set[tuple[str, str]]()
    for _ in range(count):
        people, attribute = _subjects(r, used, 2)
        values = [attribute_value(r, attribute) for _ in people]
        wording = template(r, templates.STATEMENT, HELD)
        told = [
            wording.format(e=person, a=attribute, v=value)
            for person, value in zip(people, values, strict=True)
        ]
        asked = r.randrange(2)
        question = template(r, templates.QUESTION, HELD).format(e=people[asked], a=attribute)
        rows.append(Row(question, values[asked], (" ".join(told),)))
    return rows


DECOYS = 11
"""Passages around each answer that repeat the question; more than any search takes."""


def buried_answers(r: Random, count: int) -> list[Row]:
    """Documents in which open questions bury the answers: search finds what is worded alike."""
    seen = sorted(set(templates.QUESTION[0]))
    rows, used = [], set[tuple[str, str]]()
    for _ in range(count):
        (person,), attribute = _subjects(r, used, 1)
        value = attribute_value(r, attribute)
        question = template(r, templates.QUESTION, HELD).format(e=person, a=attribute)
        answer = template(r, templates.STATEMENT, HELD).format(e=person, a=attribute, v=value)
        asked = [w.format(e=person, a=attribute) for w in r.sample(seen, 2 * DECOYS)]
        decoys = [f"{a} {b}" for a, b in zip(asked[::2], asked[1::2], strict=True)]
        rows.append(Row(question, value, (answer, *decoys)))
    return rows


def coded_handbook(r: Random, count: int) -> list[Row]:
    """The document tells the thing, examples alone tell the house code of its kind."""
    rows = []
    for person in names(r, count, HELD):
        kind = r.choice(list(QUEUES))
        thing = r.choice(CATEGORIES[kind])
        passage = template(r, templates.STATEMENT, HELD).format(e=person, a="item", v=thing)
        question = template(r, templates.QUESTION, HELD).format(e=person, a="item")
        rows.append(Row(question, QUEUES[kind], (passage,)))
    return rows
