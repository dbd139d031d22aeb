"""Learns what stacks take beyond the closed form; writes `knowledge/memory_stacks/`.

    python -m results.fit.memory

Reads `knowledge/published/` alone. A row is `results.fit.memory_rows.Case`; the model is
`probes.footprint.calibration`. Every factor is that of all stacks, plus that of a family that
shares code, plus the stack's own, each with a prior (`PRIOR`) that says what is plausible at all.
Rows that ran out of memory, and lengths that just fit a card, count as the chance of lying above or
below. No source counts for more than CAP rows.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from ruamel.yaml import YAML
from scipy.optimize import least_squares
from scipy.special import log_ndtr
from scipy.stats import t as student

from knowledge.measured import read_measured
from knowledge.records import Source
from knowledge.stack_memory import MemoryLaw, StackMemory, family_of, run_name
from probes.footprint.calibration import calibrated, terms_of
from results.fit.memory_habits import habit_of
from results.fit.memory_rows import Case, cases

Array = NDArray[np.float64]
Kind = Literal["training", "inference"]
OUT = Path("knowledge/memory_stacks/memory_stacks.yaml")
CHECKED = "2026-11-22"
CAP = 12
ROW = 0.03
"""Standard deviation of rows of one stack, as a share of what was measured, that weighs them
against the priors; those of the intervals come from what is left."""
HUBER = 2.0
"""Rows further off than so many standard deviations pull no harder."""
PRIOR = {
    "held": (1.0, 0.5),
    "constant": (0.0, 0.5),
    "tokens x vocabulary": (0.0, 2.0),
    "tokens x hidden": (0.0, 2.0),
    "4-bit tokens x hidden": (0.0, 4.0),
    "4-bit tables": (0.0, 0.5),
    "cache": (0.0, 0.02),
}
"""Term -> what is expected of a stack, and how far stacks may be from it: bytes a logit, elements
of 16 bits a token and layer, GB."""
COMMON, FAMILY, OWN = 0.5, 1.0, 0.5
"""How far all stacks may be from the prior's centre, a family from all, a stack from its family."""
LEAST = 3
"""Sources without which a new one is given the widest spread."""
WIDEST = 0.2


def kind_of(case: Case) -> Kind:
    """Training or inference."""
    return "inference" if case.setting.method == "inference" else "training"


def run_of(case: Case) -> str:
    """The kind of the row's run."""
    return run_name(case.setting.method, case.setting.checkpointing)


def terms(case: Case) -> dict[str, float]:
    """The row's terms; what is held over live bytes only where the source counts it."""
    beyond = 0.0 if case.row.memory_kind == "allocated" else case.held_bytes - case.live_bytes
    bits = case.row.quantisation
    four = bits.startswith("bnb") or bits.endswith(("int4", "q4"))
    return terms_of(case.architecture, case.setting, beyond=beyond, four_bit=four)


def outside(case: Case) -> float:
    """The CUDA context, where the source counts it."""
    return case.context_bytes if case.row.memory_kind == "device" else 0.0


SIDES = {"equal": 0, "above": 1, "within": -1}
"""0 for a figure, 1 where the peak lies above what is told, -1 where below."""


@dataclass(frozen=True)
class Fit:
    """Factors by stack, and those of a stack that nobody measured."""

    common: dict[str, float]
    families: dict[str, dict[str, float]]
    stacks: dict[str, dict[str, float]]


def fitted(rows: Sequence[Case]) -> Fit:
    """Factors at the maximum of their posterior."""
    names = [name for name in PRIOR if any(name in terms(case) for case in rows)]
    stacks = sorted({case.stack for case in rows})
    families = sorted({family_of(stack) for stack in stacks})
    size, groups = len(names), 1 + len(families) + len(stacks)
    which = np.array([stacks.index(case.stack) for case in rows])
    measured = np.array([case.measured_bytes for case in rows])
    scale = ROW * measured / np.sqrt(np.minimum(1.0, CAP / np.bincount(which)))[which]
    columns = np.array([[terms(case).get(name, 0.0) for name in names] for case in rows])
    matrix = np.zeros((len(rows), size * groups))
    for at, case in enumerate(rows):
        for group in (0, 1 + families.index(family_of(case.stack)), 1 + len(families) + which[at]):
            matrix[at, size * group : size * (group + 1)] = columns[at]
    base = np.array([case.live_bytes + outside(case) for case in rows])
    spread = np.array([PRIOR[name][1] for name in names])
    many = [COMMON] + [FAMILY] * len(families) + [OWN] * len(stacks)
    widths = np.concatenate([each * spread for each in many])
    centre = np.zeros(size * groups)
    centre[:size] = [PRIOR[name][0] for name in names]
    bounds = np.array([SIDES[case.row.bound] for case in rows])

    def cost(point: Array) -> Array:
        left = (base + matrix @ point - measured) / scale
        soft = np.sign(left) * HUBER * np.sqrt(2 * (np.sqrt(1 + (left / HUBER) ** 2) - 1))
        one_sided = np.sqrt(-2 * log_ndtr(bounds * left))
        return np.concatenate([np.where(bounds == 0, soft, one_sided), (point - centre) / widths])

    found = least_squares(cost, centre, x_scale=widths).x.reshape(groups, size)
    by_family = dict(zip(families, found[1:], strict=False))
    own = found[1 + len(families) :]
    return Fit(
        common=_named(names, found[0]),
        families={name: _named(names, found[0] + own) for name, own in by_family.items()},
        stacks={
            stack: _named(names, found[0] + by_family[family_of(stack)] + own[at])
            for at, stack in enumerate(stacks)
        },
    )


def _named(names: Sequence[str], values: Array) -> dict[str, float]:
    return {name: float(f"{value:.4g}") for name, value in zip(names, values, strict=True)}


def below_peak(case: Case) -> bool:
    """Whether what was read is not the peak."""
    habit = habit_of(case.row)
    return habit is not None and habit.below_peak


def law_of(rows: Sequence[Case]) -> MemoryLaw:
    """The law of rows of one kind, with its intervals."""
    rows = [case for case in rows if not below_peak(case)]
    law = _law(rows)
    known, new = _known(rows, law), _half(_left_out(rows))
    return law.model_copy(update={"known": round(known, 3), "new": round(max(known, new), 3)})


def _law(rows: Sequence[Case]) -> MemoryLaw:
    """The law without its intervals."""
    fit = fitted(rows)
    return MemoryLaw(
        kind=kind_of(rows[0]),
        common=fit.common,
        families=fit.families,
        stacks=tuple(
            StackMemory(
                name=name,
                factors=factors,
                runs=tuple(sorted({run_of(case) for case in rows if case.stack == name})),
                n=sum(case.stack == name for case in rows),
            )
            for name, factors in fit.stacks.items()
        ),
        known=1.0,
        new=1.0,
        fitted=CHECKED,
        sources=tuple(
            Source(title=name, part="rows of knowledge/published/measured.csv", checked=CHECKED)
            for name in sorted({case.row.stack for case in rows})
        ),
    )


def said(case: Case, law: MemoryLaw) -> float:
    """Bytes that the law gives the row, of the kind that its source measured."""
    found = calibrated(case.live_bytes, terms(case), law, case.stack, run_of(case))
    return found.median_bytes + outside(case)


def left_over(rows: Sequence[Case], law: MemoryLaw) -> dict[str, Array]:
    """Logarithms of measured over said, by source; bounds have none."""
    found: dict[str, list[float]] = {}
    for case in rows:
        if case.row.bound == "equal":
            off = math.log(case.measured_bytes / said(case, law))
            found.setdefault(case.row.stack, []).append(off)
    return {name: np.array(each) for name, each in found.items()}


def _known(rows: Sequence[Case], law: MemoryLaw) -> float:
    """Half width of 80 % for rows of stacks that were fitted, sources counting alike."""
    left = [each for each in left_over(rows, law).values() if len(each) > 1]
    n = sum(map(len, left))
    within = float(np.mean([(each**2).mean() for each in left]))
    return float(student.ppf(0.9, max(2, n - len(left)))) * math.sqrt(within)


def _left_out(rows: Sequence[Case]) -> list[float]:
    """Mean squared logarithms of errors of every source, by a law of the others."""
    squares = []
    for source in sorted({case.row.stack for case in rows}):
        rest = [case for case in rows if case.row.stack != source]
        mine = [case for case in rows if case.row.stack == source and case.row.bound == "equal"]
        if mine and rest:
            law = _law(rest)
            off = [math.log(case.measured_bytes / said(case, law)) for case in mine]
            squares.append(float(np.mean(np.square(off))))
    return squares


def _half(squares: Sequence[float]) -> float:
    """Half width of 80 % for a source that was not fitted, sources counting alike."""
    if len(squares) < LEAST:
        return float(student.ppf(0.9, 1)) * math.sqrt(max(squares, default=WIDEST**2))
    return float(student.ppf(0.9, len(squares) - 1)) * math.sqrt(float(np.mean(squares)))


def laws(rows: Sequence[Case]) -> list[MemoryLaw]:
    """Of training and of inference."""
    kinds: tuple[Kind, ...] = ("training", "inference")
    return [law_of([case for case in rows if kind_of(case) == kind]) for kind in kinds]


def main() -> None:
    """Fits and writes."""
    found, left = cases(read_measured())
    for (stack, reason), n in sorted(left.items()):
        print(f"left out: {n} of {stack}: {reason}")
    OUT.parent.mkdir(exist_ok=True)
    yaml = YAML()
    yaml.default_flow_style = None
    yaml.width = 100
    dumped: list[Any] = [law.model_dump(mode="json", exclude_defaults=True) for law in laws(found)]
    with OUT.open("w", encoding="utf-8") as file:
        file.write("# Written by `python -m results.fit.memory`; do not edit.\n")
        yaml.dump(dumped, file)
    print(f"wrote {OUT} from {len(found)} rows")


if __name__ == "__main__":
    main()
