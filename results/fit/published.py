"""Writes `knowledge/published/measured.csv` from the collected published rows.

    python -m results.fit.published ../shared/data/measured \
        --qwen2.5 speed_benchmark.rst --qwen3 speed_benchmark.md

The folder holds `measured.csv`, collected by hand with a note on each row. The two documents are
docs/source/benchmark/speed_benchmark.rst of QwenLM/Qwen2.5 (at 010c37c3) and
docs/source/getting_started/speed_benchmark.md of QwenLM/Qwen3 (at 7a2f61ff): of the second only the
SGLang tables are read, as the others are among the collected rows. Figures are kept with their
source, prose is not. Prints how many rows were left out and why.
"""

from __future__ import annotations

import argparse
import csv
from collections import Counter
from pathlib import Path

from knowledge.measured import FOLDER, Measured
from results.fit.collected import cleaned, stack_of, why_not
from results.fit.shapes import Row
from results.fit.speed_tables import served, tables_2_5, tables_3


def write(path: Path, rows: list[Row], columns: list[str]) -> None:
    """A CSV file with those columns."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n", restval="")
        writer.writeheader()
        writer.writerows(rows)
    print(f"wrote {len(rows)} rows to {path}")


def main() -> None:
    """Cleans, writes and tells what was left out."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--qwen2.5", dest="qwen2", type=Path, required=True)
    parser.add_argument("--qwen3", type=Path, required=True)
    asked = parser.parse_args()
    kept: list[Row] = []
    left: Counter[tuple[str, str]] = Counter()
    for row in csv.DictReader((asked.folder / "measured.csv").open(encoding="utf-8", newline="")):
        reason = why_not(row)
        if reason:
            left[reason, stack_of(row["source_url_or_repo_path"])] += 1
        else:
            kept.append(cleaned(row))
    found = [(*pair, False) for pair in tables_2_5(asked.qwen2.read_text(encoding="utf-8"))]
    found += [(*pair, True) for pair in tables_3(asked.qwen3.read_text(encoding="utf-8"))]
    for runtime, cells, qwen3 in found:
        line = served(runtime, cells, qwen3)
        if line is None:
            left["no speed, or no card of the model", runtime] += 1
        else:
            kept.append(line)
    print("| left out because | stack | rows |\n|---|---|---|")
    for (reason, stack), n in sorted(left.items()):
        print(f"| {reason} | {stack} | {n} |")
    for line in kept:
        Measured.model_validate({key: value for key, value in line.items() if value != ""})
    write(FOLDER / "measured.csv", kept, list(Measured.model_fields))


if __name__ == "__main__":
    main()
