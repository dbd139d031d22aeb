"""Findings are ranked by what they cost, and a check that cannot be made says why."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from probes.audit import runner
from probes.audit.records import Effect, Found, NotChecked
from probes.audit.sheet import Entry, Sheet


def effect(points: float, on: Any = "model") -> Effect:
    return Effect(points=points, low=0, high=2 * points, on=on, basis="made up")


def found(kind: str, points: float, on: Any = "model") -> Found:
    return Found(kind=kind, text="t", rows=range(20), of=30, fix="f", effect=effect(points, on))


@pytest.fixture
def sheet() -> Sheet:
    entries = [Entry(f"in {at}", "out", at + 1, "train", "train") for at in range(30)]
    return Sheet(entries=entries, task_type="qa", metric="exact_match")


def with_checks(monkeypatch: pytest.MonkeyPatch, **checks: Any) -> None:
    monkeypatch.setattr(runner, "CHECKS", {name: f"made:{name}" for name in checks})
    monkeypatch.setattr(runner, "import_module", lambda _: SimpleNamespace(**checks))


def test_the_dearest_first_after_what_stops_a_probe(
    sheet: Sheet, monkeypatch: pytest.MonkeyPatch
) -> None:
    def several(_: Sheet) -> Iterator[Found]:
        yield found("small", 1)
        yield found("information", 0)
        yield found("people", 0, "safety")
        yield found("large", 9)
        yield found("stops", 0, "probe")

    with_checks(monkeypatch, several=several)
    audit, all_found = runner.audit(sheet, "t")
    order = ["stops", "large", "small", "people", "information"]
    assert [each.kind for each in audit.findings] == order
    assert [each.kind for each in all_found] == order
    assert audit.findings[0].n == 20
    assert [place.row for place in audit.findings[0].rows] == list(range(1, 11))


def test_a_check_that_cannot_be_made_says_why(
    sheet: Sheet, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cannot(_: Sheet) -> Iterator[Found]:
        raise NotChecked("too few rows")
        yield found("never", 1)

    told: list[str] = []
    with_checks(monkeypatch, cannot=cannot, can=lambda _: [found("one", 1)])
    audit, _ = runner.audit(sheet, "t", told.append)
    assert audit.checks == {"cannot": "too few rows", "can": "ok"}
    assert told == ["cannot", "can"]
    assert len(audit.findings) == 1


def test_every_check_of_the_list_is_there(sheet: Sheet) -> None:
    audit, _ = runner.audit(sheet, "t")
    assert set(audit.checks) == set(runner.CHECKS)
    assert audit.peak_memory_bytes > 0
