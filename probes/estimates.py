"""Means of scores with intervals that keep their coverage at 30 to 500 items and 1 to 5 seeds.

All intervals are Wilson's with an effective number of items: n_eff = m(1-m) / var(mean), as
Korn & Graubard (1998, Survey Methodology 24) and Franco et al. (2019, JSSAM 7) do for clustered
proportions; for plain 0/1 scores it is Wilson (1927) itself. In simulations at n = 30 to 300 it
covered .93 to 1.0 at a nominal .95 where bootstrap-t fell to .48 and Student's t to .59: a few
wrong answers among many right ones leave a resample without any (cf. Bowyer et al., 2503.01747).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from probes.distributions import beta_cdf, normal_quantile, t_quantile
from probes.records import Estimate

Floats = NDArray[np.float64]

SEED_SD_PRIOR = 0.02
"""Standard deviation between seeds expected before any is seen, on the scale 0 to 1: fine-tuning
on about 1,000 examples (facts/statistics.md A2). It counts as one further degree of freedom: two
seeds that agree by luck are not believed, and two that differ do not cost a factor of 12.7."""

_DRAWS = 20_000


def wilson(successes: float, n: float, level: float = 0.95) -> tuple[float, float]:
    """Score interval of a proportion (Wilson 1927, JASA 22), within [0, 1].

    `successes` may be fractional and `n` an effective number; ValueError unless
    0 <= successes <= n and n > 0.
    """
    return _score_interval(successes, n, normal_quantile(0.5 + level / 2))


def _score_interval(successes: float, n: float, quantile: float) -> tuple[float, float]:
    if not (n > 0 and -1e-9 <= successes <= n * (1 + 1e-9)):
        raise ValueError(f"{successes} successes of {n}")
    share, q2 = min(1.0, max(0.0, successes / n)), quantile * quantile
    centre = (share + q2 / (2 * n)) / (1 + q2 / n)
    half = quantile / (1 + q2 / n) * math.sqrt(share * (1 - share) / n + q2 / (4 * n * n))
    return max(0.0, min(share, centre - half)), min(1.0, max(share, centre + half))


def estimate_mean(
    values: Sequence[float], *, level: float = 0.95, clusters: Sequence[str] | None = None
) -> Estimate:
    """Mean of n scores in [0, 1]: Wilson for 0/1 scores, with an effective n for others.

    `clusters` (n names) says which items share a document, conversation or template; the effective
    n is then divided by the design effect, with Student's t at one less than the number of
    clusters (Miller 2411.00640, section 2.2, for the variance). The interval has a width even where
    all values are equal. ValueError for no values, values outside [0, 1] or a wrong length.
    """
    scores = as_scores([values])[0]
    n_effective, df = _effective_items(scores, clusters)
    mean = float(scores.mean())
    low, high = _score_interval(
        mean * n_effective, n_effective, t_quantile(0.5 + level / 2, round(df, 1))
    )
    basis = "wilson" if _binary(scores) and clusters is None else "wilson(effective n)"
    if clusters is not None:
        basis = "wilson(effective n, clusters)"
    return Estimate(value=mean, low=low, high=high, n=len(scores), level=level, basis=basis)


def estimate_runs(
    runs: Sequence[Sequence[float]], *, level: float = 0.95, clusters: Sequence[str] | None = None
) -> Estimate:
    """Mean over R seeds x n items of scores in [0, 1], uncertain over both seeds and items.

    var(mean) = var(seed means) / R + var(item means) / n (two-way random effects, without taking
    off the residual counted twice, which is slightly conservative); degrees of freedom by
    Satterthwaite (1946, Biometrics 2); the seed part is shrunk towards SEED_SD_PRIOR. Coverage of
    the nominal .95 in simulation: .96 to .99 at a seed sd up to .02, .89 to .97 at .05. One seed
    says nothing of other seeds: the interval is then that of the items, and `basis` says so.
    `n` of the result is the number of items. ValueError as for `estimate_mean`, or ragged runs.
    """
    scores = as_scores(runs)  # (R, n)
    if len(scores) == 1:
        single = estimate_mean(runs[0], level=level, clusters=clusters)
        return single.model_copy(update={"basis": f"{single.basis}, one seed"})
    mean = float(scores.mean())
    n_items, df_items = _effective_items(scores.mean(axis=0), clusters)
    spread = _smoothed_spread(scores.mean(axis=0))
    items, seeds, df_seeds = spread / n_items, *seed_variance(scores)
    n_effective = spread / (items + seeds)
    df = satterthwaite([(items, df_items), (seeds, df_seeds)])
    low, high = _score_interval(mean * n_effective, n_effective, t_quantile(0.5 + level / 2, df))
    names = "seeds, items" if clusters is None else "seeds, clusters"
    return Estimate(
        value=mean,
        low=low,
        high=high,
        n=scores.shape[1],
        level=level,
        basis=f"wilson(effective n: {names})",
    )


def probability_at_least(
    runs: Sequence[Sequence[float]],
    target: float,
    *,
    seed: int = 0,
    clusters: Sequence[str] | None = None,
) -> float:
    """Posterior probability that the true mean over items and seeds is >= `target`.

    One run: Beta(m n_eff + 1/2, (1-m) n_eff + 1/2), for 0/1 scores Jeffreys' posterior (Brown, Cai
    & DasGupta 2001); nothing is then known of other seeds. Several: the same, averaged over draws
    of the seed variance from its scaled inverse chi-squared posterior (Gelman et al., BDA3, 3.2)
    whose prior is SEED_SD_PRIOR with one degree of freedom. Within [1e-6, 1 - 1e-6].
    """
    scores = as_scores(runs)
    mean = float(scores.mean())
    n_items, _ = _effective_items(scores.mean(axis=0), clusters)
    if len(scores) == 1:
        p = 1 - beta_cdf(target, mean * n_items + 0.5, (1 - mean) * n_items + 0.5)
    else:
        rng = np.random.default_rng(seed)
        spread = _smoothed_spread(scores.mean(axis=0))
        seeds, df = seed_variance(scores)
        n_draws = spread / (spread / n_items + seeds * df / rng.chisquare(df, _DRAWS))
        draws = rng.beta(mean * n_draws + 0.5, (1 - mean) * n_draws + 0.5)
        p = (float((draws >= target).sum()) + 0.5) / (_DRAWS + 1)
    return min(1 - 1e-6, max(1e-6, p))


# ------------------------------------------------- parts shared with the paired comparisons


def as_scores(runs: Sequence[Sequence[float]]) -> Floats:
    """`runs` as an array (R, n); ValueError when empty, ragged or outside [0, 1]."""
    if not len(runs) or not len(runs[0]):
        raise ValueError("no scores")
    if any(len(run) != len(runs[0]) for run in runs):
        raise ValueError("the runs do not have the same items")
    scores = np.asarray(runs, dtype=np.float64)
    if not bool(np.all((scores >= 0) & (scores <= 1))):
        raise ValueError("a score outside [0, 1]")
    return scores


def cluster_codes(clusters: Sequence[str], n: int) -> NDArray[np.intp]:
    """Number of the cluster of each of n items, from 0; ValueError for another length."""
    if len(clusters) != n:
        raise ValueError(f"{len(clusters)} cluster names for {n} items")
    numbers: dict[str, int] = {}
    return np.asarray([numbers.setdefault(name, len(numbers)) for name in clusters], dtype=np.intp)


def design_effect(values: Floats, codes: NDArray[np.intp]) -> float:
    """Variance of the mean with clusters over that without, at least 1 (Kish 1965).

    Where all values are equal it cannot be estimated: then the items of a cluster count as one.
    """
    n, n_clusters = len(values), int(codes.max()) + 1
    residuals = values - values.mean()
    plain = float((residuals**2).sum())
    if plain <= 1e-18 or n_clusters == 1:
        return n / n_clusters
    sums = np.bincount(codes, weights=residuals)
    clustered = float((sums**2).sum()) * n_clusters / (n_clusters - 1)
    return max(1.0, clustered / (plain * n / max(1, n - 1)))


def seed_variance(scores: Floats) -> tuple[float, float]:
    """Variance of the mean over R >= 2 seeds that is due to seeds, and its degrees of freedom."""
    r = len(scores)
    observed = float(scores.mean(axis=1).var(ddof=1))
    return (SEED_SD_PRIOR**2 + (r - 1) * observed) / r / r, float(r)


def satterthwaite(parts: Sequence[tuple[float, float]]) -> float:
    """Degrees of freedom of a sum of (variance, degrees of freedom), to one decimal place."""
    total = sum(variance for variance, _ in parts)
    below = sum(variance**2 / df for variance, df in parts)
    return round(total**2 / below, 1) if below > 0 else 1e9


def _binary(scores: Floats) -> bool:
    return bool(np.all((scores == 0) | (scores == 1)))


def _effective_items(scores: Floats, clusters: Sequence[str] | None) -> tuple[float, float]:
    """Number of 0/1 items that would leave the mean as uncertain, and degrees of freedom.

    The variance is taken with half an item at 0 and half an item at 1 added: nothing changes for
    0/1 scores, and no other scores can look as if they had no spread.
    """
    n = len(scores)
    squares = _smoothed_squares(scores)
    ratio = squares / (n + 1) / _smoothed_spread(scores)
    n_effective, df = n / ratio, 1e9
    if clusters is not None:
        codes = cluster_codes(clusters, n)
        n_effective /= design_effect(scores, codes)
        df = max(1.0, float(codes.max()))
    return n_effective, df


def _smoothed_mean(scores: Floats) -> float:
    return (float(scores.sum()) + 0.5) / (len(scores) + 1)


def _smoothed_squares(scores: Floats) -> float:
    mean = _smoothed_mean(scores)
    return float(((scores - mean) ** 2).sum()) + 0.5 * mean**2 + 0.5 * (1 - mean) ** 2


def _smoothed_spread(scores: Floats) -> float:
    """m(1-m), the largest variance that scores of this mean could have, never 0."""
    mean = _smoothed_mean(scores)
    return mean * (1 - mean)
