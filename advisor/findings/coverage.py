"""Findings about the measuring itself: what is undecided, failed, too long or too slow."""

from __future__ import annotations

from advisor.decide import items_to_settle, percent
from advisor.findings.evidence import Evidence
from advisor.records import Finding
from probes.records import Measurement


def undecided(evidence: Evidence) -> list[Finding]:
    """Options whose probability of meeting the target is neither high nor low."""
    enough = evidence.asked
    open_options = [o for o in evidence.options if 1 - enough < o.p_meets < enough]
    return [
        Finding(
            kind="not-enough-evidence",
            rung=option.rung,
            text=f"{option.name}: {percent(option.quality)} leaves open whether"
            f" {100 * evidence.spec.target:.0f} % is met (P = {option.p_meets:.2f})",
            evidence=option.evidence,
            enough=f"about {items_to_settle(option, evidence.spec.target):,} items",
        )
        for option in open_options
    ]


def failed(evidence: Evidence) -> list[Finding]:
    """Cells without a figure, one finding for each cause."""
    by_cause: dict[str, list[Measurement]] = {}
    for run in evidence.dev:
        if run.status == "failed":
            by_cause.setdefault(run.cause, []).append(run)
    return [
        Finding(
            kind="measurement-failed",
            text=f"{len(runs)} cell(s) have no figure: {cause}",
            evidence=tuple(run.id for run in runs),
        )
        for cause, runs in by_cause.items()
    ]


def too_long(evidence: Evidence) -> list[Finding]:
    """Options with items that do not fit the model's context: those count as wrong."""
    found = []
    for option in evidence.options:
        runs = evidence.runs[option.name]
        counts = [
            row["items_too_long"] for run in runs for row in run.history if "items_too_long" in row
        ]
        if counts:
            found.append(
                Finding(
                    kind="measurement-failed",
                    rung=option.rung,
                    text=f"{max(counts)} item(s) do not fit the context of {option.rung} with"
                    f" {option.method.replace('_', '-')}; they count as wrong",
                    evidence=option.evidence,
                )
            )
    return found


def partly_answered(evidence: Evidence) -> list[Finding]:
    """The user's systems that answered only some of the dev items."""
    return [
        Finding(
            kind="not-enough-evidence",
            rung=option.rung,
            text=f"{option.name} answered {option.quality.n} of the {evidence.n_dev} dev items;"
            " whether those are easier than the rest is not known",
            evidence=option.evidence,
            enough="its answers to every input of the data",
        )
        for option in evidence.options
        if option.method == "existing" and option.quality.n < evidence.n_dev
    ]


def barred(evidence: Evidence) -> list[Finding]:
    """Options that the spec's needs rule out, one finding for each reason."""
    reasons: dict[str, list[str]] = {}
    for option in evidence.options:
        for reason in option.barred:
            reasons.setdefault(reason, []).append(option.name)
    return [
        Finding(
            kind="ruled-out",
            text=f"{', '.join(names)}: {reason}",
            evidence=tuple(
                cited for o in evidence.options if o.name in names for cited in o.evidence[:1]
            ),
        )
        for reason, names in reasons.items()
    ]
