"""The report as a contract: what an earlier version wrote still loads, and text stays text."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from advisor.records import Report
from advisor.report.markdown import markdown_report

FIXTURES = sorted((Path(__file__).parent / "fixtures").glob("report-v*.json"))


def test_there_is_a_fixture_of_each_schema_version() -> None:
    assert [path.name for path in FIXTURES] == ["report-v1.json"]


@pytest.mark.parametrize("path", FIXTURES, ids=lambda path: path.name)
def test_an_earlier_report_still_loads(path: Path) -> None:
    report = Report.model_validate_json(path.read_bytes())
    assert report.options
    assert report.advice.reasons
    assert Report.model_validate_json(report.model_dump_json()) == report


@pytest.mark.parametrize("path", FIXTURES, ids=lambda path: path.name)
def test_names_from_data_are_no_markup(path: Path) -> None:
    report = Report.model_validate_json(path.read_bytes())
    evil = "[x](http://e.vil)<script>|`"
    finding = report.findings[0].model_copy(update={"text": evil})
    spec = report.spec.model_copy(update={"name": evil})
    text = markdown_report(report.model_copy(update={"findings": (finding,), "spec": spec}))
    bare = re.sub(r"\\.", "", text)  # what is left once every escaped character is taken out
    assert "<script>" not in bare
    assert "](http" not in bare
    assert text.startswith("# \\[x\\]")
