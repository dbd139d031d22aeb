"""The bibliography of a report: which claims it names, and their sources once each."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from advisor.bibliography import bibliography, bibtex, claims_named, entries, read_report
from knowledge.errors import UserError
from knowledge.statements import Claim
from tests.advisor.known import ADAPTERS, small

KNOWN = small()
AGAIN = ADAPTERS["sources"][0] | {"part": "Table 9", "reading": "abstract"}
TWIN = Claim.model_validate(
    ADAPTERS | {"id": "twin", "against": (), "sources": [AGAIN | {"checked": "2026-02-02"}]}
)


def test_claims_are_found_wherever_the_advice_names_them() -> None:
    report: dict[str, Any] = {
        "spec": {"name": "labels-are-enough"},
        "advice": {
            "reasons": [{"text": "so", "evidence": ["0b2781149790", "adapters-forget-less"]}]
        },
        "findings": [],
    }
    assert claims_named(report, KNOWN.claims) == ["adapters-forget-less"]
    report["findings"] = [{"text": "as others saw (labels-are-enough).", "evidence": []}]
    assert claims_named(report, KNOWN.claims) == ["adapters-forget-less", "labels-are-enough"]
    report = {"advice": {"reasons": [{"evidence": ["not-labels-are-enough", 3, None]}]}}
    assert claims_named(report, KNOWN.claims) == []


def test_a_source_is_listed_once_with_all_its_claims_and_parts() -> None:
    made = entries([TWIN, KNOWN.claims["adapters-forget-less"]])
    assert [entry.source.title for entry in made] == ["A rejoinder", "On {50 %} & more"]
    assert made[1].parts == ("Table 9", "Table 3")
    assert made[1].claims == ("adapters-forget-less", "twin")
    assert made[1].source.checked == "2026-02-02"
    text = "\n".join(bibliography([TWIN, *KNOWN.claims.values()]))
    assert text.count("2401.00001") == 1
    assert "its abstract read; read whole; checked 2026-02-02" in text
    assert text.endswith("without any source: labels-are-enough")


def test_bibtex_is_escaped_and_its_keys_differ() -> None:
    source = TWIN.sources[0].model_copy(update={"arxiv": "2401.00002"})
    other = TWIN.model_copy(update={"id": "other", "sources": (source,)})
    text = "\n".join(bibtex([TWIN, other]))
    assert "@misc{on-50-more-2024," in text
    assert "@misc{on-50-more-2024-2," in text
    assert "title = {{On \\{50 \\%\\} \\& more}}," in text
    assert "eprint = {2401.00002}," in text
    assert "url = {https://arxiv.org/abs/2401.00001}," in text
    assert "note = {Table 9; for twin; checked 2026-02-02}," in text


def test_a_report_is_read_from_its_folder_or_its_file(tmp_path: Path) -> None:
    content = {"advice": {"reasons": []}}
    (tmp_path / "report.json").write_text(json.dumps(content))
    assert read_report(tmp_path) == read_report(tmp_path / "report.json") == content


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"advice": []}', "[" * 100_000, "\x00"])
def test_what_is_no_report_is_told(text: str, tmp_path: Path) -> None:
    path = tmp_path / "advice.json"
    path.write_text(text)
    with pytest.raises(UserError, match="neither a report nor first") as raised:
        read_report(path)
    assert raised.value.code == "E-REPORT-CONTENT"


def test_what_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there is no report") as raised:
        read_report(tmp_path)
    assert raised.value.code == "E-RUN-NO-REPORT"
    with pytest.raises(UserError) as raised:
        read_report(tmp_path / "nope")
    assert raised.value.code == "E-DATA-NOTFOUND"
