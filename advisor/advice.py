"""The decision in words: headline, reasons, ceilings, what to do next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from advisor.choice import HOPELESS, choose, eligible, threshold
from advisor.decide import flips, items_to_settle, percent
from advisor.prices import total_usd
from advisor.records import Advice, Comparison, Finding, FindingKind, Option, Reason, Verdict
from probes.task import TaskSpec

N_RUNNERS_UP = 3
BINDING: Mapping[str, FindingKind] = {
    "zero_shot": "solved-by-prompting",
    "few_shot": "solved-by-prompting",
    "steps": "steps-help",
    "vote": "sampling-limited",
    "rag": "knowledge-limited",
    "lora_rag": "knowledge-limited",
    "lora": "tuning-helps",
    "full": "tuning-helps",
}
"""What binds where an option of that method is the cheapest that is enough."""
UNMET: tuple[FindingKind, ...] = (
    "ruled-out",
    "retrieval-limited",
    "data-limited",
    "label-noise",
    "task-ceiling",
    "capacity-limited",
    "reader-limited",
    "knowledge-limited",
    "form-limited",
    "sampling-limited",
    "not-enough-evidence",
)
"""What may bind where no option is enough, what can be mended first."""
STEPS: Mapping[FindingKind, str] = {
    "ruled-out": "relax the need or the budget that rules the better options out, or look for a"
    " cheaper way to serve them",
    "retrieval-limited": "mend the search first: other passages, other queries, a reranker",
    "label-noise": "read the references that all models contradict (items.jsonl), correct them, and"
    " probe again; no model can do better than its references",
    "task-ceiling": "find out what people would need to know to answer, and put it into the input",
    "capacity-limited": "add a larger rung to `ladder:`",
    "reader-limited": "add a larger rung, or tune on prompts with the right passage",
    "knowledge-limited": "give the model the facts: `data.documents` with the passages that hold"
    " them",
    "form-limited": "constrain the answer's form, then probe again",
    "sampling-limited": "write a checker that picks the right one of several samples",
}


def advise(
    options: Sequence[Option],
    spec: TaskSpec,
    comparisons: Sequence[Comparison],
    findings: Sequence[Finding],
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
    binding = ceilings(verdict, chosen, findings)
    return Advice(
        verdict=verdict,
        headline=_headline(verdict, chosen, spec, rehearsal, refuted),
        option=chosen.name,
        confidence=chosen.p_meets,
        confirmed_on_test=confirmed,
        reasons=tuple(_reasons(chosen, spec)),
        why_not_cheaper=_why_not_cheaper(chosen, options, spec),
        why_not_bigger=_why_not_bigger(chosen, options, comparisons),
        ceilings=binding,
        runners_up=tuple(_runners_up(chosen, options, spec)),
        data_work=tuple(_data_work(findings)),
        next_step=_next_step(verdict, chosen, spec, binding),
        what_would_change_it=tuple(flips(chosen, options, spec)),
        domain=domain,
    )


def ceilings(
    verdict: Verdict, chosen: Option, findings: Sequence[Finding]
) -> tuple[FindingKind, ...]:
    """The kinds of findings that bind, the first one most.

    For a recommendation: why nothing cheaper is enough (the method's own reason, then size where
    smaller rungs clearly stay below). Otherwise what stands in the way, what can be mended first.
    """
    kinds = {finding.kind for finding in findings}
    if verdict != "use":
        hindered = chosen.barred and chosen.p_meets > HOPELESS
        left = kinds if hindered else kinds - {"ruled-out"}
        return tuple(kind for kind in UNMET if kind in left)
    bound: list[FindingKind] = []
    here = {f.kind for f in findings if f.rung in (None, chosen.rung)}
    if BINDING.get(chosen.method) in here:
        bound.append(BINDING[chosen.method])
    if chosen.method == "lora_rag" and "tuning-helps" in here:
        bound.append("tuning-helps")  # both: the facts and how to use them
    form = [f for f in findings if f.kind == "form-limited" and f.rung == chosen.rung]
    if form and chosen.method in ("lora", "full"):
        bound.insert(0, "form-limited")
    if any(f.kind == "capacity-limited" and f.rung != chosen.rung for f in findings):
        bound.append("capacity-limited")
    return tuple(bound)


def _runners_up(chosen: Option, options: Sequence[Option], spec: TaskSpec) -> list[str]:
    """Options that may be chosen and are likely enough, cheapest first; then the next likeliest."""
    others = [option for option in eligible(options) if option.name != chosen.name]
    enough = threshold(spec)
    others.sort(
        key=lambda o: (
            o.p_meets < enough,
            total_usd(o.price) if o.p_meets >= enough else -o.p_meets,
        )
    )
    return [option.name for option in others[:N_RUNNERS_UP]]


def _data_work(findings: Sequence[Finding]) -> list[str]:
    """What labelling or cleaning would be worth."""
    work = [
        f"{finding.enough}: {finding.text}"
        for finding in findings
        if finding.kind == "data-limited" and finding.enough
    ]
    work += [
        f"clean first: {f.text}" for f in findings if f.kind in ("label-noise", "suspect-labels")
    ]
    return work


def _confirmed(verdict: Verdict, chosen: Option, spec: TaskSpec) -> bool | None:
    """Whether the test split agrees with a verdict from dev; see `Advice.confirmed_on_test`."""
    if chosen.test is None or verdict == "not-enough-evidence" or chosen.barred:
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
    if verdict == "nothing-is-enough" and chosen.barred and chosen.p_meets > HOPELESS:
        return f"{prefix}{chosen.name} would do ({reach}) but is ruled out: {chosen.barred[0]}"
    if verdict == "use":
        return f"{prefix}use {chosen.name}: {reach}"
    if refuted:
        return f"{prefix}{chosen.name} met the target on dev but not on test: {reach}"
    if verdict == "nothing-is-enough":
        return f"{prefix}nothing here is enough; best is {chosen.name}: {reach}"
    return f"{prefix}not enough evidence; {chosen.name} may do: {reach}"


def _reasons(chosen: Option, spec: TaskSpec) -> list[Reason]:
    reasons = [
        Reason(
            text=f"{chosen.name} reaches {percent(chosen.quality)} on dev over"
            f" {chosen.n_runs} run(s); P(true quality >= {100 * spec.target:.0f} %) ="
            f" {chosen.p_meets:.2f},"
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
    top = max(cheaper, key=lambda o: (not o.barred, o.p_meets))
    reason = f"; ruled out: {top.barred[0]}" if top.barred else ""
    return (
        f"of {len(cheaper)} cheaper option(s) the best is {top.name} with {percent(top.quality)};"
        f" P(meets {100 * spec.target:.0f} %) = {top.p_meets:.2f}{reason}"
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


def _next_step(
    verdict: Verdict, chosen: Option, spec: TaskSpec, binding: Sequence[FindingKind]
) -> str:
    if verdict == "use":
        return f"run {chosen.name} on a sample of live inputs and have people rate the answers"
    if verdict == "not-enough-evidence":
        n = items_to_settle(chosen, spec.target)
        return (
            f"evaluate on about {n:,} items ({chosen.quality.n:,} dev items were used): that would"
            f" tell a quality like this one from the target"
        )
    if binding and binding[0] == "data-limited":
        return "label more examples; see what the learning curve promises under data work"
    known = [STEPS[kind] for kind in binding if kind in STEPS]
    return known[0] if known else "look at the wrong answers, or lower the target"
