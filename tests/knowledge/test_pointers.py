"""What failure modes and symptoms name exists, and findings lead to them."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import get_args

from advisor.records import FindingKind
from knowledge.load import failures, methods, symptoms
from knowledge.pointers import audit_pointing_to, pointing_to
from probes.methods import METHODS
from probes.mistakes import Kind

ROOT = Path(__file__).resolve().parents[2]
FINDINGS = set(get_args(FindingKind))
SPEAK_FOR_NOTHING = {"compute-or-size", "ruled-out", "one-rung-only"}
"""Told whichever way it came out, or for reasons of many kinds, or for want of a measurement."""


def explained_audit_kinds() -> set[str]:
    """The kinds of audit findings that docs/audit.md explains: its words in bold."""
    bold = re.findall(r"\*\*([a-z, -]+)\.?\*\*", (ROOT / "docs/audit.md").read_text())
    return {kind.strip() for kinds in bold for kind in kinds.split(",")}


def audit_kinds_in_code() -> set[str]:
    """Kinds as the checks write them: `kind="…"`, `Found("…"`, `Kind("…"`; numpy has one too."""
    found = set()
    for path in sorted((ROOT / "probes/audit").glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call):
                continue
            named = [word.value for word in node.keywords if word.arg == "kind"]
            if isinstance(node.func, ast.Name) and node.func.id in ("Found", "Kind"):
                named += node.args[:1]
                named += [word.value for word in node.keywords if word.arg == "name"]
            found |= {each.value for each in named if isinstance(each, ast.Constant)}
    return found - {"stable"}


def test_the_audit_explains_the_kinds_that_its_checks_write() -> None:
    assert len(audit_kinds_in_code()) > 40
    assert audit_kinds_in_code() - explained_audit_kinds() == set()


def test_audit_kinds_that_are_named_exist() -> None:
    code = "\n".join(path.read_text() for path in (ROOT / "probes/audit").glob("*.py"))
    for failure in failures().values():
        assert set(failure.audit) <= explained_audit_kinds(), failure.id
        for kind in failure.audit:
            built = f'"{kind}"' in code or (kind.startswith("empty-") and '"empty-' in code)
            assert built, f"{failure.id}: no check finds '{kind}'"


def test_what_a_measurement_names_exists() -> None:
    """Words in backticks without a space, a dot or an option: findings, audit kinds, methods."""
    known = FINDINGS | explained_audit_kinds() | set(METHODS) | set(get_args(Kind))
    for symptom in symptoms().values():
        for cause in symptom.causes:
            words = re.findall(r"`([a-z][a-z_-]*)`", f"{cause.measure} {cause.tells}")
            assert set(words) <= known, f"{symptom.id}: {cause.what}"


def test_every_finding_leads_somewhere_or_says_nothing() -> None:
    silent = {
        kind
        for kind in FINDINGS
        if not pointing_to(kind).failures and not pointing_to(kind).symptoms
    }
    assert silent == SPEAK_FOR_NOTHING


def test_a_finding_leads_to_failure_modes_and_to_the_causes_it_speaks_for() -> None:
    found = pointing_to("lost-ability")
    assert "catastrophic-forgetting" in [failure.id for failure in found.failures]
    logic = next(each for each in found.symptoms if each.symptom.id == "poor-logic")
    assert 0 < len(logic.causes) < len(logic.symptom.causes)
    assert all("lost-ability" in cause.findings for cause in logic.causes)
    assert pointing_to("no-such-kind").failures == ()


def test_an_audit_finding_leads_to_failure_modes() -> None:
    assert [each.id for each in audit_pointing_to("test-leakage")] == ["memorised-not-learnt"]
    assert audit_pointing_to("no-such-kind") == ()


def test_size_is_the_last_cause() -> None:
    """The founding documents blame it for nearly all symptoms; each has causes to rule out."""
    for symptom in symptoms().values():
        blamed = [cause for cause in symptom.causes if "capacity-limited" in cause.findings]
        assert len(blamed) <= 1
        assert len(symptom.causes) >= 3
        assert not blamed or symptom.causes[-1] in blamed


def test_every_method_of_a_probe_has_a_card() -> None:
    assert {name for card in methods().values() for name in card.measured_by} == set(METHODS)
