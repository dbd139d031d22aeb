"""Around the decision: who is tested, how options compare, what would change it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from advisor.belief import asked, p_at, paired
from advisor.choice import choose
from advisor.prices import total_usd
from advisor.records import Comparison, Option
from probes.records import Estimate, Example, Measurement
from probes.stats import holm
from probes.task import TaskSpec

MAX_FINALISTS = 4
MIN_SHARED = 8
"""Items that two options must both have answered before they are compared."""


def comparable(a: Sequence[Measurement], b: Sequence[Measurement]) -> bool:
    """Whether two options answered enough items in common to be compared."""
    theirs = {score.item_id for score in b[0].scores}
    return sum(score.item_id in theirs for score in a[0].scores) >= MIN_SHARED


def finalists(options: Sequence[Option], spec: TaskSpec) -> list[Option]:
    """The options whose test answers are opened: the chosen one and those that it must be held to.

    The best of the cheaper ones, the best of all, and the next larger rung with the same method.
    """
    _, chosen = choose(options, spec)
    cheaper = [o for o in options if total_usd(o.price) < total_usd(chosen.price)]
    bigger = [o for o in options if o.method == chosen.method and o.n_params > chosen.n_params]
    wanted = [
        chosen,
        *sorted(cheaper, key=lambda o: -o.quality.value)[:1],
        max(options, key=lambda o: o.quality.value),
        *sorted(bigger, key=lambda o: o.n_params)[:1],
    ]
    named = {option.name: option for option in wanted}
    return list(named.values())[:MAX_FINALISTS]


def compare(
    chosen: Option,
    options: Sequence[Option],
    runs: Mapping[str, Sequence[Measurement]],
    examples: Mapping[str, Example],
    split: str,
) -> list[Comparison]:
    """The chosen option against every other one on the same items, p-values adjusted by Holm.

    `runs` gives the measurements of each option by its name; options without any are left out.
    """
    mine = runs.get(chosen.name)
    if not mine:
        return []
    others = [
        other
        for other in options
        if other.name != chosen.name and runs.get(other.name) and comparable(mine, runs[other.name])
    ]
    if not others:
        return []
    pairs = [paired(runs[chosen.name], runs[other.name], examples) for other in others]
    adjusted = holm([pair.p_value for pair in pairs])
    return [
        Comparison.model_validate(
            {
                "split": split,
                "better": chosen.name if pair.estimate.value >= 0 else other.name,
                "worse": other.name if pair.estimate.value >= 0 else chosen.name,
                "difference": _oriented(pair.estimate),
                "p_value": round(p_value, 6),
                "test": pair.test,
            }
        )
        for other, pair, p_value in zip(others, pairs, adjusted, strict=True)
    ]


def _oriented(estimate: Estimate) -> Estimate:
    if estimate.value >= 0:
        return estimate
    return estimate.model_copy(
        update={"value": -estimate.value, "low": -estimate.high, "high": -estimate.low}
    )


def percent(estimate: Estimate) -> str:
    """`93.1 % [90.2, 95.3], n = 240`, the interval at the estimate's level."""
    return (
        f"{100 * estimate.value:.1f} % [{100 * estimate.low:.1f}, {100 * estimate.high:.1f}],"
        f" n = {estimate.n}"
    )


def items_to_settle(chosen: Option, target: float) -> int:
    """Items on which a quality like the chosen option's would be told from the target.

    n (z sd / gap)^2 with z = 1.28 for 80 % on two sides and the sd of the interval at hand, which
    holds the seeds as well: more than n, at most 10 million.
    """
    gap = max(1e-3, abs(chosen.quality.value - chosen.optimism - target))
    sd = (chosen.quality.high - chosen.quality.low) / (2 * 1.96)
    wanted = chosen.quality.n * (1.2816 * sd / gap) ** 2
    return min(10_000_000, max(chosen.quality.n + 1, math.ceil(wanted)))


def flips(chosen: Option, options: Sequence[Option], spec: TaskSpec) -> list[str]:
    """Targets at which another option would be chosen, found by asking again."""
    found = []
    for target in (round(0.05 * step, 2) for step in range(1, 21)):
        if target == spec.target:
            continue
        shifted = [
            option.model_copy(
                update={"p_meets": p_at(option.quality, asked(target, option.optimism))}
            )
            for option in options
        ]
        verdict, other = choose(shifted, spec)
        if verdict == "use" and other.name != chosen.name:
            found.append((target, other.name))
    lower = [flip for flip in found if flip[0] < spec.target]
    higher = [flip for flip in found if flip[0] > spec.target]
    told = []
    if lower:
        target, name = lower[-1]
        told.append(f"at a target of {100 * target:.0f} % or a little below, {name} would do")
    if higher:
        target, name = higher[0]
        told.append(f"at a target of {100 * target:.0f} %, {name} would be needed")
    return told
