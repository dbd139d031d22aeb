"""Cheap models of the data, out of fold: what can be had before any language model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from probes.estimates import estimate_mean
from probes.records import Estimate
from probes.retrieval import words

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Ints = NDArray[np.intp]
    Floats = NDArray[np.float64]

FOLDS = 5
"""The usual number: four fifths are learnt from."""
NEAR = 0.95
"""Cosine from which two inputs count as the same, and stay in one fold."""
_FEATURES = 20_000
_READ_CHARS = 2_000
_QUERIES_AT_ONCE = 500
"""For time and memory alone; our choice."""
_DRAWS = 200
"""Resamples of the rows for an interval; our choice."""


@dataclass(frozen=True)
class OutOfFold:
    """What cheap models say of rows that they have not seen, (N,) each."""

    truth: Ints
    linear: Ints
    """TF-IDF and logistic regression."""
    balanced: Ints
    """The same, with all labels taken as equally frequent."""
    nearest: Ints
    margin: Floats
    """Probability of the true label less that of the best other one, by the linear model."""
    clusters: tuple[str, ...]
    """Rows with nearly the same input have the same name."""
    labels: tuple[str, ...]


def vectors(texts: Sequence[str]) -> Any:
    """TF-IDF over words and pairs of words as a sparse matrix with rows of length 1; the last
    2,000 characters of each text are read, where a question stands after its document. ValueError
    where there is no word."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    clipped = [text[-_READ_CHARS:] for text in texts]
    maker = TfidfVectorizer(
        tokenizer=words,
        token_pattern=None,
        lowercase=False,
        ngram_range=(1, 2),
        sublinear_tf=True,
        max_features=_FEATURES,
    )
    return maker.fit_transform(clipped)


def neighbours(matrix: Any, apart: Ints | None = None) -> tuple[Ints, Floats]:
    """For each row the nearest other one and its cosine; never one with the same number in
    `apart`. Of equally near ones the first."""
    import numpy as np

    n = matrix.shape[0]
    nearest, cosine = np.zeros(n, dtype=np.intp), np.zeros(n)
    for at in range(0, n, _QUERIES_AT_ONCE):
        block = np.arange(at, min(n, at + _QUERIES_AT_ONCE))
        close = (matrix[block] @ matrix.T).toarray()  # (B, N)
        if apart is None:
            close[np.arange(len(block)), block] = -1
        else:
            close[apart[block][:, None] == apart[None, :]] = -1
        nearest[block] = close.argmax(axis=1)
        cosine[block] = close.max(axis=1)
    return nearest, cosine


def partners(n: int) -> Ints:
    """For each of `n` rows another one by chance: the row before it in a shuffled ring. A fixed
    distance would pair a file written twice with its own copies."""
    import numpy as np

    order = np.random.default_rng(0).permutation(n)
    other = np.empty(n, dtype=np.intp)
    other[order] = np.roll(order, 1)
    return other


def same_inputs(texts: Sequence[str], matrix: Any) -> Ints:
    """Numbers of the groups of nearly equal inputs: each is joined to its nearest at a cosine of
    .95. Where that chains a tenth of the rows together (templates), only equal words are joined."""
    import numpy as np

    from probes.audit.near import grouped

    nearest, cosine = neighbours(matrix)
    same = np.flatnonzero(cosine >= NEAR)
    groups = np.asarray(grouped(len(texts), np.stack([same, nearest[same]], axis=1)), dtype=np.intp)
    if len(texts) and np.bincount(groups).max() <= max(5, len(texts) // 10):
        return groups
    numbers: dict[str, int] = {}
    keys = (" ".join(words(text)) for text in texts)
    return np.asarray([numbers.setdefault(key, len(numbers)) for key in keys], dtype=np.intp)


def out_of_fold(texts: Sequence[str], outputs: Sequence[str], seed: int = 0) -> OutOfFold:
    """Labels by cheap models that have seen four fifths of the rows, none with the same input.

    ValueError where there is no word in the texts, or one label only in four fifths of the rows.
    """
    import numpy as np

    labels, truth = np.unique(np.asarray(outputs, dtype=object).astype(str), return_inverse=True)
    matrix = vectors(texts)
    groups = same_inputs(texts, matrix)
    folds = np.random.default_rng(seed).permutation(int(groups.max()) + 1)[groups] % FOLDS
    share = np.zeros((len(texts), len(labels)))  # (N, K)
    for fold in range(FOLDS):
        held = folds == fold
        if held.any():
            share[held] = _linear(matrix[~held], truth[~held], matrix[held], len(labels))
    nearest, _ = neighbours(matrix, folds)
    prior = np.bincount(truth, minlength=len(labels)) / len(truth)
    rows = np.arange(len(truth))
    own, others = share[rows, truth], share.copy()
    others[rows, truth] = -1
    return OutOfFold(
        truth=truth,
        linear=share.argmax(axis=1),
        balanced=(share / prior).argmax(axis=1),
        nearest=truth[nearest],
        margin=own - others.max(axis=1),
        clusters=tuple(map(str, groups.tolist())),
        labels=tuple(labels.tolist()),
    )


def _linear(matrix: Any, truth: Ints, asked: Any, n_labels: int) -> Floats:
    """Probabilities (Q, K) by one logistic regression a label, trained by stochastic descent."""
    import numpy as np
    from sklearn.linear_model import SGDClassifier

    model = SGDClassifier(loss="log_loss", alpha=1e-5, max_iter=10, tol=None, random_state=0)
    model.fit(matrix, truth)
    share = np.zeros((asked.shape[0], n_labels))
    share[:, model.classes_] = model.predict_proba(asked)
    return share


def kappa(truth: Ints, given: Ints) -> tuple[float, float]:
    """How far agreement lies between chance (0) and perfect (1), and its standard error at 0.

    Cohen (1960, Educational and Psychological Measurement 20), with the large-sample variance for
    kappa = 0 of Fleiss, Cohen & Everitt (1969, Psychological Bulletin 72), which is the right one
    for the question whether there is any agreement.
    """
    import numpy as np

    n, k = len(truth), int(max(truth.max(), given.max())) + 1
    wanted, said = np.bincount(truth, minlength=k) / n, np.bincount(given, minlength=k) / n
    chance = float(wanted @ said)
    if chance >= 1:
        return 0.0, 1.0
    value = (float((truth == given).mean()) - chance) / (1 - chance)
    spread = chance + chance**2 - float((wanted * said * (wanted + said)).sum())
    return value, float((max(spread, 0.0) / n) ** 0.5 / (1 - chance))


# ---------------------------------------------------------------- how often they are right


def shares_right(seen: OutOfFold) -> dict[str, Estimate]:
    """Shares of right labels: the most frequent one, the linear model's, the nearest row's."""
    commonest = Counter(seen.truth.tolist()).most_common(1)[0][0]
    clusters = seen.clusters if len(set(seen.clusters)) < len(seen.truth) else None
    right = {
        "majority": seen.truth == commonest,
        "linear": seen.linear == seen.truth,
        "nearest": seen.nearest == seen.truth,
    }
    return {
        name: estimate_mean(hits.astype(float).tolist(), clusters=clusters)
        for name, hits in right.items()
    }


def macro_f1(seen: OutOfFold) -> Estimate:
    """Mean F1 of the linear model over labels; its interval resamples the rows."""
    import numpy as np

    rng, n = np.random.default_rng(0), len(seen.truth)
    draws = [_f1(seen, rng.integers(0, n, n)) for _ in range(_DRAWS)]
    low, high = np.quantile(draws, [0.025, 0.975])
    value = _f1(seen, np.arange(n))
    return Estimate(
        value=value, low=min(value, low), high=max(value, high), n=n, basis="bootstrap(items)"
    )


def _f1(seen: OutOfFold, drawn: Ints) -> float:
    import numpy as np

    truth, given, k = seen.truth[drawn], seen.linear[drawn], len(seen.labels)
    right = np.bincount(truth[truth == given], minlength=k)
    both = np.bincount(truth, minlength=k) + np.bincount(given, minlength=k)
    present = np.bincount(truth, minlength=k) > 0
    return float((2 * right[present] / both[present]).mean())
