"""Learns the priors of learning curves and the widening of their intervals.

    python -m results.curves.fit ../shared/data/published

Writes `knowledge/curves/quality.yaml` and `loss.yaml`. Qualities: the constants of the prior are
those of GRID that predict best from four points and more, each data set of long-context ICL and a
sample of LCDB 1.1 counting the same; the widening is the split-conformal quantile over both.
Losses: greatest likelihood on the rectified benchmark. `without` leaves data sets out of it all.
"""

from __future__ import annotations

import argparse
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise, product
from pathlib import Path
from zlib import crc32

import numpy as np
from numpy.typing import NDArray
from ruamel.yaml import YAML
from scipy.optimize import minimize

from knowledge.curves import LossCurves, QualityCurves, Widening
from knowledge.statements import Reference
from probes.curve_models import quality_mixture
from probes.curves import FURTHEST, curve
from results.curves.published import BANDS, Series, band, losses, tables, tuned

OUT = Path("knowledge/curves")
CHECKED = "2026-11-22"
NAMES = ("decay", "floor", "broad", "late", "wander")
GRID = tuple(product((0.25, 0.4), (0.05, 0.1), (0.0, 0.3), (0.5, 0.9), (0.01, 0.03)))
"""Settings of NAMES."""
FIXED = {"decay_spread": 1.0, "wander_spread": 0.8, "scatter": 0.3}
STEPS = (1, 2, 4)
"""Points from which on intervals are widened by a row of their own."""
LEVELS = (0.8, 0.9, 0.95)
_SAMPLE = 30
"""Curves of LCDB that a prior is chosen on."""
_WIDEST = 99.0
_ONE = (Widening(horizon=FURTHEST, points=1, spread=_WIDEST, at_80=1, at_90=1, at_95=1, n=1),)


def _source(title: str, **more: str) -> Reference:
    return Reference.model_validate(
        {"title": title, "reading": "computed", "checked": CHECKED, **more}
    )


LCDB = _source(
    "LCDB 1.1", arxiv="2505.15657", url="https://github.com/learning-curve-research/LCDB-1.1",
    part="docs/data/er at 37c3d9a3, doubling anchors of about half of its data sets",
)  # fmt: skip
LONG = _source(
    "In-Context Learning with Long-Context Models", arxiv="2405.00200",
    url="https://github.com/abertsch72/long-context-icl", part="final-results/ at 7ec32c26",
)  # fmt: skip
RECTIFIED = _source(
    "Selecting Large Language Model to Fine-tune via Rectified Scaling Law", arxiv="2402.02314",
    url="https://github.com/linhaowei1/Fine-tuning-Scaling-Law", part="benchmark/ at 52145680",
)  # fmt: skip


@dataclass(frozen=True)
class Case:
    """One prediction with the factors that its intervals needed."""

    set: str
    band: int
    points: int
    needed: tuple[float, ...]
    """At each of LEVELS."""
    width: tuple[tuple[float, float, float], ...]
    """At each: ln of the centre's error, and the unwidened halves below and above it."""

    @property
    def spread(self) -> float:
        """What the 80 % interval spans of ln error before it is widened."""
        return self.width[0][1] + self.width[0][2]


def quality_prior(series: Iterable[Series], *, without: Collection[str] = ()) -> QualityCurves:
    """The prior that predicts best on all sets but `without`; its intervals are not widened."""
    whole = list(series)
    mine = [one for one in whole if one.set not in without]
    rows = [one for one in whole if one.set.startswith("openml") and len(one.points) >= 7]
    sample = [rows[i] for i in np.random.default_rng(0).permutation(len(rows))[:_SAMPLE]]
    families: dict[str, list[Series]] = {"tables": [o for o in sample if o.set not in without]}
    for one in mine:
        if not one.set.startswith("openml"):
            families.setdefault(one.set, []).append(one)
    families = {name: found for name, found in families.items() if found}

    def off(setting: tuple[float, ...]) -> float:
        prior = setting_prior(setting)
        each = [np.stack([off_by_band(one, prior) for one in f]) for f in families.values()]
        return float(np.mean([np.log(np.nanmean(found, axis=0)) for found in each]))

    return setting_prior(min(GRID, key=off)).model_copy(
        update={"n_curves": len(mine), "n_sets": len({one.set for one in mine})}
    )


@lru_cache(maxsize=64)
def setting_prior(setting: tuple[float, ...]) -> QualityCurves:
    """The prior of one setting of GRID."""
    return QualityCurves.model_validate(
        {
            **dict(zip(NAMES, setting, strict=True)),
            **FIXED,
            "widening": _ONE,
            "domain": "not calibrated",
            "n_curves": 0,
            "n_sets": 0,
            "sources": (),
        }
    )


@lru_cache(maxsize=100_000)
def off_by_band(one: Series, prior: QualityCurves) -> NDArray[np.float64]:
    """Mean absolute error in each band of horizons from four points and more, (3,); nan if none."""
    n = np.array([point.n for point in one.points])
    values = np.array([point.value for point in one.points])
    seeds = np.array([point.seeds for point in one.points])
    found: list[list[float]] = [[], [], []]
    for k in range(4, len(n)):
        mix = quality_mixture(n[:k], 1 - values[:k], seeds[:k], n[k:], prior, 0.0)
        for at, value in zip(range(k, len(n)), 1 - np.exp(mix.centre), strict=True):
            found[band(n[at] / n[k - 1])].append(abs(value - values[at]))
    return np.array([np.mean(each) if each else np.nan for each in found])


def cases(one: Series, prior: QualityCurves | LossCurves, *, starts: int = 99) -> list[Case]:
    """What intervals from each number of first points needed, at most `starts` of them."""
    found = []
    rng = np.random.default_rng(crc32(one.name.encode()))
    ks = sorted(rng.permutation(np.arange(1, len(one.points)))[:starts])
    for k in (int(k) for k in ks):
        known = curve(one.points[:k], kind=one.kind, prior=prior)
        ahead = [p for p in one.points[k:] if p.n <= FURTHEST * one.points[k - 1].n * 1.001]
        told = known.however_far([point.n for point in ahead])
        for point, said in zip(ahead, told, strict=True):
            needed = tuple(said.needed(point.value, level) for level in LEVELS)
            halves = tuple((said.log_centre, *said.halves(level)) for level in LEVELS)
            found.append(Case(one.set, band(said.horizon), k, needed, halves))
    return found


def widening(found: Sequence[Case], parts: int) -> tuple[Widening, ...]:
    """Split-conformal factors, row by row; each row's cases in `parts` equal parts by spread."""
    rows = []
    for at, (horizon, _) in enumerate(BANDS):
        for few, many in pairwise((*STEPS, 10**9)):
            mine = [c for c in found if c.band == at and few <= c.points < many]
            if not mine:
                continue
            spreads = np.array([c.spread for c in mine])
            inner = np.quantile(spreads, np.arange(1, parts) / parts)
            edges = (0.0, *(round(float(edge), 3) for edge in inner), _WIDEST)
            for low, high in pairwise(edges):
                needed = [c.needed for c in mine if low < c.spread <= high]
                if needed:  # two edges may be one
                    rows.append(_calibrated(needed, horizon, few, high))
    return tuple(rows)


def _calibrated(
    cases_needed: Sequence[tuple[float, ...]], horizon: float, points: int, spread: float
) -> Widening:
    """The ceil((n+1) level)-th smallest factor needed, at each level."""
    needed = np.sort(np.array(cases_needed), axis=0)
    n = len(needed)
    factors = {"horizon": horizon, "points": points, "spread": spread, "n": n}
    for at, (level, name) in enumerate(zip(LEVELS, ("at_80", "at_90", "at_95"), strict=True)):
        rank = min(n, int(np.ceil((n + 1) * level))) - 1
        factors[name] = round(float(max(0.01, needed[rank, at])), 3)
    return Widening.model_validate(factors)


def quality_curves(series: Sequence[Series], *, without: Collection[str] = ()) -> QualityCurves:
    """The prior with its widening, of all sets but `without`."""
    prior = quality_prior(series, without=without)
    found = [c for one in series if one.set not in without for c in cases_once(one, prior)]
    return prior.model_copy(
        update={
            "widening": widening(found, 3),
            "domain": "accuracy of 12 learners on tables at 16 to 524,288 rows (LCDB 1.1) and of"
            " Llama-2-7B tuned on 32 to 16,384 rows with labels (long-context ICL)",
            "sources": (LCDB, LONG),
        }
    )


@lru_cache(maxsize=100_000)
def cases_once(one: Series, prior: QualityCurves) -> list[Case]:
    """`cases`, of two numbers of first points where a table's learner has many; kept."""
    return _cases_kept(one, setting_prior(tuple(getattr(prior, name) for name in NAMES)))


@lru_cache(maxsize=100_000)
def _cases_kept(one: Series, prior: QualityCurves) -> list[Case]:
    return cases(one, prior, starts=2 if one.set.startswith("openml") else 99)


def loss_curves(series: dict[str, list[Series]], *, without: Collection[str] = ()) -> LossCurves:
    """The Gaussian process of greatest likelihood, with its widening."""
    mine = [one for name, found in series.items() if name not in without for one in found]
    x0 = (-0.05, np.log(0.03), -0.003, np.log(0.01), np.log(0.005))
    n = np.log2([point.n / mine[0].points[0].n for point in mine[0].points])
    y = np.log([[point.value for point in one.points] for one in mine])

    def surprise(x: NDArray[np.float64]) -> float:
        return sum(_surprise(x, n, y, k) for k in (2, 3, 4, 5, 7, 9))

    best = minimize(surprise, x0, method="Nelder-Mead", options={"maxiter": 500, "fatol": 1e-4}).x
    known = LossCurves(
        slope=round(float(best[0]), 4),
        slope_sd=round(float(np.exp(best[1])), 4),
        bend=round(float(best[2]), 5),
        drift=round(float(np.exp(best[3])), 5),
        noise=round(float(np.exp(best[4])), 5),
        widening=_ONE,
        domain="test loss of 30 models of 60M to 7B parameters tuned in full on 200 to 1,638,400"
        " rows of three text tasks (rectified benchmark), one run each",
        n_curves=len(mine),
        n_sets=len({one.set for one in mine}),
        sources=(RECTIFIED,),
    )
    found = [case for one in mine for case in cases(one, known)]
    return known.model_copy(update={"widening": widening(found, 1)})


def _surprise(
    x: NDArray[np.float64], n: NDArray[np.float64], y: NDArray[np.float64], k: int
) -> float:
    """Student's t (4) negative log density of what lies 2 to 16 times ahead, mean over curves."""
    ahead = [at for at in range(k, k + 4) if at < len(n)]
    t = np.concatenate([n[:k], n[ahead]])
    mean = x[0] * t + x[2] * t**2 / 2
    near, apart = np.minimum(t[:, None], t[None]), np.abs(t[:, None] - t[None])
    both = 25 + np.exp(2 * x[1]) * np.outer(t, t)
    both += np.exp(2 * x[3]) * (near**3 / 3 + near**2 * apart / 2)
    seen = both[:k, :k] + np.exp(2 * x[4]) * np.eye(k)
    gain = np.linalg.solve(seen, both[:k, k:])
    centre = mean[k:] + (y[:, :k] - mean[:k]) @ gain
    variance = np.diag(both[k:, k:] - both[k:, :k] @ gain) + np.exp(2 * x[4])
    off = (y[:, ahead] - centre) ** 2 / variance
    return float(np.mean(2.5 * np.log1p(off / 4) + 0.5 * np.log(variance)))


def write(found: QualityCurves | LossCurves, path: Path) -> None:
    """One row of YAML."""
    path.parent.mkdir(exist_ok=True)
    yaml = YAML()
    yaml.default_flow_style = None
    yaml.width = 100
    with path.open("w", encoding="utf-8") as file:
        file.write("# Written by `python -m results.curves.fit`; do not edit.\n")
        yaml.dump([found.model_dump(exclude_defaults=True, mode="json")], file)
    print(f"wrote {path}")


def main() -> None:
    """Fits and writes."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("published", type=Path)
    folder = parser.parse_args().published
    write(quality_curves(tuned(folder) + tables(folder)), OUT / "quality.yaml")
    write(loss_curves(losses(folder)), OUT / "loss.yaml")


if __name__ == "__main__":
    main()
