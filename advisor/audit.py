"""The audit of a task: the spec read, the rungs' tokenizers at hand, the pages written."""

from __future__ import annotations

import json
from pathlib import Path

from advisor.report.audit_html import audit_html
from advisor.report.audit_text import audit_markdown
from knowledge.errors import UserError
from probes.audit.cleaned import refuse_existing, write_cleaned
from probes.audit.mined import as_rows, pairs
from probes.audit.reading import read_sheet
from probes.audit.records import Audit
from probes.audit.runner import Told
from probes.audit.runner import audit as run_checks
from probes.audit.sheet import Rung, Sheet
from probes.cards import card_of
from probes.durable import publish, replace, user_errors
from probes.ladder import resolve_ladder
from probes.machine import this_machine
from probes.plan import token_counter
from probes.sinks import file_name
from probes.task import TaskSpec

PAIRS = "pairs.jsonl"


def sheet_of(spec: TaskSpec, spec_path: Path) -> Sheet:
    """All rows of a spec's files, with the tokenizers of its rungs.

    Raises:
        UserError: E-DATA-…: a file that cannot be read.
    """
    return read_sheet(spec, spec_path, _rungs(spec, spec_path))


def audited(
    spec: TaskSpec, spec_path: Path, *, fix: bool, semantic: bool, out: Path | None, told: Told
) -> tuple[Audit, list[Path]]:
    """The audit of a task, and the files that were written: for `fix` the cleaned copies with their
    logs, to `out` the pages, and the preference pairs that can be mined.

    Args:
        semantic: compare meanings too, which loads the embedding model.
        told: called with the name of each check before it begins.

    Raises:
        UserError: E-DATA-…, a file that cannot be read; E-AUDIT-…, a copy that cannot be written.
    """
    if fix:
        refuse_existing(spec, spec_path)
    if out is not None and spec.systems and (out / PAIRS).exists():
        raise _pairs_exist(out)
    sheet = sheet_of(spec, spec_path)
    record, found = run_checks(sheet, spec.name, told, ("meaning",) if semantic else ())
    written = write_cleaned(sheet, found, spec, spec_path) if fix else []
    if out is not None:
        written += write_audit(out, record)
        if any(each.kind == "mineable-pairs" and each.rows for each in found):
            written.append(_write_pairs(out, sheet))
    return record, written


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


def _write_pairs(folder: Path, sheet: Sheet) -> Path:
    """Write pairs.jsonl, where none is: it may have been read and mended since."""
    rows = as_rows(pairs(sheet), sheet)
    lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    with user_errors(folder):
        if not publish(folder / PAIRS, lines.encode("utf-8", "backslashreplace")):
            raise _pairs_exist(folder)
    return folder / PAIRS


def _pairs_exist(folder: Path) -> UserError:
    return UserError(
        "E-AUDIT-EXISTS",
        "pairs are there already, perhaps with work of yours in them",
        place=file_name(folder / PAIRS),
        hint="move or remove them, or name another folder",
    )


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
