"""Settings of a prompt tried on some of the items first: who is clearly worse is not tried on all.

What was answered on the way is taken over, so a setting that stays costs what it would have cost.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence

from knowledge.cost import inference_flops
from probes.methods import Situation
from probes.records import Cell, Measurement, TakenOver
from probes.sequential import dominated
from probes.work import work_of

SHARES = (0.1, 0.2, 0.4, 0.7)
"""Of the dev items, after which the settings are compared."""
MIN_ITEMS = 16
LEAST_FLOPS = 2e11
"""Operations of one setting below which all are tried on everything: about four seconds of a CPU's
thread, a few times what the further cells cost by themselves."""
ALPHA = 0.05
"""Probability at most that the best setting is dropped while it is more than MARGIN ahead."""
MARGIN = 0.01

Screening = Generator[list[Cell], list[Measurement], list[Measurement]]


def screened(situation: Situation, cells: Sequence[Cell]) -> Screening:
    """Measure the cells on all dev items but those that a sequential test drops on the way.

    Returns the measurements on all items. Those on fewer have the role `screen`.
    """
    going: list[tuple[Cell, TakenOver | None]] = [(cell, None) for cell in cells]
    for share in SHARES if _pays(situation, cells) else ():
        n_items = round(share * situation.n_dev)
        if n_items < MIN_ITEMS:
            continue
        found = yield [_on(cell, n_items, known, "screen") for cell, known in going]
        answered = [
            (cell, run)
            for (cell, _), run in zip(going, found, strict=True)
            if run.status == "ok" and run.scores
        ]
        if not answered:
            break  # all failed, or the run is only imagined for its plan
        lost = dominated(
            [[score.quality for score in run.scores] for _, run in answered],
            n_begun=len(cells),
            alpha=ALPHA,
            margin=MARGIN,
        )
        going = [
            (cell, TakenOver(key=run.key, n_items=n_items))
            for at, (cell, run) in enumerate(answered)
            if at not in lost
        ]
    measured = yield [_on(cell, situation.n_dev, known, cell.role) for cell, known in going]
    return measured


def _pays(situation: Situation, cells: Sequence[Cell]) -> bool:
    works = [work_of(cell, situation) for cell in cells]
    tokens = [work.prefill_tokens + work.output_tokens for work in works]
    flops = inference_flops(situation.n_params, sum(tokens))
    worth = flops >= LEAST_FLOPS * len(cells)
    return situation.independent and len(cells) > 1 and worth


def _on(cell: Cell, n_items: int, known: TakenOver | None, role: str) -> Cell:
    changes = {"n_eval": n_items, "taken_over": known, "role": role}
    return cell.model_copy(update=changes)
