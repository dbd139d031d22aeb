"""From options to advice: the cheapest one that meets the target, or why there is none."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from advisor.belief import p_at, paired, total_usd
from advisor.records import Advice, Comparison, Option, Reason, Verdict
from probes.records import Estimate, Example, Measurement
from probes.stats import holm
from probes.task import TaskSpec

ENOUGH = 0.8
"""Probability of meeting the target that is asked of a recommendation."""
ENOUGH_AT_HIGH_STAKES = 0.95
HOPELESS = 0.2
"""Below this probability for every option the verdict is: nothing here is enough."""
MAX_FINALISTS = 4


def threshold(spec: TaskSpec) -> float:
    """Probability of meeting the target that the spec's stakes ask for."""
    return ENOUGH_AT_HIGH_STAKES if spec.needs.high_stakes else ENOUGH


def affordable(option: Option, spec: TaskSpec) -> bool:
    """Whether the option stays within the spec's money."""
    training, serving = spec.budget.training_usd, spec.budget.serving_usd_per_month
    return (training is None or option.price.training_usd <= training) and (
        serving is None or option.price.serving_usd_per_month <= serving
    )


def choose(options: Sequence[Option], spec: TaskSpec) -> tuple[Verdict, Option]:
    """The verdict and the option that it is about; from dev alone.

    The cheapest affordable option whose probability of meeting the target is high enough, else the
    affordable one of the highest probability.

    Raises:
        ValueError: there is no option.
    """
    if not options:
        raise ValueError("no option was measured")
    within = [option for option in options if affordable(option, spec)]
    viable = [option for option in within if option.p_meets >= threshold(spec)]
    if viable:
        return "use", min(viable, key=lambda option: (total_usd(option.price), option.n_params))
    top = max(within or options, key=lambda option: (option.p_meets, option.quality.value))
    hopeless = not within or top.p_meets < HOPELESS
    return ("nothing-is-enough" if hopeless else "not-enough-evidence"), top


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
    others = [o for o in options if o.name != chosen.name and runs.get(o.name)]
    if not runs.get(chosen.name) or not others:
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


def advise(
    options: Sequence[Option],
    spec: TaskSpec,
    comparisons: Sequence[Comparison],
    *,
    rehearsal: bool,
) -> Advice:
    """The advice; `options` carry their test figures where they were finalists."""
    verdict, chosen = choose(options, spec)
    confirmed = _confirmed(verdict, chosen, spec)
    refuted = verdict == "use" and confirmed is False
    if refuted:
        verdict = "not-enough-evidence"
    domain = (
        "the project's pocket models only: a rehearsal, which says nothing about real models"
        if rehearsal
        else f"{', '.join(dict.fromkeys(o.rung for o in options))} on this data;"
        " confidence is not yet calibrated against outcomes"
    )
    return Advice(
        verdict=verdict,
        headline=_headline(verdict, chosen, spec, rehearsal, refuted),
        option=chosen.name,
        confidence=chosen.p_meets,
        confirmed_on_test=confirmed,
        reasons=tuple(_reasons(chosen, spec)),
        why_not_cheaper=_why_not_cheaper(chosen, options, spec),
        why_not_bigger=_why_not_bigger(chosen, options, comparisons),
        next_step=_next_step(verdict, chosen, spec),
        what_would_change_it=tuple(_flips(chosen, options, spec)),
        domain=domain,
    )


def _confirmed(verdict: Verdict, chosen: Option, spec: TaskSpec) -> bool | None:
    """Whether the test split agrees with a verdict from dev; see `Advice.confirmed_on_test`."""
    if chosen.test is None or verdict == "not-enough-evidence":
        return None
    p_meets = chosen.p_meets_on_test or 0.0
    if verdict == "use":
        return _sure(p_meets >= threshold(spec), chosen.test.high < spec.target)
    return _sure(p_meets < HOPELESS, chosen.test.low > spec.target)


def _sure(agrees: bool, refutes: bool) -> bool | None:
    return True if agrees else False if refutes else None


def _headline(
    verdict: Verdict, chosen: Option, spec: TaskSpec, rehearsal: bool, refuted: bool
) -> str:
    prefix = "On pocket models (a rehearsal): " if rehearsal else ""
    reach = f"{percent(chosen.quality)}, target {100 * spec.target:g} %"
    if verdict == "use":
        return f"{prefix}use {chosen.name}: {reach}"
    if refuted:
        return f"{prefix}{chosen.name} met the target on dev but not on test: {reach}"
    if verdict == "nothing-is-enough":
        return f"{prefix}nothing here is enough; best is {chosen.name}: {reach}"
    return f"{prefix}not enough evidence; {chosen.name} may do: {reach}"


def percent(estimate: Estimate) -> str:
    """`93.1 % [90.2, 95.3], n = 240`, the interval at the estimate's level."""
    return (
        f"{100 * estimate.value:.1f} % [{100 * estimate.low:.1f}, {100 * estimate.high:.1f}],"
        f" n = {estimate.n}"
    )


def _reasons(chosen: Option, spec: TaskSpec) -> list[Reason]:
    reasons = [
        Reason(
            text=f"{chosen.name} reaches {percent(chosen.quality)} on dev over"
            f" {chosen.n_runs} run(s); P(true quality >= {spec.target:.0%}) = {chosen.p_meets:.2f},"
            f" {100 * chosen.optimism:.1f} points taken off for choosing among {chosen.n_tried}",
            evidence=chosen.evidence,
        ),
        Reason(
            text=f"{100 * chosen.form.value:.1f} % of its answers are well-formed; read"
            f" leniently {100 * chosen.content.value:.1f} % are right",
            evidence=chosen.evidence,
        ),
    ]
    if chosen.test is not None:
        reasons.append(
            Reason(text=f"on test: {percent(chosen.test)}", evidence=chosen.test_evidence)
        )
    return reasons


def _why_not_cheaper(chosen: Option, options: Sequence[Option], spec: TaskSpec) -> str:
    cheaper = [o for o in options if total_usd(o.price) < total_usd(chosen.price)]
    if not cheaper:
        return "nothing cheaper was measured"
    top = max(cheaper, key=lambda o: o.p_meets)
    return (
        f"of {len(cheaper)} cheaper option(s) the best is {top.name} with {percent(top.quality)};"
        f" P(meets {spec.target:.0%}) = {top.p_meets:.2f}"
    )


def _why_not_bigger(
    chosen: Option, options: Sequence[Option], comparisons: Sequence[Comparison]
) -> str:
    bigger = [o for o in options if o.n_params > chosen.n_params]
    if not bigger:
        return "no larger rung was measured"
    top = max(bigger, key=lambda o: o.quality.value)
    found = [c for c in comparisons if c.split == "dev" and top.name in (c.better, c.worse)]
    if not found:
        return f"{top.name} reaches {percent(top.quality)}"
    comparison = found[0]
    gain = comparison.difference.value * (1 if comparison.better == top.name else -1)
    sure = "a clear difference" if comparison.p_value < 0.05 else "no clear difference"
    return (
        f"{top.name} reaches {percent(top.quality)}: {100 * gain:+.1f} points on the same items,"
        f" {sure} (adjusted p = {comparison.p_value:.3f})"
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


def _next_step(verdict: Verdict, chosen: Option, spec: TaskSpec) -> str:
    if verdict == "use":
        return f"run {chosen.name} on a sample of live inputs and have people rate the answers"
    if verdict == "not-enough-evidence":
        n = items_to_settle(chosen, spec.target)
        return (
            f"evaluate on about {n:,} items (the dev split has {chosen.quality.n:,}): that would"
            f" tell a quality like this one from the target"
        )
    return "look at the wrong answers, clean the data, add a larger rung, or lower the target"


def _flips(chosen: Option, options: Sequence[Option], spec: TaskSpec) -> list[str]:
    """Targets at which another option would be chosen, found by asking again."""
    flips = []
    for target in (round(0.05 * step, 2) for step in range(1, 21)):
        if target == spec.target:
            continue
        shifted = [
            option.model_copy(update={"p_meets": p_at(option.quality, target + option.optimism)})
            for option in options
        ]
        verdict, other = choose(shifted, spec)
        if verdict == "use" and other.name != chosen.name:
            flips.append((target, other.name))
    lower = [flip for flip in flips if flip[0] < spec.target]
    higher = [flip for flip in flips if flip[0] > spec.target]
    told = []
    if lower:
        target, name = lower[-1]
        told.append(f"at a target of {target:.0%} or a little below, {name} would do")
    if higher:
        target, name = higher[0]
        told.append(f"at a target of {target:.0%}, {name} would be needed")
    return told
