"""Whether the output is determined by the input: what cheap models and near neighbours say."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from probes.audit.baselines import (
    OutOfFold,
    kappa,
    macro_f1,
    neighbours,
    out_of_fold,
    partners,
    same_inputs,
    shares_right,
    vectors,
)
from probes.audit.costs import interval, percent
from probes.audit.records import Effect, Found, NotChecked
from probes.audit.sheet import Sheet
from probes.audit.shown import shown
from probes.estimates import estimate_mean
from probes.judges import token_f1
from probes.paired import paired_difference
from probes.readings import tokens
from probes.records import Estimate
from probes.retrieval import words

SAMPLED_LABELS = 5_000
SAMPLED_TEXTS = 2_000
"""Rows that are compared, for speed; our choice."""
MIN_ROWS = 60
"""Twelve a fold: of fewer nothing can be said for sure; our choice."""
MIN_PER_LABEL = 2
"""A label that comes once is in no other fold."""
NO_AGREEMENT = 0.15
"""With an upper bound of kappa, or of a gain, below this, nothing worth having was found."""
_SURE = 3.0
"""Standard errors: of rows without any relation, 1 in 400 looks related by chance."""
_LEVEL = 0.997
"""The same for an interval."""
_NAMED_SHARE = 0.9
"""Share of the inputs that must name their label; our choice."""
_BRING = (
    "Choose a method that brings what the words of the inputs lack: documents, worked steps or a "
    "tool; if the inputs should suffice, check that outputs stand in the right rows."
)
_MIXED_UP = "belong to the same rows (a column sorted or shifted on its own?)"
_NOT_LEARNT = Effect(
    points=40,
    low=0,
    high=80,
    on="model",
    basis="an output that does not depend on the input cannot be learned; outputs that reword"
    " everything can look the same",
)
_WORDS_COMPARED = 100
"""Of each output, so that long ones cost no more; our choice."""
_SHORT_WORDS = 5
"""Median below which outputs have too few words to share; our choice."""
_BEYOND = ("reasoning", "generation", "synthetic-data")
"""Where outputs of fewer words may follow from the input though no cheap reading sees how."""


def check(sheet: Sheet) -> Iterator[Found]:
    """Cheap models for labels; likeness of outputs to those of near inputs for free text."""
    if sheet.labelled:
        yield from _labels(sheet)
    else:
        yield from _texts(sheet)


# ---------------------------------------------------------------- labels


def _labels(sheet: Sheet) -> Iterator[Found]:
    rows = sheet.sample(SAMPLED_LABELS)
    counts = Counter(sheet.entries[at].output.strip() for at in rows)
    rows = [at for at in rows if counts[sheet.entries[at].output.strip()] >= MIN_PER_LABEL]
    labels = [sheet.entries[at].output.strip() for at in rows]
    if len(rows) < MIN_ROWS or len(set(labels)) < 2:
        raise NotChecked(f"fewer than {MIN_ROWS} rows of two labels that come twice")
    try:
        seen = out_of_fold([sheet.entries[at].text for at in rows], labels)
    except ValueError:
        raise NotChecked("the inputs hold no words, or one label fills whole folds") from None
    figures = shares_right(seen)
    agreements = [kappa(seen.truth, given) for given in (seen.balanced, seen.nearest)]
    if all(
        value <= _SURE * error and value + 2 * error < NO_AGREEMENT for value, error in agreements
    ):
        yield _not_learnable(sheet, rows, figures)
        return
    yield _compared(sheet, rows, seen, figures)


def _named(sheet: Sheet, rows: Sequence[int]) -> bool:
    """Whether the choice of labels stands in the input, so that its words cannot tell them."""
    texts = [f" {' '.join(words(sheet.entries[at].text))} " for at in rows]
    labels = [f" {' '.join(words(sheet.entries[at].output))} " for at in rows]
    own = sum(label in text for label, text in zip(labels, texts, strict=True))
    return own >= _NAMED_SHARE * len(rows)


def _not_learnable(sheet: Sheet, rows: Sequence[int], figures: dict[str, Estimate]) -> Found:
    majority = figures["majority"].value
    lost = 100 * max(0.0, sheet.target - majority)
    text = (
        f"Neither a linear model ({interval(figures['linear'])}) nor the nearest row "
        f"({interval(figures['nearest'])}) says the labels of {len(rows):,} rows better than "
        f"chance; the most frequent label alone is right for {percent(majority)}."
    )
    if _named(sheet, rows):
        text += " The inputs name the labels, so that order and meaning may decide."
        return _beyond(text, rows, figures)
    effect = Effect(
        points=round(0.8 * lost, 1),
        low=0,
        high=round(100 * (1 - majority), 1),
        on="model",
        basis="labels that do not depend on the input allow no more than the most frequent "
        "one; labels set by word order or by knowledge can look the same to cheap models",
    )
    then = "label 50 rows again by hand and compare"
    return _unrelated(text, rows, figures, effect, f"inputs and labels {_MIXED_UP}; {then}")


def _beyond(text: str, rows: Sequence[int], figures: dict[str, Estimate]) -> Found:
    return Found("beyond-input", text, rows, len(rows), _BRING, figures=figures)


def _unrelated(
    text: str, rows: Sequence[int], figures: dict[str, Estimate], effect: Effect, what: str
) -> Found:
    fix = f"Check that {what} before a model is trained."
    return Found("not-learnable", text, rows, len(rows), fix, effect, figures=figures)


def _compared(
    sheet: Sheet, rows: Sequence[int], seen: OutOfFold, figures: dict[str, Estimate]
) -> Found:
    """`easy-baseline` where a cheap model reaches the target, else `baselines`."""
    if sheet.metric == "macro_f1":
        figures["linear-macro-f1"] = macro_f1(seen)
    best = "linear" if figures["linear"].value >= figures["nearest"].value else "nearest"
    measured = figures["linear-macro-f1" if sheet.metric == "macro_f1" else best]
    model = {"linear": "a linear model on word counts", "nearest": "copying the nearest row"}[best]
    wrong = [
        at for at, said, true in zip(rows, seen.linear, seen.truth, strict=True) if said != true
    ]
    said = (
        f"The most frequent label is right for {interval(figures['majority'])} of "
        f"{len(rows):,} rows, a linear model on word counts for {interval(figures['linear'])}, "
        f"the nearest row's label for {interval(figures['nearest'])}, all out of fold"
    )
    details = {"labels": len(seen.labels), "target": sheet.target, "hardest_labels": _worst(seen)}
    if measured.value < sheet.target:
        fix = (
            "Expect a language model to add to these figures; one that stays below them is broken."
        )
        return Found(
            "baselines", f"{said}.", wrong, len(rows), fix, figures=figures, details=details
        )
    sure = "surely" if measured.low >= sheet.target else "by the figure, though not surely,"
    return Found(
        kind="easy-baseline",
        text=f"{said}: {model} {sure} reaches the target of {percent(sheet.target)}.",
        rows=wrong,
        of=len(rows),
        fix=f"Use {model} first: it answers in less than a millisecond without a GPU; take a "
        "language model only where that adds what is worth its cost.",
        figures=figures,
        details=details,
    )


def _worst(seen: OutOfFold) -> list[dict[str, object]]:
    """The five labels that the linear model finds least often."""
    import numpy as np

    k = len(seen.labels)
    counts = np.bincount(seen.truth, minlength=k)
    found = np.bincount(seen.truth[seen.truth == seen.linear], minlength=k) / np.maximum(counts, 1)
    order = np.argsort(found, kind="stable")[:5].tolist()
    return [
        {
            "label": shown(seen.labels[i]),
            "found": round(float(found[i]), 3),
            "n": int(counts[i]),
        }
        for i in order
    ]


# ---------------------------------------------------------------- free text


def _texts(sheet: Sheet) -> Iterator[Found]:
    """Whether outputs resemble those of near inputs, and their own input, more than others do."""
    import numpy as np

    rows = sheet.sample(SAMPLED_TEXTS)
    if len(rows) < MIN_ROWS:
        raise NotChecked(f"fewer than {MIN_ROWS} rows")
    inputs = [sheet.entries[at].text for at in rows]
    try:
        matrix = vectors(inputs)
    except ValueError:
        raise NotChecked("the inputs hold no words") from None
    # One row of each input: a copy is no other row, and as a random one it hides every relation.
    kept = np.sort(np.unique(same_inputs(inputs, matrix), return_index=True)[1])
    if len(kept) < MIN_ROWS:
        raise NotChecked(f"fewer than {MIN_ROWS} different inputs")
    rows, inputs = [rows[i] for i in kept], [inputs[i] for i in kept]
    nearest, _ = neighbours(matrix[kept])
    other = partners(len(rows))
    said = [_compared_words(sheet.entries[at].output) for at in rows]
    asked = [_compared_words(text) for text in inputs]
    measured = {
        "near": [token_f1(said[nearest[i]], said[i]) for i in range(len(rows))],
        "random": [token_f1(said[other[i]], said[i]) for i in range(len(rows))],
        "own-input": [_share(said[i], asked[i]) for i in range(len(rows))],
        "other-input": [_share(said[i], asked[other[i]]) for i in range(len(rows))],
    }
    figures = {name: estimate_mean(values) for name, values in measured.items()}
    for name, a, b in (("near", "near", "random"), ("own", "own-input", "other-input")):
        gain = paired_difference(measured[a], measured[b], level=_LEVEL).estimate
        figures[f"{name}-gain"] = gain
    short = sorted(map(len, said))[len(said) // 2] < _SHORT_WORDS
    unsure = sheet.task_type == "qa" or (short and sheet.task_type in _BEYOND)
    yield _relation(sheet, rows, figures, unsure=unsure)


def _relation(
    sheet: Sheet, rows: Sequence[int], figures: dict[str, Estimate], *, unsure: bool
) -> Found:
    near, own = figures["near-gain"], figures["own-gain"]
    unrelated = all(gain.low <= 0 and gain.high < NO_AGREEMENT for gain in (near, own))
    text = (
        f"Outputs share {percent(figures['near'].value)} of their words (F1) with the output of "
        f"the nearest input and {percent(figures['random'].value)} with a random one; "
        f"{percent(figures['own-input'].value)} of an output's words stand in its own input, "
        f"{percent(figures['other-input'].value)} in a random one ({len(rows):,} rows)."
    )
    if not unrelated:
        return Found("neighbours", text, [], len(rows), "Nothing to do.", figures=figures)
    if unsure:
        return _beyond(text, rows, figures)
    text = f"Outputs look independent of their inputs. {text}"
    what = f"inputs and outputs {_MIXED_UP}; read 20 rows"
    return _unrelated(text, rows, figures, _NOT_LEARNT, what)


def _compared_words(text: str) -> list[str]:
    return tokens(text[:2_000])[:_WORDS_COMPARED]


def _share(part: Sequence[str], whole: Sequence[str]) -> float:
    known = set(whole)
    return sum(word in known for word in part) / len(part) if part else 0.0
