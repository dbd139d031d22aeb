"""From measurements to findings: what limits this task, each with the measurements behind it."""

from __future__ import annotations

from collections.abc import Callable

from advisor.findings import coverage, knowledge, labels, prompting, size, tuning
from advisor.findings.evidence import Evidence
from advisor.records import Finding

__all__ = ["READERS", "Evidence", "findings"]

READERS: tuple[Callable[[Evidence], list[Finding]], ...] = (
    prompting.solved_by_prompting,
    prompting.form_limited,
    knowledge.knowledge_limited,
    knowledge.retrieval_limited,
    knowledge.reader_limited,
    prompting.steps_help,
    prompting.sampling_limited,
    prompting.compute_or_size,
    tuning.tuning,
    tuning.data_limited,
    size.capacity_limited,
    size.stalled_together,
    labels.suspect_labels,
    tuning.lost_ability,
    coverage.undecided,
    coverage.partly_answered,
    coverage.barred,
    size.one_rung_only,
    coverage.too_long,
    coverage.failed,
)
"""Each a readable function from evidence to findings."""


def findings(evidence: Evidence) -> list[Finding]:
    """All findings, in the order of the readers."""
    return [finding for reader in READERS for finding in reader(evidence)]
