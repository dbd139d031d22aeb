"""Loss curves of the rectified benchmark: predicting the end, choosing a model, holding intervals.

    python -m results.curves.rectified ../shared/data/published

Writes `results/curves/rectified.md`. A data set is judged with the constants of the process and the
widened intervals that the other two gave (`results.curves.fit.loss_curves` gets it as `without`);
AtS and the two-point line have no constants to learn. Budgets of 1/8 to 1/512 of 1,638,400 rows.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from knowledge.curves import LossCurves
from probes.curve_models import accepted, two_points
from probes.curves import Predicted, curve, widening_for
from results.curves.fit import cases, loss_curves
from results.curves.published import BANDS, LOSSES, bootstrap_sets, losses

Array = NDArray[np.float64]
OUT = Path("results/curves/rectified.md")
BUDGETS = (8, 16, 32, 64, 128, 256, 512)
FIGURES = ("PearCorr", "RelAcc", "RelAcc, best of three", "log-RMSE")
DEAREST = 0.012
"""Of the price of tuning all models on all rows."""
Told = Callable[[str, int], Array]
"""Data set and number of sizes seen -> ln of the loss of each model on all rows, (30,)."""


def chosen(end: Array, at: int) -> float:
    """RelAcc: how far the chosen model's loss lies from the worst one's to the best one's."""
    return float((end.max() - end[at]) / (end.max() - end.min()))


def figures(said: Array, end: Array) -> tuple[float, float, float, float]:
    """FIGURES of predicted ln losses against the losses reached."""
    order = np.argsort(said)
    three = max(chosen(end, at) for at in order[:3])
    rmse = float(np.sqrt(np.mean((said - np.log(end)) ** 2)))
    return float(np.corrcoef(np.exp(said), end)[0, 1]), chosen(end, order[0]), three, rmse


class Bench:
    """The three tables, with every prediction made once."""

    def __init__(self, folder: Path) -> None:
        self.series = losses(folder)
        self.values = {
            name: np.array([[p.value for p in one.points] for one in found])
            for name, found in self.series.items()
        }  # (30, 14)
        self.n = np.array([p.n for p in self.series[LOSSES[0]][0].points])
        self.priors = {name: loss_curves(self.series, without={name}) for name in LOSSES}
        self._kept: dict[tuple[str, str, int], Array] = {}

    def line(self, which: Callable[[Array, Array, Array], Array]) -> Told:
        """One of the two lines, for every model."""

        def told(name: str, k: int) -> Array:
            rows = self.values[name][:, :k]
            return np.array([which(self.n[:k], row, self.n[-1:])[0] for row in rows])

        return self.kept(which.__name__, told)

    def kept(self, key: str, told: Told) -> Told:
        """The same, computed once."""

        def again(name: str, k: int) -> Array:
            if (key, name, k) not in self._kept:
                self._kept[key, name, k] = told(name, k)
            return self._kept[key, name, k]

        return again

    def predicted(self, name: str, k: int) -> list[Predicted]:
        """What `probes.curves` says of all rows."""
        prior: LossCurves = self.priors[name]
        return [
            curve(one.points[:k], kind="loss", prior=prior).however_far([self.n[-1]])[0]
            for one in self.series[name]
        ]

    def posterior(self, name: str, k: int) -> Array:
        """Its centres."""
        return np.log([said.mean for said in self.predicted(name, k)])

    def last(self, name: str, k: int) -> Array:
        """The last loss seen (SubTuning)."""
        return np.log(self.values[name][:, k - 1])

    def process(self, name: str, k: int) -> Array:
        """The Gaussian process by itself: three times the mean of three, less the two lines."""
        lines = self.line(two_points)(name, k) + self.line(accepted)(name, k)
        return 3 * self.kept("posterior", self.posterior)(name, k) - lines

    def record(self, name: str, k: int) -> Array:
        """The posterior, moved by .3 of what it was off for the same model on the other sets."""
        told = self.kept("posterior", self.posterior)
        off = [np.log(self.values[o][:, -1]) - told(o, k) for o in LOSSES if o != name]
        return told(name, k) + 0.3 * np.mean([each - each.mean() for each in off], axis=0)

    def methods(self) -> dict[str, Told]:
        """Every way to tell the end."""
        return {
            "last value": self.last,
            "AtS": self.line(accepted),
            "two-point line": self.line(two_points),
            "Gaussian process alone": self.process,
            "posterior (mean of the three)": self.kept("posterior", self.posterior),
            "posterior, with each model's record on the other sets": self.record,
        }


def ends(bench: Bench) -> Iterator[str]:
    """The main table."""
    yield f"| method | {' | '.join(FIGURES)} |"
    yield "|---|---|---|---|---|"
    found = {}
    for name, told in bench.methods().items():
        found[name] = np.array(
            [[figures(told(s, k), bench.values[s][:, -1]) for k in sizes(bench)] for s in LOSSES]
        )  # (3, 7, 4)
        shown = " | ".join(f"{x:.3f}" for x in found[name].mean(axis=(0, 1)))
        yield f"| {name} | {shown} |"
    yield ""
    ours = found["posterior (mean of the three)"]
    yield "By set, posterior: " + "; ".join(
        f"{s} " + ", ".join(f"{x:.3f}" for x in ours[at].mean(axis=0))
        for at, s in enumerate(LOSSES)
    )
    yield ""
    for name in ("AtS", "two-point line"):
        gaps = list(over_models(bench, bench.methods()[name]))
        low, high = np.quantile(gaps, (0.025, 0.975), axis=0)
        mean = (ours - found[name]).mean(axis=(0, 1))
        shown = ", ".join(
            f"{what} {m:+.3f} [{lo:+.3f}, {hi:+.3f}]{'' if lo * hi > 0 else ' tie'}"
            for what, m, lo, hi in zip(FIGURES, mean, low, high, strict=True)
        )
        yield f"- Posterior less {name} (95 %, bootstrap over models within sets): {shown}."


def over_models(bench: Bench, theirs: Told, n: int = 300) -> Iterator[Array]:
    """Differences of FIGURES with the models of each set drawn anew."""
    rng = np.random.default_rng(0)
    ours = bench.kept("posterior", bench.posterior)
    for _ in range(n):
        each = []
        for name in LOSSES:
            drawn = np.unique(rng.integers(0, len(bench.values[name]), len(bench.values[name])))
            end = bench.values[name][drawn, -1]
            for k in sizes(bench):
                a, b = (figures(told(name, k)[drawn], end) for told in (ours, theirs))
                each.append(np.subtract(a, b))
        yield np.mean(each, axis=0)


def sizes(bench: Bench) -> list[int]:
    """How many sizes each budget allows, largest budget first."""
    return [int((bench.n <= bench.n[-1] / budget * 1.001).sum()) for budget in BUDGETS]


def halving(bench: Bench, name: str, told: Told, start: int, eta: float) -> tuple[float, float]:
    """RelAcc and cost of successive halving: every size up to the rung is trained and paid for.

    At each rung a share 1 / eta is kept, the number rounded up, until one is left; rungs double.
    """
    alive = np.arange(len(bench.values[name]))
    k, paid = start, len(alive) * float(bench.n[:start].sum())
    while True:
        keep = min(len(alive) - 1, int(np.ceil(len(alive) / eta)))
        alive = alive[np.argsort(told(name, k)[alive])][:keep]
        if len(alive) == 1 or k == len(bench.n) - 1:
            break
        paid += len(alive) * float(bench.n[k])
        k += 1
    all_of_it = len(bench.values[name]) * float(bench.n[-1])
    return chosen(bench.values[name][:, -1], alive[0]), paid / all_of_it


def choices(bench: Bench) -> Iterator[str]:
    """Halving by a rule without data, by what was best on the other sets, and in hindsight."""
    methods = {k: v for k, v in bench.methods().items() if k not in ("Gaussian process alone",)}
    settings = list(product(methods, range(2, 7), (1.5, 2.0, 2.5, 3.0, 4.0)))
    found = {
        s: np.array([halving(bench, name, methods[s[0]], s[1], s[2]) for name in LOSSES])
        for s in settings
    }
    cheap = {s: each for s, each in found.items() if each[:, 1].max() <= DEAREST}
    yield "| chosen | ranked by | first rung | keeps 1 in | flan | wmt19 | gigaword | mean | cost |"
    yield "|---|---|---|---|---|---|---|---|---|"
    for name in methods:
        start = max(s[1] for s in cheap if s[0] == name and s[2] == 2.0)
        yield _choice(
            "eta 2, the latest start that is cheap enough", bench, (name, start, 2.0), found
        )
    best = max(cheap, key=lambda s: cheap[s][:, 0].mean())
    yield _choice("best in hindsight, a bound", bench, best, found)
    rows = []
    for at, name in enumerate(LOSSES):
        rest = [i for i in range(len(LOSSES)) if i != at]
        mine = max(
            cheap, key=lambda s: (round(cheap[s][rest, 0].mean(), 6), -cheap[s][rest, 1].mean())
        )
        rows.append((name, mine, *cheap[mine][at]))
    shown = " | ".join(f"{row[2]:.3f}" for row in rows)
    mean, cost = np.mean([row[2:] for row in rows], axis=0)
    yield f"| best on the other two sets | - | - | - | {shown} | {mean:.3f} | {100 * cost:.2f} % |"


def _choice(how: str, bench: Bench, setting: tuple[str, int, float], found: dict) -> str:
    name, start, eta = setting
    each = found[setting]
    shown = " | ".join(f"{x:.3f}" for x in each[:, 0])
    return (
        f"| {how} | {name} | {bench.n[start - 1]:,.0f} | {eta:g} | {shown} |"
        f" {each[:, 0].mean():.3f} | {100 * each[:, 1].mean():.2f} % |"
    )


def held(bench: Bench) -> Iterator[str]:
    """Coverage of intervals up to 16 times ahead, from two points and more."""
    yield "| horizon | n | 80 % holds | 90 % holds |"
    yield "|---|---|---|---|"
    found: dict[int, list[tuple[str, bool, bool]]] = {}
    for name, mine in bench.series.items():
        prior = bench.priors[name]
        for one in mine:
            for case in cases(one, prior):
                if case.points < 2:
                    continue
                row = widening_for(prior.widening, BANDS[case.band][0], case.points, case.spread)
                found.setdefault(case.band, []).append(
                    (name, case.needed[0] <= row.at_80, case.needed[1] <= row.at_90)
                )
    for at, (_, horizon) in enumerate(BANDS):
        cells = []
        for level in (1, 2):
            by_set = [[float(r[level]) for r in found[at] if r[0] == name] for name in LOSSES]
            low, high = bootstrap_sets(by_set)
            share = np.mean([r[level] for r in found[at]])
            cells.append(f"{100 * share:.0f} [{100 * low:.0f}, {100 * high:.0f}]")
        yield f"| {horizon} | {len(found[at])} | {' | '.join(cells)} |"


def page(folder: Path) -> Iterator[str]:
    """The whole page."""
    bench = Bench(folder)
    yield "# The rectified benchmark, each data set predicted without itself"
    yield ""
    yield "Made by `python -m results.curves.rectified`. 30 models, three data sets, means over"
    yield "seven budgets, one run a model and size. The posterior is the mean in ln loss of AtS,"
    yield "the two-point line and a Gaussian process."
    yield ""
    yield "## The loss on all rows"
    yield ""
    yield from ends(bench)
    yield ""
    yield "## Choosing by extrapolated halving"
    yield ""
    yield "RelAcc by data set. Cost: all rows trained on, smaller sizes too, over those of tuning"
    yield f"every model on every row; at most {100 * DEAREST:.1f} %."
    yield ""
    yield from choices(bench)
    yield ""
    yield "## Intervals"
    yield ""
    yield from held(bench)


def main() -> None:
    """Writes the page."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("published", type=Path)
    text = "\n".join(page(parser.parse_args().published)) + "\n"
    OUT.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
