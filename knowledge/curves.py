"""The nouns of learning curves: what published ones let one expect of one that has few points.

The numbers are fitted by `results/curves/fit.py`; `probes.curves` computes with them.
"""

from __future__ import annotations

from pydantic import Field

from knowledge.records import Fact
from knowledge.statements import Reference


class Widening(Fact):
    """By how much intervals are widened so that they hold what they say: split conformal.

    The half of an interval above its centre and the half below are multiplied by the factor; it is
    the quantile, at the level, of the factors that published curves would have needed. Each row is
    calibrated by itself (Mondrian conformal prediction, Vovk et al. 2003): curves that look certain
    need more widening than curves that look open.
    """

    horizon: float = Field(gt=0)
    """For predictions at up to so many times the largest n seen."""
    points: int = Field(gt=0)
    """For curves of so many points and more, up to the next row's."""
    spread: float = Field(gt=0)
    """For predictions whose 80 % interval spans, not yet widened, up to so much of ln error, from
    where the row before ends."""
    at_80: float = Field(gt=0)
    at_90: float = Field(gt=0)
    at_95: float = Field(gt=0)
    n: int = Field(gt=0)
    """Predictions that it was learnt from."""


class QualityCurves(Fact):
    """Prior of the error 1 - quality after n rows: e = a (k + (1-k) ((n+m) / (n1+m))^-b).

    n1 is the smallest n seen, so that the unit of n changes nothing; the level a is left free.
    About the curve ln e wanders (a random walk in log2 n) and single observations scatter.
    """

    decay: float = Field(gt=0)
    """Median of b, which is lognormal."""
    decay_spread: float = Field(gt=0)
    """Standard deviation of ln b."""
    floor: float = Field(gt=0)
    """Mean of k, the share of the first error that no data removes; exponential."""
    broad: float = Field(ge=0, le=1)
    """Share of curves whose k is uniform on 0 to .95 instead: tasks that cannot be learnt."""
    late: float = Field(ge=0, le=1)
    """Share of curves that fall late: m / n1 log-uniform on .3 to 30, else 0."""
    wander: float = Field(gt=0)
    """Median of the standard deviation of what ln e wanders in a doubling; lognormal."""
    wander_spread: float = Field(gt=0)
    """Standard deviation of its logarithm."""
    scatter: float = Field(gt=0)
    """Variance of an observation, in units of what is wandered in a doubling."""
    widening: tuple[Widening, ...]
    domain: str
    """Where the intervals were calibrated: learners, tasks, n."""
    n_curves: int
    n_sets: int
    sources: tuple[Reference, ...]


class LossCurves(Fact):
    """Prior of ln loss by x = log2(n / n1): a Gaussian process whose slope drifts.

    Mean slope x + bend x^2 / 2, free level, slope of sd `slope_sd`, whose change over a doubling
    has the sd `drift` (integrated Wiener process), and `noise`, the sd of one ln loss.
    """

    slope: float
    slope_sd: float = Field(gt=0)
    bend: float
    """Change of the slope over a doubling; below 0 the fall becomes steeper."""
    drift: float = Field(gt=0)
    noise: float = Field(gt=0)
    widening: tuple[Widening, ...]
    domain: str
    n_curves: int
    n_sets: int
    sources: tuple[Reference, ...]
