"""What a share of faulty rows is taken to cost, and counts as words."""

from __future__ import annotations

from typing import Literal

from probes.audit.records import Effect
from probes.estimates import wilson
from probes.records import Estimate

REFUSED = Effect(
    points=0, low=0, high=0, on="probe", basis="a probe refuses the file until they are mended"
)
"""Of what the probe takes no file with."""
FOLLOWS = (
    "a model that follows most rows is counted wrong on these, and near an even split it follows"
    " neither (results/pocket/dirty_data.md); the share is a rule of thumb"
)
"""Basis of the effect of a minority's form."""


HARDLY = (0.02, 0.0, 0.3)
UNFELT = "LoRA on a pocket task lost nothing at 40 % of the rows (results/pocket/dirty_data.md)"
"""Factors and basis of what a tuned model does not mind."""


def by_share(
    n: int,
    of: int,
    on: Literal["model", "figure", "safety"],
    basis: str,
    factors: tuple[float, float, float] = (1.0, 0.3, 1.5),
) -> Effect:
    """Points in proportion to the share of rows: the expected factor, a low one and a high one."""
    share = 100 * n / max(1, of)
    points, low, high = (round(min(100.0, factor * share), 2) for factor in factors)
    return Effect(points=points, low=low, high=high, on=on, basis=basis)


def counted(n: int, of: int, noun: str = "row") -> str:
    """`3 of 1,000 rows (0.3 %)`."""
    share = 100 * n / max(1, of)
    digits = 0 if share >= 10 or share == 0 else 1 if share >= 0.1 else 2
    shown = "less than 0.01" if 0 < share < 0.01 else f"{share:.{digits}f}"
    return f"{n:,} of {of:,} {noun}{'' if of == 1 else 's'} ({shown} %)"


def have(n: int) -> str:
    """`has` or `have`."""
    return "has" if n == 1 else "have"


def many(n: int, noun: str) -> str:
    """`1 row`, `1,000 rows`."""
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"


def share_of(n: float, of: int) -> Estimate:
    """A share with its Wilson interval."""
    low, high = wilson(n, of)
    return Estimate(value=n / of, low=low, high=high, n=of, basis="wilson")
