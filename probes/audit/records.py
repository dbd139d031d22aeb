"""The nouns of the audit: what a check found, and the audit as it is written down."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from pydantic import Field

from probes.record import Record
from probes.records import Estimate, Json

FileName = Literal["train", "test"]


class Effect(Record):
    """What leaving a fault in the data is expected to cost, in points of quality (0 to 100)."""

    points: float
    low: float
    high: float
    """A range in which the cost would not surprise, not an interval of a level."""
    on: Literal["probe", "model", "figure", "safety"]
    """What suffers: the probe, which takes none of the file; what the model becomes; what is
    measured of it (a leak makes it look better, a wrong reference worse); or people whose data
    they are."""
    basis: str
    """What the points rest on, in a clause."""


NO_EFFECT = Effect(points=0, low=0, high=0, on="model", basis="for information")


@dataclass(frozen=True)
class Remedy:
    """Changes that are safe to make in a copy of the data; positions are those of the sheet."""

    drop: Sequence[int] = ()
    outputs: Mapping[int, str] = field(default_factory=dict)
    """New outputs by position."""
    groups: Mapping[int, str] = field(default_factory=dict)
    """Name of the set that a row belongs to and must not be split from, by position."""

    @classmethod
    def writing(cls, outputs: Mapping[int, str]) -> Remedy | None:
        """These outputs, where there are any."""
        return cls(outputs=outputs) if outputs else None


@dataclass(frozen=True)
class Found:
    """What one check found."""

    kind: str
    """A name in kebab case; what a benchmark plants and docs/audit.md explains."""
    text: str
    """One sentence with counts, without words of the data; `shown` where a label is named."""
    rows: Sequence[int]
    """Positions in `Sheet.entries` of all rows concerned, those to look at first at the front."""
    of: int
    """How many rows were looked at."""
    fix: str
    """What to do, as an imperative."""
    effect: Effect = NO_EFFECT
    remedy: Remedy | None = None
    figures: Mapping[str, Estimate] = field(default_factory=dict)
    details: Json = field(default_factory=dict)
    """What a table or a plot of the finding needs: plain JSON, values of the data shortened."""


class Place(Record):
    """Where a row stands."""

    file: FileName
    row: int
    """Its line or number in the file, from 1."""


class AuditFinding(Record):
    """One finding, as reported."""

    kind: str
    text: str
    n: int
    """Rows concerned."""
    of: int
    rows: tuple[Place, ...]
    """The first 10 to look at."""
    effect: Effect
    fix: str
    fixable: bool
    """Whether `advisor audit --fix` does it."""
    figures: dict[str, Estimate]
    details: Json


class Audit(Record):
    """What the data allow: findings, the dearest first, and what was looked at."""

    schema_version: Literal[1] = 1
    name: str
    task_type: str
    n_rows: int
    n_test_rows: int
    """Rows of the test file; 0 where the spec names none."""
    findings: tuple[AuditFinding, ...]
    checks: dict[str, str]
    """Every check by name: `ok`, or why it was not made."""
    check_seconds: dict[str, float] = Field(default_factory=dict)
    """Wall time of every check."""
    seconds: float
    peak_memory_bytes: int


class NotChecked(Exception):
    """Why a check could not be made, in a clause."""
