"""The posterior of a learning curve: what more training rows would bring, and how sure that is.

`curve(points)` takes what was measured at one or more n; `Curve.at(n)` predicts what a further
measurement would find there. Intervals are widened by what published curves needed at the same
horizon (`knowledge/curves/`); beyond 16 times the largest n there is no answer.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from knowledge.curves import LossCurves, QualityCurves, Widening
from knowledge.load import loss_curves, quality_curves
from probes.curve_models import SMALLEST, Floats, Mixture, loss_mixture, quality_mixture
from probes.distributions import normal_quantile
from probes.estimates import SEED_SD_PRIOR

Kind = Literal["quality", "loss"]
FURTHEST = 16.0
"""Times the largest n that a prediction may lie ahead (facts of results/curves: errors triple)."""
_NODES = np.array([normal_quantile((i + 0.5) / 15) for i in range(15)])
_Z80 = normal_quantile(0.9)
_LEVELS = (0.8, 0.9, 0.95)
"""Calibrated ones."""


class NoCurve(ValueError):
    """A curve or a prediction that the points do not bear; the message says why."""


@dataclass(frozen=True)
class Point:
    """What was measured after training on `n` rows."""

    n: float
    value: float
    """Quality in [0, 1], or a loss above 0: the mean over the seeds."""
    items: float = 0.0
    """Variance of `value` that is due to the choice of items. The same items are taken to be
    answered at every n, so that it moves the curve as a whole and is added to predictions."""
    seeds: float | None = None
    """Variance of `value` that is due to seeds: their sample variance, divided by their number.
    None: not known, and SEED_SD_PRIOR / sqrt(n_seeds) is its root for a quality, 0 for a loss."""
    n_seeds: int = 1


@dataclass(frozen=True)
class Predicted:
    """What a further measurement at `n` would find."""

    n: float
    horizon: float
    """`n` over the largest n seen; at most 1 within what was seen."""
    mean: float
    """Its centre: the geometric mean of the error or the loss."""
    items_sd: float
    kind: Kind
    widening: Widening
    log_values: Floats = field(repr=False)
    """(A,), ascending: ln error or ln loss of equally spread parts of the posterior."""
    below: Floats = field(repr=False)
    """(A,): share of the posterior up to the middle of each part."""

    @property
    def sd(self) -> float:
        """Half the 80 % interval over 1.28, the standard deviation of a normal as wide."""
        low, high = self.interval(0.8)
        return (high - low) / 2 / _Z80

    def interval(self, level: float = 0.8) -> tuple[float, float]:
        """The interval that holds a measurement with probability `level`.

        Widened as published curves needed at this horizon (split conformal, Lei et al. 2018, JASA
        113), then by the error of the items. ValueError unless 0 < level < 1.
        """
        if not 0 < level < 1:
            raise ValueError(f"a level of {level}")
        centre = self.log_centre
        down, up = self._widened(level)
        middle = math.exp(centre)
        items = normal_quantile(0.5 + level / 2) * self.items_sd
        low = middle - math.hypot(middle - math.exp(centre - down), items)
        high = middle + math.hypot(math.exp(min(20.0, centre + up)) - middle, items)
        if self.kind == "loss":
            return max(0.0, low), high
        return max(0.0, 1 - high), 1.0 if low <= SMALLEST else 1 - low

    def p_at_least(self, target: float) -> float:
        """P(measurement >= target), by normals as wide as each half of the 80 % interval.

        In [1e-4, 1 - 1e-4]: no calibration reaches further.
        """
        low, high = self.interval(0.8)
        side = (self.mean - low) if target < self.mean else (high - self.mean)
        away = (target - self.mean) / max(1e-9, side / _Z80)
        return min(1 - 1e-4, max(1e-4, 0.5 * math.erfc(away / math.sqrt(2))))

    def needed(self, value: float, level: float) -> float:
        """The factor at which the interval of `level` would just hold `value`, to calibrate it."""
        seen = value if self.kind == "loss" else 1 - value
        away = math.log(max(SMALLEST, seen)) - self.log_centre
        down, up = self.halves(level)
        return away / up if away > 0 else -away / down

    @property
    def log_centre(self) -> float:
        """ln of the error or the loss at the centre."""
        return math.log(max(SMALLEST, self.mean if self.kind == "loss" else 1 - self.mean))

    def _widened(self, level: float) -> tuple[float, float]:
        """The halves in ln error; no lower level that is calibrated has longer ones."""
        down, up = 0.0, 0.0
        for each in (*(lower for lower in _LEVELS if lower < level), level):
            below, above = self.halves(each)
            factor = _factor(self.widening, each)
            down, up = max(down, factor * below), max(up, factor * above)
        return down, up

    def halves(self, level: float) -> tuple[float, float]:
        """Distance of the interval's ends from the centre in ln error, before the widening."""
        tails = [0.5 - level / 2, 0.5 + level / 2]
        low, high = np.interp(tails, self.below, self.log_values)
        return max(1e-6, self.log_centre - float(low)), max(1e-6, float(high) - self.log_centre)


@dataclass(frozen=True)
class Curve:
    """A learning curve of one task, model and method, with what is known of its kind."""

    points: tuple[Point, ...]
    """In ascending n."""
    kind: Kind
    prior: QualityCurves | LossCurves
    floor: float

    @property
    def domain(self) -> str:
        """Where the intervals were calibrated; elsewhere they may hold less than they say."""
        return self.prior.domain

    def at(self, n: float) -> Predicted:
        """What a measurement at `n` rows would find.

        NoCurve for an n below the smallest seen or beyond FURTHEST times the largest.
        """
        horizon = n / self.points[-1].n
        if not n >= self.points[0].n:
            raise NoCurve(f"{n:g} rows are fewer than any measured ({self.points[0].n:g})")
        if horizon > FURTHEST * (1 + 1e-9):
            raise NoCurve(
                f"{n:g} rows are {horizon:.0f} times the most measured ({self.points[-1].n:g});"
                f" {FURTHEST:.0f} times is as far as a curve can be trusted"
            )
        return self.however_far([n])[0]

    def however_far(self, asked: Sequence[float]) -> list[Predicted]:
        """The same for several n at once and without the limit: for benchmarks, not for advice."""
        mixture = self._mixture(np.asarray(asked, dtype=np.float64))
        return [self._predicted(n, mixture, at) for at, n in enumerate(asked)]

    def _mixture(self, asked: Floats) -> Mixture:
        n = np.array([point.n for point in self.points])
        values = np.array([point.value for point in self.points])
        seeds = np.array([_seeds(point, self.kind) for point in self.points])
        if isinstance(self.prior, LossCurves):
            return loss_mixture(n, values, seeds, asked, self.prior)
        return quality_mixture(n, 1 - values, seeds, asked, self.prior, self.floor)

    def _predicted(self, n: float, mixture: Mixture, at: int) -> Predicted:
        centre = float(mixture.centre[at])
        parts = (mixture.means[:, at, None] + mixture.sds[:, at, None] * _NODES).ravel()
        weights = np.repeat(mixture.weights / len(_NODES), len(_NODES))
        order = np.argsort(parts)
        below = np.cumsum(weights[order]) - weights[order] / 2
        held = parts[order] if self.kind == "loss" else np.minimum(0.0, parts[order])
        low, high = np.interp([0.1, 0.9], below, held)
        spread = max(1e-6, centre - float(low)) + max(1e-6, float(high) - centre)
        horizon = n / self.points[-1].n
        return Predicted(
            n=n,
            horizon=horizon,
            mean=math.exp(centre) if self.kind == "loss" else 1 - math.exp(centre),
            items_sd=math.sqrt(self.points[-1].items),
            kind=self.kind,
            widening=widening_for(self.prior.widening, horizon, len(self.points), spread),
            log_values=held,
            below=below,
        )


def curve(
    points: Sequence[Point],
    *,
    kind: Kind = "quality",
    prior: QualityCurves | LossCurves | None = None,
    floor: float = 0.0,
) -> Curve:
    """The curve through `points`, one for each n, in any order.

    One or two points are enough: the prior of slopes then speaks, and the intervals are as wide as
    published curves of so few points needed. `floor`: the share of labels that are wrong, an error
    that no data removes. NoCurve for no point, two of one n, n or losses not above 0, a quality
    outside [0, 1], a variance below 0, a floor outside [0, 1) or for losses.
    """
    prior = prior or (quality_curves() if kind == "quality" else loss_curves())
    if isinstance(prior, LossCurves) != (kind == "loss"):
        raise NoCurve(f"a prior of other curves than those of a {kind}")
    if not points:
        raise NoCurve("no point")
    if not 0 <= floor < 1 or (floor and kind == "loss"):
        raise NoCurve(f"a floor of {floor} for a {kind}")
    ordered = tuple(sorted(points, key=lambda point: point.n))
    if len({point.n for point in ordered}) < len(ordered):
        raise NoCurve("two points of one n: give their mean over seeds")
    for point in ordered:
        _check(point, kind)
    return Curve(ordered, kind, prior, floor)


def _check(point: Point, kind: Kind) -> None:
    variances = (point.items, point.seeds or 0.0)
    finite = all(math.isfinite(x) for x in (point.n, point.value, *variances))
    if not finite or point.n <= 0 or min(variances) < 0 or point.n_seeds < 1:
        raise NoCurve(f"not a point of a curve: {point}")
    if not (point.value > 0 if kind == "loss" else 0 <= point.value <= 1):
        raise NoCurve(f"a {kind} of {point.value}")


def _seeds(point: Point, kind: Kind) -> float:
    if point.seeds is not None:
        return point.seeds
    return SEED_SD_PRIOR**2 / point.n_seeds if kind == "quality" else 0.0


def widening_for(
    rows: Sequence[Widening], horizon: float, n_points: int, spread: float
) -> Widening:
    """The row of that horizon, or the furthest, of the most points not above, of that spread."""
    furthest = max(row.horizon for row in rows)
    reached = min(row.horizon for row in rows if row.horizon >= min(horizon, furthest))
    mine = [row for row in rows if row.horizon == reached]
    few = min(row.points for row in mine)
    most = max(row.points for row in mine if row.points <= max(few, n_points))
    mine = sorted((row for row in mine if row.points == most), key=lambda row: row.spread)
    return next((row for row in mine if spread <= row.spread), mine[-1])


def _factor(row: Widening, level: float) -> float:
    """Between the levels calibrated by straight lines; outside, that of the nearest."""
    return float(np.interp(level, _LEVELS, (row.at_80, row.at_90, row.at_95)))
