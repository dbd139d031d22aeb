"""Sequential paired tests: evidence that may be looked at after every item and keeps its level.

A bettor stakes shares of her wealth on the next difference being above the margin. Where the mean
is the margin or less and items are independent, her wealth ever exceeds 1 / alpha with probability
alpha at most (Ville's inequality; testing by betting: Waudby-Smith & Ramdas, JRSS B 2024, arXiv
2010.09686). Her stakes are an even mixture over a grid, so nothing is tuned on the data.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

STAKES = np.linspace(0.02, 0.9, 30)
"""Shares of the wealth that are staked against a difference of 1."""


def log_wealth(differences: Sequence[float] | Floats, margin: float = 0.0) -> Floats:
    """Log of the wealth after each item, against "the mean difference is `margin` or less".

    Args:
        differences: (n,) paired differences of scores in [0, 1], in the order in which they came.
        margin: in (-1, 1).
    """
    gains = np.asarray(differences, dtype=float) - margin  # (n,), within [-1 - margin, 1 - margin]
    stakes = STAKES / (1 + margin) if margin > 0 else STAKES  # no stake can lose everything
    logs = np.log1p(stakes[:, None] * gains[None]).cumsum(axis=1)  # (stakes, n)
    top = logs.max(axis=0)
    found: Floats = top + np.log(np.exp(logs - top).mean(axis=0))
    return found


def dominated(
    scores: Sequence[Sequence[float]], *, n_begun: int, alpha: float, margin: float = 0.0
) -> list[int]:
    """Candidates that another one beats, by all looks so far: their positions, worst first.

    Candidate i goes when for some j that stays "j is worse than i by `margin` or more" is refuted
    at level alpha / (n_begun - 1). Hence, over all looks, the best candidate goes while it is more
    than `margin` ahead of all others with probability alpha at most: only its own tests can err.

    Args:
        scores: (K, n) scores in [0, 1] of the K candidates that are left, on the same n items in
            one order.
        n_begun: candidates at the first look.
        margin: loss that counts as none, in [0, 1).
    """
    table = np.asarray(scores, dtype=float)
    bar = math.log(max(1, n_begun - 1) / alpha)
    staying = sorted(range(len(table)), key=lambda at: (table[at].mean(), at))
    gone = []
    for worst in list(staying):
        others = [at for at in staying if at != worst]
        if any(_ever(table[better] - table[worst], -margin, bar) for better in others):
            staying.remove(worst)
            gone.append(worst)
    return gone


def _ever(differences: Floats, margin: float, bar: float) -> bool:
    """Whether the wealth reached the bar at any time."""
    return bool(log_wealth(differences, margin).max() >= bar)
