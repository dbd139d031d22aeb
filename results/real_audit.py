"""The data audit of four public sets: `python -m results.real_audit` writes results/real_audit.md.

banking77 with its own test file, XQuAD with its paragraphs as documents, BFCL and GSM8K (the first
3,000 train problems, all test problems). Needs ../shared/data and stops where it is absent. Rows
are named by number only.
"""

from __future__ import annotations

import csv
import json
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from advisor.audit import sheet_of
from advisor.report.audit_text import audit_markdown
from benchmarks.planted_faults import bfcl
from probes.audit.runner import audit
from probes.spec import spec_from_mapping
from results.real_data import DATA, Rows, write_rows

Files = Mapping[str, Rows]


def banking77() -> tuple[dict[str, Any], Files]:
    """All 77 intents, train and test as published."""
    files: dict[str, Rows] = {}
    for name in ("train", "test"):
        with (DATA / "banking77" / f"{name}.csv").open(encoding="utf-8", newline="") as file:
            rows = csv.DictReader(file)
            files[name] = [{"input": row["text"], "output": row["category"]} for row in rows]
    return {"task_type": "classification"}, files


def xquad() -> tuple[dict[str, Any], Files]:
    """Questions with the first answer; the paragraphs are the documents."""
    told = json.loads((DATA / "xquad_en" / "xquad.en.json").read_text(encoding="utf-8"))
    paragraphs = [each for article in told["data"] for each in article["paragraphs"]]
    documents = [
        {"id": f"p{at:03d}", "text": each["context"]} for at, each in enumerate(paragraphs)
    ]
    rows = [
        {"input": asked["question"], "output": asked["answers"][0]["text"], "gold": [f"p{at:03d}"]}
        for at, each in enumerate(paragraphs)
        for asked in each["qas"]
    ]
    return {"task_type": "qa", "metric": "token_f1"}, {"train": rows, "documents": documents}


def gsm8k() -> tuple[dict[str, Any], Files]:
    """Problems with their worked answers."""
    files: dict[str, Rows] = {}
    for name, file in (("train", "train_first3000"), ("test", "test")):
        lines = (DATA / "gsm8k" / f"{file}.jsonl").read_text(encoding="utf-8").splitlines()
        rows = [json.loads(line) for line in lines]
        files[name] = [{"input": row["question"], "output": row["answer"]} for row in rows]
    return {"task_type": "reasoning"}, files


SETS: Mapping[str, Callable[[], tuple[dict[str, Any], Files]]] = {
    "banking77": banking77,
    "xquad": xquad,
    "bfcl": lambda: ({"task_type": "function-calling"}, {"train": bfcl()}),
    "gsm8k": gsm8k,
}


def page() -> Iterator[str]:
    """The audits, one after the other."""
    yield from ("# Four public sets, audited", "", *(__doc__ or "").strip().splitlines(), "")
    yield from ("What was looked at by eye stands in [LOG.md](LOG.md).", "")
    for name, make in SETS.items():
        fields, files = make()
        with tempfile.TemporaryDirectory() as home:
            folder = Path(home)
            for file, rows in files.items():
                write_rows(folder / f"{file}.jsonl", rows)
            data: dict[str, Any] = {file: f"{file}.jsonl" for file in files}
            data |= {"columns": {"gold_passages": "gold"}} if "documents" in files else {}
            whole = {"version": 1, "name": name, "data": data, "ladder": "pocket"} | fields
            sheet = sheet_of(spec_from_mapping(whole), folder / "spec.yaml")
            record, _ = audit(sheet, name)
        yield from audit_markdown(record, level=2)


def main() -> None:
    """Write results/real_audit.md."""
    if not DATA.is_dir():
        sys.exit(f"the data are not here: {DATA}")
    Path(__file__).with_suffix(".md").write_text("\n".join(page()).rstrip() + "\n")


if __name__ == "__main__":
    main()
