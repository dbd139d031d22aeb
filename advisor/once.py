"""What is looked at once for a run and kept with it: the data, and the documents' health."""

from __future__ import annotations

from advisor.audit import sheet_of
from advisor.prepare import Prepared
from advisor.report.inputs import AUDIT, HEALTH
from probes.audit.records import Audit
from probes.audit.runner import audit
from probes.retrieval_health import retrieval_health
from probes.store import RunStore, canonical_json


def keep_audit(prepared: Prepared, store: RunStore) -> Audit:
    """The audit of the rows as they are in the files, before any is left out by the split.

    Without the findings' details, which hold wordings of the data: a report can be shared.
    """
    known = store.frozen(AUDIT)
    if known is not None:
        return Audit.model_validate_json(canonical_json(known))
    task = prepared.task
    whole, _ = audit(sheet_of(task.spec, task.path), task.spec.name)
    bare = tuple(found.model_copy(update={"details": {}}) for found in whole.findings)
    kept = whole.model_copy(update={"findings": bare})
    store.freeze(AUDIT, kept.model_dump(mode="json"))
    return kept


def keep_health(prepared: Prepared, store: RunStore) -> None:
    """How well the documents can be searched, without their words."""
    passages = prepared.task.documents.passages
    if passages and store.frozen(HEALTH) is None:
        health = retrieval_health(passages)
        blank = tuple(each.model_copy(update={"query": ""}) for each in health.confusable)
        found = health.model_copy(update={"confusable": blank})
        store.freeze(HEALTH, found.model_dump(mode="json"))
