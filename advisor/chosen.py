"""Which measurements speak for what: the runs of a method's best setting, the best diagnosis."""

from __future__ import annotations

import json
from collections.abc import Container, Sequence

from probes.documents import Documents
from probes.methods import best
from probes.records import Measurement
from probes.stats import estimate_runs
from probes.task import TRAINED

SEARCHED = ("baseline", "search", "tune")
"""Roles of the cells that a setting is chosen from."""
INHERITED = {
    "vote": ("zero_shot", "steps", "rag"),
    "lora_rag": ("rag", "lora"),
    "full": ("lora",),
}
"""Methods that begin from the best setting of others, chosen on the same items."""


def chosen_runs(
    dev: Sequence[Measurement], rung: str, method: str
) -> tuple[list[Measurement], int]:
    """The runs of the best setting of a method on a rung, and how many settings were compared.

    For trained methods these are the repeats with fresh seeds; the trial that won the search is not
    among them, since it won partly by luck.
    """
    mine = [
        found
        for found in dev
        if found.cell.rung == rung and found.cell.method == method and found.status == "ok"
    ]
    repeats = [found for found in mine if found.cell.role == "repeat"]
    n_tried = sum(len(settings_tried(dev, rung, m)) for m in (method, *INHERITED.get(method, ())))
    if method in TRAINED:
        return repeats, max(1, n_tried) if repeats else n_tried  # one trial is not run apart
    winner = best([found for found in mine if found.cell.role in SEARCHED])
    if winner is None:
        return [], 0
    again = [found for found in repeats if found.cell.params == winner.cell.params]
    return [winner, *again], n_tried


def settings_tried(dev: Sequence[Measurement], rung: str, method: str) -> set[str]:
    """The settings of a method that were compared on a rung, pruned ones too."""
    return {
        json.dumps(
            {k: v for k, v in found.cell.params.items() if k != "prune_below"}, sort_keys=True
        )
        for found in dev
        if found.cell.rung == rung
        and found.cell.method == method
        and found.cell.role in (*SEARCHED, "screen")
        and found.status in ("ok", "pruned")
    }


def diagnosed(
    dev: Sequence[Measurement], rung: str, method: str, documents: Documents
) -> Measurement | None:
    """The best cell of a diagnostic method on a rung.

    Of the oracle only the items whose passages are known: the others were answered closed book.
    """
    mine = [c for c in dev if c.cell.rung == rung and c.cell.method == method]
    if method == "oracle" and documents.gold:
        mine = [_restricted(found, documents.gold) for found in mine]
    return best(mine)


def _restricted(found: Measurement, items: Container[str]) -> Measurement:
    """The measurement over those items alone, its quality their mean."""
    scores = tuple(score for score in found.scores if score.item_id in items)
    if not scores or len(scores) == len(found.scores):
        return found
    return found.model_copy(
        update={
            "scores": scores,
            "predictions": tuple(p for p in found.predictions if p.item_id in items),
            "quality": estimate_runs([[score.quality for score in scores]]),
        }
    )
