"""All checks on one sheet: what each found, in the order of what it costs."""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from importlib import import_module

from probes.audit.records import Audit, AuditFinding, Found, NotChecked, Place
from probes.audit.sheet import Sheet

CHECKS: dict[str, str] = {
    "rows": "probes.audit.faulty_rows:check",
    "repeats": "probes.audit.duplicates:check",
    "contradictions": "probes.audit.contradictions:check",
    "label noise": "probes.audit.label_noise:check",
    "outputs": "probes.audit.output_shapes:check",
    "placeholders": "probes.audit.placeholders:check",
    "chat": "probes.audit.chat:check",
    "pairs": "probes.audit.preference:check",
    "pairs to be mined": "probes.audit.mined:check",
    "safety": "probes.audit.safety:check",
    "coverage": "probes.audit.coverage:check",
    "amount": "probes.audit.amount:check",
    "languages": "probes.audit.languages:check",
    "lengths": "probes.audit.lengths:check",
    "frames": "probes.audit.frames:check",
    "difficulty": "probes.audit.difficulty:check",
    "label shift": "probes.audit.shift:check",
    "answers": "probes.audit.answers:check",
    "slipped rows": "probes.audit.slipped:check",
    "cut texts": "probes.audit.cut_texts:check",
    "novelty": "probes.audit.novelty:check",
    "learnability": "probes.audit.learnability:check",
}
"""What is looked at, in this order; each a function from a sheet to what it found. Imported when
it is called, since some need scikit-learn."""
OPTIONAL: dict[str, str] = {"meaning": "probes.audit.semantic:check"}
"""What is looked at when it is asked for."""
FIRST = ("easy-baseline", "label-noise-unknown")
"""Information that bears on what should be tried at all."""
N_SHOWN = 10
"""Rows named in a report."""

Check = Callable[[Sheet], Iterator[Found]]
Told = Callable[[str], None]


def audit(
    sheet: Sheet, name: str, told: Told = lambda check: None, also: Sequence[str] = ()
) -> tuple[Audit, tuple[Found, ...]]:
    """The audit, and its findings with all their rows in the same order.

    Args:
        told: called with the name of each check before it begins.
        also: names of OPTIONAL checks.
    """
    began_s = time.monotonic()
    found: list[Found] = []
    outcomes: dict[str, str] = {}
    seconds: dict[str, float] = {}
    for check, where in (CHECKS | {each: OPTIONAL[each] for each in also}).items():
        told(check)
        check_began_s = time.monotonic()
        try:
            found += _function(where)(sheet)
            outcomes[check] = "ok"
        except NotChecked as reason:
            outcomes[check] = str(reason)
        seconds[check] = round(time.monotonic() - check_began_s, 2)
    ranked = sorted(found, key=_rank)
    record = Audit(
        name=name,
        task_type=sheet.task_type,
        n_rows=sum(entry.file == "train" for entry in sheet.entries),
        n_test_rows=sum(entry.file == "test" for entry in sheet.entries),
        findings=tuple(_reported(each, sheet) for each in ranked),
        checks=outcomes,
        check_seconds=seconds,
        seconds=round(time.monotonic() - began_s, 2),
        peak_memory_bytes=_peak_memory_bytes(),
    )
    return record, tuple(ranked)


def _function(where: str) -> Check:
    module, _, name = where.partition(":")
    function: Check = getattr(import_module(module), name)
    return function


def _rank(found: Found) -> tuple[float, bool, float, str]:
    """What stops a probe, then the dearest, then people's data; equals by what they bear on, then
    by the share of the rows."""
    share = len(found.rows) / max(1, found.of)
    first = {"probe": -1000.0, "safety": -0.001}.get(found.effect.on, 0.0)
    return first - found.effect.points, found.kind not in FIRST, -share, found.kind


def _reported(found: Found, sheet: Sheet) -> AuditFinding:
    remedy = found.remedy
    return AuditFinding(
        kind=found.kind,
        text=found.text,
        n=len(found.rows),
        of=found.of,
        rows=tuple(places(found.rows[:N_SHOWN], sheet)),
        effect=found.effect,
        fix=found.fix,
        fixable=remedy is not None and bool(remedy.drop or remedy.outputs or remedy.groups),
        figures=dict(found.figures),
        details=found.details,
    )


def places(positions: Sequence[int], sheet: Sheet) -> Iterator[Place]:
    """Where rows stand, by their positions in the sheet."""
    for at in positions:
        entry = sheet.entries[at]
        yield Place(file=entry.file, row=entry.row)


def _peak_memory_bytes() -> int:
    """Of this process since it began; Linux counts in KiB, macOS in bytes (getrusage(2))."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
