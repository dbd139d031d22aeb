"""Closed-book facts about the world's people, popular ones told far more often than rare ones."""

from random import Random

from probes.pocket import templates
from probes.pocket.reading import Fact, question, statement
from probes.pocket.turns import Document, plain
from probes.pocket.vocabulary import SYLLABLES, Split, attribute_value, entities_held, template

WORLD_ATTRIBUTES: tuple[str, ...] = ("job", "pet", "city", "colour")
POPULAR, RARE, STRANGERS = 40, 120, 40
POPULAR_SHARE = 0.8
"""Share of the tellings that concern popular people."""


def _people() -> tuple[str, ...]:
    r = Random(7)
    found: dict[str, None] = {}
    while len(found) < POPULAR + RARE + STRANGERS:
        found["".join(r.choice(SYLLABLES) for _ in range(3)).capitalize()] = None
    return tuple(found)


PEOPLE: tuple[str, ...] = _people()
"""Three-syllable names: popular, then rare, then strangers, who occur in no training text."""


def tier(person: str) -> str:
    """`popular`, `rare` or `stranger`."""
    index = PEOPLE.index(person)
    return "popular" if index < POPULAR else "rare" if index < POPULAR + RARE else "stranger"


def _facts() -> dict[tuple[str, str], str]:
    r = Random(8)
    return {(p, a): attribute_value(r, a) for p in PEOPLE for a in WORLD_ATTRIBUTES}


FACTS: dict[tuple[str, str], str] = _facts()


def person(r: Random, split: Split) -> str:
    """Someone the split may ask about: known people in pre-training, strangers when held out."""
    if entities_held(split):
        return r.choice(PEOPLE[POPULAR + RARE :])
    known = PEOPLE[:POPULAR] if r.random() < POPULAR_SHARE else PEOPLE[POPULAR : POPULAR + RARE]
    return r.choice(known)


def fact(r: Random, split: Split) -> Fact:
    """One fact of the world."""
    who, attribute = person(r, split), r.choice(WORLD_ATTRIBUTES)
    return who, attribute, FACTS[who, attribute]


def closed_book(r: Random, split: Split) -> Document:
    """Facts stated in running text, or asked without any context."""
    told = [fact(r, split) for _ in range(r.randint(4, 9))]
    if r.random() < 0.25:
        return plain(" ".join(statement(r, f, split) for f in told))
    instruction = template(r, templates.ANSWER_INSTRUCTION, split)
    opening = f"{instruction}\n" if r.random() < 0.3 else ""
    prefix = "Question: " if r.random() < 0.3 else ""
    turns: Document = []
    for who, attribute, value in told:
        turns += [("user", opening + prefix + question(r, who, attribute, split))]
        turns += [("assistant", value)]
        opening = ""
    return turns
