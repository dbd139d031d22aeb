"""Preference pairs that could be had for the asking: the reference over a system's wrong answer.

Only train rows give any: a pair of an item that is measured on teaches its answer. So the answers
of an earlier run (`items.jsonl`) are no source, for they are all to items of dev and test. Nor are
rows that ask the same and want something else, for nothing says which output is the better one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from knowledge.errors import UserError
from probes.audit.costs import listed, many, share_of
from probes.audit.records import Found, NotChecked
from probes.audit.sheet import Answered, Sheet
from probes.judges import Judge
from probes.records import Example, Item, Json, Turn
from probes.scoring import METRICS

SHARED_WORDS = ("token_f1", "rouge_l")
CLEARLY_WRONG = 0.5
"""Where words in common are counted, an answer is wrong below this; our choice: above it, it is as
likely another wording. By any other metric all that is not wholly right is wrong."""


class Pair(NamedTuple):
    """A reference and a wrong answer to the same input."""

    at: int
    """Position of the row in the sheet."""
    rejected: str
    system: str
    form_alone: bool
    """Whether the answer is right in content and only its form is not as asked."""


def check(sheet: Sheet) -> Iterator[Found]:
    """Kind mineable-pairs."""
    if any((entry.rejected or "").strip() for entry in sheet.entries):
        raise NotChecked("the data have pairs")
    if not sheet.systems:
        raise NotChecked(
            "no system in use is named whose wrong answers could be rejected; contradictions are no"
            " pairs, since nothing says which output is better"
        )
    read = [system for system in sheet.systems if system.answers]
    if not read:
        faults = "; ".join(f"{each.name}: {_why(each)}" for each in sheet.systems)
        raise NotChecked(faults)
    found = pairs(sheet)
    n_answered = len({at for system in read for at in system.answers})
    # The clearest first: what is wrong in content.
    rows = list(dict.fromkeys(pair.at for pair in sorted(found, key=lambda each: each.form_alone)))
    in_form = sum(pair.form_alone for pair in found)
    by_system = Counter(pair.system for pair in found)
    sizes = listed({system.name: by_system[system.name] for system in read})
    unread = [f"{each.name}: {_why(each)}" for each in sheet.systems if not each.answers]
    yield Found(
        kind="mineable-pairs",
        text=f"{many(len(found), 'preference pair')} could be made of the answers to"
        f" {many(n_answered, 'train row')} ({sizes}): {len(found) - in_form:,} wrong in content,"
        f" {in_form:,} in form alone." + (f" Not read: {'; '.join(unread)}." if unread else ""),
        rows=rows,
        of=n_answered,
        fix=_FIX if found else "Take a weaker system, or sample several answers to each train row.",
        figures={"wrong": share_of(len(rows), n_answered)},
        details={"by system": dict(by_system), "form alone": in_form},
    )


_FIX = (
    "`--out FOLDER` writes them as pairs.jsonl. Read some of each system first: where the reference"
    " is wrong, a pair teaches the error. What is wrong in form alone teaches form, which a"
    " constraint on decoding gives for less."
)


def _why(system: Answered) -> str:
    return system.fault or "no answer to a train row"


def pairs(sheet: Sheet) -> list[Pair]:
    """A pair for each different wrong answer of a system to a train row, in the rows' order.

    Raises:
        NotChecked: the metric cannot judge single answers here.
    """
    judge = _judge(sheet)
    found: list[Pair] = []
    known: set[tuple[int, str]] = set()
    for system in sheet.systems:
        for at, answers in system.answers.items():
            for answer in answers:
                form, content = judge(answer, sheet.entries[at].output)
                least = CLEARLY_WRONG if sheet.metric in SHARED_WORDS else 1.0
                wrong = not form or content < least
                if answer.strip() and wrong and (at, answer.strip()) not in known:
                    known.add((at, answer.strip()))
                    found.append(Pair(at, answer, system.name, content >= 1.0))
    return sorted(found, key=lambda pair: pair.at)


def _judge(sheet: Sheet) -> Judge:
    learn = next((each.learn for name, each in METRICS.items() if name == sheet.metric), None)
    if learn is None:
        raise NotChecked("the metric is a command of your own, which the audit does not run")
    rows = list(sheet.by_side("train"))
    examples = [
        Example(
            item=Item(id=str(at), turns=(Turn(role="user", content=sheet.entries[at].text),)),
            output=sheet.entries[at].output,
            row=sheet.entries[at].row,
        )
        for at in rows
    ]
    try:
        return learn(examples)
    except UserError:
        raise NotChecked("outputs that the metric cannot read, see invalid-outputs") from None


def as_rows(found: list[Pair], sheet: Sheet) -> Iterator[Json]:
    """Pairs as rows of a file: input, chosen, rejected, and the system that gave the answer."""
    for pair in found:
        entry = sheet.entries[pair.at]
        turns = [turn.model_dump(mode="json") for turn in (entry.turns or ())[:-1]]
        yield {
            "input": turns or entry.text,
            "chosen": entry.output,
            "rejected": pair.rejected,
            "source": pair.system,
        }
