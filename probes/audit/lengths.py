"""How long the rows are in the tokens of each model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from probes.audit.records import Found, NotChecked
from probes.audit.sheet import Rung, Sheet

SAMPLED = 400
"""Rows whose tokens are counted, for speed; our choice."""
MAX_CHARS = 20_000
"""Of a longer text only the beginning is counted."""
_QUANTILES = (5, 50, 95)


def check(sheet: Sheet) -> Iterator[Found]:
    """Tokens of inputs and outputs at the 5th, 50th and 95th percentile, on a sample."""
    rows = sheet.sample(SAMPLED)
    if not rows or not sheet.rungs:
        raise NotChecked("no rows" if sheet.rungs else "no model is known")
    counted = {rung.name: _counted(rung, sheet, rows) for rung in sheet.rungs}
    inputs = {name: shape["input"] for name, shape in counted.items()}
    name, widest = max(inputs.items(), key=lambda pair: pair[1]["p95"])
    outputs = counted[name]["output"]
    clipped = any(
        max(len(sheet.entries[at].text), len(sheet.entries[at].output)) > MAX_CHARS for at in rows
    )
    read = f" of the first {MAX_CHARS:,} characters" if clipped else ""
    yield Found(
        kind="lengths",
        text=f"Inputs have {widest['p5']:,}, {widest['p50']:,} and {widest['p95']:,} tokens{read} "
        f"(5th, 50th and 95th percentile of {len(rows):,} rows), outputs {outputs['p5']:,}, "
        f"{outputs['p50']:,} and {outputs['p95']:,}, by the tokenizer that needs most.",
        rows=[],
        of=len(rows),
        fix="Set the longest input and output of serving by the 95th percentiles.",
        details={"tokens": counted},
    )


def _counted(rung: Rung, sheet: Sheet, rows: Sequence[int]) -> dict[str, dict[str, int]]:
    texts = {
        "input": [sheet.entries[at].text[:MAX_CHARS] for at in rows],
        "output": [sheet.entries[at].output[:MAX_CHARS] for at in rows],
    }
    return {
        name: _shape([rung.count_tokens(text) for text in found]) for name, found in texts.items()
    }


def _shape(counts: list[int]) -> dict[str, int]:
    ordered = sorted(counts)
    shape = {f"p{q}": ordered[round(q / 100 * (len(ordered) - 1))] for q in _QUANTILES}
    return shape | {"max": ordered[-1]}
