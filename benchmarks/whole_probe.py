"""A whole probe beside the same trials by HF Trainer, PEFT, Optuna and `generate`.

    python -m benchmarks.whole_probe --minutes 2 --seeds 0 1 --tasks order-item popular-facts
    python -m benchmarks.whole_probe --minutes 60 --tasks banking77 --sides ours "public tools"

Both sides run in this process, through the same driver, proposals and decision; only what stands
next to the weights differs, and the public side has no stacks, no screening and no halving. CPU
seconds of the whole run, one thread; imports and loading count on neither side. `--ablate` adds
ours without each of its parts, and with the search on a quarter of the data, which the probe does
for larger models only. banking77, xquad and gsm8k are those of results/real_data.py, on SmolLM2.
"""

from __future__ import annotations

import argparse
import importlib
import json
import logging
import statistics
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path
from unittest.mock import patch

import torch

from advisor.prepare import Prepared, prepare
from advisor.task import Flags, read_task
from benchmarks import public
from benchmarks.in_process import Run, models_of, run
from benchmarks.pairing import RESULTS, write_page
from probes.models.hf import HfModel
from probes.pocket.tasks import TASKS, write
from probes.records import Json
from results import real_data

ROWS = RESULTS / "whole_probe.jsonl"
POCKET = {task.name: task for task in TASKS}


@contextmanager
def public_tools() -> Iterator[None]:
    """Trained cells by HF Trainer and PEFT, one by one; nothing is screened or halved."""
    with ExitStack() as stack:
        stack.enter_context(patch("probes.methods.screening._pays", lambda *_: False))
        stack.enter_context(patch("probes.methods.tuning.HALVED_TRIALS", 10**9))
        for name in ("answer", "answer_together"):
            stack.enter_context(patch(f"probes.methods.trained.{name}", getattr(public, name)))
        stack.enter_context(patch("probes.worker.answer_together", public.answer_together))
        yield


def ours(prepared: Prepared) -> Run:
    """The probe as it is."""
    return run(prepared, models_of(prepared, HfModel))


def by_public_tools(prepared: Prepared) -> Run:
    """Everything next to the weights by the public tools."""
    with public_tools():
        return run(prepared, models_of(prepared, public.PublicModel), stacked=False)


def without_stacks(prepared: Prepared) -> Run:
    """Ours with every adapter trained alone."""
    return run(prepared, models_of(prepared, HfModel), stacked=False)


def with_generate(prepared: Prepared) -> Run:
    """Ours with answers by `generate` and candidates one pass each."""
    return run(prepared, models_of(prepared, public.PublicModel))


def on_a_quarter(prepared: Prepared) -> Run:
    """Ours with tiny models searched as larger ones are; their passes over the data stay."""
    with patch("probes.methods.tuning.SMALL", 0):
        return ours(prepared)


SIDES: dict[str, Callable[[Prepared], Run]] = {
    "ours": ours,
    "public tools": by_public_tools,
    "ours, no stacks": without_stacks,
    "ours, generate": with_generate,
    "ours, searched on a quarter": on_a_quarter,
}
COMPARED = ("ours", "public tools")


def spec_of(name: str, home: Path, seed: int, minutes: float) -> Path:
    """The spec of a task, written with its data: a pocket task's are drawn with the seed."""
    if name in POCKET:
        return write(POCKET[name], home / f"seed-{seed}", seed) / "spec.yaml"
    return real_data.make_task(name, home, threads=1, minutes=minutes)


def rows(
    names: Sequence[str], seeds: Sequence[int], minutes: float, sides: Sequence[str]
) -> Iterator[Json]:
    """Each side of each task and seed."""
    with tempfile.TemporaryDirectory() as home:
        for seed in seeds:
            for name in names:
                spec = spec_of(name, Path(home), seed, minutes)
                prepared = prepare(read_task(spec, Flags(seed=seed, minutes=minutes)))
                for side in sides:
                    found = SIDES[side](prepared)
                    print(
                        f"{name} {seed} {side}: {found.cpu_s:.1f} CPU-s, {found.verdict}"
                        f" {found.option} {found.quality:.3f}", flush=True,
                    )  # fmt: skip
                    told = {"task": name, "seed": seed, "minutes": minutes, "side": side}
                    yield told | asdict(found)


def pairs_of(found: Sequence[Json]) -> list[tuple[Json, Json]]:
    """(ours, other side) of the same task, seed and minutes; the last row of each side counts."""
    last = {(row["task"], row["seed"], row["minutes"], row["side"]): row for row in found}
    return [
        (last[*key, "ours"], row)
        for (*key, side), row in last.items()
        if side != "ours" and (*key, "ours") in last
    ]


def page(found: Sequence[Json]) -> Iterator[str]:
    """Every side beside ours on the same task, seed and minutes, and the sums of each side."""
    pairs = pairs_of(found)
    yield from ("# Whole probes beside public tools", "", *(__doc__ or "").strip().splitlines(), "")
    yield "| task | seed | minutes | ours, CPU-s: verdict | other side, CPU-s: verdict | ratio |"
    yield "|---|---|---|---|---|---|"
    for mine, other in pairs:
        yield (
            f"| {mine['task']} | {mine['seed']} | {mine['minutes']:g} |"
            f" {mine['cpu_s']:.1f}: {_said(mine)} |"
            f" {other['side']}, {other['cpu_s']:.1f}: {_said(other)} |"
            f" {other['cpu_s'] / mine['cpu_s']:.2f} |"
        )
    yield from ("", "| other side | minutes | runs | ratio of the sums | median | same verdict |")
    yield "|---|---|---|---|---|---|"
    for side, minutes in dict.fromkeys((row["side"], row["minutes"]) for _, row in pairs):
        some = [pair for pair in pairs if (pair[1]["side"], pair[1]["minutes"]) == (side, minutes)]
        sums = sum(b["cpu_s"] for _, b in some) / sum(a["cpu_s"] for a, _ in some)
        middle = statistics.median(b["cpu_s"] / a["cpu_s"] for a, b in some)
        same = sum(_said(a) == _said(b) for a, b in some)
        yield f"| {side} | {minutes:g} | {len(some)} | {sums:.2f} | {middle:.2f} | {same} |"


def _said(row: Json) -> str:
    return f"{row['option']}" if row["verdict"] == "use" else str(row["verdict"])


def measure(found: Iterator[Json]) -> None:
    """Append each row once it is there."""
    for module in ("optuna", "peft", "sklearn.feature_extraction.text", "transformers.trainer"):
        importlib.import_module(module)  # outside of what is timed
    warnings.filterwarnings("ignore")
    logging.disable(logging.WARNING)
    torch.set_num_threads(1)
    RESULTS.mkdir(parents=True, exist_ok=True)
    with ROWS.open("a") as file:
        for row in found:
            file.write(json.dumps(row) + "\n")
            file.flush()


def main() -> None:
    """Append to results/benchmarks/whole_probe.jsonl and write the page from all of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    names = [*POCKET, *real_data.TASKS]
    parser.add_argument("--tasks", nargs="*", default=list(POCKET), choices=names, metavar="TASK")
    parser.add_argument("--seeds", type=int, nargs="*", default=[0])
    parser.add_argument("--minutes", type=float, default=2.0)
    parser.add_argument("--sides", nargs="*", choices=SIDES, help="those in place of the first two")
    parser.add_argument("--ablate", action="store_true", help="all sides")
    parser.add_argument("--page-only", action="store_true", help="measure nothing")
    options = parser.parse_args()
    sides = options.sides or (SIDES if options.ablate else COMPARED)
    if not real_data.DATA.is_dir() and set(options.tasks) & set(real_data.TASKS):
        sys.exit(f"the data are not here: {real_data.DATA}")
    if not options.page_only:
        measure(rows(options.tasks, options.seeds, options.minutes, list(sides)))
    found = [json.loads(line) for line in ROWS.read_text().splitlines()]
    write_page("whole_probe", page(found))


if __name__ == "__main__":
    main()
