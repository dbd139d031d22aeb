"""How the outputs are spread: rare and unseen labels, imbalance, one answer for all."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from probes.audit.costs import EXPONENTS, have, many, percent, share_of
from probes.audit.records import Effect, Found, NotChecked
from probes.audit.sheet import Sheet
from probes.audit.shown import shown
from probes.data import MIN_ROWS

FEW_SHOTS = 10
"""A label with fewer train rows is rare."""
BALANCED = 0.6
"""Effective labels over labels, below which the data count as unbalanced."""
DOMINATES = 0.3
"""Share of one output among free texts, from which it is worth saying."""
MANY_OUTPUTS = 20
"""Fewer different outputs are choices, of which one may well be frequent."""
_ENOUGH_SHOTS = 50
_ERROR_AT_ENOUGH = 0.1
"""Where the learning curve of a rare label is taken to begin: rows and error; our choice."""
_SHOWN = 8


def check(sheet: Sheet) -> Iterator[Found]:
    """Counts of outputs by side of the split."""
    if len(sheet.usable) < MIN_ROWS:
        raise NotChecked(f"fewer than {MIN_ROWS} rows")
    outputs = {at: sheet.entries[at].output.strip() for at in sheet.usable}
    if not sheet.labelled:
        yield from _dominating(sheet, outputs)
        return
    train = Counter(outputs[at] for at in sheet.by_side("train"))
    test = Counter(outputs[at] for at in sheet.by_side("test"))
    if not train:
        raise NotChecked("no train rows")
    yield from _unseen(sheet, outputs, train, test)
    yield from _rare(sheet, outputs, train, test)
    yield from _imbalance(sheet, outputs, train)


def error_at(shots: float, exponent: float) -> float:
    """Share of errors expected on a label with so many examples: a power law through 10 % at 50,
    an assumption, with the exponents of published learning curves (facts/statistics.md C(i))."""
    return min(1.0, _ERROR_AT_ENOUGH * math.pow(max(shots, 0.5) / _ENOUGH_SHOTS, -exponent))


def effective_number(counts: Iterable[int]) -> float:
    """exp(entropy): how many equally frequent classes are as varied (Hill 1973, Ecology 54)."""
    found = [count for count in counts if count]
    total = sum(found)
    return math.exp(-sum(n / total * math.log(n / total) for n in found))


def _unseen(
    sheet: Sheet, outputs: Mapping[int, str], train: Counter[str], test: Counter[str]
) -> Iterator[Found]:
    labels = sorted(set(test) - set(train), key=lambda label: -test[label])
    if not labels:
        return
    rows = [at for at in sheet.by_side("test") if outputs[at] not in train]
    share = 100 * len(rows) / test.total()
    yield Found(
        kind="unseen-labels",
        text=f"{many(len(labels), 'label')} of the test rows never "
        f"{'occurs' if len(labels) == 1 else 'occur'} in the train rows ({_names(labels)}): "
        f"{len(rows):,} of {many(test.total(), 'test row')}, which a tuned model can only get "
        "wrong.",
        rows=rows,
        of=test.total(),
        fix="Add train rows of these labels, or take them out of test and out of the task; check "
        "for labels spelt in two ways.",
        effect=Effect(
            points=round(0.9 * share, 1),
            low=round(0.3 * share, 1),
            high=round(share, 1),
            on="model",
            basis="the share of test rows whose label no example shows; a model that is told the "
            "labels can get some of them",
        ),
        details={"labels": [[shown(label), test[label]] for label in labels[:_SHOWN]]},
    )


def _rare(
    sheet: Sheet, outputs: Mapping[int, str], train: Counter[str], test: Counter[str]
) -> Iterator[Found]:
    labels = sorted((k for k, n in train.items() if n < FEW_SHOTS), key=lambda k: train[k])
    if not labels:
        return
    rare = set(labels)
    rows = [at for at in sheet.usable if outputs[at] in rare]
    weights = test if test else train
    lost = [
        100
        * sum(weights[k] * (error_at(train[k], b) - error_at(FEW_SHOTS, b)) for k in labels)
        / weights.total()
        for b in EXPONENTS
    ]
    yield Found(
        kind="rare-labels",
        text=f"{many(len(labels), 'label')} of {len(train):,} "
        f"{have(len(labels))} fewer than {FEW_SHOTS} train rows "
        f"({_names(labels)}); {'it makes' if len(labels) == 1 else 'they make'} up {len(rows):,} "
        f"of {many(len(outputs), 'row')}.",
        rows=sorted(rows, key=lambda at: train[outputs[at]]),
        of=len(outputs),
        fix=f"Label at least {FEW_SHOTS} rows of each, better {_ENOUGH_SHOTS}; or join rare labels "
        "into one that a person handles; report them apart.",
        effect=Effect(
            points=round(lost[1], 1),
            low=round(lost[0], 1),
            high=round(lost[2], 1),
            on="model",
            basis=f"share of these labels in test, times the gain of {FEW_SHOTS} rows each by a "
            "learning curve n^-b, b from .1 to .6; macro-F1 and the labels themselves lose more",
        ),
        details={"labels": [[shown(label), train[label]] for label in labels[:_SHOWN]]},
    )


def _imbalance(sheet: Sheet, outputs: Mapping[int, str], train: Counter[str]) -> Iterator[Found]:
    effective = effective_number(train.values())
    if len(train) < 2 or effective >= BALANCED * len(train):
        return
    (top, most), *_ = train.most_common(1)
    rows = [at for at in sheet.usable if outputs[at] == top]
    macro = sheet.metric == "macro_f1"
    yield Found(
        kind="imbalance",
        text=f"The {len(train):,} labels are as varied as {effective:,.1f} equally frequent ones; "
        f"'{shown(top)}' is {percent(most / train.total())} of the train rows, and whoever says "
        "it always gets that share right.",
        rows=rows,
        of=len(outputs),
        fix="Judge by macro-F1 or by the cost of each label (`metric`, `error_costs`), and read "
        "accuracy beside the share of the most frequent label; add rows of the rare ones.",
        effect=Effect(
            points=5.0 if macro else 2.0,
            low=0,
            high=20.0 if macro else 10.0,
            on="model" if macro else "figure",
            basis="our estimate: rare labels pull macro-F1 down, and plain accuracy hides them",
        ),
        figures={"commonest": share_of(most, train.total())},
        details={
            "effective_labels": round(effective, 2),
            "labels": len(train),
            "counts": [[shown(label), n] for label, n in train.most_common(_SHOWN)],
        },
    )


def _dominating(sheet: Sheet, outputs: Mapping[int, str]) -> Iterator[Found]:
    counts = Counter(outputs.values())
    top, n = counts.most_common(1)[0]
    share = share_of(n, len(outputs))
    if len(counts) < MANY_OUTPUTS or share.low < DOMINATES:
        return
    yield Found(
        kind="dominating-answer",
        text=f"One output, '{shown(top)}', stands in {n:,} of {len(outputs):,} rows "
        f"beside {len(counts) - 1:,} others: whoever always gives it is right for "
        f"{percent(share.value)}.",
        rows=[at for at, output in outputs.items() if output == top],
        of=len(outputs),
        fix="Check that it is an answer and no placeholder; read every figure beside this share, "
        "and thin these rows out in train.",
        effect=Effect(
            points=round(20 * share.value, 1),
            low=0,
            high=round(100 * share.value, 1),
            on="figure",
            basis="the share that a fixed answer gets right without reading the input",
        ),
        figures={"commonest": share},
    )


def _names(labels: list[str]) -> str:
    first = ", ".join(f"'{shown(label)}'" for label in labels[:3])
    return first + (", …" if len(labels) > 3 else "")
