"""The share of wrong labels with its interval, the ceiling that it sets, and the suspect rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from probes.audit.noise_model import (
    Fit,
    Floats,
    Ints,
    Labels,
    features,
    fitted,
    plain,
    softmax,
)
from probes.audit.noise_search import (
    LARGE,
    NO_NOISE,
    Solution,
    learnt_from_fewer,
    solutions,
    unaided,
)
from probes.audit.records import NotChecked
from probes.records import Estimate

MIN_ROWS, MIN_PER_LABEL = 100, 5
"""Fewer leave an interval that says nothing, or a label out of a fold; our choice."""
_NEAR = 1.92
"""Half the 95 % quantile of chi-squared with one degree of freedom: fits whose log-likelihood is
that close to the best cannot be told from it (Wilks 1938)."""
_TOLD = 10
"""Nats for each label but one below which the texts hardly tell the labels: right labels that such
features cannot learn look the same as labels drawn by lot."""
_FEW_A_LABEL = 50
"""Rows a label up to which every cell of the transitions counts as a free parameter."""
_STEADY, _UNLEARNT = 0.003, 8
"""What the classifier has not learnt yet counts as noise: where a rate from half of the rows is
higher by more than the first, the lower end goes down by so many times the rest. The factor was set
on the pocket world's ticket-routing, where words tell 60 % of the labels."""
_MODEL_SD = 0.004
"""What the estimate is off by beyond sampling: see results/benchmarks/label_noise.md."""
BASIS = "noise-transition model out of fold; profile likelihood, bootstrap(rows), model"


@dataclass(frozen=True)
class Noise:
    """How wrong the labels look."""

    rate: Estimate
    """Share of the rows whose label is wrong."""
    ceiling: Estimate
    """Accuracy of a model that is always right, scored against these labels."""
    identified: bool
    """False where the interval is wider than 30 points, or where the estimate still moves with
    the rows that the classifier learns from: then only `low` and `high` say something."""
    suspects: tuple[tuple[int, float], ...]
    """(position in the texts, probability that its label is wrong), the surest first, all those
    with a probability of at least one half."""
    labels: tuple[str, ...]
    """The labels that were looked at, in the order of `transitions`."""
    transitions: tuple[tuple[float, ...], ...]
    """By true label, the share of its rows that has each label."""
    shares: tuple[float, ...]
    """How often each label is the true one."""


def noise_of(texts: Sequence[str], labels: Sequence[str]) -> Noise:
    """Estimate the noise of `labels`; deterministic.

    Assumes that labels were changed without regard to the text given its true label, and that no
    label is more often wrong in one particular way than right. Texts that their labels genuinely
    share look like noise: no model can tell them apart either. NotChecked where there are fewer
    than 100 rows of labels that have 5 rows each, or one such label only.
    """
    names, kept, codes = _usable(labels)
    known = Labels(codes, len(names))
    chosen = [texts[at] for at in kept]
    try:
        seen = features(chosen)
    except ValueError as error:
        raise NotChecked("the texts have too few words in common") from error
    plainly = unaided(seen, known, chosen)
    found = solutions(seen, known, chosen, plainly[-1])
    best = max(found, key=lambda each: each.fit.loglik)
    rate, low, high = _interval(found, best, known)
    if not _needed(best.fit, known, plainly):
        low = 0.0
    unlearnt = 0.0
    if low > 0 and known.n * known.k <= LARGE:
        unlearnt = max(0.0, learnt_from_fewer(seen, known, chosen, best) - rate - _STEADY)
        low = max(0.0, low - _UNLEARNT * unlearnt)
    wrong = 1 - best.fit.posterior[known.rows, known.codes]
    ranked = np.argsort(-wrong, kind="stable")
    suspects = tuple((kept[at], float(wrong[at])) for at in ranked if wrong[at] >= 0.5)
    n = known.n
    return Noise(
        rate=Estimate(value=rate, low=low, high=high, n=n, basis=BASIS),
        ceiling=Estimate(value=1 - rate, low=1 - high, high=1 - low, n=n, basis=BASIS),
        identified=high - low <= 0.3 and unlearnt < 0.01,
        suspects=suspects,
        labels=tuple(names),
        transitions=tuple(tuple(map(float, row)) for row in best.fit.transitions),
        shares=tuple(map(float, best.fit.posterior.mean(axis=0))),
    )


def _usable(labels: Sequence[str]) -> tuple[list[str], list[int], Ints]:
    """Labels of enough rows, the positions of those rows, and their codes."""
    counts: dict[str, int] = {}
    for label in labels:
        counts[label] = counts.get(label, 0) + 1
    names = sorted(label for label, count in counts.items() if count >= MIN_PER_LABEL)
    code = {name: number for number, name in enumerate(names)}
    kept = [at for at, label in enumerate(labels) if label in code]
    if len(names) < 2:
        raise NotChecked(f"fewer than two labels have {MIN_PER_LABEL} rows")
    if len(kept) < MIN_ROWS:
        raise NotChecked(f"{len(kept)} rows of labels that have {MIN_PER_LABEL}: too few")
    return names, kept, np.array([code[labels[at]] for at in kept], dtype=np.intp)


# ------------------------------------------------- the interval


def _interval(
    found: Sequence[Solution], best: Solution, labels: Labels
) -> tuple[float, float, float]:
    """The rate, and the interval over rows, parameters and models."""
    fit = best.fit
    near = [each.fit.rate for each in found if each.fit.loglik > fit.loglik - _NEAR]
    near += [each.rate for each in _near_fits(best, labels)]
    draws = np.array(list(_resampled(best, labels)))
    right = fit.posterior[labels.rows, labels.codes].astype(np.float64)
    chance = float((right * (1 - right)).sum()) / labels.n**2
    models = np.array([each.fit.rate for each in found])
    spread = float(models.var()) + _MODEL_SD**2 * (1 + 4 * fit.rate)
    gain = max(1.0, _gain(fit, labels))
    weak = 2.25 * (fit.rate * (1 - fit.rate)) ** 2 / (2 * gain)
    half = 1.96 * float(np.sqrt(chance + draws.var() + spread + weak))
    low, high = min(fit.rate - half, *near), max(fit.rate + half, *near)
    if gain < _TOLD * (labels.k - 1):
        low, high = 0.0, max(high, 1 - 1 / labels.k)
    low, high = _renamed(fit, labels, low, high)
    most = 1 - 1 / labels.k  # where the right label is no likelier than any other
    rate = min(fit.rate, most)
    return rate, max(0.0, min(low, rate)), min(most, max(high, rate))


def _gain(fit: Fit, labels: Labels) -> float:
    """Nats by which the texts tell the labels better than how often each label occurs.

    For flips between two labels the strength of what is left, 1 - 2 rate, is known to within
    about its 1/sqrt(2 gain). The interval takes one and a half times that, which held the planted
    rate where the plain one was too narrow (two and four labels, close to one half).
    """
    return fit.loglik - float(labels.sizes @ np.log(labels.sizes / labels.n))


def _needed(fit: Fit, labels: Labels, plainly: Sequence[Floats]) -> bool:
    """Whether noise explains the labels better than a classifier that is merely unsure.

    Half the 95 % quantile of chi-squared (normal approximation) is asked of the log-likelihood
    ratio; of the transitions' cells fewer count where labels have more rows than 50.
    """
    none, best = plain(labels, NO_NOISE), -np.inf
    for scores in plainly:
        for sharpness in np.geomspace(0.02, 24, 16):
            guess = softmax(np.float32(sharpness) * scores)
            logs = np.log((guess * none.T[labels.codes]).sum(axis=1), dtype=np.float64)
            best = max(best, float(logs.sum()))
    free = labels.k * (labels.k - 1) * min(1.0, _FEW_A_LABEL * labels.k / labels.n)
    return bool(fit.loglik - best > (free + 1.645 * (2 * free) ** 0.5) / 2)


def _near_fits(best: Solution, labels: Labels) -> Iterator[Fit]:
    """Fits of other sharpness that the labels cannot tell from the best."""
    for step in (0.9, 1.11):
        sharpness = best.fit.sharpness
        for _ in range(12):
            sharpness *= step
            fit = fitted(best.scores, labels, best.fit.transitions, sharpness, rounds=15)
            if fit.loglik < best.fit.loglik - _NEAR:
                break
            yield fit


def _resampled(best: Solution, labels: Labels) -> Iterator[float]:
    """Rates under parameters that were fitted to resampled rows (Rubin 1981's weights)."""
    rng = np.random.default_rng(0)
    fit = best.fit
    for _ in range(12 if labels.n * labels.k > LARGE else 40):
        weights = rng.exponential(size=labels.n).astype(np.float32)
        yield fitted(
            best.scores,
            labels,
            fit.transitions,
            fit.sharpness,
            weights=weights / weights.mean(),
            rounds=8,
        ).rate


def _renamed(fit: Fit, labels: Labels, low: float, high: float) -> tuple[float, float]:
    """The interval, with the rates that follow if a mixed label were named by its rival.

    Where a true label's rows are given another label about as often as their own, which of the
    two is the right name rests on chance.
    """
    own = np.diag(fit.transitions).astype(np.float64)
    rows = fit.posterior.sum(axis=0).astype(np.float64)
    others = fit.transitions.astype(np.float64).copy()
    np.fill_diagonal(others, 0)
    rival = others.max(axis=1)
    error = np.sqrt((own + rival) / np.maximum(rows, 1))
    moved = (own - rival) * rows / rows.sum()
    unsure = own - rival < 2 * error
    up = float(moved[unsure & (moved > 0)].sum())
    down = float(moved[moved < 0].sum())
    return min(low, fit.rate + down), max(high, fit.rate + up)
