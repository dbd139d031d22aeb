"""What a model of a size is able to do, by its MMLU."""

from __future__ import annotations

import numpy as np
import pandas as pd

from knowledge.expectations import Ability
from results.prior.published import RECENT, logit


def by_size(bench: pd.DataFrame) -> Ability:
    """MMLU by size, of the families that stand for the models of today."""
    rows = bench[bench["Model Family"].isin(RECENT)]
    rows = rows[rows["Model Size (B)"].notna() & rows.MMLU.notna()]
    x, y = np.log10(rows["Model Size (B)"].to_numpy(float) / 7), logit(rows.MMLU.to_numpy(float))
    slope, at_7b = np.polyfit(x, y, 1)
    return Ability(
        at_7b=round(float(at_7b), 3),
        slope=round(float(slope), 3),
        sd=round(float(np.std(y - at_7b - slope * x, ddof=2)), 3),
        n=len(rows),
        basis="MMLU of the base models of " + ", ".join(RECENT) + " (2024)",
        claim="ability-grows-with-size",
    )


def ability_of(n_params: float, ability: Ability) -> float:
    """What the prior takes a recent model of that size to be able to do."""
    return ability.at_7b + ability.slope * float(np.log10(n_params / 7e9))


def size_of(mmlu: float, ability: Ability) -> int:
    """Parameters at which the prior expects that MMLU: how it is told of a model's ability."""
    return round(7e9 * 10 ** ((float(logit(mmlu)) - ability.at_7b) / ability.slope))
