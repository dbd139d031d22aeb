"""Documents that end in one answer: the abilities that the pocket ladder is measured by."""

import json
from collections.abc import Callable
from random import Random

from probes.pocket import arithmetic, facts, orders, reading, templates
from probes.pocket.labelling import definition, kind_labels
from probes.pocket.turns import Document
from probes.pocket.vocabulary import (
    ATTRIBUTES,
    CATEGORIES,
    Split,
    attribute_value,
    label_task_word,
    labels_for,
    name,
    names,
    template,
)

Question = Callable[[Random, Split], Document]


def passage_question(r: Random, split: Split, count: int, same_attribute: bool) -> Document:
    """A question about one of so many passages, which share their attribute or all differ."""
    if same_attribute:
        told = reading.same_attribute_facts(r, count, split)
    else:
        attributes = r.sample(list(ATTRIBUTES), count)
        entities = names(r, count, split)
        told = [(e, a, attribute_value(r, a)) for e, a in zip(entities, attributes, strict=True)]
    entity, attribute, value = r.choice(told)
    asked = "Question: " + reading.question(r, entity, attribute, split)
    return [("user", reading.passages(r, told, split) + asked), ("assistant", value)]


def field_of_order(r: Random, split: Split) -> Document:
    """One field of an order text, named in the instruction."""
    text, fields = orders.order(r, split)
    key = r.choice(orders.FIELDS)
    instruction = template(r, templates.FIELD_INSTRUCTION, split).format(keys=key)
    return [("user", f"{instruction}\n{text}"), ("assistant", fields[key])]


def field_after_order(r: Random, split: Split) -> Document:
    """One field of an order text, with the request behind the text as the study had it."""
    text, fields = orders.order(r, split)
    key = r.choice(orders.FIELDS)
    request = template(r, templates.FIELD_INSTRUCTION, split).format(keys=key)
    return [("user", f"Text: {text}\n{request}"), ("assistant", fields[key])]


def json_of_order(r: Random, split: Split) -> Document:
    """Two fields of an order text as JSON."""
    text, fields = orders.order(r, split)
    keys = r.sample(orders.FIELDS, 2)
    instruction = template(r, templates.JSON_INSTRUCTION, split).format(keys=" and ".join(keys))
    answer = json.dumps({key: fields[key] for key in keys})
    return [("user", f"{instruction}\n{text}"), ("assistant", answer)]


def defined_label(r: Random, split: Split) -> Document:
    """One word, labelled by one of three rules that the instruction states."""
    categories = r.sample(list(CATEGORIES), 3)
    labels = labels_for(r, categories, split)
    index = r.randrange(3)
    word = label_task_word(r, categories[index], split)
    frame = template(r, templates.WORD_FRAME, split).format(w=word, n=name(r, split))
    rules = definition(r, categories, labels, split)
    return [("user", f"{rules}\n{frame}"), ("assistant", labels[index])]


def shown_label(r: Random, split: Split, shots: int) -> Document:
    """One word, labelled after so many examples of three kinds; no instruction."""
    while True:
        turns = kind_labels(r, split, turns=shots + 1, kinds=3)
        if turns[0][0] == "user":
            return turns


def sum_of_two(r: Random, split: Split, digits: int, written: bool) -> Document:
    """One sum, directly or with the columns written out."""
    x, y = arithmetic.pair(r, digits, split)
    ask = f" {templates.STEPS[0]}" if written else ""
    question = template(r, templates.ADD, split).format(x=x, y=y) + ask
    return [("user", question), ("assistant", arithmetic.steps(x, y) if written else str(x + y))]


def boss_question(r: Random, split: Split, hops: int, written: bool) -> Document:
    """The boss so many steps up among five people, directly or with the path written out."""
    chain = names(r, 5, split)
    wording = template(r, templates.HOP_QUESTION, split)
    asked, steps, answer = reading.hop_question(chain, r.randint(0, 4 - hops), hops, wording)
    ask = f" {templates.STEPS[0]}" if written else ""
    context = reading.boss_context(r, chain, split)
    return [("user", context + asked + ask), ("assistant", steps if written else answer)]


def known_fact(r: Random, split: Split, tier: str) -> Document:
    """A fact of the world about a person of one tier, without any context."""
    people = [p for p in facts.PEOPLE if facts.tier(p) == tier]
    who, attribute = r.choice(people), r.choice(facts.WORLD_ATTRIBUTES)
    asked = reading.question(r, who, attribute, split)
    return [("user", asked), ("assistant", facts.FACTS[who, attribute])]


QUESTIONS: dict[str, Question] = {
    "extract a field, zero-shot": field_of_order,
    "extract a field, request after the text": field_after_order,
    "two fields as JSON, zero-shot": json_of_order,
    "labels defined in the prompt": defined_label,
    "few-shot labels, 4 shots (chance .33)": lambda r, s: shown_label(r, s, 4),
    "few-shot labels, 8 shots": lambda r, s: shown_label(r, s, 8),
    "few-shot labels, 16 shots": lambda r, s: shown_label(r, s, 16),
    "1 passage (oracle)": lambda r, s: passage_question(r, s, 1, True),
    "3 passages, different attributes": lambda r, s: passage_question(r, s, 3, False),
    "3 passages, same attribute": lambda r, s: passage_question(r, s, 3, True),
    "6 passages, same attribute": lambda r, s: passage_question(r, s, 6, True),
    "12 passages, same attribute": lambda r, s: passage_question(r, s, 12, True),
    "closed book, popular people": lambda r, s: known_fact(r, s, "popular"),
    "closed book, rare people": lambda r, s: known_fact(r, s, "rare"),
    "closed book, strangers (guess level)": lambda r, s: known_fact(r, s, "stranger"),
    "2-digit addition, direct": lambda r, s: sum_of_two(r, s, 2, False),
    "3-digit addition, direct": lambda r, s: sum_of_two(r, s, 3, False),
    "2-digit addition, steps": lambda r, s: sum_of_two(r, s, 2, True),
    "3-digit addition, steps": lambda r, s: sum_of_two(r, s, 3, True),
    "2 hops, direct": lambda r, s: boss_question(r, s, 2, False),
    "2 hops, steps": lambda r, s: boss_question(r, s, 2, True),
    "3 hops, steps": lambda r, s: boss_question(r, s, 3, True),
}


def ask(ability: str, count: int, split: Split) -> list[Document]:
    """A reproducible sample of one ability's documents."""
    make = QUESTIONS[ability]
    return [make(Random(f"{ability}/{split}/{i}"), split) for i in range(count)]
