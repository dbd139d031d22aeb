"""Examples in the prompt or tuning, by the number of rows: long-context ICL, each set left out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from advisor.nature import nature_of
from advisor.prior import Belief, expected
from results.prior.ability import size_of
from results.prior.fit import fit
from results.prior.published import LABELS, MMLU, Published, prompted, same_items


@dataclass(frozen=True)
class Crossing:
    """Examples in the prompt against tuning, at one number of rows."""

    dataset: str
    n_rows: int
    prompted: float
    tuned: float
    beliefs: dict[str, Belief]


def crossings(published: Published) -> Iterator[Crossing]:
    """The three label sets, each predicted without itself."""
    for name, n_labels in LABELS.items():
        known = fit(published, without=[name])
        tuning = same_items(published.tuning, name)
        shots = prompted(published.prompting, name, "random")
        nearest = prompted(published.prompting, name, "retrieval")
        bench = published.bench.set_index("Model").MMLU
        size = size_of(float(bench[MMLU["llama-2-7b"]]), known.ability)
        for n_rows, tuned in tuning.groupby("n_train").accuracy.mean().items():
            usable = shots[shots.index <= n_rows]
            if usable.empty:
                continue
            at_most = min(float(usable.iloc[-1]), float(nearest[10]))
            nature = nature_of("classification", n_rows=int(n_rows), n_labels=n_labels)
            yield Crossing(
                name,
                int(n_rows),
                at_most,
                float(tuned),
                {m: expected(m, size, nature, known) for m in ("few_shot", "lora")},
            )


def crossing_table(found: Sequence[Crossing]) -> Iterator[str]:
    """Row by row what was reached and expected; then who chose right."""
    yield "In the prompt: what the ten nearest of so many rows reach at most, the lower of all"
    yield "rows in the prompt and the ten nearest of the whole set. Expected: the 10, 50 and 90 %"
    yield "points."
    yield ""
    yield "| set | rows | in the prompt | expected | tuned | expected | better | prior |"
    yield "|---|---|---|---|---|---|---|---|"
    for row in found:
        shown = [
            " ".join(f"{100 * b.quantile(q):.0f}" for q in (0.1, 0.5, 0.9))
            for b in (row.beliefs["few_shot"], row.beliefs["lora"])
        ]
        yield (
            f"| {row.dataset} | {row.n_rows:,} | {100 * row.prompted:.0f} | {shown[0]} |"
            f" {100 * row.tuned:.0f} | {shown[1]} | {_better(row)} | {_said(row)} |"
        )
    told = [row for row in found if _better(row) != "alike"]
    right = sum(_better(row) == _said(row) for row in told)
    chart = sum(_better(row) == ("tune" if row.n_rows >= 1000 else "prompt") for row in told)
    pairs = [(row.beliefs["few_shot"], row.prompted) for row in found]
    pairs += [(row.beliefs["lora"], row.tuned) for row in found]
    inside = np.mean([b.quantile(0.1) <= x <= b.quantile(0.9) for b, x in pairs])
    yield ""
    yield (
        f"Where they differ by two points and more ({len(told)} of {len(found)}) the prior names"
        f" the better one {right} times, the flowchart (tune from 1,000 rows) {chart} times. 80 %"
        f" intervals hold {100 * inside:.0f} % of {len(pairs)} accuracies."
    )


def _better(row: Crossing) -> str:
    if abs(row.prompted - row.tuned) < 0.02:
        return "alike"
    return "prompt" if row.prompted > row.tuned else "tune"


def _said(row: Crossing) -> str:
    few, lora = row.beliefs["few_shot"], row.beliefs["lora"]
    return "prompt" if few.mean > lora.mean else "tune"
