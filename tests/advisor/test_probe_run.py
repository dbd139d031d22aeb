"""The main job on a tiny model with random weights: one run, looked at from all sides."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from advisor.records import Report
from probes.records import Event
from probes.store import RunStore

MINUTES = "0.6"
"""Buys the smallest battery for a tiny model."""
TIME_FIELDS = ("cost", "ledger", "provenance")


def make_task(folder: Path, model: Path) -> Path:
    rows = [
        {"input": f"{'odd' if at % 2 else 'even'} {at}", "output": "a" if at % 2 else "b"}
        for at in range(80)
    ]
    folder.mkdir()
    (folder / "data.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    spec = {
        "version": 1,
        "name": "parity",
        "task_type": "classification",
        "instruction": "Odd or even?",
        "data": {"train": "data.jsonl"},
        "ladder": [str(model)],
    }
    (folder / "spec.yaml").write_text(json.dumps(spec))
    return folder / "spec.yaml"


def command(spec: Path, *flags: str) -> list[str]:
    return [
        sys.executable, "-m", "advisor", "probe", "--task", str(spec),
        "--runs", str(spec.parent / "runs"), "--minutes", MINUTES, *flags,
    ]  # fmt: skip


@pytest.fixture(scope="module")
def done(
    tmp_path_factory: pytest.TempPathFactory, tiny_model: Path
) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """A finished run with `--events`, and its spec."""
    spec = make_task(tmp_path_factory.mktemp("work") / "task", tiny_model)
    return spec, subprocess.run(command(spec, "--events"), capture_output=True, text=True)


Done = tuple[Path, "subprocess.CompletedProcess[str]"]


def run_folder(spec: Path) -> Path:
    (folder,) = (spec.parent / "runs").iterdir()
    return folder


def report(spec: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((run_folder(spec) / "report.json").read_text())
    return found


def figures(found: dict[str, Any]) -> dict[str, Any]:
    """The report without what is time; openings keep their options."""
    kept = {name: value for name, value in found.items() if name not in TIME_FIELDS}
    for opening in kept["test_openings"]:
        opening.pop("time")
    for option in kept["options"]:
        option.pop("latency")
    return kept


def test_events_are_a_stream_of_records(done: Done) -> None:
    _, process = done
    assert process.returncode in (0, 1, 4), process.stderr
    events = [Event.model_validate_json(line) for line in process.stdout.splitlines()]
    kinds = [event.kind for event in events]
    assert kinds[:4] == ["run", "data", "audit", "plan"]
    assert kinds[-2:] == ["advice", "done"]
    assert kinds.index("test-opened") > kinds.index("cell-finished")
    assert "failed" not in [e.payload.get("status") for e in events if e.kind == "cell-finished"]


def test_the_report_is_valid_and_layered(done: Done) -> None:
    spec, _ = done
    loaded = Report.model_validate_json((run_folder(spec) / "report.json").read_bytes())
    assert loaded.schema_version == 1
    assert {"zero_shot", "few_shot", "lora"} <= {option.method for option in loaded.options}
    assert loaded.cells["ok"] > 5
    assert len(loaded.test_openings) == 1
    assert any(option.test is not None for option in loaded.options)
    for option in loaded.options:
        assert option.quality.low <= option.quality.value <= option.quality.high
        assert option.quality.value <= option.content.value + 1e-9
    assert "one-rung-only" in {finding.kind for finding in loaded.findings}


def test_test_items_were_answered_by_finalists_only(done: Done) -> None:
    spec, _ = done
    store = RunStore.open(run_folder(spec))
    (opening,) = store.test_openings()
    tested = {
        f"{found.cell.method.replace('_', '-')} @ {found.cell.rung}"
        for found in store.measurements()
        if found.cell.split == "test"
    }
    assert tested == set(opening["options"])


def test_evidence_exists(done: Done) -> None:
    spec, _ = done
    found = report(spec)
    ids = {measured.id for measured in RunStore.open(run_folder(spec)).measurements()}
    cited = [
        *found["advice"]["reasons"], *found["findings"], *found["options"], *found["curves"],
    ]  # fmt: skip
    assert {identifier for row in cited for identifier in row["evidence"]} <= ids


def test_markdown_says_the_verdict_first(done: Done) -> None:
    spec, _ = done
    text = (run_folder(spec) / "report.md").read_text()
    assert text.startswith("# parity: ")
    assert "**Verdict:**" in text
    assert "Learning curves" in text


def test_the_same_command_again_measures_nothing(done: Done) -> None:
    spec, _ = done
    before = figures(report(spec))
    again = subprocess.run(command(spec, "--events"), capture_output=True, text=True)
    events = [Event.model_validate_json(line) for line in again.stdout.splitlines()]
    assert "cell-started" not in {event.kind for event in events}
    assert all(e.payload["cached"] for e in events if e.kind == "cell-finished")
    assert figures(report(spec)) == before


def test_report_makes_it_again_from_the_cells(done: Done) -> None:
    spec, _ = done
    before = figures(report(spec))
    (run_folder(spec) / "report.json").unlink()
    again = subprocess.run(
        [sys.executable, "-m", "advisor", "report", str(run_folder(spec)), "--json"],
        capture_output=True,
        text=True,
    )
    assert again.returncode == 0, again.stderr
    assert figures(json.loads(again.stdout)) == before


def children(marker: str) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter(["cmdline"]):
        if any(marker in part for part in process.info["cmdline"] or []):
            found.append(process)
    return found


def test_killed_parent_leaves_nobody_and_resumes_to_the_same_figures(
    done: Done, tmp_path: Path, tiny_model: Path
) -> None:
    spec, _ = done
    mine = make_task(tmp_path / "killed", tiny_model)
    driver = subprocess.Popen(command(mine, "--events"), stdout=subprocess.PIPE, text=True)
    assert driver.stdout is not None
    for line in driver.stdout:
        if '"cell-finished"' in line:
            break
    os.kill(driver.pid, signal.SIGKILL)
    driver.wait()
    driver.stdout.close()
    deadline = time.monotonic() + 10
    while children(str(run_folder(mine))) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not children(str(run_folder(mine)))
    assert subprocess.run(command(mine, "--quiet"), capture_output=True).returncode in (0, 1, 4)
    ours, theirs = figures(report(mine)), figures(report(spec))
    assert ours["options"] == theirs["options"]
    assert ours["advice"] == theirs["advice"]


def test_a_cell_takes_over_what_was_answered_before(done: Done) -> None:
    """Half of the answers from the store, half anew: the same figures, and half of the tokens."""
    from probes.records import TakenOver
    from probes.worker import Worker

    spec, _ = done
    store = RunStore.open(run_folder(spec))
    whole = next(m for m in store.measurements() if m.cell.role == "baseline")
    n_known = whole.cell.n_eval // 2
    cell = whole.cell.model_copy(update={"taken_over": TakenOver(key=whole.key, n_items=n_known)})
    told = Worker(store.folder, whole.cell.rung).handle(
        {"cells": [{"key": "k", "cell": cell.model_dump_json()}]}, lambda *_: None
    )
    (found,) = told["measurements"]
    assert found["quality"] == whole.model_dump()["quality"]
    assert [p["text"] for p in found["predictions"]] == [p.text for p in whole.predictions]
    assert 0 < found["cost"]["input_tokens"] < 0.7 * whole.cost.input_tokens


def test_a_run_that_diverges_costs_what_it_was_trained_on(done: Done) -> None:
    from probes.worker import Worker

    store = RunStore.open(run_folder(done[0]))
    sound = next(m for m in store.measurements() if m.cell.method == "lora" and not m.cell.adapter)
    mad = sound.cell.model_copy(update={"params": sound.cell.params | {"learning_rate": 1e30}})
    told = Worker(store.folder, sound.cell.rung).handle(
        {"cells": [{"key": "k", "cell": cell.model_dump_json()} for cell in (mad, sound.cell)]},
        lambda *_: None,
    )
    failed, trained = told["measurements"]
    assert (failed["status"], trained["status"]) == ("failed", "ok")
    assert 0 < failed["cost"]["train_tokens"] < trained["cost"]["train_tokens"]
    assert 0 < failed["cost"]["wall_s"] < trained["cost"]["wall_s"]


def test_the_ledger_adds_up(done: Done) -> None:
    found = Report.model_validate(report(done[0]), strict=False)
    assert sum(row.n_cells for row in found.ledger) == sum(found.cells.values())
    assert sum(row.train_tokens for row in found.ledger) == found.cost.train_tokens > 0
    assert sum(row.wall_s for row in found.ledger) == pytest.approx(found.cost.wall_s, abs=0.5)
    assert all(row.planned_s > 0 for row in found.ledger)
    assert all(row.flops > 0 for row in found.ledger if row.n_cells)
    (final,) = (row for row in found.ledger if row.method == "final")
    assert final.n_cells == sum(len(option.test_evidence) for option in found.options)
