"""The decision: the cheapest option that meets the target, who is tested, what would change it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from advisor.belief import asked, p_at, paired
from advisor.prices import total_usd
from advisor.records import Comparison, Option, Verdict
from probes.records import Estimate, Example, Measurement
from probes.stats import holm
from probes.task import TaskSpec

ENOUGH = 0.8
"""Probability of meeting the target that is asked of a recommendation."""
ENOUGH_AT_HIGH_STAKES = 0.95
HOPELESS = 0.2
"""Below this probability for every option the verdict is: nothing here is enough."""
MAX_FINALISTS = 4
MIN_SHARED = 8
"""Items that two options must both have answered before they are compared."""


def threshold(spec: TaskSpec) -> float:
    """Probability of meeting the target that the spec's stakes ask for."""
    return ENOUGH_AT_HIGH_STAKES if spec.needs.high_stakes else ENOUGH


def eligible(options: Sequence[Option]) -> list[Option]:
    """The options that the spec's money and needs leave open (see `needs`)."""
    return [option for option in options if not option.barred]


def comparable(a: Sequence[Measurement], b: Sequence[Measurement]) -> bool:
    """Whether two options answered enough items in common to be compared."""
    theirs = {score.item_id for score in b[0].scores}
    return sum(score.item_id in theirs for score in a[0].scores) >= MIN_SHARED


def choose(options: Sequence[Option], spec: TaskSpec) -> tuple[Verdict, Option]:
    """The verdict and the option that it is about; from dev alone.

    The cheapest eligible option whose probability of meeting the target is high enough, else the
    eligible one of the highest probability; where that is hopeless, the one of highest quality.

    Raises:
        ValueError: there is no option.
    """
    if not options:
        raise ValueError("no option was measured")
    within = eligible(options)
    viable = [option for option in within if option.p_meets >= threshold(spec)]
    if viable:
        return "use", min(viable, key=lambda option: (total_usd(option.price), option.n_params))
    top = max(within or options, key=lambda option: (option.p_meets, option.quality.value))
    if within and top.p_meets >= HOPELESS:
        return "not-enough-evidence", top
    # Where nothing comes near, small probabilities only tell whose interval is widest.
    return "nothing-is-enough", max(
        within or options, key=lambda o: (o.p_meets >= HOPELESS, o.quality.value)
    )


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
        told.append(f"at a target of {target:.0%} or a little below, {name} would do")
    if higher:
        target, name = higher[0]
        told.append(f"at a target of {target:.0%}, {name} would be needed")
    return told
