"""Rows of the example tasks that stand on their input alone: labels, orders, sums, orderings."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from probes.pocket import arithmetic, orders, templates
from probes.pocket.labelling import definition
from probes.pocket.vocabulary import CATEGORIES, Split, name, names, template

Pair = tuple[str, str]
HELD: Split = "probe"


@dataclass(frozen=True)
class Row:
    """One example of a task."""

    input: str
    output: str
    passages: tuple[str, ...] = ()
    """What the row adds to the documents: the passage that answers it, then those around it."""
    group: str = ""
    """What must stay on one side of a split; "" where the input alone decides."""


RowMaker = Callable[[Random, int], list[Row]]
"""So many rows, no input twice."""


def one_by_one(make: Callable[[Random], Pair]) -> RowMaker:
    """A maker of rows from a maker of single pairs; a second answer to one input is dropped."""

    def rows(r: Random, count: int) -> list[Row]:
        found: dict[str, str] = {}
        while len(found) < count:
            question, answer = make(r)
            found.setdefault(question, answer)
        return [Row(question, answer) for question, answer in found.items()]

    return rows


# ---------------------------------------------------------------- classification

QUEUES: dict[str, str] = {
    "animal": "K7",
    "food": "P2",
    "tool": "M4",
    "colour": "R9",
    "vehicle": "T1",
    "cloth": "L5",
    "sport": "N3",
    "job": "Q8",
}
"""The house codes, which no model can know without examples."""


def ticket(r: Random) -> Pair:
    """A ticket; its queue code follows from the kind of what is needed first and from urgency.

    "needs A before B" and "needs B after A" both mean A: the models have met neither word.
    """
    kind = r.choice(list(QUEUES))
    first, second = r.choice(CATEGORIES[kind]), r.choice(CATEGORIES[r.choice(list(QUEUES))])
    urgent = r.random() < 0.5
    needs = f"{first} before {second}" if r.random() < 0.5 else f"{second} after {first}"
    text = f"Ticket: {name(r, HELD)} {'urgently ' if urgent else ''}needs {needs}"
    return text, f"{QUEUES[kind]}-{'HOT' if urgent else 'STD'}"


WORDINGS_OF_ORDER: tuple[str, ...] = (
    "{a} before {b}",
    "{b} after {a}",
    "{a}, later {b}",
    "{b} once {a} is done",
    "{b} but first {a}",
    "{a} ahead of {b}",
    "{b} following {a}",
    "{a} and then {b}",
    "{b} only with {a} in hand",
    "{a}, which makes room for {b}",
    "{b} behind {a}",
    "{a} to prepare {b}",
)
"""Ways to say that A is needed first, each of which has to be learnt from its own examples."""


def worded_ticket(r: Random) -> Pair:
    """A ticket as above in one of twelve wordings: the same rule, which needs more rows."""
    kind = r.choice(list(QUEUES))
    first, second = r.choice(CATEGORIES[kind]), r.choice(CATEGORIES[r.choice(list(QUEUES))])
    urgent = r.random() < 0.5
    needs = r.choice(WORDINGS_OF_ORDER).format(a=first, b=second)
    text = f"Ticket: {name(r, HELD)} {'urgently ' if urgent else ''}needs {needs}"
    return text, f"{QUEUES[kind]}-{'HOT' if urgent else 'STD'}"


RULE_KINDS: tuple[str, ...] = ("animal", "tool", "cloth", "sport")
RULE_LABELS: tuple[str, ...] = ("slow", "zj", "bo", "right")


def word_label(r: Random) -> Pair:
    """Rules and a word: which label stands for which kind is drawn anew in every row.

    Frames and labels are held out; the words are all words of the kinds, because the held-out
    fifth alone makes too few different inputs.
    """
    kinds = r.sample(RULE_KINDS, len(RULE_KINDS))
    labels = r.sample(RULE_LABELS, len(RULE_LABELS))
    index = r.randrange(len(kinds))
    frame = template(r, templates.WORD_FRAME, HELD)
    word = frame.format(w=r.choice(CATEGORIES[kinds[index]]), n=name(r, HELD))
    return f"{definition(r, kinds, labels, HELD)}\n{word}", labels[index]


NOISE = 0.3
"""Share of wrong references in the tasks with noise: no model can score above 1 - NOISE."""
DESKS: dict[str, str] = {"animal": "D1", "food": "D2", "tool": "D3", "vehicle": "D4"}


def noisy_label(r: Random) -> Pair:
    """A ticket and its desk by the kind of thing; three references in ten name another desk."""
    kind = r.choice(list(DESKS))
    text = f"Ticket: {name(r, HELD)} asks for {r.choice(CATEGORIES[kind])}"
    others = [desk for desk in DESKS.values() if desk != DESKS[kind]]
    return text, r.choice(others) if r.random() < NOISE else DESKS[kind]


# ---------------------------------------------------------------- extraction


def order_fields(r: Random) -> Pair:
    """An order in a held-out wording, and two of its fields as JSON."""
    text, fields = orders.order(r, HELD)
    return text, orders.as_json(fields, ["name", "count"])


def order_item(r: Random) -> Pair:
    """An order in a held-out wording, and the item in it."""
    text, fields = orders.order(r, HELD)
    return text, fields["item"]


def disputed_item(r: Random) -> Pair:
    """As above, where three references in ten name the colour instead."""
    text, fields = orders.order(r, HELD)
    return text, fields["colour" if r.random() < NOISE else "item"]


# ---------------------------------------------------------------- reasoning


def sums(digits: int) -> RowMaker:
    """A maker of rows that ask for sums of held-out pairs of numbers.

    Each pair is a group: it comes in several wordings and both orders, and whoever has seen one of
    them need not add.
    """

    def pair(r: Random) -> Pair:
        x, y = arithmetic.pair(r, digits, HELD)
        return template(r, templates.ADD, HELD).format(x=x, y=y), str(x + y)

    def rows(r: Random, count: int) -> list[Row]:
        return [
            Row(row.input, row.output, group="+".join(sorted(re.findall(r"\d+", row.input))))
            for row in one_by_one(pair)(r, count)
        ]

    return rows


def who_is_first(r: Random) -> Pair:
    """Two people in an order told by words that the models have never met."""
    first, last = names(r, 2, HELD)
    told = f"{first} comes before {last}." if r.random() < 0.5 else f"{last} comes after {first}."
    asked = r.choice(("first", "last"))
    return f"{told} Who is {asked}?", first if asked == "first" else last
