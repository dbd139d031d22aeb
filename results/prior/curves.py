"""How early tasks are learnt: learning curves by rows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import curve_fit

from knowledge.expectations import Learnt
from results.prior.published import LABELS, Published, prompted, same_items

Array = NDArray[np.float64]


def learnt_labels(tables: Published, by: str) -> Learnt:
    """Learning curves by rows for each label, from what an untuned guess gets to the last point."""
    shares, rows, names = [], [], []
    for name, n_labels in LABELS.items():
        if by == "tuning":
            mine = same_items(tables.tuning, name)
            curve = mine.groupby("n_train").accuracy.mean()
        else:
            curve = prompted(tables.prompting, name, "random")
        if curve.empty:
            continue
        start, end = 1 / n_labels, float(curve.iloc[-3:].mean())
        shares += [min(0.999, (value - start) / (end - start)) for value in curve.iloc[:-3]]
        rows += [n / n_labels for n in curve.index[:-3]]
        names.append(name)
    n0, b, sd = _curve(rows, shares)
    return Learnt.model_validate(
        {
            "by": by,
            "outputs": "labels",
            "rows": round(n0, 2),
            "exponent": round(b, 3),
            "sd": round(sd, 3),
            "n": len(names),
            "claim": "long-prompts-beat-tuning-below-a-thousand-rows",
        }
    )


def learnt_text(tables: Published) -> Learnt:
    """Learning curves of losses: the share of the fall from no row to the most rows."""
    rows: list[float] = []
    shares: list[float] = []
    for table in tables.losses.values():
        sizes = [name for name in table.columns if name.isdigit()]
        losses = table[sizes].to_numpy(float)
        fall = np.nanmean((losses[:, :1] - losses) / (losses[:, :1] - losses[:, -1:]), axis=0)
        rows += [float(size) for size in sizes[1:-3]]
        shares += [float(share) for share in fall[1:-3]]
    n0, b, sd = _curve(rows, shares)
    return Learnt.model_validate(
        {
            "by": "tuning",
            "outputs": "text",
            "rows": round(n0, 1),
            "exponent": round(b, 3),
            "sd": round(sd, 3),
            "n": len(tables.losses),
            "claim": "published-curves-of-text",
        }
    )


def _curve(rows: Sequence[float], shares: Sequence[float]) -> tuple[float, float, float]:
    """n0 and b of 1 - (1 + n / n0)^-b by least squares, with the spread around it."""

    def learnt(n: Array, log_n0: float, b: float) -> Array:
        return np.asarray(1 - (1 + n / np.exp(log_n0)) ** -b)

    x, y = np.asarray(rows, float), np.asarray(shares, float)
    found, _ = curve_fit(learnt, x, y, p0=(np.log(np.median(x)), 0.6), maxfev=20_000)
    return float(np.exp(found[0])), float(found[1]), float(np.std(y - learnt(x, *found), ddof=2))
