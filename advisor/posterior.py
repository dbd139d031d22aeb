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
from dataclasses import dataclass
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
"""What options share; `rows` is the base-2 logarithm of the data's multiple where it is tuned."""
STEPWISE = frozenset({"steps", "vote", "lora_steps"})
SHOWING = frozenset({"few_shot", "rag"})
LEAST_VARIANCE = 1e-4
GRID = np.linspace(-8, 8, 801)
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

    def given(self, found: Seen) -> Posterior:
        """With one measurement more.

        The likelihood is a binomial's, the posterior of the option measured is matched by its mean
        and variance (assumed-density filtering: Opper 1998), and the others follow as in any
        normal distribution.
        """
        before = float(self.cov[found.at, found.at])
        mean, variance = self._matched(found, math.sqrt(before))
        column = self.cov[:, found.at] / before
        moved = self.mean + column * (mean - self.mean[found.at])
        cov = self.cov - np.outer(column, column) * (before - min(variance, before))
        return Posterior(moved, (cov + cov.T) / 2, self.guess)

    def _matched(self, found: Seen, sd: float) -> tuple[float, float]:
        """Mean and variance of the option's logit after the measurement, on a grid."""
        z = self.mean[found.at] + sd * GRID
        right = found.quality * found.items
        share = self.guess + (1 - self.guess) / (1 + np.exp(-z))
        share = np.clip(share, 1e-12, 1 - 1e-12)
        fit = right * np.log(share) + (found.items - right) * np.log1p(-share) - GRID**2 / 2
        weight = np.exp(fit - fit.max())
        weight /= weight.sum()
        mean = float(weight @ z)
        return mean, max(LEAST_VARIANCE, float(weight @ (z - mean) ** 2))

    def p_at_least(self, target: float) -> Floats:
        """Probability that each option's quality reaches `target`, (K,)."""
        aim = self.aim(target)
        if math.isinf(aim):
            return np.full(len(self.mean), float(aim < 0))
        z = (self.mean - aim) / self.sd
        return np.array([0.5 * math.erfc(-each / math.sqrt(2)) for each in z])

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
        return drawn


def prior(
    places: Sequence[Place],
    effects: Effects,
    *,
    means: Sequence[float] | None = None,
    wider: float = 1.0,
) -> Posterior:
    """What is believed of the options before any of them is measured.

    Args:
        places: the options.
        effects: what they share, fitted in some domain.
        means: logits to expect of each, in place of those of the domain.
        wider: factor on all spreads, for a domain that nothing was fitted in.
    """
    shape = np.array([place.features(effects.reference_params) for place in places])
    spread = wider * np.array([effects.sds[name] for name in FEATURES])
    own = np.eye(len(places)) * (wider * effects.own_sd) ** 2
    if means is None:
        mean = shape @ np.array([effects.means[name] for name in FEATURES])
    else:
        mean = np.array(means, dtype=np.float64)
        shape[:, FEATURES.index("size")] -= shape[0, FEATURES.index("size")]
    return Posterior(mean, (shape * spread**2) @ shape.T + own)
