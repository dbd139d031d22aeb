"""What a learning curve promises, on curves whose truth is known."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence

import pytest

from advisor.promise import promise
from probes.curves import FURTHEST
from probes.records import Cell, Estimate, Measurement
from probes.stats import estimate_mean

OUT_OF_REACH = 2.0
"""A target that none meets, so that the promise is for FURTHEST."""


def run_of(quality: Estimate) -> Measurement:
    cell = Cell(rung="small", method="lora", split="dev", n_eval=quality.n, role="curve")
    return Measurement(key="0" * 64, cell=cell, status="ok", quality=quality)


def runs_of(*values: float, half_width: float = 0.02) -> list[Measurement]:
    """One run a seed, each with an interval of the same width."""
    return [
        run_of(Estimate(value=v, low=v - half_width, high=v + half_width, n=200, basis="test"))
        for v in values
    ]


def power_law(n: float, a: float = 1.6, b: float = 0.3) -> float:
    return 1 - a * n**-b


@pytest.mark.parametrize("target", [0.75, 0.8, 0.85, OUT_OF_REACH])
@pytest.mark.parametrize("b", [0.25, 0.3, 0.5])
def test_a_power_law_without_noise_is_recovered(b: float, target: float) -> None:
    found = promise({n: runs_of(power_law(n, b=b)) for n in (100, 200, 400)}, target)
    assert found is not None
    truth = power_law(found.n_train, b=b)
    assert found.value == pytest.approx(truth, abs=0.02)
    assert found.low < truth < found.high


def test_the_interval_holds_what_it_says_under_noise() -> None:
    """80 % of the rising curves of 200 items drawn from a power law keep their promise."""
    kept, promised = 0, 0
    for seed in range(150):
        draw = random.Random(seed)
        points = {}
        for n in (250, 500):
            drawn = [float(draw.random() < power_law(n)) for _ in range(200)]
            points[n] = [run_of(estimate_mean(drawn))]
        found = promise(points, OUT_OF_REACH)
        if found is not None:
            promised += 1
            kept += found.low <= power_law(found.n_train) <= found.high
    assert promised > 100
    assert kept >= 0.8 * promised


def test_the_smallest_doubling_that_meets_the_target() -> None:
    points = {n: runs_of(power_law(n)) for n in (100, 200)}
    for factor in (2, 4, 8, FURTHEST):
        found = promise(points, power_law(factor * 200) - 0.04)
        assert found is not None
        assert found.reaches
        assert found.n_train in (factor * 100, factor * 200, factor * 400)
        assert found.value >= power_law(factor * 200) - 0.04


def test_beyond_sixteen_times_nothing_is_promised() -> None:
    points = {n: runs_of(power_law(n)) for n in (100, 200)}
    found = promise(points, power_law(2 * FURTHEST * 200))
    assert FURTHEST == 16
    assert found is not None
    assert (found.n_train, found.reaches) == (16 * 200, False)


@pytest.mark.parametrize(
    "points",
    [
        {},
        {200: runs_of(0.7, 0.8)},
        {100: runs_of(0.7), 200: runs_of(0.7)},
        {100: runs_of(0.7), 200: runs_of(0.6)},
        {50: runs_of(0.5), 100: runs_of(0.7), 200: runs_of(0.69)},
        {100: runs_of(0.6, 0.8), 200: runs_of(0.7, 0.7)},
    ],
)
def test_no_promise_of_one_point_or_where_the_end_does_not_rise(
    points: Mapping[int, Sequence[Measurement]],
) -> None:
    assert promise(points, 0.9) is None


@pytest.mark.parametrize("last", [0.01, 0.5, 0.9, 0.99])
@pytest.mark.parametrize("rise", [0.0001, 0.005, 0.2])
@pytest.mark.parametrize("half_width", [0.001, 0.1])
def test_never_below_the_last_point(last: float, rise: float, half_width: float) -> None:
    before = max(0.0, last - rise)
    points = {
        100: runs_of(before, half_width=half_width),
        200: runs_of(last, half_width=half_width),
    }
    found = promise(points, OUT_OF_REACH)
    assert found is not None
    assert found.low <= found.value <= found.high <= 1
    assert found.value >= round(last, 4)


def test_points_count_in_whatever_order() -> None:
    points = {400: runs_of(0.8), 100: runs_of(0.6), 200: runs_of(0.7)}
    assert promise(points, 0.9) == promise(dict(sorted(points.items())), 0.9)


def test_the_same_curve_promises_the_same() -> None:
    points = {100: runs_of(0.6, 0.64), 200: runs_of(0.7, 0.71)}
    state = random.getstate()
    first = promise(points, OUT_OF_REACH)
    random.seed(7)
    assert promise(points, OUT_OF_REACH) == first
    random.setstate(state)
    assert promise({n: runs[::-1] for n, runs in points.items()}, OUT_OF_REACH) == first


def test_noisier_runs_promise_a_wider_interval() -> None:
    def width(points: Mapping[int, Sequence[Measurement]]) -> float:
        found = promise(points, OUT_OF_REACH)
        assert found is not None
        return found.high - found.low

    calm = width({100: runs_of(0.6, 0.6, 0.6), 200: runs_of(0.7, 0.7, 0.7)})
    fewer_items = {
        100: runs_of(0.6, 0.6, 0.6, half_width=0.06),
        200: runs_of(0.7, 0.7, 0.7, half_width=0.06),
    }
    apart = {100: runs_of(0.5, 0.6, 0.7), 200: runs_of(0.6, 0.7, 0.8)}
    assert width(fewer_items) > 1.15 * calm
    assert width(apart) > 1.15 * calm
