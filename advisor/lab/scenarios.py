"""Scenarios: what is asked of a family that was measured once, many times over.

Targets, volumes and amounts of data are drawn by a hash of the family's name, so that a scenario
stays what it is when families are added. At least a third of the targets lie within NEAR of the
true quality of an option: there a policy is easily wrong.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from advisor.lab.laboratory import Laboratory, Truth
from probes.lab.family import Family
from probes.record import Record
from probes.task import DataSpec, Needs, TaskSpec

NEAR = 0.03
TARGETS = (0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95)
VOLUMES = (300, 10_000, 1_000_000)
"""Requests a month: training counts for much, for something, for nothing."""
PER_FRACTION = 15
"""Scenarios of one family with one amount of data, a third of them and more near an option."""
N_NEAR = 6


class Scenario(Record):
    """One question to a policy."""

    family: str
    fraction: float
    target: float
    requests_per_month: int
    near: bool
    """Whether the target was put within NEAR of an option's true quality."""
    seed: int


def scenarios(lab: Laboratory) -> list[Scenario]:
    """The scenarios of a family with one amount of data."""
    family = lab.header.family
    r = Random(f"scenarios/{family.name}/{lab.fraction}")
    levels = _levels(lab.truths(specification(family, family.target, VOLUMES[1])))
    found = []
    for at in range(PER_FRACTION):
        near = at < N_NEAR and bool(levels)
        target = r.choice(TARGETS)
        if near:
            target = round(r.choice(levels) + r.uniform(-NEAR, NEAR), 3)
        found.append(
            Scenario(
                family=family.name,
                fraction=lab.fraction,
                target=min(0.99, max(0.05, target)),
                requests_per_month=VOLUMES[at % len(VOLUMES)],
                near=near,
                seed=r.randrange(2**16),
            )
        )
    return found


def _levels(truths: Sequence[Truth]) -> list[float]:
    """Qualities that a target can be put beside: those worth asking for."""
    return sorted({truth.quality.value for truth in truths if truth.quality.value >= 0.2})


def specification(
    family: Family, target: float, requests_per_month: int, seed: int = 0
) -> TaskSpec:
    """The spec as a policy sees it."""
    return TaskSpec(
        version=1,
        name=family.name,
        task_type=family.task_type,
        instruction=family.instruction,
        data=DataSpec(train="data.jsonl"),
        metric=family.metric,
        scorer=list(family.scorer) or None,
        target=target,
        needs=Needs(requests_per_month=requests_per_month),
        ladder="pocket",
        seed=seed,
    )
