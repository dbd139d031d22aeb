"""Every option weighed before any measurement, and which of them to start with."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from advisor.choice import HOPELESS, choose, eligible, threshold
from advisor.nature import STEP_TOKENS, VOTES, Nature, request_tokens
from advisor.needs import too_dear
from advisor.prices import price_of, total_usd
from advisor.prior import LEVEL, METHODS, Belief, expected
from advisor.records import Candidate, Price, Verdict
from advisor.rules import MEMORY, Asked, Rule, Ruling, rulings
from knowledge.expectations import Expectations
from knowledge.records import Machine, ModelCard
from knowledge.statements import Claim
from probes.records import Estimate
from probes.task import TRAINED, TaskSpec

NEARLY = 0.8
"""Share of the best option's chance that is enough to start with something cheaper: our choice.
What other shares would have done: results/prior/backtest.md."""
LIKELY = 0.5
"""Chance from which on the advice is to start, not that it is open."""
ALIKE_USD = 100.0
"""Training and a year of serving below which prices are taken for alike: our choice, less than an
hour of the people who would tune instead of prompt."""
WORK = ("zero_shot", "few_shot", "steps", "vote", "rag", "lora", "lora_rag", "full")
"""Methods by the work that they take, the least first."""
EPOCHS = 3
"""Of training, for its price: a probe searches them."""


@dataclass(frozen=True)
class Ground:
    """What first advice is drawn from, beside the question."""

    cards: Sequence[ModelCard]
    machines: Sequence[Machine]
    """Where an option may run, the smallest first: each is priced on the first that it fits."""
    known: Expectations
    claims: Mapping[str, Claim]
    today: date


@dataclass(frozen=True)
class Weighed:
    """A candidate, and what the rules did to it."""

    candidate: Candidate
    rulings: Sequence[tuple[Rule, Ruling]]


def weigh(spec: TaskSpec, nature: Nature, ground: Ground) -> list[Weighed]:
    """Every method on every model, the least effort first."""
    found = [
        _weighed(spec, nature, method, card, ground) for card in ground.cards for method in METHODS
    ]
    return sorted(found, key=lambda weighed: by_effort(weighed.candidate))


def by_effort(option: Candidate) -> tuple[float, ...]:
    """What candidates are ordered by before anything is tried: price, work, price again, size.

    A year below ALIKE_USD costs less than the work of finding out, so that there the method that
    takes less work comes first: a prompt, then retrieval, then training.
    """
    usd = total_usd(option.price)
    return max(usd, ALIKE_USD), WORK.index(option.method), usd, option.n_params


def chosen_of(options: Sequence[Candidate], spec: TaskSpec) -> tuple[Verdict, Candidate]:
    """The option of least effort whose chance is nearly the best one's, by the same choice as ever.

    Where no option has a chance, the one of highest quality.
    """
    best = max((option.p_meets for option in eligible(options)), default=0.0)
    if best < HOPELESS:
        return choose(options, spec, enough=math.inf)
    stakes = threshold(spec)
    share = stakes if spec.needs.high_stakes else NEARLY
    _, chosen = choose(options, spec, min(stakes, share * best), by_effort)
    return ("use" if chosen.p_meets >= LIKELY else "not-enough-evidence"), chosen


def _weighed(
    spec: TaskSpec, nature: Nature, method: str, card: ModelCard, ground: Ground
) -> Weighed:
    """One candidate, on the first machine that it fits, else on the last."""
    for machine in ground.machines:
        asked = Asked(spec, nature, method, card, machine)
        ruled = rulings(asked)
        if not any(rule.name in MEMORY for rule, _ in ruled):
            break
    belief = expected(method, card.n_params, nature, ground.known)
    belief = belief.shifted(sum(ruling.logits for _, ruling in ruled))
    claims = [*belief.claims, *(claim for rule, _ in ruled for claim in rule.claims)]
    price = _price(asked)
    barred = [ruling.reason for _, ruling in ruled if ruling.excludes]
    candidate = Candidate(
        name=f"{method.replace('_', '-')} @ {card.name}",
        rung=card.name,
        method=method,
        n_params=card.n_params,
        quality=_estimate(belief),
        p_meets=round(belief.p_at_least(spec.target), 4),
        price=price,
        barred=(*barred, *too_dear(price, spec)),
        evidence=tuple(dict.fromkeys(claims)),
    )
    return Weighed(candidate, ruled)


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
    tokens = request_tokens(method, nature)
    if method == "vote":  # the prompt is read once
        tokens += (VOTES - 1) * (STEP_TOKENS + nature.tokens_out)
    row = request_tokens("lora_rag" if method == "lora_rag" else "lora", nature)
    trained = EPOCHS * nature.n_rows * row if method in TRAINED else 0
    return price_of(
        asked.card, asked.spec, asked.machine, trained, tokens, all_weights=method == "full"
    )
