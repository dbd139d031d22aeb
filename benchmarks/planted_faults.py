"""How well the audit finds faults that were planted, beside TrainJudge and peft-doctor.

    python -m benchmarks.planted_faults --seeds 0 1 2

On real rows (12 intents of banking77, XQuAD, BFCL) and generated ones (the pocket tasks), for each
fault at 1, 5 and 20 % of the rows. Recall: the share of planted rows that a finding of the kind
names. Precision: of the rows that it names beyond those in the untouched data, the share that was
planted or is the other half of a planted pair. The peers answer the first seed only. What is found
in the untouched data is listed as it is: some of it is truly there.
"""

from __future__ import annotations

import argparse
import csv
import json
import random
import statistics
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from unittest.mock import patch

from benchmarks import audit_peers
from benchmarks.faults import ANYWHERE, JSONS, LABELS, TEXTS, Fault, Planted, Row
from benchmarks.pairing import write_page
from probes.audit.reading import read_sheet
from probes.audit.runner import CHECKS, audit
from probes.pocket.tasks import TASKS, drawn
from probes.spec import spec_from_mapping
from results.real_data import DATA

RATES = (0.01, 0.05, 0.20)
SLOW = ("label noise",)
IRRELEVANT = ("difficulty", "learnability", "languages", "lengths", "frames", "amount", "novelty")
"""Checks that are made for wrong labels only, and those that look for none of these faults."""
ALSO: Mapping[str, tuple[str, ...]] = {
    "exact-duplicates": ("near-duplicates",),
    "near-duplicates": ("exact-duplicates",),
    "label-noise": ("contradictions",),
    "wrapped-outputs": ("mixed-outputs",),
    "fenced-outputs": ("mixed-outputs", "invalid-outputs"),
    "invalid-outputs": ("mixed-outputs",),
    "contradictions": ("label-noise", "neighbour-disagreement"),
}
"""Kinds that name the same fault as well."""


def banking() -> list[Row]:
    """The first 12 intents by name."""
    with (DATA / "banking77" / "train.csv").open(encoding="utf-8", newline="") as file:
        rows = [{"input": row["text"], "output": row["category"]} for row in csv.DictReader(file)]
    names = sorted({row["output"] for row in rows})[:12]
    return [row for row in rows if row["output"] in names]


def xquad() -> list[Row]:
    """Questions and the first answer."""
    told = json.loads((DATA / "xquad_en" / "xquad.en.json").read_text(encoding="utf-8"))
    return [
        {"input": each["question"], "output": each["answers"][0]["text"]}
        for article in told["data"]
        for paragraph in article["paragraphs"]
        for each in paragraph["qas"]
    ]


def bfcl() -> list[Row]:
    """Questions, and the call that answers each as JSON."""
    lines = [
        [json.loads(line) for line in (DATA / "bfcl_simple" / name).read_text().splitlines()]
        for name in ("questions.jsonl", "answers.jsonl")
    ]
    answers = {each["id"]: each["ground_truth"][0] for each in lines[1]}
    rows = []
    for each in lines[0]:
        ((name, given),) = answers[each["id"]].items()
        call = {"name": name, "arguments": {key: value[0] for key, value in given.items()}}
        rows.append({"input": each["question"][0][0]["content"], "output": json.dumps(call)})
    return rows


def pocket(name: str) -> Callable[[], list[Row]]:
    """A pocket task's rows."""

    def rows() -> list[Row]:
        task = next(task for task in TASKS if task.name == name)
        return [{"input": row.input, "output": row.output} for row in drawn(task, 0)]

    return rows


CLASSES = {"task_type": "classification"}
ANSWERS = {"task_type": "qa"}
CALLS = {"task_type": "function-calling"}
FIELDS = {"task_type": "extraction", "metric": "json_fields"}
SETS: Mapping[str, tuple[Mapping[str, str], Callable[[], list[Row]], Mapping[str, Fault]]] = {
    "banking77": (CLASSES, banking, {**ANYWHERE, **LABELS, **TEXTS}),
    "xquad": (ANSWERS, xquad, {**ANYWHERE, **TEXTS}),
    "bfcl": (CALLS, bfcl, {**ANYWHERE, **JSONS}),
    "ticket-routing": (CLASSES, pocket("ticket-routing"), {**ANYWHERE, **LABELS}),
    "order-json": (FIELDS, pocket("order-json"), {**ANYWHERE, **JSONS}),
    "popular-facts": (ANSWERS, pocket("popular-facts"), {**ANYWHERE, **TEXTS}),
}
"""Fields of the spec, rows, and the faults that make sense."""


def named(
    planted: Planted, task: Mapping[str, str], folder: Path, fault: str
) -> dict[str, set[int]]:
    """Rows of the training file by kind of finding."""
    left_out = IRRELEVANT if fault in ("label-noise", "") else (*IRRELEVANT, *SLOW)
    checks = {name: where for name, where in CHECKS.items() if name not in left_out}
    for name, rows in (("rows", planted.rows), ("test", planted.test or [])):
        lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        (folder / f"{name}.jsonl").write_text(lines, encoding="utf-8")
    data = {"train": "rows.jsonl"} | ({"test": "test.jsonl"} if planted.test else {})
    spec = spec_from_mapping({"version": 1, "name": "t", "data": data, **task})
    sheet = read_sheet(spec, folder / "spec.yaml")
    found: dict[str, set[int]] = defaultdict(set)
    with patch("probes.audit.runner.CHECKS", checks):
        findings = audit(sheet, "t")[1]
    for each in findings:
        entries = (sheet.entries[at] for at in each.rows)
        found[each.kind] |= {entry.row for entry in entries if entry.file == "train"}
    return found


def rated(found: set[int], before: set[int], planted: Planted) -> tuple[float, float | None]:
    """(recall, precision); no precision where nothing is named beyond the untouched data."""
    new = found - (before - planted.involved)
    precision = len(new & planted.involved) / len(new) if new else None
    return len(found & planted.faulty) / len(planted.faulty), precision


Figures = dict[tuple[str, str, float, str], list[tuple[float, float | None]]]
"""By set, fault, rate and tool."""


def measured(name: str, seeds: Sequence[int], figures: Figures) -> dict[str, int]:
    """Every fault at every rate on one set; what is found in it untouched."""
    task, rows_of, faults = SETS[name]
    rows = rows_of()
    with tempfile.TemporaryDirectory() as home:
        folder = Path(home)
        clean = named(Planted(rows, set(), set()), task, folder, "")
        for fault, plant in faults.items():
            for rate in RATES:
                for seed in seeds:
                    planted = plant(rows, max(1, round(rate * len(rows))), random.Random(seed))
                    kinds = (fault, *ALSO.get(fault, ()))
                    found = named(planted, task, folder, fault)
                    ours = set().union(*(found.get(kind, set()) for kind in kinds))
                    before = set().union(*(clean.get(kind, set()) for kind in kinds))
                    key = (name, fault, rate, "advisor")
                    figures.setdefault(key, []).append(rated(ours, before, planted))
                    if seed != seeds[0]:
                        continue  # the peers are slow, and look up patterns
                    theirs = audit_peers.by_tool(fault, planted.rows, planted.test, folder)
                    for tool, told in theirs.items():
                        pair = rated(told, set(), planted)
                        figures.setdefault((name, fault, rate, tool), []).append(pair)
            print(name, fault, {key[2:]: value for key, value in figures.items()
                                if key[:2] == (name, fault)}, flush=True)  # fmt: skip
    return {kind: len(found) for kind, found in sorted(clean.items())}


def page(figures: Figures, untouched: Mapping[str, Mapping[str, int]]) -> Iterator[str]:
    """A row for each set and fault, then what is found in the untouched data."""
    yield from ("# Planted faults", "", *(__doc__ or "").strip().splitlines(), "")
    tools = ("advisor", "trainjudge", "peft-doctor")
    heads = " | ".join(f"{tool}: recall / precision at 1, 5, 20 %" for tool in tools)
    yield f"| set | fault | {heads} |"
    yield "|---|---|---|---|---|"
    for name, fault in dict.fromkeys(key[:2] for key in figures):
        cells = [_cell(figures, name, fault, tool) for tool in tools]
        yield f"| {name} | {fault} | {' | '.join(cells)} |"
    yield from ("", "Rows named in the untouched data:", "")
    for name, kinds in untouched.items():
        yield f"- {name}: {', '.join(f'{kind} {n}' for kind, n in kinds.items()) or 'none'}"


def _cell(figures: Figures, name: str, fault: str, tool: str) -> str:
    shown = []
    for rate in RATES:
        pairs = figures.get((name, fault, rate, tool))
        if pairs is None:
            return "–"
        precise = [precision for _, precision in pairs if precision is not None]
        told = f"{statistics.mean(precise):.2f}" if precise else "–"
        shown.append(f"{statistics.mean(recall for recall, _ in pairs):.2f} / {told}")
    return ", ".join(shown)


def main() -> None:
    """Write results/benchmarks/planted_faults.md."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sets", nargs="*", default=list(SETS), choices=SETS)
    parser.add_argument("--seeds", type=int, nargs="*", default=[0, 1, 2])
    options = parser.parse_args()
    figures: Figures = {}
    untouched = {name: measured(name, options.seeds, figures) for name in options.sets}
    write_page("planted_faults", page(figures, untouched))


if __name__ == "__main__":
    main()
