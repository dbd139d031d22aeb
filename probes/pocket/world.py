"""The seeded pocket world: documents (turns of a chat, or plain text) for each family of tasks."""

from collections.abc import Callable
from random import Random

from probes.pocket import arithmetic, templates, vocabulary
from probes.pocket.facts import closed_book
from probes.pocket.labelling import few_shot_labels, instructed_labels
from probes.pocket.orders import extraction
from probes.pocket.reading import context_questions, multi_hop
from probes.pocket.turns import Document, Turn, plain
from probes.pocket.vocabulary import Split

Generator = Callable[[Random, Split], Document]


def copying(r: Random, split: Split) -> Document:
    """Repeat, reverse, pick: the one family in which held-out label words are read and written."""
    turns: Document = []
    for _ in range(r.randint(1, 3)):
        words = [_copy_item(r, split) for _ in range(r.randint(2, 7))]
        operation = r.choice(("Repeat", "Repeat", "Reverse", "First of", "Last of"))
        answer = {
            "Repeat": " ".join(words),
            "Reverse": " ".join(reversed(words)),
            "First of": words[0],
            "Last of": words[-1],
        }[operation]
        turns += [("user", f"{operation}: {' '.join(words)}"), ("assistant", answer)]
    return turns


def _copy_item(r: Random, split: Split) -> str:
    kind = r.random()
    if kind < 0.4:
        return vocabulary.any_word(r)
    if kind < 0.6:
        return r.choice(vocabulary.LABEL_WORDS)
    if kind < 0.8:
        return vocabulary.odd_string(r)
    return vocabulary.name(r, split) if kind < 0.9 else str(r.randint(0, 999))


def word_kinds(r: Random, split: Split) -> Document:
    """Which category a word belongs to; every word occurs here, the rare tier seldom."""
    turns: Document = []
    for _ in range(r.randint(3, 8)):
        word = vocabulary.any_word(r)
        question = vocabulary.template(r, templates.KIND, split).format(w=word)
        turns += [("user", question), ("assistant", vocabulary.CATEGORY_OF[word])]
    return turns


def filler(r: Random, split: Split) -> Document:
    """Plain sentences that show words in their kind's places."""
    sentences = []
    for _ in range(r.randint(2, 5)):
        word = vocabulary.any_word(r)
        slots = {c: vocabulary.category_word(r, c) for c in vocabulary.CATEGORIES}
        sentences.append(
            r.choice(templates.FILLER).format(
                n=vocabulary.name(r, split),
                city=r.choice(vocabulary.CITIES),
                w=word,
                c=vocabulary.CATEGORY_OF[word],
                label=r.choice(vocabulary.LABEL_WORDS),
                **slots,
            )
        )
    return plain(" ".join(sentences))


FAMILIES: dict[str, Generator] = {
    "context questions": context_questions,
    "multi-hop": multi_hop,
    "few-shot labels": few_shot_labels,
    "instructed labels": instructed_labels,
    "extraction": extraction,
    "addition": arithmetic.addition,
    "closed book": closed_book,
    "copying": copying,
    "word kinds": word_kinds,
    "filler": filler,
}
FULL_MIXTURE: dict[str, float] = {
    "context questions": 0.25,
    "multi-hop": 0.09,
    "few-shot labels": 0.17,
    "instructed labels": 0.08,
    "extraction": 0.10,
    "addition": 0.06,
    "closed book": 0.12,
    "copying": 0.04,
    "word kinds": 0.04,
    "filler": 0.02,
}
IN_CONTEXT_MIXTURE: dict[str, float] = {
    "few-shot labels": 0.43,
    "context questions": 0.24,
    "instructed labels": 0.13,
    "copying": 0.12,
    "word kinds": 0.08,
}
"""First stage: what teaches looking back, before the rest dilutes it."""

LAST_MIXTURE: dict[str, float] = FULL_MIXTURE | {"addition": 0.18, "extraction": 0.18}
"""Last stage of the largest rung only: direct sums and single fields need more readings."""


def document(r: Random, mixture: dict[str, float], split: Split = "pretrain") -> Document:
    """One document of a family drawn by weight."""
    family = r.choices(list(mixture), list(mixture.values()))[0]
    return FAMILIES[family](r, split)


__all__ = ["FAMILIES", "FULL_MIXTURE", "IN_CONTEXT_MIXTURE", "Document", "Turn", "document"]
