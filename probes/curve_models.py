"""What may lie behind a few points of a learning curve, as a weighted sum of normals of ln error.

Bounded metrics: ~2,000 curves drawn from a prior learnt on published ones, weighted by how well
they fit (importance sampling; the idea of LC-PFN, Adriaensen et al. 2310.20447, without a network).
Losses: a Gaussian process in (log2 n, ln loss), averaged with the two lines of `LINES`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from knowledge.curves import LossCurves, QualityCurves
from probes.distributions import normal_quantile

Floats = NDArray[np.float64]

N_DRAWS = 2000
SMALLEST = 0.002
"""Errors below are taken for this: their logarithm says nothing."""
_LIGHT = 1e-5
"""Draws of a smaller weight, relative to the heaviest, are left out."""
_FEWEST = 20.0
"""Effective number of draws that the spread rests on: where the points single out fewer, their
likelihood is tempered for it. Without, 80 % intervals held 70 % of curves drawn from the prior; the
centre is left alone, which tempering made worse by a tenth on published curves."""
_FREE = 25.0
"""Variance of the unknown level of ln loss."""


@dataclass(frozen=True)
class Mixture:
    """Normals of ln error or ln loss at some n."""

    centre: Floats
    """(T,)."""
    weights: Floats
    """(C,), sum 1: the spread about the centre."""
    means: Floats
    """(C, T), one column for each n asked for."""
    sds: Floats
    """(C, T), of one further observation without the error of its items."""


def quality_mixture(
    n: Floats, errors: Floats, variances: Floats, asked: Floats, prior: QualityCurves, floor: float
) -> Mixture:
    """Posterior of ln error at the n `asked` for, (T,), from k points (k,), of any order.

    Each drawn curve has a free level, integrated out under a flat prior (Rasmussen & Williams 2006,
    section 2.7), and residuals that wander: what the last points are off, the next ones are likely
    to be too. `variances` are those of the errors, seeds alone. `floor` is an error that cannot be
    removed (label noise): no drawn curve falls below it by more than its level is off.
    """
    first, k = int(np.argmin(n)), len(n)
    decay, least, late, wander = _draws(prior).T[:, :, None]  # (C, 1) each
    least = np.minimum(0.99, least + floor / max(SMALLEST, float(errors[first])))
    ratios = np.concatenate([n, asked]) / n[first]
    shape = np.log(least + (1 - least) * ((ratios + late) / (1 + late)) ** -decay)  # (C, k + T)

    held = np.maximum(errors, SMALLEST)
    x = np.log2(ratios)
    walked = wander[:, :, None] ** 2 * np.minimum(x[:, None], x[None, :])  # (C, k + T, k + T)
    spread = np.minimum(variances / held**2, 4.0) + prior.scatter * wander**2  # (C, k)
    seen = walked[:, :k, :k] + spread[:, :, None] * np.eye(k)
    left = (np.log(held) - shape[:, :k])[:, :, None]
    solved = np.linalg.solve(
        seen, np.concatenate([left, np.ones_like(left), walked[:, :k, k:]], axis=2)
    )
    total = solved[:, :, 1].sum(axis=1)
    level = solved[:, :, 0].sum(axis=1) / total
    off = solved[:, :, 0] - level[:, None] * solved[:, :, 1]  # (C, k)
    fit = -0.5 * ((left[:, :, 0] - level[:, None]) * off).sum(axis=1)
    fit -= 0.5 * (np.linalg.slogdet(seen)[1] + np.log(total))

    means = level[:, None] + shape[:, k:] + np.einsum("ck,ckt->ct", off, walked[:, :k, k:])
    gain = solved[:, :, 2:]
    variance = np.einsum("ctt->ct", walked[:, k:, k:]) + prior.scatter * wander**2
    variance = variance - np.einsum("ckt,ckt->ct", walked[:, :k, k:], gain)
    variance += (1 - gain.sum(axis=1)) ** 2 / total[:, None]
    means = np.minimum(0.0, means)
    weights = _weights(fit, 1.0)
    centre = weights @ means
    share = 1.0
    while 1 / (weights**2).sum() < _FEWEST:
        share *= 0.8
        weights = _weights(fit, share)
    kept = weights > _LIGHT * weights.max()
    sds = np.sqrt(np.maximum(variance[kept], 1e-12))
    return Mixture(centre, weights[kept] / weights[kept].sum(), means[kept], sds)


def _weights(fit: Floats, share: float) -> Floats:
    """Likelihoods to the power of `share`, sum 1."""
    found = np.exp(share * (fit - fit.max()))
    return np.asarray(found / found.sum())


@lru_cache(maxsize=8)
def _draws(prior: QualityCurves) -> Floats:
    """(N_DRAWS, 4): b, k, m / n1 and what ln e wanders, from Halton's sequence."""
    u = np.stack([_halton(base) for base in (2, 3, 5, 7, 11, 13)])
    z = np.array([[normal_quantile(p) for p in u[row]] for row in (0, 1)])
    decay = prior.decay * np.exp(prior.decay_spread * z[0])
    wander = prior.wander * np.exp(prior.wander_spread * z[1])
    least = np.where(u[2] < prior.broad, 0.95 * u[3], np.minimum(0.95, -prior.floor * np.log(u[3])))
    late = np.where(u[4] < prior.late, 0.3 * 100.0 ** u[5], 0.0)
    return np.stack([decay, least, late, wander], axis=1)


def _halton(base: int) -> Floats:
    """N_DRAWS numbers in (0, 1) that fill it evenly (Halton 1960)."""
    found = np.zeros(N_DRAWS)
    left, scale = np.arange(1, N_DRAWS + 1), 1.0 / base
    while left.any():
        found += scale * (left % base)
        left, scale = left // base, scale / base
    return found


def loss_mixture(
    n: Floats, losses: Floats, variances: Floats, asked: Floats, prior: LossCurves
) -> Mixture:
    """Posterior of ln loss at the n `asked` for, (T,), from k points (k,) in ascending n.

    The centre is the mean of ln of the process and, from three points on, of the two lines; the
    variance is that of the process and the one between the three.
    """
    k = len(n)
    x = np.log2(np.concatenate([n, asked]) / n[0])
    expected = prior.slope * x + prior.bend * x**2 / 2
    near, apart = np.minimum(x[:, None], x[None, :]), np.abs(x[:, None] - x[None, :])
    near = np.maximum(near, 0.0)
    both = _FREE + prior.slope_sd**2 * np.outer(x, x)
    both += prior.drift**2 * (near**3 / 3 + near**2 * apart / 2)
    seen = both[:k, :k] + np.diag(variances / losses**2 + prior.noise**2)
    solved = np.linalg.solve(seen, np.c_[np.log(losses) - expected[:k], both[:k, k:]])
    centre = expected[k:] + both[k:, :k] @ solved[:, 0]
    variance = np.diag(both[k:, k:] - both[k:, :k] @ solved[:, 1:]) + prior.noise**2
    if k >= 3:
        three = np.stack([centre, *(line(n, losses, asked) for line in (two_points, accepted))])
        centre = three.mean(axis=0)
        variance = variance + three.var(axis=0)
    return Mixture(centre, np.ones(1), centre[None], np.sqrt(variance)[None])


def two_points(n: Floats, losses: Floats, asked: Floats) -> Floats:
    """ln loss on the log-log line through the last two of at least two points."""
    slope = np.log(losses[-1] / losses[-2]) / np.log(n[-1] / n[-2])
    return np.asarray(np.log(losses[-1]) + slope * np.log(asked / n[-1]))


def accepted(
    n: Floats, losses: Floats, asked: Floats, *, fewest: int = 3, outlying: float = 5.0
) -> Floats:
    """ln loss on the line of "accept then stop", AtS (Lin et al. 2402.02314, algorithm 1).

    The line is fitted to the last `fewest` points, then to one more at a time, until the next one
    lies `outlying` standard deviations of the residuals off. As in the authors' code the first
    point never enters where there are more than `fewest`. ValueError for fewer than two points.
    """
    if len(n) < 2:
        raise ValueError("one point makes no line")
    x, y = np.log(n), np.log(losses)
    taken = min(fewest, len(x))
    while taken < len(x) - 1:
        line = np.polyfit(x[-taken:], y[-taken:], 1)
        sd = float(np.std(y[-taken:] - np.polyval(line, x[-taken:])))
        if abs(y[-taken - 1] - np.polyval(line, x[-taken - 1])) > outlying * sd:
            break
        taken += 1
    return np.asarray(np.polyval(np.polyfit(x[-taken:], y[-taken:], 1), np.log(asked)))
