"""The cost ledger: what each method took on each rung, beside what the plan predicted."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from advisor.records import LedgerRow
from knowledge.cost import inference_flops, training_flops
from knowledge.records import ModelCard
from probes.methods import METHODS
from probes.plan import Plan
from probes.records import Cell, Measurement
from probes.sinks import markdown

FINAL = "final"


def ledger(
    measurements: Sequence[Measurement], plan: Plan, cards: Mapping[str, ModelCard]
) -> list[LedgerRow]:
    """A row for each rung and method that was planned or measured; rungs by size.

    Evaluations on the test split are the row `final`: which options they are of is not planned.
    What the user's own systems answered cost nothing here and is left out.
    """
    spent: dict[tuple[str, str], list[Measurement]] = defaultdict(list)
    for found in measurements:
        if found.cell.rung in cards and found.cell.method in METHODS:
            spent[_place(found.cell)].append(found)
    predicted: dict[tuple[str, str], float] = defaultdict(float)
    for planned in plan.cells:
        predicted[_place(planned.cell)] += planned.seconds
    order = [*METHODS, FINAL]
    places = sorted(
        spent.keys() | predicted.keys(),
        key=lambda place: (cards[place[0]].n_params, order.index(place[1])),
    )
    return [
        _row(rung, method, spent[rung, method], predicted[rung, method], cards[rung].n_params)
        for rung, method in places
    ]


def _place(cell: Cell) -> tuple[str, str]:
    return cell.rung, FINAL if cell.role == "final" else cell.method


def _row(
    rung: str, method: str, runs: Sequence[Measurement], planned_s: float, n_params: int
) -> LedgerRow:
    costs = [run.cost for run in runs]
    flops = sum(
        training_flops(n_params, run.cost.train_tokens, all_weights=_all_weights(run))
        + inference_flops(n_params, run.cost.input_tokens + run.cost.output_tokens)
        for run in runs
    )
    return LedgerRow(
        rung=rung,
        method=method,
        n_cells=len(runs),
        planned_s=round(planned_s, 1),
        wall_s=round(sum(cost.wall_s for cost in costs), 1),
        cpu_s=round(sum(cost.cpu_s for cost in costs), 1),
        train_tokens=sum(cost.train_tokens for cost in costs),
        input_tokens=sum(cost.input_tokens for cost in costs),
        output_tokens=sum(cost.output_tokens for cost in costs),
        flops=float(f"{flops:.4g}"),
        peak_memory_bytes=max((cost.peak_memory_bytes for cost in costs), default=0),
    )


def _all_weights(run: Measurement) -> bool:
    return run.cell.params.get("trainable") == "all"


def ledger_table(rows: Sequence[LedgerRow]) -> Iterator[str]:
    """The ledger as a Markdown section with its sums; nothing for reports without one."""
    if not rows:
        return
    planned, took = sum(row.planned_s for row in rows), sum(row.wall_s for row in rows)
    yield "## What it cost"
    yield ""
    yield "| rung | method | cells | planned, s | took, s | CPU-s | training tokens | TFLOP |"
    yield "|---|---|---|---|---|---|---|---|"
    for row in rows:
        yield (
            f"| {markdown(row.rung)} | {row.method.replace('_', '-')} | {row.n_cells}"
            f" | {row.planned_s:.1f} | {row.wall_s:.1f} | {row.cpu_s:.1f}"
            f" | {row.train_tokens:,} | {row.flops / 1e12:.3g} |"
        )
    flops = sum(row.flops for row in rows)
    yield (
        f"| all | | {sum(row.n_cells for row in rows)} | {planned:.1f} | {took:.1f}"
        f" | {sum(row.cpu_s for row in rows):.1f} | {sum(row.train_tokens for row in rows):,}"
        f" | {flops / 1e12:.3g} |"
    )
    yield ""
    yield (
        f"Worker time was {took / max(0.1, planned):.2f} times what the plan predicted"
        " (starting the workers apart). Operations are an estimate from the tokens by the closed"
        " form: every prompt is counted whole, checkpoints and timed single requests are not."
    )
    yield ""
