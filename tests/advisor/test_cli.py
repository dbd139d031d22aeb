"""The commands as a user types them: exit codes, one line on stderr, data on stdout."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import jsonschema
import pytest

from tests.advisor.command import refusal, run_main
from tests.probes.bad_inputs import BAD_DATA, BAD_SPECS, write

SpecMaker = Callable[..., Path]


def advisor(*argv: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "advisor", *argv],
        capture_output=True,
        text=True,
        timeout=240,
        cwd=cwd,
    )


@pytest.mark.parametrize("bad", [*BAD_SPECS, *BAD_DATA], ids=lambda bad: bad.name)
def test_bad_input_is_one_line_and_writes_nothing(
    bad: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    spec = write(bad, tmp_path)
    monkeypatch.chdir(tmp_path)
    before = sorted(path.name for path in tmp_path.rglob("*"))
    refusal(["probe", "--task", str(spec), "--quiet"], monkeypatch, capfd)
    assert sorted(path.name for path in tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    ("argv", "code"),
    [
        (["nope"], "E-USAGE"),
        (["probe"], "E-USAGE"),
        (["probe", "--task", "x.yaml", "--target", "5"], "E-USAGE"),
        (["probe", "--nope"], "E-USAGE"),
        (["report", "no/such/run"], "E-RUN-NOT-FOUND"),
        (["schema", "nope"], "E-USAGE"),
    ],
)
def test_bad_flags_are_one_line(
    argv: list[str],
    code: str,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    assert code in refusal(argv, monkeypatch, capfd)


def test_help_is_data_on_stdout() -> None:
    done = advisor("--help")
    assert done.returncode == 0
    assert "probe" in done.stdout
    assert "Exit codes" in done.stdout
    assert done.stderr == ""


def test_doctor_tells_the_machine() -> None:
    readings = json.loads(advisor("doctor", "--json").stdout)
    assert readings["machine"]["cores"] >= 1
    assert set(readings["ladders"]) >= {"pocket", "qwen2.5", "smollm2"}
    assert "torch" in readings["packages"]


@pytest.mark.parametrize("contract", ["spec", "report", "event"])
def test_schemas_are_valid_json_schema(contract: str) -> None:
    schema = json.loads(advisor("schema", contract).stdout)
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["additionalProperties"] is False


def test_auto_without_a_model_stops_after_the_data(
    task_folder: SpecMaker, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """It never falls back to pocket models for a user's own data."""
    monkeypatch.setattr("probes.machine._hub_reachable", lambda: False)
    monkeypatch.setattr("probes.ladder.gguf_file", lambda location: None)
    from probes.machine import this_machine

    this_machine.cache_clear()
    spec = task_folder()
    monkeypatch.chdir(spec.parent)
    code = run_main(["probe", "--task", str(spec)], monkeypatch)
    this_machine.cache_clear()
    out, err = capfd.readouterr()
    assert code == 3
    assert out == ""
    assert "the smallest difference that can be shown" in err
    assert "E-LADDER-NO-MODEL" in err
    assert "ladder: pocket" in err
    assert not (spec.parent / "results").exists()


def test_plan_runs_and_writes_nothing(task_folder: SpecMaker, tiny_model: Path) -> None:
    spec = task_folder(ladder=[str(tiny_model)])
    before = sorted(spec.parent.rglob("*"))
    done = advisor("plan", "--task", str(spec), cwd=spec.parent)
    assert done.returncode == 0
    assert "cells" in done.stdout
    assert "minutes" in done.stdout
    assert sorted(spec.parent.rglob("*")) == before
    plan = json.loads(advisor("plan", "--task", str(spec), "--json").stdout)
    assert plan["cells"]
    assert plan["seconds"] > 0


def test_a_budget_that_buys_nothing_is_told(task_folder: SpecMaker, tiny_model: Path) -> None:
    spec = task_folder(ladder=[str(tiny_model)])
    done = advisor("plan", "--task", str(spec), "--minutes", "0.001")
    assert done.returncode == 2
    assert "E-BUDGET-MINUTES" in done.stderr
