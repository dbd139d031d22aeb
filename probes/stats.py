"""Everything statistical that a report states: estimates, paired tests, power, selection effects.

Needs numpy alone. Estimates come from `probes.estimates`, comparisons from `probes.paired`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from probes.distributions import expected_maximum, normal_quantile
from probes.estimates import estimate_mean, estimate_runs, probability_at_least, wilson
from probes.paired import PairedDifference, paired_difference, paired_runs

__all__ = [
    "PairedDifference",
    "estimate_mean",
    "estimate_runs",
    "holm",
    "items_needed",
    "minimum_detectable_difference",
    "paired_difference",
    "paired_runs",
    "probability_at_least",
    "shrink_best",
    "wilson",
]


def minimum_detectable_difference(
    n: int, *, discordant: float = 0.2, power: float = 0.8, alpha: float = 0.05
) -> float:
    """Smallest true paired difference found with `power` on n items, in [0, 1].

    (z_(1-alpha/2) + z_power) sqrt(discordant / n) (Miller 2411.00640, section 5): 12.5 points at
    n = 100, 7.2 at 300, 5.6 at 500 where `discordant` = 20 % of the items get unequal scores. A
    difference cannot exceed the share of discordant items: beyond, that share is taken to grow
    with it. ValueError for n < 1.
    """
    if n < 1:
        raise ValueError("no items")
    z = _two_quantiles(power, alpha)
    difference = z * math.sqrt(discordant / n)
    return min(1.0, difference if difference <= discordant else z * z / n)


def items_needed(
    difference: float, *, discordant: float = 0.2, power: float = 0.8, alpha: float = 0.05
) -> int:
    """Items on which a true paired `difference` is found with `power`: the inverse of the above.

    ValueError unless 0 < difference <= 1.
    """
    if not 0 < difference <= 1:
        raise ValueError(f"a difference of {difference}")
    z = _two_quantiles(power, alpha)
    return math.ceil(z * z * max(discordant, difference) / difference**2)


def _two_quantiles(power: float, alpha: float) -> float:
    return normal_quantile(1 - alpha / 2) + normal_quantile(power)


def holm(p_values: Sequence[float]) -> list[float]:
    """p-values adjusted for making all these claims at once, in the order given (Holm 1979)."""
    order = sorted(range(len(p_values)), key=lambda i: p_values[i])
    adjusted, highest = [0.0] * len(p_values), 0.0
    for rank, i in enumerate(order):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[i]))
        adjusted[i] = highest
    return adjusted


def shrink_best(value: float, n: int, k: int, *, correlation: float = 0.33) -> float:
    """How much the best of k equally good options looks better than it is, on n shared items.

    Options of true quality p score p + e with sd(e) = sqrt(p (1-p) / n) and errors correlated over
    the shared items, so the best is ahead by E[max of k normals] sqrt(1 - correlation) sd(e).
    Solved for the p that gives the observed `value` (Wilson's quadratic), and returned as
    `value` - p, in [0, value]. `correlation` = .33 reproduces finding 10 of facts/reliability.md at
    p = .8: .048 (n 200, k 30), .067 (n 100, k 30), .026 (n 1,000, k 100); real evals have .3 to .7
    (Miller 2411.00640). 0/1 scores have the largest spread, so others are over-corrected.
    ValueError for n or k < 1, or a value or correlation outside [0, 1].
    """
    if n < 1 or k < 1 or not (0 <= value <= 1 and 0 <= correlation <= 1):
        raise ValueError(f"best of {k} at {value} on {n} items, correlation {correlation}")
    z2 = expected_maximum(k) ** 2 * (1 - correlation)
    half = math.sqrt(z2 * (value * (1 - value) / n + z2 / (4 * n * n)))
    true = (value + z2 / (2 * n) - half) / (1 + z2 / n)
    return max(0.0, value - max(0.0, true))
