from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from knowledge.errors import UserError
from probes.footprint import child, run
from probes.footprint.settings import Architecture, Footprint, Setting

SETTING = Setting(method="lora", seq_len=16)


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ADVISOR_CACHE", str(tmp_path))


def answer(setting: Setting, allocated: int = 7) -> str:
    return Footprint(
        model="tiny",
        setting=setting,
        n_params=1,
        n_trained=1,
        parts={"weights": allocated},
        phases={"load": allocated},
        peak_phase="load",
        allocated_bytes=allocated,
        reserved_bytes=allocated,
        context_bytes=0,
        safe_bytes=allocated,
        traced_layers=(2, 3),
        basis=(),
        versions={},
        trace_s=0.0,
    ).model_dump_json()


def children(monkeypatch: pytest.MonkeyPatch, lines: list[str]) -> list[int]:
    """A child that says these lines; how many settings each was asked for."""
    asked: list[int] = []

    def told(_: Architecture, settings: Sequence[Setting], *__: Any) -> list[str]:
        asked.append(len(settings))
        return lines

    monkeypatch.setattr(run, "_traced", told)
    return asked


def test_a_footprint_is_traced_once(tiny: Architecture, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = children(monkeypatch, [answer(SETTING)])
    assert run.footprint(tiny, SETTING) == run.footprint(tiny, SETTING)
    assert asked == [1]
    run.footprint(tiny, SETTING, whole=True)
    run.footprint(tiny, Setting(method="lora", seq_len=17))
    assert asked == [1, 1, 1]


def test_only_what_is_not_kept_is_asked_for(
    tiny: Architecture, monkeypatch: pytest.MonkeyPatch
) -> None:
    more = Setting(method="full", seq_len=16)
    children(monkeypatch, [answer(SETTING)])
    run.footprint(tiny, SETTING)
    asked = children(monkeypatch, [answer(more, 9)])
    found = run.footprints(tiny, [more, SETTING])
    assert [each.allocated_bytes for each in found] == [9, 7]
    assert asked == [1]


def test_a_damaged_file_is_traced_again(
    tiny: Architecture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = children(monkeypatch, [answer(SETTING)])
    run.footprint(tiny, SETTING)
    (kept,) = (tmp_path / "llm-advisor" / "footprints").iterdir()
    kept.write_text("{")
    run.footprint(tiny, SETTING)
    assert asked == [1, 1]


def test_a_package_that_is_missing_is_named(
    tiny: Architecture, monkeypatch: pytest.MonkeyPatch
) -> None:
    children(monkeypatch, ['{"failed": "ModuleNotFoundError: trl", "missing": "trl"}'])
    with pytest.raises(UserError, match="trl is not installed") as caught:
        run.footprint(tiny, SETTING)
    assert "llm-advisor[dpo]" in caught.value.hint


def test_a_child_that_stops_early_is_an_error(
    tiny: Architecture, monkeypatch: pytest.MonkeyPatch
) -> None:
    children(monkeypatch, [answer(SETTING)])
    with pytest.raises(UserError, match="ended after 1 settings"):
        run.footprints(tiny, [SETTING, Setting(method="full", seq_len=16)])


def test_a_child_that_takes_too_long_is_ended(
    tiny: Architecture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = tmp_path / "slow"
    slow.write_text("#!/bin/sh\nsleep 60\n")
    slow.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(slow))
    with pytest.raises(UserError, match=r"longer than 0\.2 s") as caught:
        run.footprint(tiny, SETTING, limit_s=0.2)
    assert caught.value.code == "E-FOOTPRINT-TIME"


def test_a_child_that_dies_is_one_line(
    tiny: Architecture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "broken"
    broken.write_text("#!/bin/sh\ncat >/dev/null\necho first >&2\necho last words >&2\nexit 3\n")
    broken.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(broken))
    with pytest.raises(UserError, match="last words") as caught:
        run.footprint(tiny, SETTING)
    assert "\n" not in str(caught.value)


def test_a_model_that_transformers_does_not_know_is_one_line(tiny: Architecture) -> None:
    unknown = tiny.model_copy(update={"config": {**tiny.config, "model_type": "unheard-of"}})
    told = json.loads(child.answer(unknown, SETTING, whole=False))
    assert "unheard-of" in told["failed"]
    assert "\n" not in told["failed"]


def test_the_real_child_answers(tiny: Architecture) -> None:
    found = run.footprint(tiny, SETTING)
    assert found.setting == SETTING
    assert found.traced_layers == (3,)
    assert found.versions["torch"]
