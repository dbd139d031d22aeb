"""What a share of faulty rows is taken to cost; counts, shares and groups as findings say them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Literal, TypeVar

from probes.audit.records import Effect
from probes.estimates import wilson
from probes.records import Estimate

Key = TypeVar("Key")

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
UNFELT = (
    "LoRA on two pocket tasks lost less than a point at 40 % of the rows"
    " (results/pocket/dirty_data.md)"
)
"""Factors and basis of what a tuned model does not mind."""
UNMEASURED = "rule of thumb, not measured"
EXPONENTS = (0.1, 0.3, 0.6)
"""Of the learning curve, error ~ n^-b: low, middle, high (facts/statistics.md C(i))."""


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
    return f"{n:,} of {many(of, noun)} ({shown} %)"


def percent(share: float, digits: int = 0) -> str:
    """`80 %` of a share of .8."""
    return f"{100 * share:.{digits}f} %"


def interval(share: Estimate) -> str:
    """`80 % [75, 84]`."""
    return f"{percent(share.value)} [{100 * share.low:.0f}, {100 * share.high:.0f}]"


def have(n: int) -> str:
    """`has` or `have`."""
    return "has" if n == 1 else "have"


def many(n: int, noun: str) -> str:
    """`1 row`, `1,000 rows`."""
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"


def listed(sizes: Mapping[str, int], most: int | None = None) -> str:
    """`quotes 3, bold 1`: the `most` largest, the largest first."""
    return ", ".join(f"{name} {n:,}" for name, n in Counter(sizes).most_common(most))


def rarest_first(groups: Mapping[Key, Sequence[int]]) -> list[int]:
    """The rows of all groups, those of the smallest at the front."""
    return [
        at for name in sorted(groups, key=lambda name: len(groups[name])) for at in groups[name]
    ]


def share_of(n: float, of: int) -> Estimate:
    """A share with its Wilson interval."""
    low, high = wilson(n, of)
    return Estimate(value=n / of, low=low, high=high, n=of, basis="wilson")
