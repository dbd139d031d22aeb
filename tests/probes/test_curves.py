"""Learning curves: bounds, refusals, what must not change them, and whether intervals hold."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from knowledge.load import loss_curves, quality_curves
from probes.curve_models import accepted, two_points
from probes.curves import FURTHEST, Curve, NoCurve, Point, curve

PUBLISHED = Path(__file__).parents[2].parent / "shared/data/published"
SIZES = (32, 64, 128, 256, 512)
QUALITIES = st.lists(st.floats(0, 1), min_size=1, max_size=6)
LOSSES = st.lists(st.floats(0.05, 20), min_size=1, max_size=6)


def doubling(values: list[float], *, first: float = 32, **more: float) -> list[Point]:
    return [Point(first * 2**at, value, **more) for at, value in enumerate(values)]  # type: ignore[arg-type]


def power_law(n: float, exponent: float = 0.4) -> float:
    return 1 - 0.8 * (n / 32) ** -exponent


@settings(max_examples=25, deadline=None)
@given(QUALITIES, st.floats(1, FURTHEST), st.sampled_from((0.5, 0.8, 0.9, 0.95)))
def test_qualities_stay_within_bounds(values: list[float], ahead: float, level: float) -> None:
    known = curve(doubling(values))
    said = known.at(known.points[-1].n * ahead)
    low, high = said.interval(level)
    assert 0 <= low <= said.mean <= high <= 1
    assert said.sd > 0
    assert 0 < said.p_at_least(0.5) < 1
    assert said.p_at_least(0.4) >= said.p_at_least(0.6)


@settings(max_examples=25, deadline=None)
@given(QUALITIES, st.sampled_from((1.5, 2, 4, 8, 16)))
def test_wider_levels_hold_narrower_ones(values: list[float], ahead: float) -> None:
    said = curve(doubling(values, seeds=1e-4)).at(32 * 2 ** (len(values) - 1) * ahead)
    inner, outer, widest = (said.interval(level) for level in (0.8, 0.9, 0.95))
    assert widest[0] <= outer[0] <= inner[0]
    assert inner[1] <= outer[1] <= widest[1]


@settings(max_examples=25, deadline=None)
@given(LOSSES, st.floats(1, FURTHEST))
def test_losses_stay_above_nothing(values: list[float], ahead: float) -> None:
    known = curve(doubling(values), kind="loss")
    said = known.at(known.points[-1].n * ahead)
    low, high = said.interval(0.9)
    assert 0 <= low <= said.mean <= high


@settings(max_examples=20, deadline=None)
@given(QUALITIES, st.floats(1e-3, 1e4))
def test_the_unit_of_n_changes_nothing(values: list[float], unit: float) -> None:
    one, other = curve(doubling(values)), curve(doubling(values, first=32 * unit))
    ends = [each.at(each.points[-1].n * 8) for each in (one, other)]
    assert ends[0].mean == pytest.approx(ends[1].mean, abs=1e-6)
    assert ends[0].interval(0.8) == pytest.approx(ends[1].interval(0.8), abs=1e-4)


@settings(max_examples=20, deadline=None)
@given(LOSSES, st.floats(0.01, 100), st.floats(0.1, 10))
def test_units_of_n_and_of_the_loss_change_nothing(
    values: list[float], unit: float, scale: float
) -> None:
    one = curve(doubling(values), kind="loss").at(32 * 2 ** len(values))
    scaled = doubling([scale * value for value in values], first=32 * unit)
    other = curve(scaled, kind="loss").at(32 * unit * 2 ** len(values))
    assert other.mean == pytest.approx(scale * one.mean, rel=2e-2)  # the level's prior is wide


@settings(max_examples=20, deadline=None)
@given(st.permutations(range(5)))
def test_the_order_of_points_changes_nothing(order: list[int]) -> None:
    points = doubling([power_law(n) for n in SIZES])
    assert curve([points[at] for at in order]).at(2048).mean == curve(points).at(2048).mean


def test_a_steady_rise_goes_on_and_more_points_narrow_it() -> None:
    values = [power_law(n) for n in SIZES]
    known = curve(doubling(values, seeds=0.0))
    ahead = [known.at(n).mean for n in (512, 1024, 2048, 4096, 8192)]
    assert ahead == sorted(ahead)
    assert known.at(1024).mean == pytest.approx(power_law(1024), abs=0.03)
    bare = [_bare_width(values[:k]) for k in (1, 2, 3, 5)]
    assert bare[0] > 2 * bare[1] > 2 * bare[2]
    assert bare[3] < bare[1]
    assert np.ptp(known.at(1024).interval(0.8)) < np.ptp(known.at(8192).interval(0.8))


def _bare_width(values: list[float]) -> float:
    """In ln error, 4 times ahead, before the widening."""
    known = curve(doubling(values, seeds=0.0))
    return sum(known.at(known.points[-1].n * 4).halves(0.8))


def test_variances_of_seeds_and_of_items_widen_apart() -> None:
    values = [power_law(n) for n in SIZES]
    sure = curve(doubling(values, seeds=0.0)).at(1024)
    unsure = curve(doubling(values, seeds=0.03**2)).at(1024)
    shifted = curve(doubling(values, seeds=0.0, items=0.03**2)).at(1024)
    assert sum(unsure.halves(0.8)) > sum(sure.halves(0.8))
    assert shifted.mean == sure.mean  # the items move the curve as a whole
    assert shifted.sd > sure.sd
    one, many = (
        curve([Point(p.n, p.value, n_seeds=n) for p in doubling(values)]).at(1024) for n in (1, 9)
    )
    assert sum(many.halves(0.8)) < sum(one.halves(0.8))


def test_an_unruly_curve_gets_a_wide_interval() -> None:
    rise = curve(doubling([0.3, 0.4, 0.5, 0.58, 0.65])).at(2048)
    unruly = curve(doubling([0.3, 0.6, 0.35, 0.62, 0.4])).at(2048)
    assert np.ptp(unruly.interval(0.8)) > 1.5 * np.ptp(rise.interval(0.8))
    low, high = unruly.interval(0.9)
    assert low < 0.4 and high > 0.62


def test_the_share_of_wrong_labels_keeps_the_curve_below() -> None:
    values = [power_law(n, 0.6) for n in SIZES]
    free, noisy = (curve(doubling(values, seeds=0.0), floor=f).at(8192) for f in (0.0, 0.08))
    assert noisy.mean < free.mean
    assert noisy.mean < 0.925


def test_a_flat_curve_stays_flat() -> None:
    said = curve(doubling([0.7] * 5, seeds=1e-5)).at(2048)
    assert said.mean == pytest.approx(0.7, abs=0.03)
    assert said.p_at_least(0.9) < 0.1


@pytest.mark.parametrize(
    ("points", "more", "why"),
    [
        ([], {}, "no point"),
        ([Point(1, 0.5), Point(1, 0.6)], {}, "one n"),
        ([Point(0, 0.5)], {}, "not a point"),
        ([Point(8, float("nan"))], {}, "not a point"),
        ([Point(8, 0.5, items=-1)], {}, "not a point"),
        ([Point(8, 1.5)], {}, "quality of"),
        ([Point(8, 0.0)], {"kind": "loss"}, "loss of"),
        ([Point(8, 1.0)], {"kind": "loss", "floor": 0.1}, "floor"),
        ([Point(8, 0.5)], {"floor": 1.0}, "floor"),
        ([Point(8, 0.5)], {"prior": loss_curves()}, "other curves"),
    ],
)
def test_what_makes_no_curve(points: list[Point], more: dict[str, object], why: str) -> None:
    with pytest.raises(NoCurve, match=why):
        curve(points, **more)  # type: ignore[arg-type]


def test_nothing_is_said_far_beyond_what_was_seen() -> None:
    known = curve(doubling([0.3, 0.4, 0.5]))
    assert known.at(128 * 16).horizon == 16
    with pytest.raises(NoCurve, match="17 times"):
        known.at(128 * 17)
    with pytest.raises(NoCurve, match="fewer"):
        known.at(16)
    with pytest.raises(ValueError, match="level"):
        known.at(256).interval(1.0)
    assert "LCDB" in known.domain


def test_lines_of_the_literature() -> None:
    n = np.array([200.0, 400, 800, 1600, 3200])
    losses = 3 * n**-0.1
    asked = np.array([102_400.0])
    assert np.exp(two_points(n, losses, asked)[0]) == pytest.approx(3 * 102_400**-0.1)
    bent = losses.copy()
    bent[:2] = 2.0  # before the power phase
    assert np.exp(accepted(n, bent, asked)[0]) == pytest.approx(3 * 102_400**-0.1)
    with pytest.raises(ValueError, match="one point"):
        accepted(n[:1], losses[:1], asked)


def test_intervals_hold_curves_of_the_prior() -> None:
    """Unwidened, 80 % intervals of curves drawn from the prior hold about 80 %."""
    prior, rng, held = quality_curves(), np.random.default_rng(0), []
    n = 32.0 * 2 ** np.arange(8)
    for _ in range(300):
        b = prior.decay * np.exp(prior.decay_spread * rng.standard_normal())
        k = rng.uniform(0, 0.95) if rng.random() < prior.broad else rng.exponential(prior.floor)
        m = 0.3 * 100 ** rng.random() if rng.random() < prior.late else 0.0
        wander = prior.wander * np.exp(prior.wander_spread * rng.standard_normal())
        shape = min(k, 0.95) + (1 - min(k, 0.95)) * ((n / n[0] + m) / (1 + m)) ** -b
        walk = np.concatenate([[0], np.cumsum(wander * rng.standard_normal(len(n) - 1))])
        scatter = np.sqrt(prior.scatter) * wander * rng.standard_normal(len(n))
        values = 1 - np.clip(0.6 * shape * np.exp(walk + scatter), 0.002, 1)
        points = [Point(x, v, seeds=0.0) for x, v in zip(n, values, strict=True)]
        held.append(curve(points[:4]).at(n[-1]).needed(values[-1], 0.8) <= 1)
    assert 0.72 <= np.mean(held) <= 0.88


@pytest.mark.skipif(not PUBLISHED.exists(), reason="the published tables are not here")
def test_published_curves_are_predicted_better_than_by_their_last_value() -> None:
    from results.curves.published import tuned

    off: list[tuple[float, float]] = []
    for one in tuned(PUBLISHED):
        known: Curve = one.first(5)
        for point in one.points[5:8]:
            ours, last = known.at(point.n).mean, one.points[4].value
            off.append((abs(ours - point.value), abs(last - point.value)))
    mean = np.mean(off, axis=0)
    assert mean[0] < 0.5 * mean[1]
