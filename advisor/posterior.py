"""One distribution over all options of a task, and how a measurement of one moves the others.

The quality of an option, beyond what guessing gets right, is logit-normal: its logit is a sum of
effects of what the option is (its size, whether it retrieves, is tuned, shows examples, writes
steps, how much of the data it learns from) and of its own. Tasks differ in their effects; the means
and spreads over tasks were fitted where everything was tried (`results/prior/effects.py`), so that
a measurement says something of every option that shares an effect with the one measured. This is
a linear mixed model with tasks as groups (Laird & Ware 1982, Biometrics 38); conditioning is that
of a normal distribution.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from advisor.belief import Z
from advisor.records import Option
from knowledge.effects import Effects
from probes.task import RETRIEVING, TRAINED

Floats = NDArray[np.float64]
FEATURES = (
    "task", "size", "retrieves", "tuned", "shots", "steps", "votes", "tuned size",
    "retrieves size", "rows",
)  # fmt: skip
"""What options share; `rows`: the base-2 logarithm of the multiple of the data, where tuned."""
STEPWISE = frozenset({"steps", "vote"})
SHOWING = frozenset({"few_shot", "rag"})
LEAST_VARIANCE = 1e-4
SURPRISED_SD = 6.0
"""Of the logit of an option that is nothing like what was expected: anything may come."""
GRID = np.linspace(-6, 6, 2001)
"""In standard deviations of the belief before a measurement."""


@dataclass(frozen=True)
class Place:
    """Where an option stands among the others."""

    method: str
    n_params: int
    data: float = 1.0
    """Training rows as a multiple of those at hand."""

    def features(self, reference: float) -> Floats:
        """The values of FEATURES, for sizes counted from `reference` parameters."""
        size = math.log10(self.n_params / reference)
        tuned, retrieves = self.method in TRAINED, self.method in RETRIEVING
        return np.array(
            [
                1.0,
                size,
                retrieves,
                tuned,
                self.method in SHOWING,
                self.method in STEPWISE,
                self.method == "vote",
                tuned * size,
                retrieves * size,
                tuned * math.log2(self.data),
            ]
        )


@dataclass(frozen=True)
class Seen:
    """What was measured of an option: so much right of so many items, as it were."""

    at: int
    """Number of the option."""
    quality: float
    """In [0, 1]."""
    items: float
    """Items of 0 and 1 that would leave the quality as uncertain as items and seeds do."""


def seen_of(at: int, option: Option) -> Seen:
    """What was measured of an option, the optimism of having chosen its setting taken off."""
    sd = max(1e-3, (option.quality.high - option.quality.low) / (2 * Z))
    n = option.quality.n
    middle = (option.quality.value * n + 0.5) / (n + 1)
    items = max(4.0, min(float(n), middle * (1 - middle) / sd**2))
    return Seen(at, max(0.0, option.quality.value - option.optimism), items)


@dataclass(frozen=True)
class Posterior:
    """Normal on the logits of all options at once."""

    mean: Floats
    """(K,)"""
    cov: Floats
    """(K, K)"""
    guess: float = 0.0
    """What guessing gets right."""
    surprise: float = 0.0
    """Chance that an option is nothing like the others lead to expect."""
    measured: frozenset[int] = frozenset()
    """Options that no longer can surprise."""

    def given(self, found: Seen) -> Posterior:
        """With one measurement more.

        The likelihood is a binomial's, the posterior of the option measured is matched by its mean
        and variance (assumed-density filtering: Opper 1998), and the others follow as in any
        normal distribution: as far as the measurement is no surprise, which says nothing of them.
        """
        at, odd = found.at, self.surprise * (found.at not in self.measured)
        z, usual, wide, fit = self._weighed(found)
        r = (1 - odd) * float(usual @ fit)
        r /= r + odd * float(wide @ fit)
        weight = ((1 - odd) * usual + odd * wide) * fit
        mean, variance = _moments(z, weight)
        usual_mean, usual_variance = _moments(z, usual * fit)
        before = float(self.cov[at, at])
        column = self.cov[:, at] / before
        moved = self.mean + r * column * (usual_mean - self.mean[at])
        told = self.cov - np.outer(column, column) * (before - min(usual_variance, before))
        alone = self.cov.copy()
        alone[at, :] = alone[:, at] = 0.0
        apart = column * (usual_mean - self.mean[at])
        apart[at] = 0.0
        cov = r * told + (1 - r) * alone + r * (1 - r) * np.outer(apart, apart)
        moved[at], cov[at, at] = mean, variance
        return replace(self, mean=moved, cov=(cov + cov.T) / 2, measured=self.measured | {found.at})

    def _weighed(self, found: Seen) -> tuple[Floats, Floats, Floats, Floats]:
        """Logits; the usual and the wide density of the option there, and the likelihood."""
        at, sd = found.at, math.sqrt(float(self.cov[found.at, found.at]))
        reach = max(sd, SURPRISED_SD if self.surprise else 0.0)
        z = self.mean[at] + reach * GRID
        right = found.quality * found.items
        share = np.clip(self.guess + (1 - self.guess) / (1 + np.exp(-z)), 1e-12, 1 - 1e-12)
        fit = right * np.log(share) + (found.items - right) * np.log1p(-share)
        usual, wide = (
            np.exp(-0.5 * ((z - self.mean[at]) / s) ** 2) / s for s in (sd, SURPRISED_SD)
        )
        return z, usual, wide, np.exp(fit - fit.max())

    def p_at_least(self, target: float) -> Floats:
        """Probability that each option's quality reaches `target`, (K,)."""
        aim = self.aim(target)
        if math.isinf(aim):
            return np.full(len(self.mean), float(aim < 0))
        away = self.mean - aim
        return np.array(
            [
                (1 - odd) * _normal(away[at] / self.sd[at]) + odd * _normal(away[at] / SURPRISED_SD)
                for at, odd in enumerate(map(self._odd, range(len(away))))
            ]
        )

    def aim(self, target: float) -> float:
        """The logit of a quality."""
        share = (target - self.guess) / (1 - self.guess)
        if share <= 0:
            return -math.inf
        return math.inf if share >= 1 else math.log(share / (1 - share))

    @cached_property
    def sd(self) -> Floats:
        """(K,)"""
        return np.sqrt(np.maximum(np.diag(self.cov), LEAST_VARIANCE))

    def quantile(self, z: float) -> Floats:
        """Quality z standard deviations above the median, (K,)."""
        return self.guess + (1 - self.guess) / (1 + np.exp(-(self.mean + z * self.sd)))

    def draws(self, n: int, seed: int = 0) -> Floats:
        """Logits of all options together, (n, K)."""
        values, vectors = np.linalg.eigh(self.cov)
        root = vectors * np.sqrt(np.maximum(values, 0.0))
        noise = np.random.default_rng(seed).standard_normal((n, len(self.mean)))
        drawn: Floats = self.mean + noise @ root.T
        odd = np.array([self._odd(at) for at in range(len(self.mean))])
        r = np.random.default_rng(seed + 1)
        wide = self.mean + SURPRISED_SD * r.standard_normal(drawn.shape)
        return np.where(r.random(drawn.shape) < odd, wide, drawn)

    def _odd(self, at: int) -> float:
        """Chance that the option surprises; none once it was measured."""
        return 0.0 if at in self.measured else self.surprise


def beside(others: Posterior, n: int) -> Posterior:
    """With `n` options more, behind the others, that share nothing with any: systems in use."""
    k = len(others.mean)
    cov = np.zeros((k + n, k + n))
    cov[:k, :k] = others.cov
    cov[range(k, k + n), range(k, k + n)] = SURPRISED_SD**2
    return replace(others, mean=np.concatenate([others.mean, np.zeros(n)]), cov=cov)


def _moments(z: Floats, weight: Floats) -> tuple[float, float]:
    """Mean and variance."""
    weight = weight / weight.sum()
    mean = float(weight @ z)
    return mean, max(LEAST_VARIANCE, float(weight @ (z - mean) ** 2))


def _normal(z: float) -> float:
    """Distribution function of the standard normal."""
    return 0.5 * math.erfc(-z / math.sqrt(2))


def prior(
    places: Sequence[Place],
    effects: Effects,
    *,
    means: Sequence[float] | None = None,
    wider: float = 1.0,
    guess: float = 0.0,
) -> Posterior:
    """What is believed of the options before any of them is measured.

    Args:
        places: the options.
        effects: what they share, fitted in some domain.
        means: logits to expect of each, in place of those of the domain; sizes are then counted
            from the middle of those at hand.
        wider: factor on all spreads, for a domain that nothing was fitted in.
        guess: what guessing gets right, beyond which logits are counted.
    """
    reference = effects.reference_params
    if means is not None:
        reference = math.exp(sum(math.log(place.n_params) for place in places) / len(places))
    shape = np.array([place.features(reference) for place in places])
    spread = wider * np.array([effects.sds[name] for name in FEATURES])
    own = np.eye(len(places)) * (wider * effects.own_sd) ** 2
    if means is None:
        mean = shape @ np.array([effects.means[name] for name in FEATURES])
    else:
        mean = np.array(means, dtype=np.float64)
    cov = (shape * spread**2) @ shape.T + own
    return Posterior(mean, cov, guess, surprise=effects.surprise)
