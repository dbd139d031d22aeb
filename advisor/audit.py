"""The audit of a task: the spec read, the rungs' tokenizers at hand, the pages written."""

from __future__ import annotations

from pathlib import Path

from advisor.report.audit_html import audit_html
from advisor.report.audit_text import audit_markdown
from knowledge.errors import UserError
from probes.audit.cleaned import refuse_existing, write_cleaned
from probes.audit.reading import read_sheet
from probes.audit.records import Audit
from probes.audit.runner import Told
from probes.audit.runner import audit as run_checks
from probes.audit.sheet import Rung, Sheet
from probes.cards import card_of
from probes.durable import replace, user_errors
from probes.ladder import resolve_ladder
from probes.machine import this_machine
from probes.plan import token_counter
from probes.task import TaskSpec


def sheet_of(spec: TaskSpec, spec_path: Path) -> Sheet:
    """All rows of a spec's files, with the tokenizers of its rungs.

    Raises:
        UserError: E-DATA-…: a file that cannot be read.
    """
    return read_sheet(spec, spec_path, _rungs(spec, spec_path))


def audited(
    spec: TaskSpec, spec_path: Path, *, fix: bool, semantic: bool, told: Told
) -> tuple[Audit, list[Path]]:
    """The audit of a task, and the cleaned copies that were written for `fix`, with their logs.

    Args:
        semantic: compare meanings too, which loads the embedding model.
        told: called with the name of each check before it begins.

    Raises:
        UserError: E-DATA-…, a file that cannot be read; E-AUDIT-…, a copy that cannot be written.
    """
    if fix:
        refuse_existing(spec, spec_path)
    sheet = sheet_of(spec, spec_path)
    record, found = run_checks(sheet, spec.name, told, ("meaning",) if semantic else ())
    return record, write_cleaned(sheet, found, spec, spec_path) if fix else []


def _rungs(spec: TaskSpec, spec_path: Path) -> list[Rung]:
    """The rungs whose lengths can be told; none where no model is in reach."""
    try:
        refs = resolve_ladder(spec, spec_path.parent, this_machine())
        cards = [card_of(ref) for ref in refs]
    except UserError:
        return []  # `probe` says it; the data can be audited without
    return [
        Rung(ref.name, card.context_tokens, token_counter(ref))
        for ref, card in zip(refs, cards, strict=True)
        if card is not None
    ]


def write_audit(folder: Path, audit: Audit) -> list[Path]:
    """Write audit.json, audit.md and audit.html, each whole or not at all."""
    pages = {
        "audit.json": audit.model_dump_json(indent=2) + "\n",
        "audit.md": "\n".join(audit_markdown(audit)) + "\n",
        "audit.html": audit_html(audit),
    }
    with user_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in pages.items():
            replace(folder / name, text.encode())
    return [folder / name for name in pages]
