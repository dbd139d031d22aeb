"""Labelling documents: labels shown by example, and labels defined in the instruction."""

from random import Random

from probes.pocket import templates
from probes.pocket.turns import Document, episode
from probes.pocket.vocabulary import (
    CATEGORIES,
    SYLLABLES,
    Split,
    label,
    label_task_word,
    labels_for,
    name,
    template,
)


def few_shot_labels(r: Random, split: Split) -> Document:
    """Labels that only earlier turns define: of single words, of kinds, or listed as a table."""
    kind = r.choice(("word", "kind", "kind", "kind", "table"))
    if kind == "table":
        return _table(r, split)
    return (_word_labels if kind == "word" else kind_labels)(r, split)


def _formatted(r: Random, words: list[str], split: Split) -> list[str]:
    prefix = template(r, templates.LABEL_PREFIX, split)
    frame = template(r, templates.WORD_FRAME, split)
    return [prefix + frame.format(w=w, n=name(r, split)) for w in words]


def _nonsense(r: Random) -> str:
    return "".join(r.choice(SYLLABLES) for _ in range(r.choice((2, 3))))


def _word_labels(r: Random, split: Split) -> Document:
    pool = [
        label_task_word(r, r.choice(list(CATEGORIES)), split) if r.random() < 0.6 else _nonsense(r)
        for _ in range(r.randint(2, 6))
    ]
    choices = [label(r, split) for _ in range(r.randint(2, 4))]
    of_word = {word: r.choice(choices) for word in pool}
    words = [r.choice(pool) for _ in range(r.randint(8, 16))]
    answers = [of_word[w] for w in words]
    pairs = list(zip(_formatted(r, words, split), answers, strict=True))
    return episode(r, pairs, template(r, templates.LABEL_INSTRUCTION, split), chance=0.4)


def kind_labels(r: Random, split: Split, turns: int | None = None, kinds: int = 0) -> Document:
    """Each label stands for a category, which new words reveal."""
    categories = r.sample(list(CATEGORIES), kinds or r.randint(2, 4))
    labels = labels_for(r, categories, split)
    asked = [r.randrange(len(categories)) for _ in range(turns or r.randint(8, 20))]
    words = [label_task_word(r, categories[i], split) for i in asked]
    pairs = list(zip(_formatted(r, words, split), (labels[i] for i in asked), strict=True))
    return episode(r, pairs, template(r, templates.LABEL_INSTRUCTION, split), chance=0.4)


def _table(r: Random, split: Split) -> Document:
    words = list(
        dict.fromkeys(label_task_word(r, r.choice(list(CATEGORIES)), split) for _ in range(8))
    )
    words = words[: r.randint(2, len(words))]
    rows = [(w, label(r, split)) for w in words]
    listed = "Table: " + ", ".join(f"{w} = {v}" for w, v in rows)
    asked = r.sample(rows, min(len(rows), 5))
    return episode(r, asked, listed)


def definition(r: Random, categories: list[str], labels: list[str], split: Split) -> str:
    """An instruction that defines one label for each category."""
    opening, between, separator = template(r, templates.DEFINITION, split).split("|")
    rules = [f"{c}{between}{v}" for c, v in zip(categories, labels, strict=True)]
    return f"{opening}{separator.join(rules)}."


def instructed_labels(r: Random, split: Split) -> Document:
    """Words labelled by a rule that the instruction states."""
    categories = r.sample(list(CATEGORIES), r.randint(2, 5))
    labels = labels_for(r, categories, split)
    asked = [r.randrange(len(categories)) for _ in range(r.randint(2, 7))]
    words = [label_task_word(r, categories[i], split) for i in asked]
    pairs = list(zip(_formatted(r, words, split), (labels[i] for i in asked), strict=True))
    return episode(r, pairs, definition(r, categories, labels, split))
