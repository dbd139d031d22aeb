"""What a learning curve promises of more data: a power law through its end, with a wide interval.

The error is taken to fall as a n^-b through the last two points. A two-point line ties the best
published extrapolators, and more parameters on so few points do worse; plain 80 % intervals of such
fits held 68 % on published curves, hence WIDER (facts: statistics). The calibrated belief engine
will replace this behind the same record.
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence

from probes.record import Record
from probes.records import Measurement

FARTHEST = 16
"""Multiples of the data at hand beyond which nothing is promised."""
WIDER = 1.6
"""Factor on the standard deviations of both points. Intervals that held 68 % where 80 % were to be
held want 1.29 (normal quantiles 1.28 / 0.99); the rest is a margin for having two points only."""
DRAWS = 400
FLOOR = 1e-3
"""Smallest error that a logarithm is taken of."""


class Promise(Record):
    """Quality to expect from tuning with so many examples, with an 80 % interval."""

    n_train: int
    value: float
    low: float
    high: float
    reaches: bool
    """Whether `value` meets the target."""


def promise(points: Mapping[int, Sequence[Measurement]], target: float) -> Promise | None:
    """The smallest doubling of the data, at most FARTHEST, whose promised quality meets the target.

    Where none does, what FARTHEST promises. None where the curve does not rise, or has one point.
    """
    if len(points) < 2:
        return None
    *_, n_before, n_last = sorted(points)
    before, last = _mean_and_sd(points[n_before]), _mean_and_sd(points[n_last])
    if last[0] <= before[0]:
        return None
    rng = random.Random(f"promise-{n_before}-{n_last}")
    draws = [
        (rng.gauss(before[0], WIDER * before[1]), rng.gauss(last[0], WIDER * last[1]))
        for _ in range(DRAWS)
    ]
    found = None
    for factor in (2, 4, 8, FARTHEST):
        n_train = factor * n_last
        value = _extrapolated(n_before, before[0], n_last, last[0], n_train)
        ends = sorted(_extrapolated(n_before, a, n_last, b, n_train) for a, b in draws)
        found = Promise(
            n_train=n_train,
            value=round(value, 4),
            low=round(min(value, ends[DRAWS // 10]), 4),
            high=round(max(value, ends[-DRAWS // 10]), 4),
            reaches=value >= target,
        )
        if found.reaches:
            break
    return found


def _mean_and_sd(runs: Sequence[Measurement]) -> tuple[float, float]:
    """Mean quality over runs with the standard deviation of that mean, items and seeds together."""
    found = [run.quality for run in runs if run.quality is not None]
    mean = sum(each.value for each in found) / len(found)
    items = max((each.high - each.low) / 3.92 for each in found)
    if len(found) < 2:
        return mean, items
    seeds = sum((each.value - mean) ** 2 for each in found) / (len(found) - 1) / len(found)
    return mean, math.sqrt(items**2 + seeds)


def _extrapolated(n_before: int, before: float, n_last: int, last: float, n_train: int) -> float:
    """Quality at `n_train` on the log-log line of the error; never below the last point's."""
    error_before, error_last = max(FLOOR, 1 - before), max(FLOOR, 1 - last)
    slope = min(0.0, math.log(error_last / error_before) / math.log(n_last / n_before))
    reached = 1 - error_last * math.exp(slope * math.log(n_train / n_last))
    return min(1.0, max(last, reached))
