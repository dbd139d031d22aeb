"""How a policy's choices are judged against what is true, and what they add up to."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Literal

from advisor.lab.laboratory import Laboratory, Place, Truth
from advisor.lab.policies import Choice, Policy
from advisor.lab.scenarios import Scenario, specification
from probes.record import Record

Verdict = Literal["right", "near-tie", "wrong"]
RESAMPLES = 2000
BINS = 10


class Outcome(Record):
    """One policy's answer to one scenario."""

    scenario: Scenario
    verdict: Verdict
    """`near-tie`: not the answer by the truth's figures, but by some figures in their intervals."""
    shortfall: float
    """Regret in quality: what is missing from the target, or from the best there is."""
    overpaid: float | None
    """Price of the choice over that of the right one; None where either is `nothing`, or the
    choice is not enough."""
    p_meets: float
    met: bool
    """Whether the option that was named reaches the target."""
    chances: tuple[tuple[float, bool], ...] = ()
    """(probability that was stated, whether it is so) of every option looked at."""
    share: float
    """CPU seconds spent, of those of measuring everything."""


def outcome(lab: Laboratory, scenario: Scenario, policy: Policy) -> Outcome:
    """One policy in one scenario."""
    spec = specification(
        lab.header.family, scenario.target, scenario.requests_per_month, scenario.seed
    )
    place = Place(lab, spec)
    choice = policy(place)
    truths = lab.truths(spec)
    by_name = {truth.name: truth for truth in truths}
    named = next((t for t in truths if (t.method, t.rung) == (choice.method, choice.rung)), None)
    target = scenario.target
    right = next((truth for truth in truths if truth.quality.value >= target), None)
    used = named if choice.verdict == "use" else None
    reached = named.quality.value if named else 0.0
    best = max(truth.quality.value for truth in truths)
    both = used is not None and right is not None and used.quality.value >= target
    return Outcome(
        scenario=scenario,
        verdict=judged(choice, named, truths, target),
        shortfall=max(0.0, min(target, best) - reached),
        overpaid=used.usd / right.usd if both and used and right and right.usd > 0 else None,
        p_meets=choice.p_meets,
        met=named is not None and reached >= target,
        chances=tuple(
            (p, by_name[name].quality.value >= target)
            for name, p in choice.chances.items()
            if name in by_name
        ),
        share=place.spent_s / lab.exhaustive_s,
    )


def judged(choice: Choice, named: Truth | None, truths: Sequence[Truth], target: float) -> Verdict:
    """Whether the choice is the cheapest option that is truly enough, or rightly `nothing`.

    `truths` are sorted by price.
    """
    right = next((truth for truth in truths if truth.quality.value >= target), None)
    if choice.verdict == "nothing":
        if right is None:
            return "right"
        return "near-tie" if all(truth.quality.low < target for truth in truths) else "wrong"
    if named is None:
        return "wrong"
    if right is not None and named.name == right.name:
        return "right"
    cheaper = truths[: truths.index(named)]
    could = named.quality.high >= target and all(each.quality.low < target for each in cheaper)
    return "near-tie" if could else "wrong"


# ---------------------------------------------------------------- sums


class Summary(Record):
    """A policy over many scenarios; intervals are a bootstrap over families."""

    policy: str
    n_scenarios: int
    n_families: int
    right: float
    """Share with the right method and size, near-ties among them."""
    right_low: float
    right_high: float
    near_ties: float
    shortfall: float
    shortfall_high: float
    overpaid: float | None
    """Median, of those that are enough."""
    ece: float | None
    """Expected calibration error of P(meets) of the named option, over ten bins; None for a policy
    that does not say."""
    ece_all: float | None
    """The same over all options that it looked at."""
    brier: float | None
    share: float
    """Mean share of the exhaustive compute."""


def summarised(policy: str, outcomes: Sequence[Outcome]) -> Summary:
    """The figures of a policy. ValueError for no outcomes."""
    if not outcomes:
        raise ValueError("no scenarios")
    families: dict[str, list[Outcome]] = {}
    for each in outcomes:
        families.setdefault(each.scenario.family, []).append(each)
    right = resampled(families, lambda some: mean([o.verdict != "wrong" for o in some]))
    short = resampled(families, lambda some: mean([o.shortfall for o in some]))
    ratios = sorted(o.overpaid for o in outcomes if o.overpaid is not None)
    stated = [(o.p_meets, o.met) for o in outcomes]
    all_stated = [pair for o in outcomes for pair in o.chances]
    says = bool(all_stated)
    return Summary(
        policy=policy,
        n_scenarios=len(outcomes),
        n_families=len(families),
        right=mean([o.verdict != "wrong" for o in outcomes]),
        right_low=right[0],
        right_high=right[1],
        near_ties=mean([o.verdict == "near-tie" for o in outcomes]),
        shortfall=mean([o.shortfall for o in outcomes]),
        shortfall_high=short[1],
        overpaid=ratios[len(ratios) // 2] if ratios else None,
        ece=calibration_error(stated) if says else None,
        ece_all=calibration_error(all_stated) if says else None,
        brier=mean([(p - met) ** 2 for p, met in stated]) if says else None,
        share=mean([o.share for o in outcomes]),
    )


def calibration_error(stated: Sequence[tuple[float, bool]]) -> float:
    """Expected calibration error over BINS bins of equal width (Naeini et al., AAAI 2015)."""
    bins: dict[int, list[tuple[float, bool]]] = {}
    for p, so in stated:
        bins.setdefault(min(BINS - 1, math.floor(BINS * p)), []).append((p, so))
    gaps = (abs(sum(p - so for p, so in some)) for some in bins.values())
    return sum(gaps) / max(1, len(stated))


def resampled(
    families: Mapping[str, Sequence[Outcome]], figure: Callable[[Sequence[Outcome]], float]
) -> tuple[float, float]:
    """95 % interval of a mean figure by drawing families anew, whole."""
    r, names = Random(0), sorted(families)
    whole = {name: (figure(families[name]), len(families[name])) for name in names}
    drawn = []
    for _ in range(RESAMPLES):
        some = [whole[name] for name in r.choices(names, k=len(names))]
        drawn.append(sum(value * n for value, n in some) / sum(n for _, n in some))
    drawn.sort()
    return drawn[int(0.025 * RESAMPLES)], drawn[int(0.975 * RESAMPLES)]


def mean(values: Sequence[float]) -> float:
    """The mean; 0 of nothing."""
    return sum(values) / len(values) if values else 0.0
