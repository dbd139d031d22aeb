"""Every claim, method, failure mode and symptom: checked, dated, and pointing at what exists."""

from __future__ import annotations

import re
from collections import Counter
from datetime import date
from pathlib import Path
from typing import get_args

import pytest
from pydantic import ValidationError
from ruamel.yaml import YAML

from advisor.records import FindingKind
from knowledge.compile import compiled
from knowledge.load import (
    COMPILED,
    HERE,
    KINDS,
    claims,
    coverage,
    failures,
    methods,
    model_cards,
    symptoms,
)
from knowledge.records import Source
from knowledge.statements import Claim, stale
from probes.methods import METHODS

CLAIMS = claims()
FILES = [(path, kind) for pattern, kind in KINDS.values() for path in sorted(HERE.glob(pattern))]
TODAY = date.today()
AUDIT = HERE.parent / "docs" / "audit.md"
DOCUMENTS = ("s0", "s1", "s2", "s3", "s4")
CORRECTIONS = {
    "curated-500-beats-noisy-10000": "corrected",
    "sft-needs-1000-to-5000": "corrected",
    "small-never-matches-large": "contradicted",
    "size-band-under-500m": "contradicted",
    "dpo-small-function-calling": "corrected",
    "sft-leaves-format-failures": "contradicted",
    "pretraining-buys-facts-tuning-buys-behaviour": "corrected",
    "lower-layers-facts-upper-layers-behaviour": "corrected",
    "small-models-more-diverse": "corrected",
    "test-time-compute-trades-for-size": "corrected",
    "scalerl-is-about-training": "corrected",
    "sft-memorises-rl-generalises": "relaxed",
    "sft-fixes-form-not-feasibility": "corrected",
    "constrained-optimisation-plateau": "corrected",
    "qlora-70b-on-one-consumer-card": "contradicted",
    "full-tuning-needs-six-times-the-weights": "corrected",
    "fifty-to-hundred-cases-are-enough": "corrected",
    "family-fit": "corrected",
    "no-gain-is-not-a-ceiling": "corrected",
    "negative-examples-cut-hallucination": "corrected",
}
"""What the founding documents tell wrongly, and what became of it."""


def test_the_compiled_file_is_that_of_the_yaml() -> None:
    assert compiled() == COMPILED.read_text(encoding="utf-8"), "run `python -m knowledge.compile`"


@pytest.mark.parametrize(("path", "kind"), FILES, ids=[path.stem for path, _ in FILES])
def test_every_file_fits_its_records_and_names_nothing_twice(path, kind) -> None:  # type: ignore[no-untyped-def]
    rows = YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
    for row in rows:
        kind.model_validate(row)
    names = [row.get("id", row.get("name", row.get("device"))) for row in rows]
    assert [name for name, n in Counter(names).items() if name and n > 1] == []


@pytest.mark.parametrize("claim", CLAIMS.values(), ids=CLAIMS.keys())
def test_a_claim_is_dated_and_can_be_looked_up(claim: Claim) -> None:
    assert date.fromisoformat(claim.checked) <= TODAY
    for source in (*claim.sources, *claim.against):
        assert _reachable(source), f"{claim.id}: '{source.title}' cannot be looked up"
        assert source.published is None or source.published[:4] <= str(TODAY.year)
    for effect in claim.effects:
        ends = [end for end in (effect.low, effect.value, effect.high) if end is not None]
        assert ends == sorted(ends), f"{claim.id}: {effect.what}"


def _reachable(source: Source) -> bool:
    """By arXiv id, by address, or as a part of this project or of published tables."""
    return bool(source.arxiv or source.url.startswith("https://") or source.part)


def test_an_ungrounded_claim_needs_grounds() -> None:
    claim = next(iter(CLAIMS.values()))
    with pytest.raises(ValidationError):
        Claim.model_validate(claim.model_dump() | {"grade": "primary", "sources": ()})


def test_whatever_is_pointed_at_exists() -> None:
    kinds = set(get_args(FindingKind))
    named = {claim for card in methods().values() for claim in card.claims}
    named |= {setting.claim for card in methods().values() for setting in card.settings}
    named |= {claim for failure in failures().values() for claim in failure.claims}
    causes = [cause for symptom in symptoms().values() for cause in symptom.causes]
    named |= {claim for cause in causes for claim in cause.claims}
    named |= {claim for card in model_cards().values() for claim in card.tunability}
    named |= {claim for row in coverage() for claim in row.claims}
    assert named - set(CLAIMS) == set()
    for card in methods().values():
        assert set(card.failures) <= set(failures())
        assert set(card.measured_by) <= set(METHODS)
    for failure in failures().values():
        assert set(failure.findings) <= kinds
    for cause in causes:
        assert set(cause.findings) <= kinds


@pytest.mark.parametrize("path", sorted((HERE / "claims").glob("*.yaml")), ids=lambda p: p.stem)
def test_a_claim_stands_in_the_file_of_its_topic(path: Path) -> None:
    rows = YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
    assert {row["topic"] for row in rows} == {path.stem}


def test_a_retest_names_findings_methods_and_checks_that_exist() -> None:
    audited = set(re.findall(r"\*\*([a-z-]+(?:, [a-z-]+)*)[.*]", AUDIT.read_text(encoding="utf-8")))
    checks = {check for group in audited for check in group.split(", ")}
    metrics = {"function_call", "json_fields"}
    known = set(get_args(FindingKind)) | set(METHODS) | checks | metrics
    named = {
        (claim.id, name)
        for claim in CLAIMS.values()
        for name in re.findall(r"`([a-z_-]+)`", claim.retest.how)
    }
    assert {(claim, name) for claim, name in named if name not in known} == set()


def test_no_claim_is_an_orphan() -> None:
    covered = {claim for row in coverage() for claim in row.claims}
    orphans = [
        claim.id
        for claim in CLAIMS.values()
        if claim.topic != "prior" and claim.id not in covered and not claim.sources
    ]
    assert orphans == [], "neither told by a document nor resting on a source"


@pytest.mark.parametrize(("claim", "status"), CORRECTIONS.items())
def test_what_was_told_wrongly_is_recorded(claim: str, status: str) -> None:
    assert CLAIMS[claim].status == status
    assert CLAIMS[claim].note


def test_a_wrong_citation_names_the_paper_that_was_meant() -> None:
    scalerl = CLAIMS["scalerl-is-about-training"]
    assert [source.arxiv for source in scalerl.sources] == ["2510.13786"]
    assert "2408.03314" in scalerl.note
    traded = {source.arxiv for source in CLAIMS["test-time-compute-trades-for-size"].sources}
    assert "2408.03314" in traded
    assert "2510.13786" not in traded


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_document_is_covered_in_paraphrase(document: str) -> None:
    rows = [row for row in coverage() if row.document == document]
    assert len(rows) >= 10
    assert len({row.statement for row in rows}) == len(rows)
    assert [row.statement for row in rows if len(row.statement.split()) > 25] == []
    by_file = (HERE / "claims" / "coverage" / f"{document}.yaml").read_text(encoding="utf-8")
    assert by_file.count(f"- document: {document}\n") == len(rows)


def test_no_failure_mode_is_an_orphan() -> None:
    prone = {failure for card in methods().values() for failure in card.failures}
    assert set(failures()) <= prone


def test_stale_is_by_age_and_durable_claims_may_be_older() -> None:
    base = next(iter(CLAIMS.values())).model_copy(update={"checked": "2026-01-01"})
    lasting = base.model_copy(update={"id": "b", "lasts": "durable"})
    passing = base.model_copy(update={"id": "a", "lasts": "perishable"})
    found = stale((lasting, passing), date(2026, 4, 21), 100)
    assert [(claim.id, age) for claim, age in found] == [("a", 110)]
    assert stale((lasting, passing), date(2026, 4, 11), 100) == []
    assert len(stale((lasting, passing), date(2026, 12, 31), 100)) == 2
