"""Which probe to run next, and when to stop: by what it could change in the decision.

A decision is right where it names the cheapest option that truly meets the target, or truly none.
How likely that is follows from draws of all options together; what a probe is worth is how much it
is expected to raise that, for each second that it takes: the knowledge gradient of ranking and
selection (Frazier, Powell & Dayanik 2008, SIAM J. Control Optim. 47), for the probability of
correct selection.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from advisor.choice import ENOUGH, HOPELESS, threshold
from advisor.posterior import Floats, Posterior, seen_of
from advisor.records import Option
from probes.estimates import SEED_SD_PRIOR
from probes.task import TaskSpec

DRAWS = 2000
STRATA = (0.0, 0.01, 0.03, 0.07, 0.15, 0.3, 0.5, 0.7, 0.85, 0.93, 0.97, 0.99, 1.0)
"""Edges, in shares of what is believed, of the outcomes of a probe that are looked at."""
SURE = 0.95
"""Probability of a right decision at which probing stops."""
NOTHING = -1
LEAST_WORTH = 1e-3
"""What is less than this may be an accident of the draws."""
MOST = 0.9975
"""A target above this is taken for it: half an item in two hundred."""


@dataclass(frozen=True)
class Probe:
    """A measurement that could be made."""

    at: int
    """Number of the option that it measures."""
    items: int
    """Items that it is measured on."""
    seconds: float


@dataclass(frozen=True)
class Question:
    """What the decision hangs on besides quality."""

    order: tuple[int, ...]
    """The options that may be chosen, cheapest first."""
    target: float
    enough: float = ENOUGH
    """Probability of meeting the target that a recommendation needs."""


@dataclass(frozen=True)
class Outlook:
    """The decision as it stands, and how likely it is right."""

    question: Question
    posterior: Posterior

    @cached_property
    def draws(self) -> Floats:
        """Logits of all options together, (DRAWS, K)."""
        return self.posterior.draws(DRAWS)

    @cached_property
    def meets(self) -> NDArray[np.bool_]:
        """Whether each option meets the target in each draw, (DRAWS, K)."""
        found: NDArray[np.bool_] = self.draws >= self.posterior.aim(self.question.target)
        return found

    @cached_property
    def right(self) -> NDArray[np.int64]:
        """The option that would be right in each draw, NOTHING where none is, (DRAWS,)."""
        order = np.array(self.question.order)
        ordered = self.meets[:, order]
        first = order[ordered.argmax(axis=1)]
        found: NDArray[np.int64] = np.where(ordered.any(axis=1), first, NOTHING)
        return found

    @cached_property
    def chosen(self) -> int:
        """The option that would be recommended now, or NOTHING."""
        return self._chosen(self.posterior.p_at_least(self.question.target))

    @cached_property
    def certainty(self) -> float:
        """Probability that `chosen` is right."""
        return float((self.right == self.chosen).mean())

    def worth(self, probe: Probe) -> float:
        """By how much the probe is expected to raise the certainty, at least 0."""
        logits = self.draws[:, probe.at]
        noise = self._noise(probe)
        expected = 0.0
        for low, high in pairwise(STRATA):
            outcome = np.quantile(logits, (low + high) / 2)
            weights = np.exp(-0.5 * ((logits - outcome) / noise) ** 2)
            weights /= weights.sum()
            then = self._chosen(weights @ self.meets)
            expected += (high - low) * float(weights[self.right == then].sum())
        return max(0.0, expected - self.certainty)

    def best(self, probes: Sequence[Probe]) -> Probe | None:
        """The probe of the highest worth for each second; None where probing should stop.

        Where no single one is worth anything, though the decision is not sure, it takes several
        together: the cheapest of an option whose chance is open.
        """
        if not probes or self.certainty >= SURE:
            return None
        worth = {probe: self.worth(probe) for probe in probes}
        worthy = [probe for probe in probes if worth[probe] > LEAST_WORTH]
        if worthy:
            return max(worthy, key=lambda probe: worth[probe] / probe.seconds)
        chances = self.posterior.p_at_least(self.question.target)
        open_ones = [p for p in probes if 1 - SURE < chances[p.at] < SURE]
        return min(open_ones, key=lambda probe: probe.seconds, default=None)

    def _chosen(self, chances: Floats) -> int:
        """As `advisor.choice.choose` does: the cheapest that is likely enough, else the likeliest
        unless none is likely at all."""
        for at in self.question.order:
            if chances[at] >= self.question.enough:
                return at
        top = max(self.question.order, key=lambda at: chances[at])
        return top if chances[top] >= HOPELESS else NOTHING

    def _noise(self, probe: Probe) -> float:
        """Standard deviation of the measured logit around the true one, at what is expected."""
        share = 1 / (1 + math.exp(-float(self.posterior.mean[probe.at])))
        spread = max(share * (1 - share), 1 / (probe.items + 1))
        return min(2.0, math.sqrt(spread / probe.items + SEED_SD_PRIOR**2) / spread)


def outlook_of(
    start: Posterior, measured: Mapping[int, Option], usd: Sequence[float], spec: TaskSpec
) -> Outlook:
    """The decision by what was measured.

    Args:
        start: what was believed of the options before.
        measured: options by number, in their best setting.
        usd: training and a year of serving of every option, as measured or as expected; of equal
            prices the first counts as the cheaper.
        spec: target and stakes; an option that it rules out is not chosen once that is known.
    """
    now = start
    for at, option in measured.items():
        now = now.given(seen_of(at, option))
    left = [at for at in range(len(usd)) if at not in measured or not measured[at].barred]
    order = sorted(left or range(len(usd)), key=lambda at: usd[at])
    return Outlook(Question(tuple(order), min(spec.target, MOST), threshold(spec)), now)
