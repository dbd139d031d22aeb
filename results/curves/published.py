"""The published learning curves: where they lie, and which of them are of one data set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from probes.curves import Curve, Kind, Point, curve
from probes.estimates import SEED_SD_PRIOR

JUDGED_SPLIT = 43
"""Test items of long-context ICL that prompts were measured on too; the other splits of banking77
are the same data set and are left out with it."""
TUNED = ("banking77", "nlu", "trec")
LONG_CONTEXT = "yaofu+llama-2-7b-80k"
LOSSES = ("flan", "wmt19", "gigaword")
BANDS = ((3.0, "2x"), (12.0, "4-8x"), (16.0, ">=16x"))
"""Upper ends of the horizons that figures are told for; the last holds what lies beyond too."""


@dataclass(frozen=True)
class Series:
    """One published curve, in ascending n."""

    set: str
    """The data set: what is left out together."""
    name: str
    kind: Kind
    points: tuple[Point, ...]

    def first(self, k: int) -> Curve:
        """The curve that its first k points bear, with the prior that is shipped."""
        return curve(self.points[:k], kind=self.kind)


def band(horizon: float) -> int:
    """0, 1 or 2: 2x, 4-8x, 16x and beyond."""
    return 0 if horizon <= BANDS[0][0] else 1 if horizon <= BANDS[1][0] else 2


def tuned(folder: Path, *, once: bool = False) -> list[Series]:
    """Long-context ICL: accuracy of Llama-2-7B tuned on n rows, mean over the rows of the table.

    Some runs stand in the table several times; with `once` each counts once.
    """
    table = pd.read_csv(folder / "longcontext_icl" / "finetune_llama2_7b_curves.csv")
    if once:
        table = table.drop_duplicates(["dataset", "test_split_seed", "n_train", "run"])
    return [
        Series(str(name), f"{name}, items {split}", "quality", _seeded(rows, "n_train", "accuracy"))
        for (name, split), rows in table.groupby(["dataset", "test_split_seed"])
    ]


def prompted(folder: Path, model: str = LONG_CONTEXT) -> dict[str, Series]:
    """Long-context ICL: accuracy by the number of random examples in the prompt, by data set."""
    table = pd.read_csv(folder / "longcontext_icl" / "icl_curves.csv")
    table = table[(table.variant == "random") & (table.model == model)]
    table = table.assign(accuracy=table.accuracy_pct / 100)
    return {
        str(name): Series(
            str(name), f"{name}, {model}", "quality", _seeded(rows, "n_shots", "accuracy")
        )
        for name, rows in table.groupby("dataset")
    }


def _seeded(rows: pd.DataFrame, n: str, value: str) -> tuple[Point, ...]:
    """Means over runs, their variance shrunk to SEED_SD_PRIOR as `probes.estimates` does."""
    found = []
    for at, mine in rows.groupby(n)[value]:
        r = len(mine)
        observed = float(mine.var(ddof=1)) if r > 1 else 0.0
        seeds = (SEED_SD_PRIOR**2 + (r - 1) * observed) / r / r
        found.append(Point(float(at), float(mine.mean()), seeds=seeds, n_seeds=r))
    return tuple(found)


def tables(folder: Path) -> list[Series]:
    """LCDB 1.1, the published half: accuracy of learners of tables at doubling n."""
    table = pd.read_csv(folder / "lcdb11" / "lcdb11_doubling_anchors.csv")
    found = []
    for (data, learner), rows in table.groupby(["openml_id", "learner"]):
        points = tuple(
            Point(float(row.n_train), 1 - float(row.test_error), seeds=float(row.test_stderr) ** 2)
            for row in rows.sort_values("n_train").itertuples()
        )
        found.append(Series(f"openml {data}", f"{learner} on {data}", "quality", points))
    return found


def losses(folder: Path) -> dict[str, list[Series]]:
    """The rectified benchmark: test loss of 30 models at 14 sizes, by data set, models alike."""
    found = {}
    for name in LOSSES:
        table = pd.read_csv(folder / "rectified" / f"{name}.csv").sort_values("config name")
        sizes = [column for column in table.columns if column.isdigit() and column != "0"]
        found[name] = [
            Series(
                name,
                str(row["config name"]),
                "loss",
                tuple(Point(float(n), float(row[n])) for n in sizes),
            )
            for _, row in table.iterrows()
        ]
    return found


def bootstrap_sets(values: Sequence[Sequence[float]], n: int = 2000) -> tuple[float, float]:
    """95 % interval of the mean of all values, whole sets drawn with replacement."""
    rng = np.random.default_rng(0)
    sums = np.array([[sum(mine), len(mine)] for mine in values], dtype=float)
    drawn = sums[rng.integers(0, len(sums), (n, len(sums)))].sum(axis=1)
    low, high = np.quantile(drawn[:, 0] / drawn[:, 1], (0.025, 0.975))
    return float(low), float(high)
