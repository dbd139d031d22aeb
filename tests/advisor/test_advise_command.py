"""`advisor advise` as a user types it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import get_args

import pytest

from advisor.commands.advise import _default
from advisor.first_advice import FirstAdvice
from advisor.nature import nature_of
from advisor.questions import ASKS
from knowledge.records import TaskType
from tests.advisor.command import refusal, run_main

SpecMaker = Callable[..., Path]


def test_flags_are_enough(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code = run_main(
        ["advise", "--task-type", "classification", "--rows", "5000", "--target", "0.8"],
        monkeypatch,
    )
    out = capsys.readouterr().out
    assert code == 0
    assert out.startswith("Start with lora @ ")
    for part in ("Why", "What would settle it", "What would change it", "Evidence:", "USD"):
        assert part in out


def test_json_is_the_published_record(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = ["--task-type", "qa", "--answers-from", "documents", "--changes", "daily"]
    code = run_main(["advise", *flags, "--rows", "200", "--json"], monkeypatch)
    advice = FirstAdvice.model_validate_json(capsys.readouterr().out)
    assert code == {"use": 0, "nothing-is-enough": 1, "not-enough-evidence": 4}[advice.verdict]
    barred = {option.method for option in advice.options if option.barred}
    assert {"lora", "full"} <= barred
    assert "rag" in advice.option


def test_a_spec_is_looked_at_and_flags_stand_above_it(
    task_folder: SpecMaker, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    spec = str(task_folder())
    run_main(["advise", "-t", spec, "--json"], monkeypatch)
    seen = FirstAdvice.model_validate_json(capsys.readouterr().out)
    assert seen.nature.n_rows > 0
    run_main(["advise", "-t", spec, "--rows", "77777", "--json"], monkeypatch)
    told = FirstAdvice.model_validate_json(capsys.readouterr().out)
    assert told.nature.n_rows == 77777
    assert told.nature.n_labels == seen.nature.n_labels
    assert not any("rows in" in note for note in told.nature.looked_up)


def test_evidence_grows_old(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run_main(["advise", "--task-type", "code", "--today", "2027-11-21", "--json"], monkeypatch)
    advice = json.loads(capsys.readouterr().out)
    assert "the oldest looked at 365 days ago" in advice["evidence"]
    assert "due to be looked at again" in advice["evidence"]


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        ([], "give --task-type or a spec"),
        (["--task-type", "poetry"], "poetry"),
        (["--task-type", "code", "--gpu", "toaster"], "E-HARDWARE-UNKNOWN"),
        (["--task-type", "code", "--ladder", "none"], "E-LADDER-UNKNOWN"),
        (["--task-type", "code", "--today", "soon"], "is no day"),
        (["--task-type", "code", "--target", "2"], "E-SPEC-VALUE"),
        (["--task-type", "code", "--target", "nan"], "E-SPEC"),
        (["--task-type", "code", "--rows", "9" * 400], "--rows"),
        (["--task-type", "code", "--requests", "9" * 30], "--requests"),
        (["-t", "nowhere.yaml"], "nowhere.yaml"),
    ],
)
def test_bad_input_is_one_line(
    flags: list[str],
    told: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert told in refusal(["advise", *flags], monkeypatch, capsys)


def test_questions_are_asked_on_a_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    answers = iter(["qa", "documents", "facts", "daily", 300, 0.8, "no"])
    asked: list[str] = []

    def prompt(text: str, **options: object) -> object:
        asked.append(text)
        return next(answers)

    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr("click.prompt", prompt)
    assert run_main(["advise"], monkeypatch) in (0, 4)
    out, err = capsys.readouterr()
    assert "rag @" in out.splitlines()[0]
    assert "Could a careful person answer from the input alone?" in err
    assert len(asked) == 7


def test_every_question_is_a_field_and_has_a_default_among_its_choices() -> None:
    for ask in ASKS:
        assert ask.default is None or not ask.choices or ask.default in ask.choices
        assert ask.text.endswith("?")


def test_toy_models_are_left_for_real_ones_and_it_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run_main(["advise", "--task-type", "code", "--ladder", "pocket"], monkeypatch)
    out, err = capsys.readouterr()
    assert "Qwen2.5" in out
    assert "toy models of `pocket`" in err


@pytest.mark.parametrize("task_type", get_args(TaskType))
def test_enter_means_what_flags_would_take(task_type: str) -> None:
    nature = nature_of(task_type)  # type: ignore[arg-type]
    for ask in ASKS:
        if ask.default is None:
            assert _default(ask, {"task_type": task_type}) == getattr(nature, ask.field)
            assert getattr(nature, ask.field) in ask.choices


def test_what_it_rests_on_can_be_cited(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run_main(["advise", "--task-type", "qa", "--rows", "10", "--json"], monkeypatch)
    advice = tmp_path / "advice.json"
    advice.write_text(capsys.readouterr().out, encoding="utf-8")
    assert run_main(["knowledge", "cite", str(advice)], monkeypatch) == 0
    assert "2405.00732" in capsys.readouterr().out
