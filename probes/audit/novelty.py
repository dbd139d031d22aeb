"""Whether the answers of the test side come again from train: what memorising can give."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

from probes.audit.baselines import partners
from probes.audit.costs import percent, share_of
from probes.audit.records import Found, NotChecked
from probes.audit.sheet import Sheet
from probes.data import normalised
from probes.records import Estimate
from probes.retrieval import words

ASKS_FOR_FACTS = ("qa",)
MIN_TEST_ROWS = 20
"""Fewer say nothing of a share; our choice."""
SAMPLED = 20_000
"""Rows compared, for speed; our choice."""
FEW_ANSWERS = 0.5
"""Where more test outputs stand in their own input, reading gives them: nothing to memorise."""
_RARE_SHARE = 0.02
_RARE_ROWS = 5
"""A word in more rows than either of both names no one thing; our choice."""


def check(sheet: Sheet) -> Iterator[Found]:
    """Questions whose answers the input does not hold: are the answers seen in training?"""
    if sheet.task_type not in ASKS_FOR_FACTS:
        raise NotChecked("the task asks for no facts")
    train = sheet.sample(SAMPLED, list(sheet.by_side("train")))
    test = sheet.sample(SAMPLED, list(sheet.by_side("test")))
    if len(test) < MIN_TEST_ROWS or not train:
        raise NotChecked(f"fewer than {MIN_TEST_ROWS} test rows")
    outputs = {at: normalised(sheet.entries[at].output) for at in (*train, *test)}
    read = sum(outputs[at] in normalised(sheet.entries[at].text) for at in test)
    if read > FEW_ANSWERS * len(test):
        return
    answers, facts = Counter(outputs[at] for at in train), _facts(sheet, train, outputs)
    again = [at for at in test if outputs[at] in answers]
    asked = {at: set(words(sheet.entries[at].text)) & facts.keys() for at in test}
    same = {at for at in test if any(outputs[at] in facts[word] for word in asked[at])}
    chance = sum(
        any(outputs[test[other]] in facts[word] for word in asked[at])
        for at, other in zip(test, partners(len(test)).tolist(), strict=True)
    )
    # What a further row of the same source would do: 1 - N1 / N (Good 1953, Biometrika 40).
    once = sum(count == 1 for count in answers.values())
    figures = {
        "repeated-answers": share_of(len(again), len(test)),
        "expected-answers": share_of(len(train) - once, len(train)),
        "repeated-facts": share_of(len(same), len(test)),
        "by-chance": share_of(chance, len(test)),
    }
    yield _told(sheet, [at for at in test if at not in same], sorted(same), figures)


def _facts(sheet: Sheet, train: Sequence[int], outputs: dict[int, str]) -> dict[str, set[str]]:
    """The train outputs of the questions that each rare word stands in."""
    most = max(_RARE_ROWS, int(_RARE_SHARE * len(train)))
    asked = {at: set(words(sheet.entries[at].text)) for at in train}
    frequency = Counter(word for found in asked.values() for word in found)
    facts: dict[str, set[str]] = defaultdict(set)
    for at, found in asked.items():
        for word in found:
            if frequency[word] <= most:
                facts[word].add(outputs[at])
    return facts


def _told(sheet: Sheet, new: list[int], same: list[int], figures: dict[str, Estimate]) -> Found:
    n, facts, answers = len(new) + len(same), figures["repeated-facts"], figures["repeated-answers"]
    said = (
        f"{percent(answers.value)} of {n:,} test outputs occur among the train outputs "
        f"({percent(figures['expected-answers'].value)} would in further rows of the same source), "
        f"and {len(same):,} {'answers' if len(same) == 1 else 'answer'} a train question "
        f"about the same thing, one with the same rare word "
        f"({percent(figures['by-chance'].value)} by chance)."
    )
    if facts.value >= 0.5 and facts.low > figures["by-chance"].high:
        return Found(
            kind="memorised-answers",
            text=f"{said} Facts come again, so fine-tuning can teach them.",
            rows=same,
            of=n,
            fix="Try fine-tuning beside retrieval, and report the new facts apart: a high figure "
            "on repeated ones says nothing of facts that were not trained on.",
            figures=figures,
        )
    documents = "the documents" if sheet.passages else "documents (there are none yet)"
    return Found(
        kind="new-answers",
        text=f"{said} Most facts asked for are new: these rows cannot teach them.",
        rows=new,
        of=n,
        fix=f"Prefer retrieval over {documents} to fine-tuning for the facts themselves; fine-tune "
        "for the form of the answers, if at all.",
        figures=figures,
    )
