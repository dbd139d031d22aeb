"""What to expect of an option before any probe: a distribution of its quality, with its sources.

Qualities are logit-normal: ln(q / (1 - q)) has a mean and a standard deviation, which add up the
spread of tasks of one kind, of models of one size, and of the step from one method to another
(`knowledge/prior/prior.yaml`). It is wide because tasks differ: that is what probes are for.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from statistics import NormalDist

from advisor.nature import Nature, kind_of
from knowledge.expectations import Expectations, Gain, Kind, Learnt, Level

LEVEL = 0.8
"""Of the intervals: four in five tasks of the kind are to lie inside."""
RETRIEVING = frozenset({"rag", "lora_rag"})
FLOOR = 1e-4
"""Smallest share that a logit is taken of."""
CARRIED = 0.5
"""Share of a gain that is expected on other kinds of tasks than it was seen on, with the whole of
its spread: an assumption."""
SHORT_FORMS = 10
"""Labels that an extraction, a reading or a call is learnt like, by the curves of label sets: an
assumption. Free text, steps and programs follow the curves of text."""
CLOSED_BOOK = Gain(
    logits=-1.41,
    sd=1.0,
    n=100,
    basis="XQuAD by SmolLM2 135M: token F1 .039 without the passages, .143 with retrieved ones"
    " (results/real_data.md); its spread is an assumption",
    claim="retrieval-for-facts-and-change",
)
"""What lacks where the answers stand in documents that the model is not shown."""


@dataclass(frozen=True)
class Belief:
    """A logit-normal distribution of quality, and the claims behind it."""

    mean: float
    """Of the logit."""
    sd: float
    claims: tuple[str, ...]

    def quantile(self, share: float) -> float:
        """The quality below which that share of the distribution lies."""
        return expit(self.mean + self.sd * NormalDist().inv_cdf(share))

    def p_at_least(self, target: float) -> float:
        """Probability that the quality reaches `target`."""
        return 1 - NormalDist(self.mean, self.sd).cdf(logit(target))

    def shifted(self, logits: float) -> Belief:
        """The same distribution, so many logits higher."""
        return replace(self, mean=self.mean + logits)

    def gained(self, gain: Gain, share: float = 1.0) -> Belief:
        """With that share of a gain, and all of its spread."""
        return Belief(
            self.mean + share * gain.logits,
            math.hypot(self.sd, gain.sd),
            (*self.claims, gain.claim),
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
        """Quality of the kind at this size: untuned with no example, or tuned on all rows."""
        found = _level(self.known, self.kind, arm)
        grown = self.known.ability
        ability = grown.at_7b + grown.slope * math.log10(self.n_params / 7e9)
        sd = math.hypot(found.sd_task, found.sd_model, found.slope * grown.sd)
        mean = found.at_half + found.slope * ability
        belief = Belief(mean, sd, (found.claim, grown.claim))
        if self.kind == "labels" and arm == "untuned":
            return _with_guessing(belief, self.nature.n_labels or 2)
        return belief

    def learnt(self, by: str) -> tuple[float, Learnt]:
        """Share of the way that the task's rows go, with the curve."""
        short = SHORT_FORMS if self.kind in ("extraction", "reading", "calls") else None
        labels = self.nature.n_labels or short
        outputs = "labels" if labels else "text"
        curve = next(c for c in self.known.learnt if (c.by, c.outputs) == (by, outputs))
        rows = self.nature.n_rows / (labels or 1)
        return 1 - (1 + rows / curve.rows) ** -curve.exponent, curve


def _with_guessing(beyond: Belief, n_labels: int) -> Belief:
    """The quality, of a belief about the share that is right beyond guessing among the labels."""
    skill, guess = expit(beyond.mean), 1 / n_labels
    right = guess + (1 - guess) * skill
    slope = (1 - guess) * skill * (1 - skill) / (right * (1 - right))
    return replace(beyond, mean=logit(right), sd=beyond.sd * slope)


def _level(known: Expectations, kind: Kind, arm: str) -> Level:
    return next(level for level in known.levels if (level.kind, level.arm) == (kind, arm))


def _between(start: Belief, end: Belief, share: float, curve: Learnt) -> Belief:
    """So far on the way from one distribution to the other, on the scale of quality."""
    low, high = expit(start.mean), expit(end.mean)
    reached = low + (high - low) * share
    spread = (1 - share) * start.sd + share * end.sd
    slack = abs(high - low) * curve.sd / max(0.02, reached * (1 - reached))
    claims = tuple(dict.fromkeys((*start.claims, *end.claims, curve.claim)))
    return Belief(logit(reached), math.hypot(spread, slack), claims)


def _zero_shot(given: _Given) -> Belief:
    found = given.level("untuned")
    if given.nature.answers_from == "documents" and not given.retrieves:
        return found.gained(CLOSED_BOOK)
    return found


def _few_shot(given: _Given) -> Belief:
    """Labels: on the way to where many examples in the prompt end. Else a gain over none."""
    start = _zero_shot(given)
    if given.nature.n_rows == 0:
        return start
    if given.nature.n_labels:
        share, curve = given.learnt("examples")
        tuned = given.level("tuned")
        return _between(start, tuned.gained(given.known.prompted_end), share, curve)
    return start.gained(given.known.examples, 1.0 if given.kind == "reasoning" else CARRIED)


def _steps(given: _Given) -> Belief:
    reasoned = given.kind == "reasoning"
    return _few_shot(given).gained(given.known.steps, 1.0 if reasoned else CARRIED)


def _vote(given: _Given) -> Belief:
    """A majority over samples with steps: what it adds depends on how often one is right."""
    one = _steps(given)
    right = expit(one.mean)
    gain = next(row.gain for row in given.known.votes if right < row.up_to)
    voted = logit(min(1 - FLOOR, right + gain))
    return Belief(voted, one.sd, (*one.claims, given.known.votes_claim))


def _rag(given: _Given) -> Belief:
    return _found(_few_shot(given), given)


def _found(read: Belief, given: _Given) -> Belief:
    """Answers from a passage that a search finds, or does not."""
    if given.nature.answers_from != "documents":
        return read
    hit = given.known.found_at_one
    share = expit(hit.logits)
    reached = expit(read.mean) * share
    slope = reached * (1 - reached)
    spread = expit(read.mean) * share * (1 - share) * hit.sd / max(0.02, slope)
    return Belief(logit(reached), math.hypot(read.sd, spread), (*read.claims, hit.claim))


def _lora(given: _Given) -> Belief:
    """From what it does untuned to where tuning on all rows ends."""
    share, curve = given.learnt("tuning")
    tuned = given.level("tuned")
    if given.nature.answers_from == "documents" and not given.retrieves:
        tuned = tuned.gained(CLOSED_BOOK)
    return _between(_zero_shot(given), tuned, share, curve)


def _lora_rag(given: _Given) -> Belief:
    return _found(_lora(given), given)


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
