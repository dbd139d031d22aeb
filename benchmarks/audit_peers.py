"""What TrainJudge and peft-doctor say of a file of rows, by the kinds of our own audit."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

from benchmarks.faults import Row

PEERS = Path("/tmp/peers/bin")
"""Where `pip install trainjudge peft-doctor` put both, in an environment of their own."""


def by_kind(
    rows: list[Row], test: list[Row] | None, folder: Path
) -> dict[str, dict[str, set[int]]]:
    """For each tool, the rows of each kind that it names; nothing where it does no such job."""
    path = _written(folder / "rows.jsonl", rows)
    found = {"trainjudge": _trainjudge(path), "peft-doctor": _peft_doctor(path)}
    if test is not None:
        found["peft-doctor"]["test-leakage"] = _leakage(path, _written(folder / "test.jsonl", test))
    return found


def _written(path: Path, rows: list[Row]) -> Path:
    pairs = ({"prompt": row["input"], "completion": row["output"]} for row in rows)
    path.write_text("".join(json.dumps(pair) + "\n" for pair in pairs), encoding="utf-8")
    return path


def _run(tool: str, *argv: str) -> Any:
    done = subprocess.run(
        [str(PEERS / tool), *argv], capture_output=True, text=True, timeout=600, check=False
    )
    return json.loads(done.stdout)


def _trainjudge(path: Path) -> dict[str, set[int]]:
    told = _run("trainjudge", "audit", str(path), "--json")
    duplicates = {each["line"] for each in told["issues"] if each["status"] == "duplicate"}
    return {
        "exact-duplicates": duplicates,
        "near-duplicates": duplicates,
        "empty-output": {each["line"] for each in told["issues"] if each["status"] == "malformed"},
        "personal-data": {line for lines in told["sensitive_data"].values() for line in lines},
    }


def _peft_doctor(path: Path) -> dict[str, set[int]]:
    privacy = _run("peft-doctor", "privacy", str(path), "--output", "json", "--limit", "50000")
    conflicts = _run("peft-doctor", "conflicts", str(path), "--output", "json", "--limit", "50000")
    pairs = (re.search(r"Rows (\d+) and (\d+)", each["message"]) for each in conflicts["issues"])
    return {
        "personal-data": {
            each["details"]["row"] for each in privacy["issues"] if "row" in each.get("details", {})
        },
        "contradictions": {int(number) for pair in pairs if pair for number in pair.groups()},
    }


def _leakage(train: Path, test: Path) -> set[int]:
    told = _run("peft-doctor", "leakage-check", str(train), str(test), "--output", "json")
    return {each["train_row"] for each in told["metadata"].get("exact_examples", [])}
