"""`advisor knowledge` as a user types it: lines and JSON on stdout, exit codes, one-line errors."""

from __future__ import annotations

import json
from datetime import date, timedelta
from pathlib import Path
from typing import get_args

import pytest

from advisor.commands.knowledge import read
from advisor.knowledge_index import KINDS
from knowledge.load import claims
from knowledge.statements import Claim
from tests.advisor.command import assert_one_line, run_main
from tests.advisor.known import RULES, small


class Advisor:
    """The command in this process, on the tests' own records."""

    def __init__(self, patch: pytest.MonkeyPatch, capture: pytest.CaptureFixture[str]) -> None:
        self.patch, self.capture = patch, capture

    def __call__(self, *argv: str, code: int = 0) -> str:
        """What stood on stdout; on stderr where the exit code is 2."""
        assert run_main(["knowledge", *argv], self.patch) == code
        out, self.err = self.capture.readouterr()
        if code == 2:
            assert_one_line(out, self.err)
            return self.err
        return out


@pytest.fixture
def advisor(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Advisor:
    known = small()
    for name in ("claims", "methods", "ladders", "symptoms", "failures", "coverage"):
        monkeypatch.setattr(f"knowledge.load.{name}", lambda name=name: getattr(known, name))
    monkeypatch.setattr("knowledge.load.model_cards", lambda: known.models)
    monkeypatch.setattr("advisor.rules.RULES", RULES)
    return Advisor(monkeypatch, capsys)


def test_the_choices_are_those_of_the_records() -> None:
    fields = Claim.model_fields
    assert tuple(KINDS) == read.KINDS
    assert get_args(fields["topic"].annotation) == read.TOPICS
    assert get_args(fields["grade"].annotation) == read.GRADES
    assert get_args(fields["status"].annotation) == read.STATUSES


def test_list_counts_and_lists(advisor: Advisor) -> None:
    assert "primary 1, ungrounded 1" in advisor("list")
    assert json.loads(advisor("list", "--json"))["claims"] == 2
    assert advisor("list", "claims").count("\n") == 2
    assert advisor("list", "--topic", "data").startswith("labels-are-enough")
    rows = json.loads(
        advisor("list", "claims", "--grade", "primary", "--status", "relaxed", "--json")
    )
    assert [row["id"] for row in rows] == ["adapters-forget-less"]
    assert rows[0]["age_days"] >= 0
    assert advisor("list", "claims", "--grade", "secondary") == ""
    assert advisor.err == "there are none\n"
    assert advisor("list", "models").startswith("Tiny-7M")
    assert "goes with claims" in advisor("list", "models", "--topic", "data", code=2)
    assert "E-USAGE" in advisor("list", "zebras", code=2)


def test_show_prints_a_record_folded_or_as_json(advisor: Advisor) -> None:
    text = advisor("show", "adapters-forget-less")
    assert max(map(len, text.splitlines())) <= 80
    assert "(failure mode)" in text
    found = json.loads(advisor("show", "adapters-forget-less", "--json"))
    assert [row["kind"] for row in found] == ["claim", "failure mode"]
    assert "rule prefer-adapters: strong" in found[0]["named_by"]
    assert "did you mean adapters" in advisor("show", "adapter", code=2)
    assert "\x1b" not in advisor("show", "\x1b[31m", code=2)


def test_search_exits_as_grep_does(advisor: Advisor) -> None:
    assert advisor("search", "zebras").startswith("claim  adapters-forget-less")
    [first] = json.loads(advisor("search", "zebras", "--json"))
    assert (first["kind"], first["id"]) == ("claim", "adapters-forget-less")
    assert first["score"] > 0
    assert advisor("search", "qqq", code=1) == ""
    assert "nothing here" in advisor.err
    assert json.loads(advisor("search", "qqq", "--json", code=1)) == []
    assert advisor("search", "adapters", "rows", "--limit", "1").count("\n") == 1
    assert "--limit" in advisor.err
    assert "E-USAGE" in advisor("search", code=2)


def test_stale_exits_with_one_where_anything_is(advisor: Advisor) -> None:
    assert advisor("stale", "--today", "2026-04-01").startswith("none of 2 claims")
    late = advisor("stale", "--today", "2026-04-01", "--days", "30", code=1)
    assert late.startswith("2 of 2 claims")
    found = json.loads(advisor("stale", "--today", "2026-04-01", "--days", "30", "--json", code=1))
    assert (found["today"], found["days"], found["n_claims"]) == ("2026-04-01", 30, 2)
    assert [(row["id"], row["age_days"]) for row in found["stale"]] == [
        ("adapters-forget-less", 90),
        ("labels-are-enough", 31),
    ]


def test_stale_counts_to_the_real_day(advisor: Advisor) -> None:
    age = (date.today() - date(2026, 3, 1)).days
    assert f"{age} days" in advisor("stale", "--days", "1", code=1)


@pytest.mark.parametrize("day", ["soon", "2026-02-30", "20260401", "2026-W01-1", "2026-4-1", ""])
def test_a_bad_day_is_one_line(day: str, advisor: Advisor) -> None:
    assert "E-KNOWLEDGE-DATE" in advisor("stale", "--today", day, code=2)


def test_a_day_to_come_and_no_days_are_one_line(advisor: Advisor) -> None:
    tomorrow = date.today() + timedelta(days=1)
    assert "is in the future" in advisor("stale", "--today", str(tomorrow), code=2)
    assert "E-USAGE" in advisor("stale", "--days", "0", code=2)


def test_why_tells_a_rule_and_lists_them(advisor: Advisor) -> None:
    first = advisor("why").splitlines()[0]
    assert first.startswith("prefer-adapters")
    assert first.endswith("Tune an adapter, not all weights.")
    assert "Strength: strong" in advisor("why", "prefer-adapters")
    assert "did you mean prefer-adapters?" in advisor("why", "prefer-adapter", code=2)


def test_cite_takes_a_run_or_a_piece_of_advice(advisor: Advisor, tmp_path: Path) -> None:
    report = {"advice": {"reasons": [{"text": "so", "evidence": ["adapters-forget-less"]}]}}
    (tmp_path / "report.json").write_text(json.dumps(report))
    assert "arXiv:2401.00001" in advisor("cite", str(tmp_path))
    assert "@misc{" in advisor("cite", str(tmp_path / "report.json"), "--bibtex")
    (tmp_path / "report.json").write_text('{"advice": {}}')
    assert advisor("cite", str(tmp_path)) == ""
    assert "names no claim" in advisor.err
    assert "E-REPORT-CONTENT" in advisor("cite", __file__, code=2)


def test_coverage_is_a_table(advisor: Advisor) -> None:
    assert advisor("coverage").count("\n") == 4


def test_no_record_steers_a_terminal(advisor: Advisor) -> None:
    claim = small().claims["labels-are-enough"].model_copy(update={"note": "red \x1b[31m\u202e"})
    advisor.patch.setattr("knowledge.load.claims", lambda: {claim.id: claim})
    assert "red \\x1b[31m\\u202e" in advisor("show", claim.id)
    assert json.loads(advisor("show", claim.id, "--json"))[0]["note"] == claim.note


def test_the_shipped_records_can_all_be_shown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in claims():
        assert run_main(["knowledge", "show", name], monkeypatch) == 0
        assert capsys.readouterr().out.startswith(name)
    for kind in KINDS:
        assert run_main(["knowledge", "list", kind], monkeypatch) == 0
