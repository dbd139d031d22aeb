"""A classifier of the true label and the chance of each wrong label, fitted to noisy labels alone.

The labels s of rows x are taken for true labels y that were changed without regard to x given y:
p(s|x) = sum_y p(y|x) T[y, s]. The classifier p(y|x) is trained through T (the forward correction
of Patrini et al. 2017, CVPR, eq. 6), and T is fitted by EM (Dempster et al. 1977; Dawid & Skene
1979) to labels that the classifier has not seen, together with a temperature (Guo et al. 2017,
ICML) that makes its probabilities right: without it, the classifier's own errors count as noise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from probes.data import normalised

Floats = NDArray[np.float32]
Ints = NDArray[np.intp]

DIMENSIONS = 300
"""Of the texts after the reduction; our choice, for speed."""
FOLDS = 5
"""The usual number: four fifths are learnt from."""
_CHARACTERS, _FOR_RUNS = 2000, 8_000_000
"""Characters of a text that are read, and those of all texts that are cut into character runs: a
label is mostly told by the beginning, and a long text costs its length."""
_TINY = np.float32(1e-9)
_SHARP, _SHARP_SD = 3.0, 0.4
"""Prior of the sharpness, lognormal: what clean sets of banking77 had at a shrinkage of 1. It moves
the fit by a few nats, thus only where nearly half of the labels are wrong."""


@dataclass(frozen=True)
class Fit:
    """What the labels say of the noise under one classifier."""

    loglik: float
    """Of the labels held out, with the log prior of the sharpness."""
    sharpness: float
    """What the classifier's scores are multiplied with: the inverse temperature."""
    transitions: Floats
    """T: by true label, the chance of each label in the data; (K, K)."""
    posterior: Floats
    """Probability of each true label, by row, its label known; (n, K)."""
    rate: float
    """Mean probability that a row's label is wrong."""


class Labels:
    """The labels of the rows, with what fitting needs of them at every step."""

    def __init__(self, codes: Ints, n_labels: int) -> None:
        self.codes, self.k, self.n = codes, n_labels, len(codes)
        self.order = np.argsort(codes, kind="stable")
        self.sizes = np.bincount(codes, minlength=n_labels)
        self.starts = np.concatenate([[0], np.cumsum(self.sizes)[:-1]])
        self.rows = np.arange(self.n)

    def sums(self, per_row: Floats) -> Floats:
        """Sums over the rows of each label; (n, K) to (labels, K)."""
        return np.add.reduceat(per_row[self.order], self.starts, axis=0)


# ------------------------------------------------- what the classifier sees


def features(texts: Sequence[str]) -> Floats:
    """Rows of length 1: words, word pairs and character runs, by TF-IDF, then LSA (n, d).

    ValueError where the texts have no word in common.
    """
    from sklearn.decomposition import TruncatedSVD

    both = _counts([text[:_CHARACTERS] for text in texts])
    n_kept = min(DIMENSIONS, both.shape[1] - 1, len(texts) // 4)
    if n_kept < 2:
        raise ValueError("too little text")
    found = TruncatedSVD(n_kept, n_iter=3, random_state=0).fit_transform(both)
    lengths = np.linalg.norm(found, axis=1, keepdims=True)
    return np.asarray(found / np.maximum(lengths, 1e-9), dtype=np.float32)


def _counts(texts: Sequence[str]) -> Any:
    """Word and character counts side by side, each row's two halves of equal weight; sparse."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.pipeline import make_union

    words = TfidfVectorizer(ngram_range=(1, 2), min_df=2, max_features=40_000, sublinear_tf=True)
    each = max(200, _FOR_RUNS // len(texts))
    runs = TfidfVectorizer(
        analyzer="char_wb",
        preprocessor=lambda text: text[:each].lower(),
        ngram_range=(2, 4),
        min_df=3,
        max_features=40_000,
        sublinear_tf=True,
    )
    return make_union(words, runs).fit_transform(texts)


def folds_of(texts: Sequence[str], seed: int) -> Ints:
    """A fold by row, the same for texts that are the same; balanced over different texts."""
    numbers: dict[str, int] = {}
    codes = np.array([numbers.setdefault(normalised(text), len(numbers)) for text in texts])
    dealt = np.random.default_rng(seed).permutation(len(numbers)) % FOLDS
    return np.asarray(dealt[codes], dtype=np.intp)


# ------------------------------------------------- the classifier


def softmax(scores: Floats) -> Floats:
    """By row."""
    shifted = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(shifted / shifted.sum(axis=1, keepdims=True), dtype=np.float32)


class HeldOut:
    """Scores of every row by a classifier that has not seen its fold, at one strength of shrinkage.

    Trained further from where it stood whenever the transitions change.
    """

    def __init__(self, seen: Floats, labels: Labels, folds: Ints, shrinkage: float) -> None:
        # Centred, and with a small intercept: the longest safe step is set by the longest axis.
        centred = seen - seen.mean(axis=0)
        self._seen = np.hstack([centred, np.full((len(seen), 1), 0.1, dtype=np.float32)])
        self._labels, self._folds, self._shrinkage = labels, folds, shrinkage
        self._weights: dict[int, Floats] = {}
        self._steps: dict[int, np.float32] = {}

    def scores(self, transitions: Floats, steps: int) -> Floats:
        """Logits of the true label, before the sharpness; (n, K)."""
        out = np.zeros((self._labels.n, self._labels.k), dtype=np.float32)
        for fold in range(FOLDS):
            held = self._folds == fold
            if not held.any() or held.all():
                continue
            start = self._weights.get(fold)
            if start is None:
                start = np.zeros((self._seen.shape[1], self._labels.k), dtype=np.float32)
            likely = transitions.T[self._labels.codes[~held]]
            seen = self._seen[~held]
            if fold not in self._steps:
                self._steps[fold] = _step(seen, self._shrinkage)
            pace = (self._shrinkage, self._steps[fold])
            weights = _descended(seen, likely, start, pace, steps)
            self._weights[fold] = weights
            out[held] = self._seen[held] @ weights
        return out


def _step(seen: Floats, shrinkage: float) -> np.float32:
    """1/L for the bound L = largest eigenvalue of X'X / 2n of the uncorrected loss (Böhning 1992),
    by power iteration."""
    start = np.ones(seen.shape[1], dtype=np.float32)
    size = 1.0
    for _ in range(30):
        start = seen.T @ (seen @ start)
        size = float(np.linalg.norm(start))
        start /= np.float32(size)
    return np.float32(len(seen) / (0.5 * size * 1.02 + shrinkage))


def _descended(
    seen: Floats, likely: Floats, start: Floats, pace: tuple[float, np.float32], steps: int
) -> Floats:
    """Weights (d, K) that lower -mean log sum_y p(y|x) T[y, s] + shrinkage/(2n) |W|^2.

    Nesterov's accelerated gradient (1983) with the momentum of FISTA (Beck & Teboulle 2009);
    `pace` is the shrinkage and the step.
    """
    n = np.float32(len(seen))
    shrinkage, step = pace
    penalty = np.full((seen.shape[1], 1), shrinkage, dtype=np.float32) / n
    penalty[-1] = 0  # the intercept
    weights = ahead = start
    momentum = 1.0
    for _ in range(steps):
        guess = softmax(seen @ ahead)
        wanted = guess * likely
        wanted /= wanted.sum(axis=1, keepdims=True) + _TINY
        slope = seen.T @ (guess - wanted) / n + penalty * ahead
        new = np.asarray(ahead - step * slope, dtype=np.float32)
        following = (1 + (1 + 4 * momentum * momentum) ** 0.5) / 2
        push = np.float32((momentum - 1) / following)
        ahead = np.asarray(new + push * (new - weights), dtype=np.float32)
        weights, momentum = new, following
    return weights


# ------------------------------------------------- the transitions


def plain(labels: Labels, rate: float) -> Floats:
    """Transitions in which every wrong label is as likely as another."""
    k = labels.k
    wrong = np.full((k, k), rate / max(1, k - 1), dtype=np.float32)
    np.fill_diagonal(wrong, 1 - rate)
    return wrong


def fitted(
    scores: Floats,
    labels: Labels,
    start: Floats,
    sharpness: float,
    *,
    weights: Floats | None = None,
    rounds: int = 25,
) -> Fit:
    """EM for the transitions at a given sharpness; `weights` by row repeat it on a resample.

    Each row of T is shrunk by half a row's worth towards how often labels are wrong overall, so
    that a label of few rows borrows from the others.
    """
    guess = softmax(np.float32(sharpness) * scores)
    transitions = start
    for _ in range(rounds):
        posterior, _ = _expected(guess, transitions, labels)
        weighted = posterior if weights is None else posterior * weights[:, None]
        joint = labels.sums(weighted).T  # (true, given)
        wrong = joint.sum(axis=0) - np.diag(joint) + 1
        joint = joint + 0.5 * wrong / wrong.sum()
        transitions = np.asarray(joint / joint.sum(axis=1, keepdims=True), dtype=np.float32)
    posterior, likely = _expected(guess, transitions, labels)
    logs = np.log(likely.astype(np.float64))
    loglik = float(logs.sum() if weights is None else logs @ weights)
    loglik -= 0.5 * (float(np.log(sharpness / _SHARP)) / _SHARP_SD) ** 2
    rate = 1 - float(posterior[labels.rows, labels.codes].mean(dtype=np.float64))
    return Fit(loglik, sharpness, transitions, posterior, rate)


def _expected(guess: Floats, transitions: Floats, labels: Labels) -> tuple[Floats, Floats]:
    """Posterior of the true label by row (n, K), and the probability of the given one (n,)."""
    posterior = guess * transitions.T[labels.codes]
    likely = posterior.sum(axis=1) + _TINY
    posterior /= likely[:, None]
    return posterior, likely
