"""Everything that is believed before any probe, in one place: what is there, and what names it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from knowledge import load
from knowledge.errors import UserError
from knowledge.records import Fact, Ladder, ModelCard
from knowledge.statements import Claim, Coverage, FailureMode, MethodCard, Symptom
from probes.sinks import one_line

if TYPE_CHECKING:
    from advisor.rules import Rule

KINDS = {
    "claims": "claim",
    "methods": "method",
    "models": "model",
    "ladders": "ladder",
    "symptoms": "symptom",
    "failures": "failure mode",
}
"""Kinds of records, and what one of each is called."""
N_NEAR = 3


@dataclass(frozen=True)
class Known:
    """All records by name, and what refers to them."""

    claims: Mapping[str, Claim]
    methods: Mapping[str, MethodCard]
    models: Mapping[str, ModelCard]
    ladders: Mapping[str, Ladder]
    symptoms: Mapping[str, Symptom]
    failures: Mapping[str, FailureMode]
    coverage: tuple[Coverage, ...] = ()
    rules: Mapping[str, Rule] = field(default_factory=dict)

    def of(self, kind: str) -> Mapping[str, Fact]:
        """The records of one of KINDS."""
        found: Mapping[str, Fact] = getattr(self, kind)
        return found

    def everything(self) -> Iterator[tuple[str, str, Fact]]:
        """Every record with its kind and its name."""
        for kind in KINDS:
            for name, record in self.of(kind).items():
                yield kind, name, record


def everything_known(rules: Mapping[str, Rule]) -> Known:
    """The records that this version ships."""
    return Known(
        claims=load.claims(),
        methods=load.methods(),
        models=load.model_cards(),
        ladders=load.ladders(),
        symptoms=load.symptoms(),
        failures=load.failures(),
        coverage=load.coverage(),
        rules=rules,
    )


def named(known: Known, name: str) -> list[tuple[str, str, Fact]]:
    """The records of that name, whatever its case; of a model also by its Hub id.

    A claim and a failure mode may have one name: then both.

    Raises:
        UserError: E-KNOWLEDGE-UNKNOWN, with the names most like it.
    """
    folded = name.casefold()
    found = [
        (kind, each, record)
        for kind, each, record in known.everything()
        if folded in (each.casefold(), getattr(record, "location", each).casefold())
    ]
    if not found:
        raise UserError(
            "E-KNOWLEDGE-UNKNOWN",
            f"nothing is called '{one_line(name)}'",
            place="ID",
            hint=_near(folded, [each for _, each, _ in known.everything()]),
        )
    return found


def _near(given: str, names: list[str]) -> str:
    """Names that hold what was given, then names spelt like it."""
    by_case = {name.casefold(): name for name in names}
    holding = [name for name in by_case if len(given) > 2 and given in name]
    near = [*holding, *difflib.get_close_matches(given, by_case, n=N_NEAR)]
    first = [by_case[name] for name in dict.fromkeys(near)][:N_NEAR]
    if first:
        return f"did you mean {' or '.join(first)}?"
    return "see `advisor knowledge search` and `advisor knowledge list`"


def named_by(known: Known, kind: str, name: str) -> list[str]:
    """What refers to a record, a line each."""
    if kind == "claims":
        return list(_naming_claim(known, name))
    if kind == "failures":
        prone = (card for card in known.methods.values() if name in card.failures)
        return [f"method {card.id}: is prone to it" for card in prone]
    if kind == "models":
        rows = (row for row in known.ladders.values() if name in row.models)
        return [f"ladder {row.name}: rung {row.models.index(name) + 1}" for row in rows]
    return []


def _naming_claim(known: Known, claim: str) -> Iterator[str]:
    for card in known.methods.values():
        settings = [each.name for each in card.settings if each.claim == claim]
        if settings or claim in card.claims:
            what = f"its {', '.join(settings)}" if settings else card.title
            yield f"method {card.id}: {what}"
    others: list[tuple[str, Iterable[str]]] = [
        *(
            (f"failure mode {each.id}: {each.title}", each.claims)
            for each in known.failures.values()
        ),
        *(
            (f"symptom {symptom.id}: {cause.what}", cause.claims)
            for symptom in known.symptoms.values()
            for cause in symptom.causes
        ),
        *((f"model {each.name}: how it tunes", each.tunability) for each in known.models.values()),
        *((f"rule {each.name}: {each.strength}", each.claims) for each in known.rules.values()),
        *((f"document {row.document}: {row.statement}", row.claims) for row in known.coverage),
    ]
    yield from (text for text, claims in others if claim in claims)
