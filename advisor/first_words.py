"""First advice in words: headline, reasons, what to do beside it, what would settle it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date

from advisor.choice import eligible
from advisor.nature import Nature, kind_of
from advisor.needs import CONDITIONAL, STALE
from advisor.prices import MONTHS, total_usd
from advisor.prior import METHODS
from advisor.records import Candidate, Reason, Verdict
from advisor.rules import Ruling
from advisor.weighing import ALIKE_USD, Ground, Weighed, by_effort
from knowledge.records import ModelCard
from knowledge.statements import Claim, stale
from probes.records import Estimate
from probes.task import TaskSpec

N_BEFORE = 2
"""Options of less effort that are named as probes."""
OPEN = 0.05
"""Smallest chance of such an option that is worth a probe."""
SMALLEST = 450_000_000
"""Parameters of the smallest model behind the expectations: Qwen2 0.5B."""
DUE_DAYS = 180
"""Age in days from which on a claim is due to be looked at again."""
UNTOLD = frozenset(
    {"methods-of-the-spec", "no-documents", "thought-where-it-helps", "all-weights-seldom"}
)
"""Rules that only say that a method is not meant for such a task."""


def percent(estimate: Estimate) -> str:
    """`88 % [65, 97]`."""
    return f"{100 * estimate.value:.0f} % [{100 * estimate.low:.0f}, {100 * estimate.high:.0f}]"


def chance(p_meets: float) -> str:
    """`43 %`, never surer than 1 in 100."""
    return f"{100 * min(max(p_meets, 0.01), 0.99):.0f} %"


def headline(verdict: Verdict, chosen: Candidate, spec: TaskSpec) -> str:
    """The advice in a sentence."""
    if chosen.barred:
        return "Nothing may be used: every option is ruled out"
    reach = (
        f"{chance(chosen.p_meets)} likely to reach {100 * spec.target:g} % before any probe,"
        f" expected {percent(chosen.quality)}"
    )
    if verdict == "use":
        return f"Start with {chosen.name}: {reach}"
    if verdict == "not-enough-evidence":
        return f"Open until it is probed; start with {chosen.name}: {reach}"
    return f"Nothing here is likely to be enough; {chosen.name} comes nearest: {reach}"


def reasons(verdict: Verdict, chosen: Candidate, weighed: Sequence[Weighed]) -> Iterator[Reason]:
    """Why this one, why nothing before it, why nothing behind it, and what rules did."""
    if chosen.barred:
        yield from _ruled(weighed, untold=frozenset())
        return
    yield Reason(
        text=f"{chosen.name} is expected to reach {percent(chosen.quality)}: the interval is meant"
        " to hold four in five tasks of this kind",
        evidence=chosen.evidence,
    )
    yield from _warnings(chosen, weighed)
    within = eligible([each.candidate for each in weighed])
    before = [option for option in within if by_effort(option) < by_effort(chosen)]
    if before and verdict != "nothing-is-enough":
        top = max(before, key=lambda o: o.p_meets)
        yield Reason(
            text=f"of what is cheaper or less work {top.name} has the best chance,"
            f" {chance(top.p_meets)}",
            evidence=top.evidence,
        )
    top = max(within, key=lambda o: o.p_meets, default=chosen)
    if top.p_meets > chosen.p_meets:
        yield Reason(text=_best(top, chosen), evidence=top.evidence)
    yield from _ruled(weighed, UNTOLD)


def _best(top: Candidate, chosen: Candidate) -> str:
    """What has the best chance, and why it is not where to start."""
    told = f"the best chance has {top.name} with {chance(top.p_meets)}, not much more"
    more = total_usd(top.price) - total_usd(chosen.price)
    if total_usd(top.price) <= ALIKE_USD:
        dearer = f"{abs(more):.2f} USD a year {'dearer' if more > 0 else 'cheaper'}"
        return f"{told}: {dearer}, which is little, and more work or a larger model"
    return f"{told}, and costs {more:,.0f} USD more in the first year"


def _warnings(chosen: Candidate, weighed: Sequence[Weighed]) -> Iterator[Reason]:
    """What rules say of the chosen option that neither excludes nor moves it."""
    for rule, ruling in next(each.rulings for each in weighed if each.candidate is chosen):
        if not (ruling.excludes or ruling.logits):
            yield Reason(text=ruling.reason, evidence=rule.claims)


def _ruled(weighed: Sequence[Weighed], untold: frozenset[str]) -> Iterator[Reason]:
    """What the rules did, a sentence a reason."""
    seen: dict[Ruling, list[Candidate]] = {}
    claims: dict[Ruling, dict[str, None]] = {}
    for each in weighed:
        for rule, ruling in each.rulings:
            if rule.name not in untold and (ruling.excludes or ruling.logits):
                told = replace(ruling, reason=ruling.shared or ruling.reason)
                seen.setdefault(told, []).append(each.candidate)
                claims.setdefault(told, {}).update(dict.fromkeys(rule.claims))
    for ruling, hit in seen.items():
        what = "rules out" if ruling.excludes else f"{ruling.logits:+.1f} logits for"
        text = f"{ruling.reason} ({what} {_hit(hit, len(weighed))})"
        yield Reason(text=text, evidence=tuple(claims[ruling]))


def _hit(hit: Sequence[Candidate], n_options: int) -> str:
    """Whom a rule hit: every option, all of some models, and methods of the others."""
    if len(hit) == n_options:
        return "every option"
    rungs = Counter(candidate.rung for candidate in hit)
    whole = [rung for rung, n in rungs.items() if n == len(METHODS)]
    rest = [c.method.replace("_", "-") for c in hit if c.rung not in whole]
    methods = ", ".join(dict.fromkeys(rest))
    between = "; of others " if whole and methods else ""
    return ", ".join(whole) + between + methods


def beside(
    chosen: Candidate, spec: TaskSpec, nature: Nature, cards: Sequence[ModelCard]
) -> Iterator[Reason]:
    """What should be done whatever is chosen."""
    licence = next(card.licence for card in cards if card.name == chosen.rung)
    if licence.lower() in CONDITIONAL:
        yield Reason(
            text=f"read the licence of {chosen.rung} ({licence}): it allows commercial use on"
            " conditions",
            evidence=(),
        )
    if nature.hard_part == "constraints":
        yield Reason(
            text="put a solver or a verifier beside the model: that is what such problems lack",
            evidence=("solver-or-verifier-for-constraints", "sft-fixes-form-not-feasibility"),
        )
    if nature.hard_part == "variety":
        yield Reason(
            text="count what passes your check per dollar, of several sizes: smaller models give"
            " more different outputs per parameter, larger ones may give more good ones",
            evidence=("small-models-more-diverse",),
        )
    if spec.needs.knowledge_changes in STALE and nature.answers_from == "memory":
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


def steps(
    chosen: Candidate, options: Sequence[Candidate], nature: Nature
) -> Iterator[tuple[str, str]]:
    """What to probe, and why: what takes less effort and has a chance, the chosen, the likelier."""
    within = eligible(options)
    before = [o for o in within if by_effort(o) < by_effort(chosen) and o.p_meets >= OPEN]
    likely = sorted(before, key=lambda o: -o.p_meets)[:N_BEFORE]
    for option in sorted(likely, key=by_effort):
        word = "cheaper" if total_usd(option.price) < total_usd(chosen.price) else "less work"
        yield option.name, f"{word}, {chance(option.p_meets)} likely to be enough"
    yield chosen.name, "whether the expectation holds on these data"
    better = [o for o in within if o.p_meets > chosen.p_meets]
    if better:
        top = max(better, key=lambda o: o.p_meets)
        yield top.name, f"if that is not enough: {chance(top.p_meets)} likely"
    if nature.answers_from == "documents":
        yield f"oracle @ {chosen.rung}", "whether it is the search or the reading that fails"


def assumptions(spec: TaskSpec, nature: Nature, ground: Ground) -> Iterator[str]:
    """What the advice takes for granted, and what it does not look at."""
    kind = kind_of(nature, retrieves=nature.answers_from == "documents")
    measure = next(level.measure for level in ground.known.levels if level.kind == kind)
    asked = f"; yours is `{spec.metric}`" if spec.metric else ""
    yield f"quality is what published tasks of this kind score, {measure}{asked}"
    seen = ", ".join(nature.looked_up)
    yield f"read from the data: {seen}" if seen else "nothing was read from data"
    names = " or ".join(f"{m.name} at {m.usd_per_hour or 0:.2f} USD/h" for m in ground.machines)
    which = "" if spec.hardware.gpu else ", whichever is the smallest that fits (name yours: --gpu)"
    yield (
        f"prices: {nature.tokens_in:,} tokens in and {nature.tokens_out:,} out,"
        f" {spec.needs.requests_per_month:,} requests a month, {MONTHS} months, {names}{which}"
    )
    if spec.needs.max_latency_s is not None:
        yield "latency is not looked at: only a probe measures it"
    if spec.systems:
        yield "what `systems:` names is not weighed: only a probe reads their answers"
    small = [card.name for card in ground.cards if card.n_params < SMALLEST]
    if small:
        yield f"{', '.join(small)}: smaller than any model that the expectations were fitted to"
    yield "the published models are of 2023 and 2024; newer ones do more with fewer parameters"


def age(claims: Sequence[Claim], today: date) -> str:
    """`12 claims, the oldest looked at 40 days ago; sources from 2023-10 to 2026-03`."""
    oldest = max((today - date.fromisoformat(claim.checked)).days for claim in claims)
    days = f"{oldest:,} day{'' if oldest == 1 else 's'} ago"
    told = "all looked at today" if oldest <= 0 else f"the oldest looked at {days}"
    due = len(stale(tuple(claims), today, DUE_DAYS))
    late = f", {due} of them due to be looked at again" if due else ""
    dates = sorted(s.published for c in claims for s in c.sources if s.published)
    span = f"; sources from {dates[0]} to {dates[-1]}" if dates else ""
    return f"{len(claims)} claims, {told}{late}{span}"
