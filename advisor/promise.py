"""What a learning curve promises of more data, with an interval that held on published curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean, variance

from advisor.belief import Z
from probes.curves import FURTHEST, Point, curve
from probes.record import Record
from probes.records import Measurement

LEVEL = 0.8
FACTORS = (2, 4, 8, int(FURTHEST))
"""Multiples of the data at hand that are looked at; beyond the last nothing is promised."""


class Promise(Record):
    """Quality to expect from tuning with so many examples, with an 80 % interval."""

    n_train: int
    value: float
    low: float
    high: float
    reaches: bool
    """Whether `value` meets the target."""
    p_meets: float
    """Probability that a measurement there meets it."""
    domain: str
    """Where the intervals were calibrated."""


def promise(points: Mapping[int, Sequence[Measurement]], target: float) -> Promise | None:
    """The smallest doubling of the data whose promised quality meets the target, at most 16 times.

    Where none does, what the last of FACTORS promises. None where the curve does not rise at its
    end, or has one point.
    """
    if len(points) < 2:
        return None
    n_last = max(points)
    known = {n: [run for run in runs if run.quality] for n, runs in sorted(points.items())}
    seen = [_point(n, runs) for n, runs in known.items() if runs]
    if len(seen) < 2 or seen[-1].value <= seen[-2].value:
        return None
    found = curve(seen)
    for factor in FACTORS:
        there = found.at(factor * n_last)
        low, high = there.interval(LEVEL)
        value = max(there.mean, seen[-1].value)  # more data is not expected to harm
        promised = Promise(
            n_train=factor * n_last,
            value=round(value, 4),
            low=round(min(value, low), 4),
            high=round(max(value, high), 4),
            reaches=value >= target,
            p_meets=round(max(there.p_at_least(target), 0.5 * (value >= target)), 4),
            domain=found.domain,
        )
        if promised.reaches:
            break
    return promised


def _point(n_train: int, runs: Sequence[Measurement]) -> Point:
    """Mean quality over runs, the variance of items and of seeds apart."""
    known = [run.quality for run in runs if run.quality is not None]
    values = [each.value for each in known]
    items = max(((each.high - each.low) / (2 * Z)) ** 2 for each in known)
    seeds = variance(values) / len(values) if len(values) > 1 else None
    return Point(n_train, fmean(values), items=items, seeds=seeds, n_seeds=len(values))
