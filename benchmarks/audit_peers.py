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


MOST_ROWS = 800
"""`peft-doctor conflicts` compares every pair of rows: minutes for 1,600 of them."""


def by_tool(
    fault: str, rows: list[Row], test: list[Row] | None, folder: Path
) -> dict[str, set[int]]:
    """The rows that each tool names for a fault; nothing of a tool that does no such job."""
    path = _written(folder / "rows.jsonl", rows)
    found: dict[str, set[int]] = {}
    if fault in ("exact-duplicates", "near-duplicates", "empty-output", "personal-data"):
        found["trainjudge"] = _trainjudge(path)[fault]
    if fault == "personal-data":
        found["peft-doctor"] = _privacy(path)
    if fault == "contradictions" and len(rows) <= MOST_ROWS:
        found["peft-doctor"] = _conflicts(path)
    if fault == "test-leakage" and test is not None:
        found["peft-doctor"] = _leakage(path, _written(folder / "test.jsonl", test))
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


def _privacy(path: Path) -> set[int]:
    told = _run("peft-doctor", "privacy", str(path), "--output", "json", "--limit", "50000")
    details = (each.get("details", {}) for each in told["issues"])
    return {each["row"] for each in details if "row" in each}


def _conflicts(path: Path) -> set[int]:
    told = _run("peft-doctor", "conflicts", str(path), "--output", "json", "--limit", "50000")
    pairs = (re.search(r"Rows (\d+) and (\d+)", each["message"]) for each in told["issues"])
    return {int(number) for pair in pairs if pair for number in pair.groups()}


def _leakage(train: Path, test: Path) -> set[int]:
    told = _run("peft-doctor", "leakage-check", str(train), str(test), "--output", "json")
    return {each["train_row"] for each in told["metadata"].get("exact_examples", [])}
