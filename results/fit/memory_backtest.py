"""How far memory is off for published rows whose source was left out: `results/fit/memory.md`.

    python -m results.fit.memory_backtest [--peers PYTHON] [--trace]

Each source is left out whole, the calibration is learnt from the others, and its rows are
predicted. Beside it, on the same rows: the closed form without calibration, accelerate's estimator
and LLaMA-Factory's table, each restated in a few lines, and the tools `canifinetune` and
`fitcheck-llm`, called through a Python that has them.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from knowledge.decoding import BITS
from knowledge.load import machines
from knowledge.measured import read_measured
from knowledge.stack_memory import MemoryLaw, family_of
from probes.footprint.closed_form import Shapes
from probes.footprint.run import footprints
from results.fit.memory import kind_of, law_of, laws, outside, run_of, said
from results.fit.memory_rows import Case, cases, counted, modules_of, weights_beyond

OUT = Path("results/fit/memory.md")
SAME_VERSION = "peft-l40s-2026"
CARD_GIB = 80.0
"""Memory of a card where the source does not name it; of the rivals one asks for it."""
Rule = Callable[[Case], float | None]


def bits_of(case: Case) -> int:
    """Width of the weights as the rivals tell them apart; 0 for one that they have not."""
    bits = BITS[case.row.quantisation.replace("bnb-4bit", "bnb-nf4")]
    return 16 if bits > 12 else 8 if bits > 7.5 else 4 if bits < 5 else 0


def parameters(case: Case) -> int:
    """As the source has them, or as the widths imply."""
    return case.row.n_params if case.row.n_layers else counted(Shapes.of(case.architecture))


def accelerate(case: Case) -> float | None:
    """`accelerate estimate-memory`: bytes of the weights; of training the largest of four figures.

    accelerate 1.15 `commands/estimate.py`: with 16-bit training twice the fp32 size, whatever is
    trained; it has none for 4 bits.
    """
    size, bits = 4.0 * parameters(case), bits_of(case)
    if kind_of(case) == "inference":
        return size * bits / 32 if bits else None
    return 2 * size if bits == 16 else None


def llama_factory(case: Case) -> float | None:
    """LLaMA-Factory's README: GB for each 1e9 parameters; it has none for inference."""
    n = parameters(case)
    if case.setting.method == "full":
        return (18.0 if "deepspeed" in case.row.variant else 8.0) * n
    if kind_of(case) == "inference":
        return None
    return {16: 2.0, 8: 1.0, 4: 0.5}[bits_of(case)] * n if bits_of(case) else None


def asked(case: Case) -> dict[str, Any]:
    """The run for a rival's tool."""
    machine = machines().get(case.row.gpu)
    config = dict(case.architecture.config)
    return {
        "method": case.row.method,
        "bits": bits_of(case),
        "known": bits_of(case) > 0 and case.row.n_active == case.row.n_params,
        "seq_len": case.setting.seq_len,
        "new_tokens": case.setting.new_tokens,
        "batch": case.setting.batch,
        "rank": case.setting.rank,
        "targets": sorted(modules_of(case.setting)),
        "checkpointing": case.setting.checkpointing,
        "gpu_gib": machine.memory_bytes / 1024**3 if machine else CARD_GIB,
        "n_params": parameters(case),
        "config": config,
    }


def tools(rows: Sequence[Case], python: Path | None) -> list[dict[str, float | None]]:
    """What the installed tools say of every row; nothing where no Python was named."""
    if python is None:
        return [{} for _ in rows]
    lines = "".join(json.dumps(asked(case)) + "\n" for case in rows)
    called = [str(python), str(Path(__file__).with_name("memory_peers.py"))]
    told = subprocess.run(called, input=lines, capture_output=True, text=True, check=True)
    print(told.stderr, end="")
    return [json.loads(line) for line in told.stdout.splitlines()]


@dataclass(frozen=True)
class Judged:
    """A row with what each estimator says, in bytes."""

    case: Case
    by: dict[str, float]
    half: float
    """Half width of our 80 % interval, in natural logarithms."""

    def error(self, name: str) -> float:
        """Relative error of that estimator."""
        return self.by[name] / self.case.measured_bytes - 1

    @property
    def inside(self) -> bool:
        """Whether our interval holds what was measured; of a bound, whether it reaches it."""
        off = math.log(self.case.measured_bytes / self.by["ours"])
        if self.case.row.bound == "above":
            return off <= self.half
        return abs(off) <= self.half if self.case.row.bound == "equal" else -off <= self.half


RULES: dict[str, Rule] = {"accelerate": accelerate, "LLaMA-Factory": llama_factory}


def judged(rows: Sequence[Case], python: Path | None) -> list[Judged]:
    """Every row by a calibration that has not seen its source."""
    found = []
    by_tool = dict(zip(map(id, rows), tools(rows, python), strict=True))
    for kind in ("training", "inference"):
        mine = [case for case in rows if kind_of(case) == kind]
        for source in sorted({case.row.stack for case in mine}):
            law = law_of([case for case in mine if case.row.stack != source])
            alone = law_of([case for case in mine if not akin(case, source)])
            for case in (case for case in mine if case.row.stack == source):
                by = {name: rule(case) for name, rule in RULES.items()} | {
                    name: value and value * 1e9 for name, value in by_tool[id(case)].items()
                }
                ours = {"ours": said(case, law), "form": case.said_bytes}
                ours |= {"live": case.live_bytes + outside(case), "family out": said(case, alone)}
                told = {name: value for name, value in by.items() if value is not None}
                found.append(Judged(case, ours | told, law.half(case.stack, run_of(case))))
    return found


def akin(case: Case, source: str) -> bool:
    """Whether a row's stack runs the code of that source."""
    return case.row.stack == source or family_of(case.stack) == family_of(source)


def errors(rows: Sequence[Judged], name: str) -> str:
    """Median and worst size of errors, with the number of rows where it is not all."""
    off = [abs(row.error(name)) for row in rows if name in row.by]
    if not off:
        return "–"
    n = "" if len(off) == len(rows) else f" ({len(off)})"
    return f"{100 * statistics.median(off):.1f}, {100 * max(off):.0f}{n}"


RIVALS = ("accelerate", "LLaMA-Factory", "canifinetune", "fitcheck-llm")


def groups(rows: Sequence[Judged], *, methods: bool) -> list[tuple[str, list[Judged]]]:
    """Rows with a figure, by stack and by training or inference, or by method."""
    found: dict[str, list[Judged]] = {}
    for row in rows:
        if row.case.row.bound == "equal":
            run = row.case.row.method if methods else kind_of(row.case)
            found.setdefault(f"{row.case.row.stack} | {run}", []).append(row)
    return sorted(found.items())


def table(rows: Sequence[Judged], *, methods: bool) -> Iterator[str]:
    """A line for each stack and kind of run."""
    yield (
        f"| stack | {'method' if methods else 'runs'} | rows | ours, source left out | bias"
        " | in the 80 % interval | family left out too | the form alone | "
        + " | ".join(RIVALS)
        + " |"
    )
    yield "|---|---|---|---|---|---|---|---|" + "---|" * len(RIVALS)
    for name, each in groups(rows, methods=methods):
        bias = 100 * statistics.mean(row.error("ours") for row in each)
        inside = sum(row.inside for row in each)
        rivals = " | ".join(errors(each, rival) for rival in RIVALS)
        yield (
            f"| {name} | {len(each)} | {errors(each, 'ours')} | {bias:+.1f} | {inside} of"
            f" {len(each)} | {errors(each, 'family out')} | {errors(each, 'form')} | {rivals} |"
        )


def standing(rows: Sequence[Judged]) -> Iterator[str]:
    """On which stacks each rival's median is nearer than ours, on the rows that it has."""
    for rival in RIVALS:
        ahead: list[str] = []
        behind: list[str] = []
        for name, each in groups(rows, methods=False):
            both = [row for row in each if rival in row.by]
            if both:
                mine, its = (
                    statistics.median(abs(row.error(who)) for row in both)
                    for who in ("ours", rival)
                )
                plain = name.replace(" | ", " ")
                (ahead if mine < its else behind).append(plain)
        if ahead or behind:
            lost = f"; behind on {', '.join(behind)}" if behind else ""
            yield f"- {rival}: ours nearer on {len(ahead)} of {len(ahead) + len(behind)}{lost}"


def bounds(rows: Sequence[Judged]) -> Iterator[str]:
    """Out-of-memory rows and lengths that fit, which no error can be told of."""
    for bound, title, holds in (
        ("above", "ran out of memory", "said to need more than the card has"),
        ("within", "longest that fits a card", "said to fit"),
    ):
        mine = [row for row in rows if row.case.row.bound == bound]
        for stack in sorted({row.case.stack for row in mine}):
            each = [row for row in mine if row.case.stack == stack]
            sign = 1 if bound == "above" else -1
            right = sum(sign * row.error("ours") >= 0 for row in each)
            reach = sum(row.inside for row in each)
            ratio = statistics.median(1 + row.error("ours") for row in each)
            yield (
                f"- {stack}, {title}: {right} of {len(each)} {holds} by the median, {reach} within"
                f" the interval; said over the card's memory {ratio:.2f} in the median"
            )


def at_rest(rows: Sequence[Judged]) -> str:
    """Errors of weights and cache alone, without the pass over the prompt."""
    found = []
    for stack in ("transformers-2024", "transformers-2025"):
        off = []
        for case in (row.case for row in rows if row.case.row.stack == stack):
            shapes, setting = Shapes.of(case.architecture), case.setting
            weights = 2 * counted(shapes) + weights_beyond(case.row, shapes, setting)
            cache = 4.0 * shapes.n_layers * shapes.keys * (setting.seq_len + setting.new_tokens)
            off.append(abs((weights + cache) / case.measured_bytes - 1))
        found.append(f"{100 * statistics.median(off):.1f} % of {stack}")
    return " and ".join(found)


def same_version(rows: Sequence[Judged], found: MemoryLaw) -> str:
    """The rows of the libraries that are traced here."""
    mine = [row for row in rows if row.case.row.stack == SAME_VERSION]
    seen = [abs(said(row.case, found) / row.case.measured_bytes - 1) for row in mine]
    parts = [f"{name} {errors(mine, key)}" for name, key in (
        ("live bytes", "live"), ("held in replays", "form"), ("calibrated by the others", "ours"),
    )]  # fmt: skip
    parts.append(f"calibrated with them too {100 * statistics.median(seen):.1f}, "
                 f"{100 * max(seen):.0f}")  # fmt: skip
    return f"{len(mine)} rows of {SAME_VERSION}, median and worst error in %: " + "; ".join(parts)


def traced(rows: Sequence[Judged]) -> str:
    """The same rows by traces, the allocator replayed."""
    mine = [row.case for row in rows if row.case.row.stack == SAME_VERSION]
    told = footprints(mine[0].architecture, [case.setting for case in mine])
    parts = []
    for name in ("allocated_bytes", "reserved_bytes"):
        off = [
            abs(getattr(one, name) / case.measured_bytes - 1)
            for one, case in zip(told, mine, strict=True)
        ]
        parts.append(f"{name} {100 * statistics.median(off):.1f}, {100 * max(off):.0f}")
    return "By traces: " + "; ".join(parts)


def report(rows: Sequence[Judged], left: Counter[tuple[str, str]], by_trace: str) -> str:
    """The page."""
    every = [row.case for row in rows]
    found = {law.kind: law for law in laws(every)}
    equal = [row for row in rows if row.case.row.bound == "equal"]
    widths = ", ".join(
        f"{kind} {100 * (math.exp(law.known) - 1):.0f} % of a measured stack and"
        f" {100 * (math.exp(law.new) - 1):.0f} % of another"
        for kind, law in found.items()
    )
    lines = [
        "# Memory beside published rows, each source left out in turn",
        "",
        "Made by `python -m results.fit.memory_backtest --peers PYTHON --trace` from",
        "`knowledge/published/measured.csv`: rows on one GPU with a memory, a length and a batch.",
        "Errors are sizes of (said / measured - 1) in %, median and worst, with the number of rows",
        "where an estimator has no answer to some. Habits of stacks were read from their code",
        "(`results/fit/memory_rows.py`), but with these rows in view, so the figures flatter;",
        "sources that were never looked at are the test.",
        "",
        *table(rows, methods=False),
        "",
        f"All {len(equal)} rows: ours {errors(equal, 'ours')}; the form alone"
        f" {errors(equal, 'form')}; "
        + "; ".join(f"{rival} {errors(equal, rival)}" for rival in RIVALS)
        + f". In the 80 % interval {sum(row.inside for row in equal)}. Half widths: {widths}.",
        "",
        *standing(rows),
        "",
        "By method:",
        "",
        *table(rows, methods=True),
        "",
        f"Weights and cache alone are in the median off by {at_rest(rows)}:",
        "the second were not read at the peak, and teach the calibration nothing.",
        "",
        "## The versions that are traced here",
        "",
        same_version(rows, found["training"]) + ".",
        by_trace,
        "",
        "## Bounds",
        "",
        *bounds(rows),
        "",
        "## Rows left out",
        "",
        "| stack | because | rows |",
        "|---|---|---|",
        *(f"| {stack} | {reason} | {n} |" for (stack, reason), n in sorted(left.items())),
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Judges and writes."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--peers", type=Path, help="a Python with the rivals' tools")
    parser.add_argument("--trace", action="store_true", help="trace the rows of our versions too")
    asked_for = parser.parse_args()
    peers = asked_for.peers
    if peers is None:
        print("no --peers: canifinetune and fitcheck-llm are skipped")
    found, left = cases(read_measured())
    rows = judged(found, peers)
    by_trace = f"{traced(rows)}." if asked_for.trace else ""
    OUT.write_text(report(rows, left, by_trace), encoding="utf-8")
    print(f"wrote {OUT}")


if __name__ == "__main__":
    main()
