"""What binds in a family, computed from its table alone: the claim of its author does not enter."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence

from advisor.lab.laboratory import Laboratory, Truth
from advisor.lab.scenarios import VOLUMES, specification
from probes.lab.table import cell_id
from probes.records import Measurement

BINDS: Mapping[str, str] = {
    "zero_shot": "prompting-suffices",
    "few_shot": "prompting-suffices",
    "steps": "steps",
    "vote": "sampling",
    "rag": "knowledge",
    "lora": "tuning",
    "lora_rag": "knowledge, tuning",
}
"""What binds where an option of that method is the cheapest that is truly enough."""
RISING = 0.04
"""Gain of the best tuned option from the last doubling of the data that calls for more of it."""
AGREED, BEYOND, LEARNT = 0.8, 0.1, 0.5
"""Where the two largest tuned rungs agree on so many items, by so much more than they agree with
the references, and have learnt something at all, it is the references that err."""


def binds(lab: Laboratory, target: float | None = None) -> str:
    """The ceiling of a family with one amount of data, `, capacity` behind it where a smaller rung
    stays below with the same method."""
    family = lab.header.family
    target = family.target if target is None else target
    truths = lab.truths(specification(family, target, VOLUMES[1]))
    chosen = next((truth for truth in truths if truth.quality.value >= target), None)
    if chosen is None:
        return _unmet(lab, truths, target)
    word = BINDS[chosen.method]
    if chosen.method == "lora" and _content(lab, chosen.rung) >= target:
        word = "format"
    return word + ", capacity" * _size_needed(truths, chosen, target)


def _size_needed(truths: Sequence[Truth], chosen: Truth, target: float) -> bool:
    smaller = [t for t in truths if t.method == chosen.method and t.n_params < chosen.n_params]
    return bool(smaller) and all(t.quality.value < target for t in smaller)


def _content(lab: Laboratory, rung: str) -> float:
    """What the best prompt without tuning would score if its form were forgiven."""
    found = [
        each.content.value
        for each in lab.exhaustive
        if each.cell.rung == rung and each.cell.method in ("zero_shot", "few_shot") and each.content
    ]
    return max(found, default=0.0)


def _unmet(lab: Laboratory, truths: Sequence[Truth], target: float) -> str:
    oracle = [e.quality.value for e in lab.exhaustive if e.cell.method == "oracle" and e.quality]
    search = [t.quality.value for t in truths if t.method in ("rag", "lora_rag")]
    if oracle and max(oracle) >= target > max(search, default=0.0):
        return "retrieval"
    tuned = [t for t in truths if t.method in ("lora", "lora_rag")]
    top = max(tuned, key=lambda truth: truth.quality.value, default=None)
    if top is not None and _gain(lab, top) >= RISING:
        return "data"
    quality = top.quality.value if top is not None else 0.0
    agreed = _agreement(lab)
    noisy = agreed >= max(AGREED, quality + BEYOND) and quality >= LEARNT
    return "label-noise" if noisy else "nothing-suffices"


def _gain(lab: Laboratory, top: Truth) -> float:
    """What the last doubling of the data brought to that method, over the rungs on which both
    amounts were measured: the best of several options alone would look better than it is."""
    gains = []
    for rung, whole in lab.wholes.items():
        amounts = [round(lab.fraction * whole.n_train / part) for part in (1, 2)]
        levels = [_level(lab, top.method, rung, n_train) for n_train in amounts]
        gains += [levels[0] - levels[1]] if levels[0] and levels[1] else []
    return sum(gains) / len(gains) if gains else 0.0


def _level(lab: Laboratory, method: str, rung: str, n_train: int) -> float | None:
    """Mean quality on the truth's items of the runs with so much data; None without any."""
    found = []
    for line in lab.table.cells.values():
        cell = line.cell
        if (cell.method, cell.rung, cell.n_train, cell.role) == (method, rung, n_train, "repeat"):
            truth = lab.table.truth(cell_id(cell)) or []
            found += [sum(truth) / len(truth)] if truth else []
    return sum(found) / len(found) if found else None


def _agreement(lab: Laboratory) -> float:
    """On how many dev items the two largest tuned rungs give the same answer."""
    runs = [run for rung in list(lab.situations)[-2:] if (run := _repeat(lab, rung)) is not None]
    if len(runs) < 2:
        return 0.0
    first, second = (base64.b64decode(lab.line(run.cell).answers) for run in runs)
    return sum(a == b for a, b in zip(first, second, strict=True)) / len(first)


def _repeat(lab: Laboratory, rung: str) -> Measurement | None:
    found = [
        each
        for each in lab.exhaustive
        if each.cell.rung == rung
        and each.cell.method in ("lora", "lora_rag")
        and each.cell.role == "repeat"
        and each.quality is not None
    ]
    return max(found, key=lambda each: each.quality.value if each.quality else 0.0, default=None)
