"""The audit for people: as lines for a terminal, and in Markdown."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from textwrap import wrap

from probes.audit.records import Audit, AuditFinding, Effect
from probes.sinks import markdown

INFORMATION = "For information"
GROUPS: dict[str, Callable[[Effect], bool]] = {
    "What stops a probe": lambda effect: effect.on == "probe",
    "What lowers quality": lambda effect: effect.on == "model" and effect.points > 0,
    "What bends the figure": lambda effect: effect.on == "figure",
    "What touches people": lambda effect: effect.on == "safety",
    INFORMATION: lambda effect: effect.on == "model" and effect.points <= 0,
}
"""Headings, and which findings stand under each."""


def grouped(findings: Sequence[AuditFinding]) -> Iterator[tuple[str, list[AuditFinding]]]:
    """Headings with their findings; those without any are left out."""
    for heading, belongs in GROUPS.items():
        mine = [found for found in findings if belongs(found.effect)]
        if mine:
            yield heading, mine


def points(effect: Effect) -> str:
    """An effect in words; '' where it has no size, or where it is people who are hurt."""
    if effect.points <= 0 or effect.on == "safety":
        return ""
    return f"about {effect.points:.1f} points [{effect.low:.1f}, {effect.high:.1f}]"


def shown_rows(found: AuditFinding, limit: int = 5) -> str:
    """The first rows to look at: `train 12, train 88, … (2,400 rows)`."""
    if not found.rows:
        return ""
    shown = ", ".join(f"{place.file} {place.row}" for place in found.rows[:limit])
    return shown if found.n <= min(limit, len(found.rows)) else f"{shown}, … ({found.n:,} rows)"


def audit_lines(audit: Audit, width: int = 0) -> Iterator[str]:
    """The audit as lines of a terminal, folded between words where it has a width.

    What stands in them is still to be made safe for it.
    """
    for line in _lines(audit):
        indent = " " * (len(line) - len(line.lstrip()) + 2 * line.startswith("- "))
        folded = wrap(line, width, subsequent_indent=indent) if width else []
        yield from folded or [line]


def _lines(audit: Audit) -> Iterator[str]:
    yield f"{_size(audit)}: {_count(audit)} ({audit.seconds:.1f} s)"
    for heading, found in grouped(audit.findings):
        yield from ("", heading)
        for each in found:
            yield f"- {each.kind}: {each.text}"
            if heading == INFORMATION:
                continue  # rows and what to do about them stand in the pages
            facts = [points(each.effect), shown_rows(each)]
            if any(facts):
                yield f"    {'; '.join(filter(None, facts))}"
            if each.fix:
                yield f"    {each.fix}{' (--fix does it)' if each.fixable else ''}"
    if missing := not_made(audit):
        yield from ("", f"not checked: {'; '.join(missing)}")


def audit_markdown(audit: Audit, level: int = 1) -> Iterator[str]:
    """The audit as lines of Markdown, its heading of that level."""
    hashes = "#" * level
    yield from (f"{hashes} Data audit: {markdown(audit.name)}", "")
    yield from (f"{markdown(_size(audit))}: {_count(audit)}.", "")
    for heading, found in grouped(audit.findings):
        yield from (f"{hashes}# {heading}", "")
        for each in found:
            cost = points(each.effect)
            basis = f" ({markdown(each.effect.basis)})" if cost else ""
            yield f"- **{each.kind}**: {markdown(each.text)}"
            if cost:
                yield f"  - cost: {markdown(cost)}{basis}"
            if each.rows:
                yield f"  - rows: {markdown(shown_rows(each, 10))}"
            if each.fix:
                done = " (`advisor audit --fix` does it)" if each.fixable else ""
                yield f"  - fix: {markdown(each.fix)}{done}"
        yield ""
    if missing := not_made(audit):
        yield from (f"Not checked: {markdown('; '.join(missing))}.", "")


def _size(audit: Audit) -> str:
    test = f" and {audit.n_test_rows:,} of the test file" if audit.n_test_rows else ""
    return f"{audit.n_rows:,} row{'' if audit.n_rows == 1 else 's'}{test}"


def not_made(audit: Audit) -> list[str]:
    """Checks that were not made, each with its reason."""
    return [f"{name} ({why})" for name, why in audit.checks.items() if why != "ok"]


def to_act_on(audit: Audit) -> list[AuditFinding]:
    """Findings that cost something, stop a probe, or touch people."""
    return [
        found
        for found in audit.findings
        if found.effect.points > 0 or found.effect.on in ("probe", "safety")
    ]


def _count(audit: Audit) -> str:
    if not audit.findings:
        return "nothing found"
    n = len(audit.findings)
    return f"{n} finding{'' if n == 1 else 's'}, {len(to_act_on(audit))} to act on"
