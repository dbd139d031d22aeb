"""A question over documents beside a system of the user's own: every arm in one small run."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from advisor.records import Report
from probes.records import Measurement
from probes.store import RunStore

N = 60


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> Path:
    """The folder of a finished run."""
    home = tmp_path_factory.mktemp("documents")
    passages = [{"id": f"p{at}", "text": f"The code of room {at} is c{at}."} for at in range(N)]
    rows = [
        {"input": f"Code of room {at}?", "output": f"c{at}", "gold_passages": [f"p{at}"]}
        for at in range(N)
    ]
    answers = [{"input": row["input"], "answer": row["output"], "latency_s": 0.5} for row in rows]
    for name, table in (("docs", passages), ("data", rows), ("current", answers)):
        (home / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in table))
    spec = {
        "version": 1,
        "name": "rooms",
        "task_type": "qa",
        "metric": "exact_match",
        "data": {
            "train": "data.jsonl",
            "documents": "docs.jsonl",
            "columns": {"gold_passages": "gold_passages"},
        },
        "ladder": [str(tiny_model)],
        "methods": ["zero_shot", "rag", "vote"],
        "systems": [{"name": "current", "predictions": "current.jsonl", "usd_per_request": 0.001}],
        "budget": {"probe_minutes": 5},
    }
    (home / "spec.yaml").write_text(json.dumps(spec))
    done = subprocess.run(
        [sys.executable, "-m", "advisor", "probe", "-t", str(home / "spec.yaml"),
         "--runs", str(home / "runs"), "--quiet"],
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (folder,) = (home / "runs").iterdir()
    return folder


@pytest.fixture(scope="module")
def report(run: Path) -> Report:
    return Report.model_validate_json((run / "report.json").read_bytes())


def measured(run: Path, method: str) -> list[Measurement]:
    return [m for m in RunStore.open(run).measurements() if m.cell.method == method]


def test_the_users_own_system_is_an_option_with_its_price(report: Report) -> None:
    option = next(o for o in report.options if o.name == "existing @ current")
    assert option.quality.value == 1
    assert option.price.serving_usd_per_month == pytest.approx(10)
    assert option.latency is not None
    assert option.latency.p50_s == 0.5
    assert report.advice.option == option.name
    assert option.test is not None


def test_arms_and_recall_are_told_apart(run: Path, report: Report) -> None:
    arms = {found.cell.params["context"] for found in measured(run, "rag")}
    assert "retrieved" in arms
    (oracle,) = [d for d in report.diagnoses if d.method == "oracle"]
    assert oracle.evidence
    for found in measured(run, "rag"):
        k = found.cell.params.get("k")
        if k is not None:
            assert found.figures[f"recall@{k}"].value == 1  # rooms are named by number
    told = (run / "report.md").read_text()
    assert "## Closed book, retrieved, oracle" in told
    assert "## Documents" in told
    assert "## Speed on the machine that measured" in told


def test_the_oracle_is_no_option(report: Report) -> None:
    assert "oracle" not in {option.method for option in report.options}


def test_samples_are_kept_and_passes_counted(run: Path) -> None:
    for found in measured(run, "vote"):
        drawn = found.cell.params["samples"]
        assert {len(answer.samples) for answer in found.predictions} == {drawn}
        assert set(found.figures) >= {"pass@1", f"pass@{drawn}"}


def test_texts_stay_out_of_the_report(run: Path) -> None:
    assert "Code of room" not in (run / "report.json").read_text()
    assert "Code of room" not in (run / "report.md").read_text()


def test_what_the_spec_left_out_is_said(report: Report) -> None:
    assert any("not in the spec's `methods`" in note for note in report.not_run)
