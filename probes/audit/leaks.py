"""What of the test side can be looked up: in rows of train, or in the documents."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from probes.audit.costs import many
from probes.audit.records import Effect, Found, Remedy
from probes.audit.same_question import Questions
from probes.audit.sheet import Sheet
from probes.retrieval import words
from probes.sinks import one_line

USUAL_QUALITY = 0.7
"""Of the rows that do not leak, where nothing is measured yet."""
MIN_QUESTION_WORDS = 5
"""Shorter questions stand in a text by chance."""


@dataclass(frozen=True)
class _Sides:
    """Places in `Sheet.usable` of the rows that are tested and of those that are learnt from."""

    tested: Sequence[int]
    learnt: Sequence[int]
    what: str
    """What the tested rows are, in words."""
    whose: str
    """What the rows learnt from are."""


def leaks(sheet: Sheet, inputs: Sequence[int], asked: Questions) -> Iterator[Found]:
    """Rows of the test file (where there is none: of the test and dev side) that stand in train.

    `inputs` numbers the normalised input of each usable row.
    """
    sides = _sides(sheet)
    if not sides.tested:
        return
    places: dict[int, list[int]] = defaultdict(list)
    for place in sides.learnt:
        places[inputs[place]].append(place)
    exact = {place: places[inputs[place]] for place in sides.tested if inputs[place] in places}
    near = _near(sheet, sides, asked, exact)
    if exact:
        yield _found(sheet, sides, exact, "test-leakage")
    if near:
        yield _found(sheet, sides, near, "near-test-leakage")
    yield from _in_documents(sheet, sides)


def _sides(sheet: Sheet) -> _Sides:
    rows = [sheet.entries[at] for at in sheet.usable]
    tested = [place for place, row in enumerate(rows) if row.file == "test"]
    if tested:
        learnt = [place for place, row in enumerate(rows) if row.file == "train"]
        return _Sides(tested, learnt, "of the test file", "the training file")
    tested = [place for place, row in enumerate(rows) if row.side != "train"]
    learnt = [place for place, row in enumerate(rows) if row.side == "train"]
    return _Sides(tested, learnt, "that are measured on", "the train side")


def _near(
    sheet: Sheet, sides: _Sides, asked: Questions, exact: Mapping[int, object]
) -> dict[int, list[int]]:
    """For each tested row the rows learnt from that ask the same and have the same answer."""
    beside: dict[int, list[int]] = defaultdict(list)
    for one, other in asked.pairs:
        beside[one].append(other)
        beside[other].append(one)
    outputs = [sheet.entries[at].output.strip() for at in sheet.usable]
    places: dict[tuple[int, str], list[int]] = defaultdict(list)
    for place in sides.learnt:
        places[asked.of_row[place], outputs[place]].append(place)
    found = {}
    for place in sides.tested:
        if place not in exact:
            number = asked.of_row[place]
            wordings = [number, *beside.get(number, ())]
            same = [each for one in wordings for each in places.get((one, outputs[place]), ())]
            if same:
                found[place] = same
    return found


_PROBE = {
    "test-leakage": "the probe leaves those rows of train out, other programs would learn them",
    "near-test-leakage": "the probe leaves out those that differ in punctuation alone, and learns "
    "the rest",
}


def _found(sheet: Sheet, sides: _Sides, leaking: Mapping[int, list[int]], kind: str) -> Found:
    n, of = len(leaking), len(sides.tested)
    learnt = sorted({place for same in leaking.values() for place in same})
    exact = kind == "test-leakage"
    has_file = any(sheet.entries[at].file == "test" for at in sheet.usable)
    stand = "stands" if n == 1 else "stand"
    how = "word for word" if exact else "in nearly the same words and with the same answer"
    effect = _flattered(n / of, _PROBE[kind])
    usable = sheet.usable
    ordered = dict.fromkeys(each for place, same in leaking.items() for each in (place, *same))
    return Found(
        kind=kind,
        text=f"{n:,} of {of:,} rows {sides.what} {stand} {how} in {sides.whose}: what is learnt by "
        f"heart there looks like skill, by up to {effect.high:.1f} points.",
        rows=[usable[place] for place in ordered],
        of=of,
        fix=f"Take the {many(len(learnt), 'row')} out of {sides.whose}.",
        effect=effect,
        remedy=Remedy(drop=[usable[place] for place in learnt]) if exact and has_file else None,
        details={"n_tested": of, "n_leaking": n, "n_learnt": len(learnt)},
    )


def _flattered(share: float, note: str) -> Effect:
    return Effect(
        points=round(100 * share * (1 - USUAL_QUALITY), 2),
        low=0,
        high=round(100 * share, 2),
        on="figure",
        basis=f"{100 * share:.1f} % may be answered from memory; without it"
        f" {100 * USUAL_QUALITY:.0f} % of those are taken to be right, at the worst none; {note}",
    )


# ---------------------------------------------------------------- documents


def _in_documents(sheet: Sheet, sides: _Sides) -> Iterator[Found]:
    """Tested questions that stand in a document, which holds their answer besides."""
    asked: dict[tuple[str, ...], list[tuple[int, str]]] = defaultdict(list)
    for place in sides.tested if sheet.passages else ():
        found = words(sheet.entries[sheet.usable[place]].text)
        if len(found) >= MIN_QUESTION_WORDS:
            asked[tuple(found[:MIN_QUESTION_WORDS])].append((place, f" {' '.join(found)} "))
    holding: dict[int, str] = {}
    for passage in sheet.passages if asked else ():
        text = words(passage.text)
        starts = zip(*(text[at:] for at in range(MIN_QUESTION_WORDS)), strict=False)
        met = {start for start in starts if start in asked}
        whole = f" {' '.join(text)} " if met else ""
        for place, question in (each for start in met for each in asked[start]):
            answer = " ".join(words(sheet.entries[sheet.usable[place]].output))
            if answer and question in whole and f" {answer} " in whole.replace(question, "  ", 1):
                holding.setdefault(place, passage.id)
    if holding:
        yield _answered(sheet, sides, holding)


def _answered(sheet: Sheet, sides: _Sides, holding: Mapping[int, str]) -> Found:
    n, of = len(holding), len(sides.tested)
    stand = "stands" if n == 1 else "stand"
    return Found(
        kind="answers-in-documents",
        text=f"{n:,} of {of:,} rows {sides.what} {stand} word for word in the documents, the "
        "answer beside the question: search finds these more easily than what people will ask.",
        rows=[sheet.usable[place] for place in sorted(holding)],
        of=of,
        fix="Take those documents out, or test on questions in other words, unless people will ask "
        "in the words of the documents.",
        effect=_flattered(n / of, "nothing, if people ask in the very words of the documents"),
        details={"documents": [one_line(holding[place], 80) for place in sorted(holding)[:20]]},
    )
