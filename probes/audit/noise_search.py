"""The search for the noise that explains the labels best, from starts with and without noise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from probes.audit.noise_model import (
    Fit,
    Floats,
    HeldOut,
    Ints,
    Labels,
    fitted,
    folds_of,
    plain,
    softmax,
)

LARGE = 200_000
"""Rows times labels above which the search is cut short, to keep to its time."""
NO_NOISE = 0.01
"""A share of wrong labels that counts as none: single errors must not forbid it."""
_GRID = tuple(float(each) for each in np.geomspace(0.7, 24, 8))
_CLEAR = 0.3
"""Nats a label below which no two labels can be mixed half and half: that costs 0.69."""


@dataclass(frozen=True)
class Solution:
    """A classifier's scores of the rows, and the noise that goes with them."""

    scores: Floats
    fit: Fit


def unaided(seen: Floats, labels: Labels, texts: Sequence[str]) -> list[Floats]:
    """Scores of classifiers that know of no noise, the most shrunk last."""
    folds, none = folds_of(texts, 0), plain(labels, NO_NOISE)
    amounts = (0.3,) if labels.n * labels.k > LARGE else (0.3, 2.0)
    return [HeldOut(seen, labels, folds, each).scores(none, 50) for each in amounts]


def solutions(
    seen: Floats, labels: Labels, texts: Sequence[str], plainly: Floats
) -> list[Solution]:
    """The best fit at each shrinkage and deal of folds that was tried; `plainly` are the scores of
    a classifier that knows of no noise."""
    large = labels.n * labels.k > LARGE
    folds = folds_of(texts, 0)
    first = _climb(seen, labels, folds, 0.3 if large else 1.0, plain(labels, 0.001))
    found = [first]
    if first.fit.loglik < -_CLEAR * labels.n:
        again = _climb(seen, labels, folds, 1.0, _gathered(plainly, labels, large))
        found = [max(first, again, key=lambda each: each.fit.loglik)]
    if large:
        return found
    start = found[0].fit.transitions
    found += [_climb(seen, labels, folds, shrinkage, start, 3) for shrinkage in (0.3, 3.0)]
    best = max(range(3), key=lambda at: found[at].fit.loglik)
    shrinkage, start = (1.0, 0.3, 3.0)[best], found[best].fit.transitions
    found.append(_climb(seen, labels, folds_of(texts, 1), shrinkage, start, 3))
    return found


def learnt_from_fewer(seen: Floats, labels: Labels, texts: Sequence[str], best: Solution) -> float:
    """The rate by classifiers that saw about half of the rows, where the others saw four fifths."""
    halves = folds_of(texts, 0) % 2
    return _climb(seen, labels, halves, 1.0, best.fit.transitions, 3).fit.rate


def _climb(
    seen: Floats, labels: Labels, folds: Ints, shrinkage: float, start: Floats, turns: int = 10
) -> Solution:
    """Train through the transitions and fit them to the labels held out, in turns."""
    large = labels.n * labels.k > LARGE
    held, transitions = HeldOut(seen, labels, folds, shrinkage), start
    best: Solution | None = None
    grid: Sequence[float] = _GRID
    for turn in range(min(turns, 4) if large else turns):
        scores = held.scores(transitions, 30 if turn else 50)
        into = transitions if turn else 0.5 * (transitions + plain(labels, 0.3))
        fits = [fitted(scores, labels, into, each, rounds=10 if large else 20) for each in grid]
        fit = max(fits, key=lambda each: each.loglik)
        transitions = fit.transitions
        grid = [fit.sharpness * step for step in (0.75, 1, 1.33)]
        before = best
        if best is None or fit.loglik > best.fit.loglik:
            best = Solution(scores, fit)
        if before is not None and fit.loglik < before.fit.loglik + 1:
            break
    assert best is not None
    return best


def _gathered(unaided: Floats, labels: Labels, large: bool) -> Floats:
    """Transitions to start from where many labels are wrong: k-means of what a classifier that
    knows of no noise thinks of the rows, each cluster named by the label that it holds most of.

    From a start without noise the search cannot leave a fit in which two labels that were mixed
    half and half are both taken as they stand.
    """
    from sklearn.cluster import KMeans

    means = KMeans(labels.k, n_init=1 if large else 5, random_state=0)
    cluster = means.fit_predict(np.sqrt(softmax(2 * unaided)))
    held = np.full((labels.k, labels.k), 0.5)
    np.add.at(held, (cluster, labels.codes), 1)
    held /= held.sum(axis=1, keepdims=True)
    lift = held / (labels.sizes / labels.n)
    start = np.zeros((labels.k, labels.k), dtype=np.float32)
    for _ in range(labels.k):
        number, name = divmod(int(lift.argmax()), labels.k)
        start[name] = held[number]
        lift[number], lift[:, name] = -1, -1
    return start
