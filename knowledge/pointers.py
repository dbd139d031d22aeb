"""From what a report or an audit found to what may be behind it.

A pointer is a reason to look, no verdict: one kind of finding speaks for several failure modes and,
where somebody sees the symptom, for some of its causes.
"""

from __future__ import annotations

from dataclasses import dataclass

from knowledge.load import failures, symptoms
from knowledge.statements import Cause, FailureMode, Symptom


@dataclass(frozen=True)
class Explained:
    """A symptom, with those of its causes that a finding speaks for."""

    symptom: Symptom
    causes: tuple[Cause, ...]


@dataclass(frozen=True)
class Pointers:
    """What a kind of finding points to."""

    failures: tuple[FailureMode, ...]
    symptoms: tuple[Explained, ...]


def pointing_to(kind: str) -> Pointers:
    """The failure modes and symptoms that a report's finding of that kind points to.

    Both are empty for a kind that speaks for none, as `one-rung-only`.
    """
    causes = {
        symptom.id: tuple(cause for cause in symptom.causes if kind in cause.findings)
        for symptom in symptoms().values()
    }
    return Pointers(
        failures=tuple(failure for failure in failures().values() if kind in failure.findings),
        symptoms=tuple(
            Explained(symptom, causes[symptom.id])
            for symptom in symptoms().values()
            if causes[symptom.id]
        ),
    )


def audit_pointing_to(kind: str) -> tuple[FailureMode, ...]:
    """The failure modes that an audit's finding of that kind points to.

    Apart from `pointing_to`, since `label-noise` is a kind of either.
    """
    return tuple(failure for failure in failures().values() if kind in failure.audit)
