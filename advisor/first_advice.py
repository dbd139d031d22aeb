"""The decision with no measurement: the same choice as after probes, on the prior alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

from advisor.choice import HOPELESS, choose, eligible, threshold
from advisor.nature import Nature
from advisor.needs import CONDITIONAL
from advisor.prices import MONTHS, price_of, total_usd
from advisor.prior import LEVEL, METHODS, Belief, expected
from advisor.records import Candidate, Price, Reason, Verdict
from advisor.rules import RETRIEVING, Asked, Rule, Ruling, rulings
from knowledge.expectations import Expectations
from knowledge.records import Machine, ModelCard
from knowledge.statements import Claim
from probes.record import Record
from probes.records import Estimate
from probes.task import TRAINED, TaskSpec

NEARLY = 0.8
"""Share of the best option's chance that is enough to start with a cheaper one: the prior does not
tell such chances apart (results/prior/backtest.md)."""
ALIKE_USD = 100.0
"""Training and a year of serving below which prices are taken for alike: our choice, less than an
hour of the people who would tune instead of prompt."""
WORK = ("zero_shot", "few_shot", "steps", "vote", "rag", "lora", "lora_rag", "full")
"""Methods by the work that they take, the least first."""
SMALLEST = 450_000_000
"""Parameters of the smallest model behind the expectations: Qwen2 0.5B."""
N_PROBES = 4
OPEN = 0.05
"""Smallest chance of a cheaper option that is worth a probe."""
SHOTS, PASSAGES, PASSAGE_TOKENS, STEP_TOKENS, VOTES, EPOCHS = 8, 3, 150, 150, 5, 3
"""What the prices of the prior take for granted; a probe counts tokens instead."""


class Step(Record):
    """A probe that would settle the question, and what it would tell."""

    option: str
    why: str


class FirstAdvice(Record):
    """Advice before any probe; a published, versioned contract."""

    schema_version: Literal[1] = 1
    verdict: Verdict
    """`use`: start with this; the other two say that published results make the target unlikely."""
    headline: str
    option: str
    """Name of the candidate to start with."""
    p_meets: float
    """Probability that it meets the target, from the prior."""
    target: float
    reasons: tuple[Reason, ...]
    """Each with the ids of the claims that it rests on."""
    beside: tuple[Reason, ...] = ()
    """What should be done whatever option is taken."""
    probes: tuple[Step, ...]
    """What would settle it, cheapest first."""
    what_would_change_it: tuple[str, ...]
    """Computed by asking again."""
    assumptions: tuple[str, ...]
    evidence: str
    """How much there is of it, and how old it is."""
    options: tuple[Candidate, ...]
    """Cheapest first; below 100 USD a year the one that takes less work."""
    nature: Nature


@dataclass(frozen=True)
class Ground:
    """What first advice is drawn from, beside the question."""

    cards: Sequence[ModelCard]
    machine: Machine
    known: Expectations
    claims: Mapping[str, Claim]
    today: date


@dataclass(frozen=True)
class _Weighed:
    """A candidate, and what the rules did to it."""

    candidate: Candidate
    rulings: Sequence[tuple[Rule, Ruling]]


def first_advice(spec: TaskSpec, nature: Nature, ground: Ground) -> FirstAdvice:
    """The advice before any probe.

    Args:
        spec: target, needs, budget and machine; its instruction is not read.
        nature: what is known of the task.
        ground: models, machine, what was published, and today's date.

    Raises:
        ValueError: there is no model card.
    """
    weighed = _weigh(spec, nature, ground)
    options = [each.candidate for each in weighed]
    verdict, chosen = _chosen(options, spec)
    reasons = list(_reasons(chosen, options, weighed))
    beside = [*_conditions(chosen, ground.cards), *_beside(spec, nature)]
    cited = {c for reason in (*reasons, *beside) for c in reason.evidence} | set(chosen.evidence)
    return FirstAdvice(
        verdict=verdict,
        headline=_headline(verdict, chosen, spec),
        option=chosen.name,
        p_meets=chosen.p_meets,
        target=spec.target,
        reasons=tuple(reasons),
        beside=tuple(beside),
        probes=tuple(_probes(chosen, options, nature)),
        what_would_change_it=tuple(_changes(chosen, spec, nature, ground)),
        assumptions=tuple(_assumptions(spec, nature, ground)),
        evidence=_age([ground.claims[name] for name in sorted(cited)], ground.today),
        options=tuple(options),
        nature=nature,
    )


def _weigh(spec: TaskSpec, nature: Nature, ground: Ground) -> list[_Weighed]:
    """Every method on every model, cheapest first."""
    found = [
        _candidate(Asked(spec, nature, method, card, ground.machine), ground.known)
        for card in ground.cards
        for method in METHODS
    ]
    return sorted(found, key=lambda weighed: by_effort(weighed.candidate))


def by_effort(option: Candidate) -> tuple[float, ...]:
    """What candidates are ordered by before anything is tried: price, work, price again, size.

    A year below ALIKE_USD costs less than the work of finding out, so that there the method that
    takes less work comes first: a prompt, then retrieval, then training.
    """
    usd = total_usd(option.price)
    return max(usd, ALIKE_USD), WORK.index(option.method), usd, option.n_params


def _candidate(asked: Asked, known: Expectations) -> _Weighed:
    belief = expected(asked.method, asked.card.n_params, asked.nature, known)
    ruled = rulings(asked)
    belief = belief.shifted(sum(ruling.logits for _, ruling in ruled))
    claims = [*belief.claims, *(claim for rule, _ in ruled for claim in rule.claims)]
    return _Weighed(
        Candidate(
            name=f"{asked.method.replace('_', '-')} @ {asked.card.name}",
            rung=asked.card.name,
            method=asked.method,
            n_params=asked.card.n_params,
            quality=_estimate(belief),
            p_meets=round(belief.p_at_least(asked.spec.target), 4),
            price=_price(asked),
            barred=tuple(ruling.reason for _, ruling in ruled if ruling.excludes),
            evidence=tuple(dict.fromkeys(claims)),
        ),
        ruled,
    )


def _estimate(belief: Belief) -> Estimate:
    tail = (1 - LEVEL) / 2
    return Estimate(
        value=round(belief.quantile(0.5), 4),
        low=round(belief.quantile(tail), 4),
        high=round(belief.quantile(1 - tail), 4),
        n=0,
        level=LEVEL,
        basis="prior: published tasks of this kind",
    )


def _price(asked: Asked) -> Price:
    nature, method = asked.nature, asked.method
    tokens = nature.tokens_in + nature.tokens_out
    width = tokens
    if method in ("few_shot", "steps", "vote", "rag"):
        width += min(SHOTS, nature.n_rows) * tokens
    if method in RETRIEVING:
        width += PASSAGES * PASSAGE_TOKENS
    if method in ("steps", "vote"):
        width += STEP_TOKENS
    if method == "vote":
        width += (VOTES - 1) * (STEP_TOKENS + nature.tokens_out)
    trained = EPOCHS * nature.n_rows * tokens if method in TRAINED else 0
    return price_of(
        asked.card, asked.spec, asked.machine, trained, width, all_weights=method == "full"
    )


def _chosen(options: Sequence[Candidate], spec: TaskSpec) -> tuple[Verdict, Candidate]:
    """The cheapest option whose chance is nearly the best one's, by the same choice as ever."""
    best = max((option.p_meets for option in eligible(options)), default=0.0)
    stakes = threshold(spec)
    share = NEARLY if not spec.needs.high_stakes else stakes
    _, chosen = choose(options, spec, min(stakes, share * best), by_effort)
    if best >= 0.5:
        return "use", chosen
    return ("not-enough-evidence" if best >= HOPELESS else "nothing-is-enough"), chosen


def percent(estimate: Estimate) -> str:
    """`88 % [65, 97]`."""
    return f"{100 * estimate.value:.0f} % [{100 * estimate.low:.0f}, {100 * estimate.high:.0f}]"


def chance(p_meets: float) -> str:
    """`43 %`, never surer than 1 in 100."""
    return f"{100 * min(max(p_meets, 0.01), 0.99):.0f} %"


def _headline(verdict: Verdict, chosen: Candidate, spec: TaskSpec) -> str:
    reach = (
        f"{chance(chosen.p_meets)} likely to reach {100 * spec.target:g} % before any probe,"
        f" expected {percent(chosen.quality)}"
    )
    if chosen.barred:
        return f"Nothing may be used: {chosen.name} is ruled out ({chosen.barred[0]})"
    if verdict == "use":
        return f"Start with {chosen.name}: {reach}"
    if verdict == "not-enough-evidence":
        return f"Open until it is probed; start with {chosen.name}: {reach}"
    return f"Nothing here is likely to be enough; {chosen.name} comes nearest: {reach}"


def _reasons(
    chosen: Candidate, options: Sequence[Candidate], weighed: Sequence[_Weighed]
) -> Iterator[Reason]:
    yield Reason(
        text=f"{chosen.name} is expected to reach {percent(chosen.quality)}: four in five published"
        " tasks of this kind lie inside",
        evidence=chosen.evidence,
    )
    within = eligible(options)
    before = [option for option in within if by_effort(option) < by_effort(chosen)]
    if before:
        top = max(before, key=lambda o: o.p_meets)
        yield Reason(
            text=f"of what is cheaper or less work {top.name} has the best chance,"
            f" {chance(top.p_meets)}",
            evidence=top.evidence,
        )
    top = max(within, key=lambda o: o.p_meets, default=chosen)
    if top.name != chosen.name:
        yield Reason(
            text=f"nothing has a much better chance: {top.name} comes first with"
            f" {chance(top.p_meets)}, at {_times(top, chosen)} the price",
            evidence=top.evidence,
        )
    yield from _ruled(weighed)


def _times(dear: Candidate, cheap: Candidate) -> str:
    ratio = total_usd(dear.price) / max(1e-9, total_usd(cheap.price))
    return f"{ratio:.0f} times" if ratio >= 2 else f"{ratio:.1f} times"


def _ruled(weighed: Sequence[_Weighed]) -> Iterator[Reason]:
    """What the rules did, a sentence a rule; what merely does not apply is left out."""
    seen: dict[str, tuple[Rule, Ruling, list[Candidate]]] = {}
    for each in weighed:
        for rule, ruling in each.rulings:
            seen.setdefault(rule.name, (rule, ruling, []))[2].append(each.candidate)
    for rule, ruling, hit in seen.values():
        if rule.name in UNTOLD:
            continue
        what = "rules out" if ruling.excludes else f"{ruling.logits:+.1f} logits for"
        text = f"{ruling.reason} ({what} {_hit(hit, len(weighed))})"
        yield Reason(text=text, evidence=rule.claims)


def _hit(hit: Sequence[Candidate], n_options: int) -> str:
    """Whom a rule hit: every option, all of some models, or methods."""
    if len(hit) == n_options:
        return "every option"
    rungs = Counter(candidate.rung for candidate in hit)
    if all(n == len(METHODS) for n in rungs.values()):
        return ", ".join(rungs)
    return ", ".join(dict.fromkeys(candidate.method.replace("_", "-") for candidate in hit))


UNTOLD = frozenset(
    {"methods-of-the-spec", "no-documents", "thought-where-it-helps", "all-weights-seldom"}
)
"""Rules that only say that a method is not meant for such a task."""


def _beside(spec: TaskSpec, nature: Nature) -> Iterator[Reason]:
    """What should be done whatever is chosen."""
    if nature.hard_part == "constraints":
        yield Reason(
            text="put a solver or a verifier beside the model: that is what such problems lack, not"
            " size",
            evidence=("solver-or-verifier-for-constraints", "sft-fixes-form-not-feasibility"),
        )
    changing = spec.needs.knowledge_changes in ("weekly", "daily")
    if changing and nature.answers_from == "memory":
        yield Reason(
            text="put the facts into documents and search them: no weights stay right for facts"
            f" that change {spec.needs.knowledge_changes}",
            evidence=("retrieval-for-facts-and-change",),
        )
    if nature.n_rows:
        yield Reason(
            text="clean the examples first (`advisor audit`): of the faults that were measured"
            " wrong labels and mixed forms of the answer cost most",
            evidence=("clean-data-beats-more-runs", "wrong-labels-cost-most"),
        )
    else:
        yield Reason(
            text="label at least a hundred examples, however it is solved: without them nobody"
            " knows whether it is good enough",
            evidence=("fifty-to-hundred-cases-are-enough",),
        )


def _conditions(chosen: Candidate, cards: Sequence[ModelCard]) -> Iterator[Reason]:
    licence = next(card.licence for card in cards if card.name == chosen.rung)
    if licence.lower() in CONDITIONAL:
        yield Reason(
            text=f"read the licence of {chosen.rung} ({licence}): it allows commercial use on"
            " conditions",
            evidence=(),
        )


def _probes(chosen: Candidate, options: Sequence[Candidate], nature: Nature) -> Iterator[Step]:
    """What is cheaper and still has a chance, what to start with, then what is likelier."""
    within = eligible(options)
    before = [o for o in within if by_effort(o) < by_effort(chosen) and o.p_meets >= OPEN]
    likely = sorted(before, key=lambda o: -o.p_meets)[: N_PROBES - 2]
    for option in sorted(likely, key=by_effort):
        word = "cheaper" if total_usd(option.price) < total_usd(chosen.price) else "less work"
        yield Step(option=option.name, why=f"{word}, {chance(option.p_meets)} likely to be enough")
    yield Step(option=chosen.name, why="whether the expectation holds on these data")
    better = [o for o in within if o.p_meets > chosen.p_meets]
    if better:
        top = max(better, key=lambda o: o.p_meets)
        yield Step(option=top.name, why=f"if that is not enough: {chance(top.p_meets)} likely")
    if nature.answers_from == "documents":
        yield Step(
            option=f"oracle @ {chosen.rung}",
            why="whether it is the search or the reading that fails",
        )


def _changes(chosen: Candidate, spec: TaskSpec, nature: Nature, ground: Ground) -> Iterator[str]:
    """Other questions that would get another answer, found by asking them."""
    for text, other_spec, other in _variations(spec, nature):
        options = [each.candidate for each in _weigh(other_spec, other, ground)]
        _, found = _chosen(options, other_spec)
        if found.name != chosen.name and not found.barred:
            yield f"{text}: {found.name}, {chance(found.p_meets)} likely"


def _variations(spec: TaskSpec, nature: Nature) -> Iterable[tuple[str, TaskSpec, Nature]]:
    def asked(**update: object) -> TaskSpec:
        return spec.model_copy(update=update)

    def natured(**update: object) -> Nature:
        return nature.model_copy(update=update)

    for target in (spec.target - 0.1, spec.target + 0.05):
        if 0 < target < 1:
            yield f"at a target of {100 * target:.0f} %", asked(target=round(target, 4)), nature
    for factor in (4, 16):
        if nature.n_rows:
            rows = factor * nature.n_rows
            yield f"with {rows:,} examples", spec, natured(n_rows=rows)
    if not nature.n_rows:
        yield "with 1,000 examples", spec, natured(n_rows=1000)
    if nature.answers_from == "memory":
        yield "with documents that hold the answers", spec, natured(answers_from="documents")
    if not spec.needs.high_stakes:
        careful = spec.needs.model_copy(update={"high_stakes": True})
        yield "at high stakes", asked(needs=careful), nature


def _assumptions(spec: TaskSpec, nature: Nature, ground: Ground) -> Iterator[str]:
    seen = ", ".join(nature.looked_up)
    yield f"read from the data: {seen}" if seen else "nothing was read from data"
    yield (
        f"prices: {nature.tokens_in:,} tokens in and {nature.tokens_out:,} out,"
        f" {spec.needs.requests_per_month:,} requests a month, {MONTHS} months,"
        f" {ground.machine.name} at {ground.machine.usd_per_hour or 0:.2f} USD/h"
    )
    if spec.needs.max_latency_s is not None:
        yield "latency is not looked at: only a probe measures it"
    small = [card.name for card in ground.cards if card.n_params < SMALLEST]
    if small:
        yield f"{', '.join(small)}: smaller than any model that the expectations were fitted to"
    yield "the published models are of 2023 and 2024; newer ones do more with fewer parameters"


def _age(claims: Sequence[Claim], today: date) -> str:
    """`12 claims, looked at 0 days ago or less; sources from 2023-10 to 2026-03`."""
    oldest = max((today - date.fromisoformat(claim.checked)).days for claim in claims)
    dates = sorted(s.published for c in claims for s in c.sources if s.published)
    span = f"; sources from {dates[0]} to {dates[-1]}" if dates else ""
    days = "today" if oldest <= 0 else f"{oldest:,} day{'' if oldest == 1 else 's'} ago or later"
    return f"{len(claims)} claims, looked at {days}{span}"
