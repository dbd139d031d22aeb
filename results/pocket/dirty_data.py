"""Whether what the audit finds matters: LoRA on clean, dirty and cleaned rows of pocket tasks.

    python -m results.pocket.dirty_data --tasks ticket-routing order-json --seeds 0 1 2

Faults are planted into 40 % of the training file's rows, wrong labels into 20 % as well; the
cleaned copy is what `advisor audit --fix` writes, and is trained on where it is not the clean file
again. Every run answers the same clean test items, of another draw. The loss is the mean difference
to the clean runs over seeds and items, with a bootstrap interval over both; beside it stands what
the audit said the finding would cost.
"""

from __future__ import annotations

import argparse
import json
import logging
import random
import tempfile
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from ruamel.yaml import YAML

from advisor.audit import sheet_of
from advisor.prepare import prepare
from advisor.task import Flags, read_task
from benchmarks.faults import ANYWHERE, LABELS, TEXTS, Fault, Row
from benchmarks.in_process import measured, models_of
from probes.audit.cleaned import write_cleaned
from probes.audit.records import Audit
from probes.audit.runner import audit
from probes.methods.lora import central_learning_rate
from probes.methods.tuning import passes
from probes.models.hf import HfModel
from probes.plan import situations
from probes.pocket.tasks import TASKS, Task, drawn, specification
from probes.records import Json
from probes.spec import read_spec

N_TEST = 200
RATES = {"label-noise": (0.20, 0.40)}
RATE = 0.40
"""Of all other faults: at 5 and 20 % nothing stood out from the seeds (results/LOG.md)."""
ROWS = Path(__file__).with_name("dirty_data.jsonl")
HARMFUL = {
    name: ANYWHERE[name]
    for name in ("contradictions", "exact-duplicates", "near-duplicates", "hidden-characters",
                 "template-tokens", "personal-data")
}  # fmt: skip
FAULTS: Mapping[str, Mapping[str, Fault]] = {
    "ticket-routing": {**LABELS, **TEXTS, **HARMFUL},
    "order-json": HARMFUL,
    "order-item": {**TEXTS, **HARMFUL},
}
"""Faults that a probe does not refuse, by task."""

Scores = NDArray[np.float64]
"""Quality of each test item: (items,)."""


@dataclass(frozen=True)
class Bench:
    """One task and seed: its clean rows, and the models that are trained."""

    task: Task
    seed: int
    rung: str
    train: list[Row]
    test: list[Row]
    models: dict[str, HfModel]


def bench(task: Task, seed: int, rung: str, models: dict[str, HfModel]) -> Bench:
    """Rows to train on, and fresh ones to answer."""
    train = [{"input": row.input, "output": row.output} for row in drawn(task, seed)]
    known = {row["input"] for row in train}
    fresh = drawn(task, 1000 + seed, 3 * N_TEST)
    test = [{"input": row.input, "output": row.output} for row in fresh if row.input not in known]
    return Bench(task, seed, rung, train, test[:N_TEST], models)


def written(at: Bench, rows: Sequence[Row], folder: Path) -> Path:
    """A spec with these rows to train on and the clean ones as the test file."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, some in (("data", rows), ("test", at.test)):
        lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in some)
        (folder / f"{name}.jsonl").write_text(lines, encoding="utf-8")
    spec = specification(at.task, drawn(at.task, at.seed)[0])
    spec["data"] = {"train": "data.jsonl", "test": "test.jsonl"}
    YAML().dump(spec, folder / "spec.yaml")
    return folder / "spec.yaml"


def trained(at: Bench, spec: Path) -> Scores:
    """LoRA at the centre of the search, on every row that the split leaves in train."""
    prepared = prepare(read_task(spec, Flags(seed=at.seed, minutes=5)))
    if not at.models:
        at.models.update(models_of(prepared, HfModel))
    every = situations(prepared.task.question, prepared.rungs, prepared.plan.battery, 0)
    situation = next(each for each in every if each.rung == at.rung)
    params = {
        "learning_rate": central_learning_rate(situation.hidden_size), "rank": 16, "alpha": 32,
        "epochs": max(passes(situation)), "batch_size": 16, "decoding": "generate",
        "list_labels": False,
    }  # fmt: skip
    cell = situation.cell(
        "lora", "final", params=params, n_train=situation.n_train, split="test",
        n_eval=min(N_TEST, len(prepared.task.splits.test)), seed=at.seed,
    )  # fmt: skip
    (found,) = measured(prepared, at.models, [cell])
    by_item = {score.item_id: score.quality for score in found.scores}
    return np.array([by_item[name] for name in sorted(by_item)])


def variants(at: Bench, fault: str, rate: float, home: Path) -> Iterator[tuple[str, Scores, Audit]]:
    """Dirty rows, and what is left of the fault after the safe fixes where there are any."""
    n = max(1, round(rate * len(at.train)))
    planted = FAULTS[at.task.name][fault](at.train, n, random.Random(at.seed))
    spec_path = written(at, planted.rows, home / f"{fault}-{rate}")
    spec = read_spec(spec_path)
    sheet = sheet_of(spec, spec_path)
    told, found = audit(sheet, spec.name)
    yield "dirty", trained(at, spec_path), told
    copies = write_cleaned(sheet, found, spec, spec_path)
    cleaned = [path for path in copies if path.name == "data.cleaned.jsonl"]
    if cleaned:
        rows = [json.loads(line) for line in cleaned[0].read_text().splitlines()]
        if rows == at.train:
            return  # the fault is gone without a trace: these runs would be the clean ones
        after = written(at, rows, home / f"{fault}-{rate}-cleaned")
        yield "cleaned", trained(at, after), told


def rows(names: Sequence[str], seeds: Sequence[int], rung: str) -> Iterator[Json]:
    """Every run: task, seed, fault, rate, state, qualities, and what the audit said it costs."""
    models: dict[str, HfModel] = {}
    for task in (task for task in TASKS if task.name in names):
        for seed in seeds:
            at = bench(task, seed, rung, models)
            with tempfile.TemporaryDirectory() as folder:
                home = Path(folder)
                base = {"task": task.name, "rung": rung, "seed": seed}
                clean = trained(at, written(at, at.train, home / "clean"))
                yield base | {"fault": "", "rate": 0.0, "state": "clean", "scores": clean.tolist()}
                for fault in FAULTS[task.name]:
                    for rate in RATES.get(fault, (RATE,)):
                        for state, scores, told in variants(at, fault, rate, home):
                            said = {
                                each.kind: each.effect.points
                                for each in told.findings
                                if each.effect.on != "safety"
                            }
                            yield base | {
                                "fault": fault, "rate": rate, "state": state,
                                "scores": scores.tolist(), "said": said,
                            }  # fmt: skip


def page(found: Sequence[Json]) -> Iterator[str]:
    """Loss in points by task, fault, rate and state, and how the ranking agrees."""
    yield from ("# What dirty data cost", "", *(__doc__ or "").strip().splitlines(), "")
    yield "| task | fault | rate | state | seeds | loss, points | the audit said |"
    yield "|---|---|---|---|---|---|---|"
    clean = {(row["task"], row["seed"]): row["scores"] for row in found if row["state"] == "clean"}
    groups: dict[tuple[object, ...], list[Json]] = {}
    for row in found:
        if row["state"] != "clean":
            key = (row["task"], row["fault"], row["rate"], row["state"])
            groups.setdefault(key, []).append(row)
    losses, said = [], []
    for (task, fault, rate, state), runs in groups.items():
        differences = [
            100 * (np.array(clean[row["task"], row["seed"]]) - np.array(row["scores"]))
            for row in runs
        ]
        mean, low, high = interval(differences)
        cost = float(np.mean([row["said"].get(str(fault), 0.0) for row in runs]))
        if state == "dirty":
            losses.append(mean)
            said.append(cost)
        yield (
            f"| {task} | {fault} | {rate:.0%} | {state} | {len(runs)} |"
            f" {mean:.1f} [{low:.1f}, {high:.1f}] | {cost:.1f} |"
        )
    if len(losses) > 2:
        ranks = [np.argsort(np.argsort(values)) for values in (losses, said)]
        rho = float(np.corrcoef(ranks[0], ranks[1])[0, 1])
        yield from ("", f"Spearman's rank correlation of loss and forecast, dirty: {rho:.2f}.")
    yield from ("", "Forecasts are those of the day; what was learnt of it: [LOG.md](../LOG.md).")


def interval(differences: Sequence[Scores]) -> tuple[float, float, float]:
    """Mean over seeds and items with a 95 % bootstrap interval that draws both."""
    rng = np.random.default_rng(0)
    draws = []
    for _ in range(2000):
        chosen = rng.integers(len(differences), size=len(differences))
        draws.append(
            np.mean([rng.choice(differences[at], len(differences[at])).mean() for at in chosen])
        )
    low, high = np.quantile(draws, (0.025, 0.975))
    return float(np.mean([each.mean() for each in differences])), float(low), float(high)


def main() -> None:
    """Append to dirty_data.jsonl, and write results/pocket/dirty_data.md from all of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", nargs="*", default=list(FAULTS), choices=FAULTS)
    parser.add_argument("--seeds", type=int, nargs="*", default=[0, 1, 2])
    parser.add_argument("--rung", default="pocket-m")
    parser.add_argument("--page-only", action="store_true", help="train nothing")
    options = parser.parse_args()
    warnings.filterwarnings("ignore")
    logging.disable(logging.WARNING)
    torch.set_num_threads(1)
    with ROWS.open("a") as file:
        tasks = () if options.page_only else options.tasks
        for row in rows(tasks, options.seeds, options.rung):
            print({name: value for name, value in row.items() if name not in ("scores", "said")},
                  np.mean(row["scores"]), flush=True)  # fmt: skip
            file.write(json.dumps(row) + "\n")
            file.flush()
    found = [json.loads(line) for line in ROWS.read_text().splitlines()]
    Path(__file__).with_name("dirty_data.md").write_text("\n".join(page(found)) + "\n")


if __name__ == "__main__":
    main()
