"""Reading documents: questions about passages in the context, and chains of bosses."""

import itertools
from random import Random

from probes.pocket import templates
from probes.pocket.turns import Document
from probes.pocket.vocabulary import ATTRIBUTES, Split, attribute_value, name, names, template

Fact = tuple[str, str, str]
"""(entity, attribute, value)"""


def statement(r: Random, fact: Fact, split: Split) -> str:
    """One sentence that states a fact."""
    entity, attribute, value = fact
    return template(r, templates.STATEMENT, split).format(e=entity, a=attribute, v=value)


def question(r: Random, entity: str, attribute: str, split: Split) -> str:
    """One question for an entity's attribute."""
    return template(r, templates.QUESTION, split).format(e=entity, a=attribute)


def same_attribute_facts(r: Random, count: int, split: Split) -> list[Fact]:
    """Facts that share one attribute, so that only the entity tells them apart."""
    attribute = r.choice(list(ATTRIBUTES))
    return [(e, attribute, attribute_value(r, attribute)) for e in names(r, count, split)]


def mixed_facts(r: Random, count: int, split: Split) -> list[Fact]:
    """Facts about a few entities and a few attributes, no pair twice."""
    entities = names(r, r.randint(max(1, count // 3), count), split)
    attributes = r.sample(list(ATTRIBUTES), r.randint(1, 4))
    pairs = [(e, a) for e in entities for a in attributes]
    chosen = r.sample(pairs, min(count, len(pairs)))
    return [(e, a, attribute_value(r, a)) for e, a in chosen]


def passages(r: Random, facts: list[Fact], split: Split) -> str:
    """The `Context:` line that holds the facts; half of the time in one wording throughout."""
    if r.random() < 0.5:
        wording = template(r, templates.STATEMENT, split)
        sentences = [wording.format(e=e, a=a, v=v) for e, a, v in facts]
    else:
        sentences = [statement(r, fact, split) for fact in facts]
    join = r.choice(templates.PASSAGE_JOIN)
    return f"Context: {join.join(sentences)}\n"


def context_questions(r: Random, split: Split) -> Document:
    """Several questions on one context; 60 % of the contexts share one attribute."""
    count = r.randint(1, 8)
    same = r.random() < 0.6
    facts = (same_attribute_facts if same else mixed_facts)(r, count, split)
    context = passages(r, facts, split)
    instruction = f"{template(r, templates.ANSWER_INSTRUCTION, split)}\n"
    opening = (instruction if r.random() < 0.3 else "") + context
    turns: Document = []
    for asked in range(r.randint(2, 6)):
        entity, attribute, value = r.choice(facts)
        if r.random() < 0.04:
            entity, value = name(r, split), "unknown"
            value = next((v for e, a, v in facts if (e, a) == (entity, attribute)), value)
        user = (opening if asked == 0 else "") + "Question: "
        turns += [("user", user + question(r, entity, attribute, split)), ("assistant", value)]
    return turns


def hop_question(chain: list[str], start: int, hops: int, wording: str) -> tuple[str, str, str]:
    """Question, steps and answer for so many bosses up from one name."""
    path = "the boss of " * hops + chain[start]
    answer = chain[start + hops]
    steps = " > ".join(chain[start : start + hops + 1]) + f" Answer: {answer}"
    return f"Question: {wording.format(path=path)}", steps, answer


def boss_context(r: Random, chain: list[str], split: Split) -> str:
    """The shuffled links of a chain, with one foreign link half of the time."""
    links = list(itertools.pairwise(chain))
    if r.random() < 0.5:
        extra = names(r, 2, split)
        if not set(extra) & set(chain):
            links.append((extra[0], extra[1]))
    r.shuffle(links)
    sentences = [template(r, templates.REPORTS, split).format(a=a, b=b) for a, b in links]
    return f"Context: {' '.join(sentences)}\n"


def multi_hop(r: Random, split: Split) -> Document:
    """One to three hops along a chain of bosses, answered directly or after written steps."""
    chain = names(r, r.randint(3, 7), split)
    opening = boss_context(r, chain, split)
    turns: Document = []
    for asked in range(r.randint(1, 4)):
        hops = min(r.choice((1, 1, 2, 2, 3)), len(chain) - 1)
        start = r.randint(0, len(chain) - 1 - hops)
        wording = template(r, templates.HOP_QUESTION, split)
        user, steps, answer = hop_question(chain, start, hops, wording)
        written = r.random() < 0.6
        user = (opening if asked == 0 else "") + user
        user += f" {r.choice(templates.STEPS)}" if written else ""
        turns += [("user", user), ("assistant", steps if written else answer)]
    return turns
