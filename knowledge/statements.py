"""The nouns of what is believed: claims, methods, failure modes, symptoms."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator

from knowledge.records import Fact, IsoDate, Source, TaskType

Id = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=60)]
Sentence = Annotated[str, StringConstraints(min_length=10, max_length=600)]
Grade = Literal["primary", "secondary", "computed", "ungrounded"]
Reading = Literal["whole", "abstract", "secondary", "computed", "project"]


class Reference(Source):
    """A source of a claim, with how it was read."""

    reading: Reading
    """`whole`: the primary source; `abstract`: of it only that; `secondary`: somebody else's page;
    `computed`: by this project from published tables; `project`: measured by this project."""


class Scope(Fact):
    """Where a claim was seen to hold; what is left out is not limited."""

    task_types: tuple[TaskType, ...] = ()
    params_b: tuple[float, float] | None = None
    """Smallest and largest model, in 10^9 parameters."""
    rows: tuple[int, int] | None = None
    """Fewest and most training examples."""
    where: str = ""
    """Models, data sets and conditions, in words."""


class Effect(Fact):
    """A figure that the claim rests on."""

    what: Annotated[str, StringConstraints(min_length=5, max_length=200)]
    """What is measured: `accuracy, tuned less untuned, mean over 31 tasks`."""
    value: float
    low: float | None = None
    high: float | None = None
    """Interval or range as the source gives it; None where it gives none."""
    unit: str
    """`points` (of a hundred), `share`, `ratio`, `USD`, `bits per parameter`, …"""
    n: int | None = Field(default=None, gt=0)
    """Tasks, models or items behind it."""


class Retest(Fact):
    """How somebody finds out whether a claim still holds."""

    by: Literal["probe", "finding", "audit", "fit", "benchmark", "reading"]
    """A probe of this project, one of its findings, an audit check, `advisor fit`, one of its
    benchmarks; or nothing but reading newer work."""
    how: Sentence


class Claim(Fact):
    """A statement that could move a decision, with what it rests on and how to doubt it."""

    id: Id
    statement: Sentence
    topic: Literal[
        "data",
        "size",
        "prompting",
        "retrieval",
        "tuning",
        "preference",
        "reasoning",
        "knowledge",
        "cost",
        "evaluation",
        "risk",
    ]
    scope: Scope = Scope()
    effects: tuple[Effect, ...] = ()
    sources: tuple[Reference, ...] = ()
    grade: Grade
    lasts: Literal["durable", "direction", "perishable"]
    """Whether it should outlive today's models: wholly, in its direction alone, or not."""
    status: Literal["holds", "relaxed", "contradicted", "corrected"]
    """`corrected`: as it is often told it is wrong, and `statement` is the right version."""
    against: tuple[Reference, ...] = ()
    """What relaxed, contradicted or corrected it."""
    note: str = ""
    """What relaxed it and how far, what was told wrongly, what is not known."""
    retest: Retest
    checked: IsoDate

    @model_validator(mode="after")
    def _grade_follows_from_the_sources(self) -> Claim:
        kinds = {source.reading for source in self.sources}
        allowed = {
            "primary": {"whole", "abstract"},
            "computed": {"computed", "project"},
            "secondary": {"secondary"},
            "ungrounded": set[str](),
        }[self.grade]
        if self.grade == "ungrounded" and self.sources:
            raise ValueError(f"{self.id}: an ungrounded claim has no source")
        if self.grade != "ungrounded" and not kinds & allowed:
            raise ValueError(f"{self.id}: a claim graded {self.grade} needs such a source")
        if self.status != "holds" and not (self.against or self.note):
            raise ValueError(f"{self.id}: what makes it {self.status} is missing")
        return self


class Setting(Fact):
    """A typical setting of a method."""

    name: str
    value: str
    claim: Id
    """What it rests on."""


class MethodCard(Fact):
    """A way to get a task done, and what is known of it before any probe."""

    id: Id
    title: str
    measured_by: tuple[str, ...] = ()
    """Methods of a probe that measure it; empty where this project does not yet."""
    changes: Sentence
    """What it changes: the prompt, the context, the weights, the samples."""
    fits: tuple[Sentence, ...]
    fits_not: tuple[Sentence, ...]
    data: Sentence
    """What data it needs."""
    risk: Sentence
    cost: Sentence
    """The shape of its cost: once or by request, and what drives it."""
    settings: tuple[Setting, ...] = ()
    failures: tuple[Id, ...] = ()
    """Failure modes that it is prone to."""
    claims: tuple[Id, ...]


class FailureMode(Fact):
    """A way in which adapting a model goes wrong."""

    id: Id
    title: str
    what: Sentence
    signs: tuple[Sentence, ...]
    findings: tuple[str, ...] = ()
    """Kinds of findings of a report that point to it."""
    audit: tuple[str, ...] = ()
    """Kinds of audit findings that point to it."""
    fix: Sentence
    claims: tuple[Id, ...] = ()


class Cause(Fact):
    """One cause of a symptom, and the measurement that tells it from the others."""

    what: Sentence
    measure: Sentence
    """What to measure, and with what."""
    tells: Sentence
    """Which outcome speaks for this cause."""
    findings: tuple[str, ...] = ()
    claims: tuple[Id, ...] = ()


class Symptom(Fact):
    """What people see go wrong, before they know why."""

    id: Id
    title: str
    looks_like: Sentence
    causes: tuple[Cause, ...] = Field(min_length=2)


class Coverage(Fact):
    """What became of one statement of the documents that the project grew from."""

    document: Literal["s0", "s1", "s2", "s3", "s4"]
    statement: str
    claims: tuple[Id, ...] = ()
    left_out: str = ""
    """Why no claim was made of it."""

    @model_validator(mode="after")
    def _claim_or_reason(self) -> Coverage:
        if bool(self.claims) == bool(self.left_out):
            raise ValueError(f"'{self.statement[:40]}' wants either claims or a reason")
        return self


DUE_DAYS = 180
"""After so many days a claim is due for another look; a durable one after twice as many."""


def age_days(claim: Claim, today: date) -> int:
    """Days since somebody looked at the claim's sources."""
    return (today - date.fromisoformat(claim.checked)).days


def stale(claims: Iterable[Claim], today: date, days: int) -> list[tuple[Claim, int]]:
    """The claims that nobody has looked at for longer than `days`, oldest first, with their age.

    Durable claims may be twice as old.
    """
    ages = [(claim, age_days(claim, today)) for claim in claims]
    late = [(c, age) for c, age in ages if age > days * (2 if c.lasts == "durable" else 1)]
    return sorted(late, key=lambda pair: (-pair[1], pair[0].id))
