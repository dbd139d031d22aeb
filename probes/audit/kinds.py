"""Kinds of fault whose cost goes with the share of the rows that have them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from probes.audit.costs import by_share, counted, have
from probes.audit.records import Found, Remedy
from probes.records import Json


@dataclass(frozen=True)
class Kind:
    """What is the same in every finding of a kind."""

    name: str
    """In kebab case."""
    says: str
    """After `3 of 1,000 rows (0.3 %)`, with `{have}` for `has` or `have`."""
    fix: str
    on: Literal["model", "figure", "safety"]
    basis: str
    factors: tuple[float, float, float]
    """Expected, low and high, of the share in points."""
    noun: str = "row"

    def found(
        self,
        rows: Sequence[int],
        of: int,
        said: str = ".",
        remedy: Remedy | None = None,
        details: Json | None = None,
    ) -> Iterator[Found]:
        """The finding on these of `of` rows, if there are any; `said` ends its sentence."""
        if rows:
            n = len(rows)
            says = self.says.format(have=have(n))
            yield Found(
                kind=self.name,
                text=f"{counted(n, of, self.noun)} {says}{said}",
                rows=rows,
                of=of,
                fix=self.fix,
                effect=by_share(n, of, self.on, self.basis, self.factors),
                remedy=remedy,
                details=details or {},
            )
