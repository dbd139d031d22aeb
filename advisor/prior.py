"""What to expect of an option before any probe: a distribution of its quality, with its sources.

Beyond what guessing gets right, qualities are logit-normal: with k labels q = 1/k + (1 - 1/k) s,
and ln(s / (1 - s)) has a mean and a standard deviation, which add up the spread of tasks of one
kind, of models of one size, and of the step from one method to another
(`knowledge/prior/prior.yaml`). It is wide because tasks differ: that is what probes are for.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from statistics import NormalDist

from advisor.nature import SHOTS, Nature, kind_of
from knowledge.expectations import Expectations, Gain, Kind, Learnt, Level
from probes.task import RETRIEVING

LEVEL = 0.8
"""Of the intervals: four in five tasks of the kind are to lie inside."""
FLOOR = 1e-4
"""Smallest share that a logit is taken of."""
CARRIED = 0.5
"""Share of a gain that is expected on other kinds of tasks than it was seen on, with the whole of
its spread: an assumption."""
SHORT_FORMS = 10
"""Labels that an extraction, a reading or a call is learnt like, by the curves of label sets: an
assumption. Free text, steps and programs follow the curves of text."""


@dataclass(frozen=True)
class Belief:
    """A distribution of quality, logit-normal above what guessing gets right, and its claims."""

    mean: float
    """Of the logit of the share that is right beyond guessing."""
    sd: float
    claims: tuple[str, ...]
    guess: float = 0.0
    """What guessing gets right, from 0 to 1."""

    def quantile(self, share: float) -> float:
        """The quality below which that share of the distribution lies."""
        return self.guess + (1 - self.guess) * expit(
            self.mean + self.sd * NormalDist().inv_cdf(share)
        )

    def p_at_least(self, target: float) -> float:
        """Probability that the quality reaches `target`."""
        beyond = (target - self.guess) / (1 - self.guess)
        if beyond <= 0:
            return 1.0
        if beyond >= 1:
            return 0.0
        return 1 - NormalDist(self.mean, self.sd).cdf(math.log(beyond / (1 - beyond)))

    def shifted(self, logits: float) -> Belief:
        """The same distribution, so many logits higher."""
        return replace(self, mean=self.mean + logits)

    def gained(self, gain: Gain, shown: float = 1.0, *, carried: float = 1.0) -> Belief:
        """With a gain, as far as what brings it is `shown`; of its mean a share is `carried`."""
        return replace(
            self,
            mean=self.mean + carried * shown * gain.logits,
            sd=math.hypot(self.sd, shown * gain.sd),
            claims=(*self.claims, gain.claim),
        )


def expit(logits: float) -> float:
    """1 / (1 + e^-x)."""
    return 1 / (1 + math.exp(-logits))


def logit(share: float) -> float:
    """ln(q / (1 - q)), with q held a little inside 0 and 1."""
    held = min(max(share, FLOOR), 1 - FLOOR)
    return math.log(held / (1 - held))


def expected(method: str, n_params: int, nature: Nature, known: Expectations) -> Belief:
    """The distribution of an option's quality before any probe.

    Args:
        method: `zero_shot`, `few_shot`, `steps`, `vote`, `rag`, `lora`, `lora_rag` or `full`.
        n_params: parameters of the model.
        nature: what is known of the task.
        known: what was fitted to published results.
    """
    return METHODS[method](_Given(n_params, nature, known, method in RETRIEVING))


@dataclass(frozen=True)
class _Given:
    """What a method's expectation is computed from."""

    n_params: int
    nature: Nature
    known: Expectations
    retrieves: bool

    @property
    def kind(self) -> Kind:
        return kind_of(self.nature, retrieves=self.retrieves)

    def level(self, arm: str) -> Belief:
        """Quality of the kind at this size: untuned with no example, or tuned on all rows.

        Where the answers stand in documents that are not shown, what that costs is taken off.
        """
        found = _level(self.known, self.kind, arm)
        grown = self.known.ability
        ability = grown.at_7b + grown.slope * math.log10(self.n_params / 7e9)
        belief = Belief(
            mean=found.at_half + found.slope * ability,
            sd=math.hypot(found.sd_task, found.sd_model, found.slope * grown.sd),
            claims=(found.claim, grown.claim),
        )
        if self.nature.n_labels:
            belief = _guessing(belief, 1 / self.nature.n_labels, found.beyond_guessing)
        closed = self.nature.answers_from == "documents" and not self.retrieves
        return belief.gained(self.known.closed_book) if closed else belief

    def learnt(self, by: str) -> tuple[float, Learnt]:
        """Share of the way that the task's rows go, with the curve."""
        short = SHORT_FORMS if self.kind in ("extraction", "reading", "calls") else None
        labels = self.nature.n_labels or short
        outputs = "labels" if labels else "text"
        curve = next(c for c in self.known.learnt if (c.by, c.outputs) == (by, outputs))
        rows = self.nature.n_rows / (labels or 1)
        return 1 - (1 + rows / curve.rows) ** -curve.exponent, curve

    @property
    def shown(self) -> float:
        """Share of a full prompt that there are examples for."""
        return min(self.nature.n_rows, SHOTS) / SHOTS


def _guessing(belief: Belief, guess: float, beyond_guessing: bool) -> Belief:
    """The belief with a share that guessing gets right; the whole quality stays where it was told.

    Where `belief` is of the whole quality its spread is carried over at the median.
    """
    if beyond_guessing:
        return replace(belief, guess=guess)
    whole = expit(belief.mean)
    beyond = max(FLOOR, (whole - guess) / (1 - guess))
    steeper = whole * (1 - whole) / ((1 - guess) * beyond * (1 - beyond))
    return replace(belief, mean=logit(beyond), sd=belief.sd * steeper, guess=guess)


def _level(known: Expectations, kind: Kind, arm: str) -> Level:
    return next(level for level in known.levels if (level.kind, level.arm) == (kind, arm))


def _between(start: Belief, end: Belief, share: float, curve: Learnt) -> Belief:
    """So far on the way from one distribution to the other, on the scale of shares."""
    low, high = expit(start.mean), expit(end.mean)
    reached = low + (high - low) * share
    spread = (1 - share) * start.sd + share * end.sd
    slack = abs(high - low) * curve.sd / max(0.02, reached * (1 - reached))
    claims = tuple(dict.fromkeys((*start.claims, *end.claims, curve.claim)))
    return replace(start, mean=logit(reached), sd=math.hypot(spread, slack), claims=claims)


def _zero_shot(given: _Given) -> Belief:
    return given.level("untuned")


def _few_shot(given: _Given) -> Belief:
    """Labels: on the way to where the nearest few of many examples end. Else a gain over none.

    The gain was seen with worked examples, so that direct ones get it less that of the steps.
    """
    start = _zero_shot(given)
    if given.nature.n_rows == 0:
        return start
    if given.kind == "labels":
        share, curve = given.learnt("examples")
        end = given.level("tuned").gained(given.known.prompted_end)
        return _between(start, end, share, curve)
    if given.kind == "reasoning":
        worked = start.gained(given.known.examples, given.shown)
        return worked.shifted(-given.shown * given.known.steps.logits)
    return start.gained(given.known.examples, given.shown, carried=CARRIED)


def _steps(given: _Given) -> Belief:
    """Worked examples with their steps; as far as there are none, steps alone."""
    alone = _zero_shot(given).gained(given.known.steps, 1 - given.shown, carried=CARRIED)
    return alone.gained(given.known.examples, given.shown)


def _vote(given: _Given) -> Belief:
    """A majority over samples with steps: what it adds depends on how often one is right."""
    one = _steps(given)
    right = expit(one.mean)
    gain = next(row.gain for row in given.known.votes if right < row.up_to)
    voted = logit(min(1 - FLOOR, right + gain))
    return replace(one, mean=voted, claims=(*one.claims, given.known.votes_claim))


def _rag(given: _Given) -> Belief:
    return _found(_few_shot(given), _few_shot(replace(given, retrieves=False)), given)


def _found(read: Belief, closed: Belief, given: _Given) -> Belief:
    """Answers from a passage where search finds it, else as without: h r + (1 - h) c."""
    if given.nature.answers_from != "documents":
        return read
    hit = given.known.found_at_one
    found, with_it, without = expit(hit.logits), expit(read.mean), expit(closed.mean)
    reached = found * with_it + (1 - found) * without
    slope = max(0.02, reached * (1 - reached))
    spread = math.hypot(
        read.sd * found * with_it * (1 - with_it) / slope,
        hit.sd * abs(with_it - without) * found * (1 - found) / slope,
    )
    return replace(read, mean=logit(reached), sd=spread, claims=(*read.claims, hit.claim))


def _lora(given: _Given) -> Belief:
    """From what it does untuned to where tuning on all rows ends."""
    share, curve = given.learnt("tuning")
    return _between(_zero_shot(given), given.level("tuned"), share, curve)


def _lora_rag(given: _Given) -> Belief:
    return _found(_lora(given), _lora(replace(given, retrieves=False)), given)


METHODS: dict[str, Callable[[_Given], Belief]] = {
    "zero_shot": _zero_shot,
    "few_shot": _few_shot,
    "steps": _steps,
    "vote": _vote,
    "rag": _rag,
    "lora": _lora,
    "lora_rag": _lora_rag,
    "full": _lora,
}
"""Method -> its expectation, in the order of the probes' methods."""
