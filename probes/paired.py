"""Two ways of answering, compared on the same items: difference, interval and test.

The interval is Agresti & Min (2005, Statistics in Medicine 24), which adds 1/2 to each cell of
the 2 x 2 table: at n = 30 and accuracies of 6 % and 8 % it covers .99 where Wald covers .90 and
the percentile bootstrap .77 (facts/statistics.md C(ii)). For scores other than 0/1 the same is
done with pseudo-changes about as large as those seen. Where 5 % of the items change, bootstrap-t
covered .51 to .56 at n = 30 and .84 to .90 at 100, Student's t .71 to .73 and .87 to .89, this
.99 or more and .93 to .97.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import numpy as np

from probes.distributions import t_cdf, t_quantile
from probes.estimates import (
    Floats,
    as_scores,
    cluster_codes,
    design_effect,
    satterthwaite,
    seed_variance,
)
from probes.record import Record
from probes.records import Estimate

_FLIPS = 9_999
_EXACT_FLIPS = 12  # 2^12 sign patterns are enumerated


class PairedDifference(Record):
    """How much better a is than b on the same items."""

    estimate: Estimate
    """Mean of a - b, in [-1, 1]."""
    p_value: float
    """Two-sided, of the hypothesis that the two are equally good."""
    test: str
    """`mcnemar(exact)`, `mcnemar(mid-p)`, `sign-flip(items)`, `sign-flip(clusters)`, `t(...)`."""
    n_discordant: int
    """Items on which the two scores differ."""


def paired_difference(
    a: Sequence[float],
    b: Sequence[float],
    *,
    level: float = 0.95,
    clusters: Sequence[str] | None = None,
    seed: int = 0,
) -> PairedDifference:
    """Mean of a - b over the same n items, scores in [0, 1].

    0/1 scores: Agresti-Min interval; McNemar exact below ten discordant items, else mid-p
    (Fagerland, Lydersen & Laake 2013, BMC Med Res Methodol 13). Others, and clusters: the interval
    of the module's docstring, and a sign-flip permutation test of items or clusters (exact up to
    12, else 9,999 flips drawn with `seed`). Clusters divide n by the design effect and bring
    Student's t at one less than their number. ValueError for scores outside [0, 1], no items or
    unequal lengths.
    """
    scores = as_scores([a, b])
    changes = _changes(scores[0], scores[1])
    mean = float(changes.mean())
    binary = bool(np.all((scores == 0) | (scores == 1)))
    centre, variance, df = _centre_and_variance(changes, clusters, binary=binary)
    n_discordant = int(np.count_nonzero(changes))
    if clusters is not None:
        codes = cluster_codes(clusters, len(changes))
        sums: Floats = np.bincount(codes, weights=changes).astype(np.float64)
        p_value, test = sign_flip(sums, seed=seed), "sign-flip(clusters)"
    elif binary:
        better = int(np.count_nonzero(changes > 0))
        p_value = mcnemar(better, n_discordant - better, mid=n_discordant >= 10)
        test = "mcnemar(mid-p)" if n_discordant >= 10 else "mcnemar(exact)"
    else:
        p_value, test = sign_flip(changes, seed=seed), "sign-flip(items)"
    basis = "agresti-min" if binary else "agresti-min(scaled)"
    basis += "" if clusters is None else ", clusters"
    estimate = _interval(mean, centre, variance, df, level, len(changes), basis)
    return PairedDifference(
        estimate=estimate, p_value=p_value, test=test, n_discordant=n_discordant
    )


def paired_runs(
    a_runs: Sequence[Sequence[float]],
    b_runs: Sequence[Sequence[float]],
    *,
    level: float = 0.95,
    clusters: Sequence[str] | None = None,
    seed: int = 0,
) -> PairedDifference:
    """Mean of a - b where each arm has runs with several seeds on the same n items.

    Scores are averaged over the seeds of an arm, item by item; the variance is that of the items'
    differences plus, for each arm with two or more seeds, that of its seeds (`seed_variance`), and
    the test is Student's t with Satterthwaite's degrees of freedom. An arm with one seed adds
    nothing: right for a method without randomness, else `basis` shows `1 seed`. False alarms in
    simulation: up to .033 at a seed sd up to .02; at .05 up to .075 with 3 seeds or more and .12
    with 2, against .13 to .38 with 1. An item-level test
    alone finds differences between two runs of the SAME method in 22 to 49 % of pairs
    (facts/statistics.md A2). With one seed in each arm this is `paired_difference`. The arms may
    have unequal numbers of seeds; seeds of equal number are not taken to be paired.
    """
    a, b = as_scores(a_runs), as_scores(b_runs)
    if a.shape[1] != b.shape[1]:
        raise ValueError("the runs do not have the same items")
    names = f"{_plural(len(a), 'seed')} and {_plural(len(b), 'seed')}"
    if len(a) == len(b) == 1:
        alone = paired_difference(a_runs[0], b_runs[0], level=level, clusters=clusters, seed=seed)
        basis = f"{alone.estimate.basis}, {names}"
        estimate = alone.estimate.model_copy(update={"basis": basis})
        return alone.model_copy(update={"estimate": estimate})
    changes = _changes(a.mean(axis=0), b.mean(axis=0))
    _, items, df_items = _centre_and_variance(changes, clusters, binary=False)
    parts = [(items, df_items)] + [seed_variance(arm) for arm in (a, b) if len(arm) > 1]
    variance, df = sum(part for part, _ in parts), satterthwaite(parts)
    mean = float(changes.mean())
    test = "t(seeds, items)" if clusters is None else "t(seeds, clusters)"
    return PairedDifference(
        estimate=_interval(mean, mean, variance, df, level, a.shape[1], f"{test}, {names}"),
        p_value=min(1.0, 2 * t_cdf(-abs(mean) / math.sqrt(variance), df)),
        test=test,
        n_discordant=int(np.count_nonzero(changes)),
    )


def mcnemar(better: int, worse: int, *, mid: bool) -> float:
    """Two-sided McNemar test of the discordant counts: exact binomial, or its mid-p version.

    mid-p counts outcomes as extreme as the one seen by half (Fagerland et al. 2013): the exact
    value less P(X = least), and 1 - P(X = least) / 2 where both counts are equal.
    """
    n, least = better + worse, min(better, worse)
    if n == 0:
        return 1.0
    terms = [math.exp(_log_choose(n, i) - n * math.log(2)) for i in range(least + 1)]
    exact = min(1.0, 2 * math.fsum(terms))
    if not mid:
        return exact
    return 1 - terms[-1] / 2 if better == worse else max(0.0, exact - terms[-1])


def sign_flip(differences: Floats, *, seed: int = 0) -> float:
    """Two-sided permutation test that differences are symmetric about 0 (Fisher 1935).

    Zeros tell nothing and drop out. Exact up to 12 others; beyond, p = (1 + hits) / (1 + 9,999)
    over random flips (Phipson & Smyth 2010), so it is never 0.
    """
    sizes = np.abs(differences[np.abs(differences) > 1e-12])  # (k,)
    observed = abs(float(differences.sum())) * (1 - 1e-9) - 1e-12
    if not len(sizes):
        return 1.0
    if len(sizes) <= _EXACT_FLIPS:
        signs = np.array(list(itertools.product((-1.0, 1.0), repeat=len(sizes))))  # (2^k, k)
        return float((np.abs(signs @ sizes) >= observed).mean())
    rng = np.random.default_rng(seed)
    hits, left = 0, _FLIPS
    while left:
        rows = min(left, max(1, 4_000_000 // len(sizes)))
        plus = rng.integers(0, 2, size=(rows, len(sizes)), dtype=np.int8).astype(bool)
        sums = 2 * (plus @ sizes) - sizes.sum()
        hits += int((np.abs(sums) >= observed).sum())
        left -= rows
    return (1 + hits) / (1 + _FLIPS)


def _changes(a: Floats, b: Floats) -> Floats:
    """a - b, with 0 for what differs by rounding alone."""
    changes = a - b
    changes[np.abs(changes) < 1e-12] = 0.0
    return changes


def _centre_and_variance(
    changes: Floats, clusters: Sequence[str] | None, *, binary: bool
) -> tuple[float, float, float]:
    """Centre of the interval, variance of the mean and degrees of freedom.

    0/1: two items are added to n, with one change up and one down in halves of both (Agresti &
    Min). Others: the same two halves, of the size of a typical change (those seen and one of 1),
    about the mean as it is, since a steady small gain must not be shrunk by 2 / (n + 2).
    """
    n, effect, df = float(len(changes)), 1.0, 1e9
    if clusters is not None:
        codes = cluster_codes(clusters, len(changes))
        effect, df = design_effect(changes, codes), max(1.0, float(codes.max()))
    n_effective = n / effect
    mean, square = float(changes.mean()), float((changes**2).mean())
    if binary:
        centre = mean * n_effective / (n_effective + 2)
        within = (square * n_effective + 1) / (n_effective + 2) - centre**2
        return centre, within / (n_effective + 2), df
    typical = (square * n + 1) / (np.count_nonzero(changes) + 1)
    below = max(1.0, n_effective - 1)
    within = ((square - mean**2) * n_effective + typical) / below
    return mean, within / n_effective, min(df, max(1.0, n - 1))


def _interval(
    mean: float, centre: float, variance: float, df: float, level: float, n: int, basis: str
) -> Estimate:
    half = t_quantile(0.5 + level / 2, round(df, 1)) * math.sqrt(variance)
    low, high = max(-1.0, min(mean, centre - half)), min(1.0, max(mean, centre + half))
    return Estimate(value=mean, low=low, high=high, n=n, level=level, basis=basis)


def _log_choose(n: int, k: int) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)


def _plural(n: int, noun: str) -> str:
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"
