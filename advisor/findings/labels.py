"""A finding about the references: several good models say otherwise, with one voice."""

from __future__ import annotations

from advisor.findings.evidence import Evidence
from advisor.mistakes import witnesses
from advisor.records import Finding

LEAST_QUALITY = 0.5
"""Witnesses that are more often wrong than right prove nothing by agreeing."""
LEAST_SUSPECTS, LEAST_SHARE = 3, 0.02
"""Fewer suspects than both are told with the wrong answers only: luck would do."""


def suspect_labels(evidence: Evidence) -> list[Finding]:
    """References that the best options contradict with one and the same answer."""
    called = witnesses(evidence.runs)
    if not called or min(run.quality.value for run in called if run.quality) < LEAST_QUALITY:
        return []
    n_found, n_items = len(evidence.suspects), len(called[-1].scores)
    if n_found < max(LEAST_SUSPECTS, LEAST_SHARE * n_items):
        return []
    share = n_found / n_items
    return [
        Finding(
            kind="suspect-labels",
            text=f"the {len(called)} best options give one and the same other answer on"
            f" {n_found} of {n_items} references ({100 * share:.0f} %): read those first",
            evidence=tuple(run.id for run in called),
        )
    ]
