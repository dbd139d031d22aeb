"""The null laboratory: arms whose truth is made, to count the claims that are not so.

Items are simulated: each has a difficulty that all arms share, so that their errors agree as those
of real models do. With all arms equal every claim "A beats B" is false; with one arm ahead by a
gap, the claims that name it are what there was to find.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from probes.distributions import normal_quantile
from probes.record import Record
from probes.stats import holm, paired_runs

ALPHA = 0.05
GAPS = (0.0, 0.05, 0.10, 0.20)
REPLAYS = 1000
LEVEL = 0.7
"""True quality of the arms that are not ahead."""
NAMED = 1
"""The arm that is named beforehand."""
SHARED = 0.5
"""Share of an answer's luck that lies in the item."""


class Claims(Record):
    """What the product's comparison claimed over many replays."""

    gap: float
    replays: int
    n_items: int
    n_arms: int
    false_claims: float
    """Share of replays with a claim that is not so, or in the wrong direction, where the arm that
    looks best is held against all others."""
    false_beforehand: float
    """The same for an arm that was named before anything was seen."""
    found: float
    """Share of replays that claim the arm ahead over a given other one."""


def claims(
    gap: float, *, replays: int = REPLAYS, n_items: int = 300, n_arms: int = 8, seed: int = 0
) -> Claims:
    """Replays with the first arm ahead by `gap`; the arm that looks best is held against all others
    on the same items, p-values by Holm, as the product does (`advisor.decide.compare`)."""
    rng = np.random.default_rng([seed, round(1000 * gap)])
    false = beforehand = found = 0
    for _ in range(replays):
        scores = simulated(rng, gap, n_items, n_arms)
        leader = int(scores.mean(axis=1).argmax())
        over, under = _claimed(scores, leader)
        false += _errs(leader, over, under, gap)
        found += gap > 0 and leader == 0 and 1 in over
        beforehand += _errs(NAMED, *_claimed(scores, NAMED), gap)
    return Claims(
        gap=gap,
        replays=replays,
        n_items=n_items,
        n_arms=n_arms,
        false_claims=false / replays,
        false_beforehand=beforehand / replays,
        found=found / replays,
    )


def _claimed(scores: NDArray[np.float64], held: int) -> tuple[list[int], list[int]]:
    """The arms that `held` is claimed to be better than, and those claimed to be better."""
    others = [at for at in range(len(scores)) if at != held]
    pairs = [paired_runs([list(scores[held])], [list(scores[at])]) for at in others]
    adjusted = holm([pair.p_value for pair in pairs])
    over, under = list[int](), list[int]()
    for at, pair, p in zip(others, pairs, adjusted, strict=True):
        if p < ALPHA:
            (over if pair.estimate.value >= 0 else under).append(at)
    return over, under


def _errs(held: int, over: list[int], under: list[int], gap: float) -> bool:
    """Whether any of the claims is not so: only arm 0 is better than others, and only by a gap."""
    better = [held] * len(over) + under
    return any(at != 0 or gap == 0 for at in better)


def simulated(
    rng: np.random.Generator, gap: float, n_items: int, n_arms: int
) -> NDArray[np.float64]:
    """Right or wrong, arms x items: a normal threshold model with SHARED correlation."""
    quality = np.full(n_arms, LEVEL)
    quality[0] = min(1 - 1e-9, LEVEL + gap)
    cuts = np.array([normal_quantile(float(q)) for q in quality])
    item = rng.normal(size=n_items) * np.sqrt(SHARED)
    own = rng.normal(size=(n_arms, n_items)) * np.sqrt(1 - SHARED)
    scores: NDArray[np.float64] = (item[None, :] + own < cuts[:, None]).astype(np.float64)
    return scores
