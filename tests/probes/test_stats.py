"""Estimates, paired tests, power and selection effects: against oracles and by simulation."""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats as scipy_stats
from statsmodels.stats.contingency_tables import mcnemar as statsmodels_mcnemar
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint

from probes.distributions import beta_cdf, expected_maximum, t_cdf, t_quantile
from probes.paired import mcnemar, sign_flip
from probes.stats import (
    estimate_mean,
    estimate_runs,
    holm,
    items_needed,
    minimum_detectable_difference,
    paired_difference,
    paired_runs,
    probability_at_least,
    shrink_best,
    wilson,
)

Array = NDArray[np.float64]


def within_noise(share: float, trials: int, low: float, high: float) -> bool:
    """Whether `share` of so many trials is in [low, high], three standard errors allowed."""
    noise = 3 * math.sqrt(0.05 * 0.95 / trials)
    return low - noise <= share <= high + noise


# ---------------------------------------------------------------- against oracles


@pytest.mark.parametrize("a, b", [(0.5, 0.5), (2.5, 7.5), (900.5, 100.5), (1e5, 3e5), (30, 0.5)])
@pytest.mark.parametrize("x", [0.0, 0.01, 0.25, 0.5, 0.9, 0.999, 1.0])
def test_beta_cdf(x: float, a: float, b: float) -> None:
    assert beta_cdf(x, a, b) == pytest.approx(scipy_stats.beta.cdf(x, a, b), rel=1e-8, abs=1e-12)


@pytest.mark.parametrize("df", [1, 1.7, 3, 29, 499.5, 1e5, 1e9])
@pytest.mark.parametrize("p", [0.005, 0.3, 0.5, 0.9, 0.975, 0.9999])
def test_student_t(p: float, df: float) -> None:
    assert t_quantile(p, df) == pytest.approx(scipy_stats.t.ppf(p, df), rel=1e-6, abs=1e-9)
    assert t_cdf(t_quantile(p, df), min(df, 1e6)) == pytest.approx(p, abs=1e-6)


def test_expected_maximum() -> None:
    assert expected_maximum(1) == pytest.approx(0.0, abs=1e-6)
    assert expected_maximum(2) == pytest.approx(1 / math.sqrt(math.pi), abs=1e-5)
    draws = np.random.default_rng(0).standard_normal((20_000, 30)).max(axis=1)
    assert expected_maximum(30) == pytest.approx(float(draws.mean()), abs=0.015)


@pytest.mark.parametrize("successes, n", [(0, 30), (1, 30), (15, 30), (30, 30), (87, 300), (3, 3)])
@pytest.mark.parametrize("level", [0.8, 0.95, 0.99])
def test_wilson_is_that_of_statsmodels(successes: int, n: int, level: float) -> None:
    expected = proportion_confint(successes, n, alpha=1 - level, method="wilson")
    assert wilson(successes, n, level) == pytest.approx(expected, abs=1e-9)
    values = [1.0] * successes + [0.0] * (n - successes)
    estimate = estimate_mean(values, level=level)
    assert (estimate.low, estimate.high) == pytest.approx(expected, abs=1e-9)
    assert estimate.basis == "wilson"


@pytest.mark.parametrize("better, worse", [(0, 0), (1, 0), (4, 4), (2, 7), (12, 3), (60, 41)])
def test_mcnemar_is_that_of_statsmodels(better: int, worse: int) -> None:
    exact = statsmodels_mcnemar([[5, better], [worse, 5]], exact=True).pvalue
    assert mcnemar(better, worse, mid=False) == pytest.approx(exact, rel=1e-9)
    n = better + worse
    if n:
        sizes = [scipy_stats.binom.pmf(k, n, 0.5) for k in range(n + 1)]
        seen = abs(better - worse)
        mid = sum(s for k, s in enumerate(sizes) if abs(2 * k - n) > seen)
        mid += sum(s for k, s in enumerate(sizes) if abs(2 * k - n) == seen) / 2
        assert mcnemar(better, worse, mid=True) == pytest.approx(mid, rel=1e-9)


def test_sign_flip_is_the_permutation_test_of_scipy() -> None:
    rng = np.random.default_rng(3)
    for size in (3, 9, 12, 40):
        differences = rng.normal(0.2, 0.5, size)
        expected = scipy_stats.permutation_test(
            (differences,),
            lambda x, axis: x.mean(axis=axis),
            permutation_type="samples",
            vectorized=True,
            n_resamples=9_999,
            rng=1,
        ).pvalue
        assert sign_flip(differences) == pytest.approx(expected, abs=0.02)


def test_sign_flip_of_zeros_and_ones_is_mcnemar_exact() -> None:
    differences = np.array([1.0] * 7 + [-1.0] * 2 + [0.0] * 50)
    assert sign_flip(differences) == pytest.approx(mcnemar(7, 2, mid=False))


@settings(max_examples=50)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_is_that_of_statsmodels(p_values: list[float]) -> None:
    expected = multipletests(p_values, method="holm")[1]
    assert holm(p_values) == pytest.approx(list(expected), abs=1e-12)


def test_holm_of_nothing() -> None:
    assert holm([]) == []


# ---------------------------------------------------------------- edges


SCORES = st.lists(
    st.one_of(st.sampled_from([0.0, 0.5, 1.0]), st.floats(0, 1)), min_size=1, max_size=40
)


@settings(max_examples=100, deadline=None)
@given(SCORES)
def test_an_interval_holds_its_value_and_has_a_width(values: list[float]) -> None:
    names = [str(i // 3) for i in range(len(values))]
    for estimate in (
        estimate_mean(values),
        estimate_mean(values, clusters=names),
        estimate_runs([values, values[::-1]]),
        estimate_runs([values] * 3, clusters=names),
    ):
        assert 0 <= estimate.low <= estimate.value <= estimate.high <= 1
        assert estimate.high - estimate.low > 0.005
        assert estimate.n == len(values)


@settings(max_examples=100, deadline=None)
@given(SCORES, st.integers(0, 9))
def test_a_paired_comparison_is_antisymmetric(values: list[float], turn: int) -> None:
    other = values[turn % len(values) :] + values[: turn % len(values)]
    names = [str(i // 2) for i in range(len(values))]
    for clusters in (None, names):
        ab = paired_difference(values, other, clusters=clusters)
        ba = paired_difference(other, values, clusters=clusters)
        assert ab.estimate.value == pytest.approx(-ba.estimate.value, abs=1e-12)
        assert ab.estimate.low == pytest.approx(-ba.estimate.high, abs=1e-9)
        assert ab.p_value == pytest.approx(ba.p_value, abs=0.03)
        assert -1 <= ab.estimate.low <= ab.estimate.value <= ab.estimate.high <= 1
        assert 0 < ab.p_value <= 1 and ab.estimate.high > ab.estimate.low


@pytest.mark.parametrize("value", [0.0, 0.3, 0.5, 1.0])
def test_equal_values_give_about_the_rule_of_three(value: float) -> None:
    estimate = estimate_mean([value] * 100)
    assert 0.01 < estimate.high - estimate.low < 0.06


def test_items_of_one_cluster_count_as_one_where_nothing_else_is_known() -> None:
    clustered = estimate_mean([1.0] * 50, clusters=["a"] * 25 + ["b"] * 25)
    assert clustered.low < wilson(2, 2)[0] + 1e-9


def test_single_clusters_change_little() -> None:
    values = [1.0] * 70 + [0.0] * 30
    plain, clustered = (
        estimate_mean(values),
        estimate_mean(values, clusters=list(map(str, range(100)))),
    )
    assert clustered.low == pytest.approx(plain.low, abs=0.005)


@pytest.mark.parametrize(
    "call",
    [
        lambda: estimate_mean([]),
        lambda: estimate_mean([0.5, 1.5]),
        lambda: estimate_mean([0.5, math.nan]),
        lambda: estimate_mean([0.5, 1.0], clusters=["a"]),
        lambda: estimate_runs([]),
        lambda: estimate_runs([[1.0, 0.0], [1.0]]),
        lambda: paired_difference([1.0], [1.0, 0.0]),
        lambda: paired_runs([[1.0]], [[1.0, 0.0]]),
        lambda: wilson(3, 2),
        lambda: wilson(0, 0),
        lambda: minimum_detectable_difference(0),
        lambda: items_needed(0),
        lambda: shrink_best(1.2, 10, 3),
    ],
)
def test_nonsense_is_refused(call: Callable[[], object]) -> None:
    with pytest.raises(ValueError):
        call()


def test_one_seed_says_so() -> None:
    assert estimate_runs([[1.0, 0.0, 1.0]]).basis == "wilson, one seed"
    assert "1 seed and 3 seeds" in paired_runs([[1.0] * 9], [[0.0] * 9] * 3).estimate.basis
    assert paired_runs([[1.0] * 9], [[0.0] * 9]).test == "mcnemar(exact)"
    assert estimate_runs([[1.0, 0.0, 1.0]] * 2).basis == "wilson(effective n: seeds, items)"


def test_the_same_model_twice_makes_no_difference() -> None:
    same = paired_difference([1.0, 0.0] * 20, [1.0, 0.0] * 20)
    assert (same.p_value, same.n_discordant, same.estimate.value) == (1.0, 0, 0.0)
    runs = [[1.0, 0.0] * 20] * 3
    assert paired_runs(runs, runs).p_value == 1.0


def test_seeds_that_differ_widen_the_interval() -> None:
    calm = [[1.0] * 80 + [0.0] * 20] * 3
    wild = [[1.0] * k + [0.0] * (100 - k) for k in (60, 80, 100)]
    calm_width, wild_width = (e.high - e.low for e in (estimate_runs(calm), estimate_runs(wild)))
    assert wild_width > 1.5 * calm_width


# ---------------------------------------------------------------- figures of the literature


@pytest.mark.parametrize("n, points", [(100, 12.5), (300, 7.2), (500, 5.6)])
def test_minimum_detectable_difference_of_the_facts(n: int, points: float) -> None:
    difference = minimum_detectable_difference(n)
    assert 100 * difference == pytest.approx(points, abs=0.05)
    assert abs(items_needed(difference) - n) <= 1


def test_detectable_difference_falls_with_n_and_stays_in_range() -> None:
    sizes = [minimum_detectable_difference(n) for n in range(1, 400)]
    assert sizes[0] == 1.0 and all(a >= b for a, b in pairwise(sizes))
    assert all(abs(items_needed(size) - n) <= 1 for n, size in enumerate(sizes, start=1) if n >= 8)


@pytest.mark.parametrize("n, k, gain", [(200, 30, 0.048), (100, 30, 0.066), (1000, 100, 0.026)])
def test_shrink_best_of_the_facts(n: int, k: int, gain: float) -> None:
    assert shrink_best(0.8 + gain, n, k) == pytest.approx(gain, abs=0.0015)


def test_shrink_best_edges() -> None:
    assert shrink_best(0.8, 100, 1) == pytest.approx(0.0, abs=1e-6)
    assert shrink_best(1.0, 100, 20) > 0.01
    assert shrink_best(0.0, 100, 20) == 0.0
    assert shrink_best(0.8, 100, 20, correlation=1.0) == 0.0


def test_probability_at_least_is_jeffreys_for_one_run() -> None:
    run = [1.0] * 80 + [0.0] * 20
    expected = scipy_stats.beta.sf(0.75, 80.5, 20.5)
    assert probability_at_least([run], 0.75) == pytest.approx(expected, rel=1e-9)


def test_probability_at_least_knows_seeds() -> None:
    calm = [[1.0] * 80 + [0.0] * 20] * 3
    wild = [[1.0] * k + [0.0] * (100 - k) for k in (60, 80, 100)]
    assert probability_at_least(calm, 0.7) > probability_at_least(wild, 0.7) + 0.05
    assert probability_at_least(calm, 0.7) == probability_at_least(calm, 0.7)
    falling = [probability_at_least(wild, target) for target in (0.5, 0.7, 0.8, 0.9, 0.99)]
    assert falling == sorted(falling, reverse=True)


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_probability_at_least_is_never_certain(value: float) -> None:
    for target in (0.01, 0.5, 1.0):
        for runs in ([[value] * 500], [[value] * 500] * 4):
            assert 0 < probability_at_least(runs, target) < 1


# ---------------------------------------------------------------- simulations


def zero_inflated(rng: np.random.Generator, n: int) -> Array:
    """Like token F1: many exact, some wrong, the rest anywhere; mean .55."""
    u = rng.random(n)
    return np.where(u < 0.3, 0.0, np.where(u < 0.7, 1.0, rng.random(n)))


def nearly_right(rng: np.random.Generator, n: int) -> Array:
    """90 % at 1, 2 % at 0, the rest anywhere; mean .94."""
    u = rng.random(n)
    return np.where(u < 0.02, 0.0, np.where(u < 0.92, 1.0, rng.random(n)))


def binary(rng: np.random.Generator, n: int) -> Array:
    """70 % right."""
    return (rng.random(n) < 0.7).astype(float)


@pytest.mark.parametrize("n", [50, 100, 300])
@pytest.mark.parametrize("draw, mean", [(zero_inflated, 0.55), (nearly_right, 0.94), (binary, 0.7)])
def test_coverage_of_a_mean(
    draw: Callable[[np.random.Generator, int], Array], mean: float, n: int
) -> None:
    rng, trials, covered = np.random.default_rng(n), 1_000, 0
    for _ in range(trials):
        estimate = estimate_mean(draw(rng, n).tolist())
        covered += estimate.low <= mean <= estimate.high
    assert within_noise(covered / trials, trials, 0.93, 0.98)


def test_coverage_of_a_mean_over_clusters() -> None:
    rng, trials, covered, naive = np.random.default_rng(0), 400, 0, 0
    names = [str(g) for g in range(30) for _ in range(5)]
    for _ in range(trials):
        values = (rng.random(150) < np.repeat(rng.beta(1.75, 0.58, 30), 5)).astype(float).tolist()
        estimate, plain = estimate_mean(values, clusters=names), estimate_mean(values)
        covered += estimate.low <= 1.75 / 2.33 <= estimate.high
        naive += plain.low <= 1.75 / 2.33 <= plain.high
    assert within_noise(covered / trials, trials, 0.93, 0.98)
    assert naive / trials < 0.9


def seeded(rng: np.random.Generator, p: Array, seed_sd: float, n_runs: int) -> list[list[float]]:
    """Runs whose mean moves by about `seed_sd` from seed to seed, over items of chance p."""
    weight = p * (1 - p) / 0.138  # mean of p(1-p) for Beta(1.5, 0.6)
    shift = rng.normal(0, seed_sd, (n_runs, 1))
    runs: list[list[float]] = (
        (rng.random((n_runs, len(p))) < np.clip(p + shift * weight, 0, 1)).astype(float).tolist()
    )
    return runs


@pytest.mark.parametrize("n", [50, 100, 300])
@pytest.mark.parametrize("n_runs", [2, 3, 5])
@pytest.mark.parametrize("seed_sd", [0.0, 0.02])
def test_coverage_and_false_alarms_over_seeds(n: int, n_runs: int, seed_sd: float) -> None:
    rng, trials, covered, alarms = np.random.default_rng(n + n_runs), 250, 0, 0
    for _ in range(trials):
        p = rng.beta(1.5, 0.6, n)
        runs, others = (seeded(rng, p, seed_sd, n_runs) for _ in range(2))
        estimate = estimate_runs(runs)
        covered += estimate.low <= 1.5 / 2.1 <= estimate.high
        alarms += paired_runs(runs, others).p_value < 0.05
    assert within_noise(covered / trials, trials, 0.95, 0.995)
    assert within_noise(alarms / trials, trials, 0.0, 0.04)


def test_one_seed_an_arm_is_no_test_of_the_method() -> None:
    rng, trials, one, three = np.random.default_rng(5), 250, 0, 0
    for _ in range(trials):
        p = rng.beta(1.5, 0.6, 300)
        runs, others = (seeded(rng, p, 0.04, 3) for _ in range(2))
        one += paired_difference(runs[0], others[0]).p_value < 0.05
        three += paired_runs(runs, others).p_value < 0.05
    assert one / trials > 0.15 > three / trials


@pytest.mark.parametrize("n", [50, 100, 300])
@pytest.mark.parametrize("a, b", [(0.8, 0.8), (0.75, 0.7), (0.06, 0.08)])
def test_binary_pairs(n: int, a: float, b: float) -> None:
    rng, trials, covered, alarms = np.random.default_rng(n), 1_000, 0, 0
    for _ in range(trials):
        u = rng.random(n)
        both = (u < min(a, b) - 0.05).astype(float)  # the rest is independent
        rest = min(a, b) - 0.05
        x = np.maximum(both, rng.random(n) < (a - rest) / (1 - rest))
        y = np.maximum(both, rng.random(n) < (b - rest) / (1 - rest))
        result = paired_difference(x.tolist(), y.tolist())
        covered += result.estimate.low <= a - b <= result.estimate.high
        alarms += result.p_value < 0.05
    assert within_noise(covered / trials, trials, 0.93, 0.98)
    if a == b:
        assert within_noise(alarms / trials, trials, 0.0, 0.05)


@pytest.mark.parametrize("n", [50, 100, 300])
def test_graded_pairs(n: int) -> None:
    rng, trials, covered, alarms = np.random.default_rng(n), 150, 0, 0
    for _ in range(trials):
        x, y = zero_inflated(rng, n), zero_inflated(rng, n)
        result = paired_difference(x.tolist(), y.tolist())
        covered += result.estimate.low <= 0 <= result.estimate.high
        alarms += result.p_value < 0.05
    assert within_noise(covered / trials, trials, 0.93, 0.98)
    assert within_noise(alarms / trials, trials, 0.0, 0.05)


def test_clustered_pairs() -> None:
    rng, trials, alarms, naive = np.random.default_rng(1), 150, 0, 0
    names = [str(g) for g in range(30) for _ in range(10)]
    for _ in range(trials):
        x, y = (
            (rng.random(300) < np.repeat(rng.beta(0.32, 0.11, 30), 10)).astype(float).tolist()
            for _ in range(2)
        )
        alarms += paired_difference(x, y, clusters=names).p_value < 0.05
        naive += paired_difference(x, y).p_value < 0.05
    assert within_noise(alarms / trials, trials, 0.0, 0.06)
    assert naive / trials > 0.25


def test_a_real_gain_is_found_as_often_as_planned() -> None:
    rng, trials, found = np.random.default_rng(2), 1_000, 0
    n = 300
    gain = minimum_detectable_difference(n)
    for _ in range(trials):
        u = rng.random(n)
        x = (u < 0.5) | (u < 0.5 + (0.2 + gain) / 2)
        y = (u < 0.5) | ((u >= 0.5 + (0.2 + gain) / 2) & (u < 0.7))
        found += (
            paired_difference(x.astype(float).tolist(), y.astype(float).tolist()).p_value < 0.05
        )
    assert found / trials == pytest.approx(0.8, abs=0.05)


def test_the_best_of_equals_is_brought_down() -> None:
    rng, n, k = np.random.default_rng(4), 200, 20
    best = (rng.random((2_000, k, n)) < 0.8).mean(axis=2).max(axis=1)
    corrected = [value - shrink_best(float(value), n, k, correlation=0.0) for value in best[:300]]
    assert float(best.mean()) > 0.845
    assert float(np.mean(corrected)) == pytest.approx(0.8, abs=0.005)


def test_no_heavy_library_is_loaded() -> None:
    code = (
        "import sys, probes.stats, probes.scoring; "
        "print([m for m in ('torch','scipy','pandas','statsmodels','nltk') if m in sys.modules])"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "[]"
