"""Outputs that stand in the row above or below: a cell was inserted, or one column was sorted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from probes.audit.answers import stands
from probes.audit.baselines import partners
from probes.audit.kinds import Kind
from probes.audit.records import Found, NotChecked
from probes.audit.sheet import Sheet
from probes.data import MIN_ROWS
from probes.readings import strict_json

COPIED = 0.3
"""Share of the rows whose output must stand in its own input; our choice: with fewer, what stands
in a neighbour's says nothing."""
FEWEST, SHARE = 5, 0.01
"""Rows, and their share of all, from which neighbours' outputs are told; our choice."""
BEYOND = 5
"""How many times as many as stand in another row's input by chance; our choice."""
SLIPPED = Kind(
    name="slipped-rows",
    says="{have}",
    fix="Find where the column slips, move it back, and read the rows around it.",
    on="figure",
    basis="LoRA on two pocket tasks lost 1 and 6 points with a fifth of the outputs one row off,"
    " and the figure 21 and 25 (results/pocket/dirty_data.md)",
    factors=(1.1, 0.8, 1.5),
)


def check(sheet: Sheet) -> Iterator[Found]:
    """Kind slipped-rows, where outputs are taken from their inputs."""
    rows = sheet.usable
    if sheet.labelled or len(rows) < MIN_ROWS:
        raise NotChecked("labels, or too few rows")
    parts = [_parts(sheet.entries[at].output) for at in rows]
    odd = [i for i in range(len(rows)) if not _held(sheet, parts[i], rows[i])]
    if len(odd) > (1 - COPIED) * len(rows):
        raise NotChecked("outputs do not come from their inputs")
    other = partners(len(rows))
    by_chance = sum(_held(sheet, parts[i], rows[other[i]]) for i in odd)
    for step, where in ((-1, "above"), (1, "below")):
        found = [i for i in odd if _near(sheet, rows, parts, i, step)]
        if len(found) >= max(FEWEST, SHARE * len(rows), BEYOND * by_chance):
            said = (
                f" what belongs to the row {where}: it stands in that row's input, not in theirs."
            )
            yield from SLIPPED.found([rows[i] for i in found], len(rows), said)


def _near(sheet: Sheet, rows: Sequence[int], parts: Sequence[list[str]], i: int, step: int) -> bool:
    at = rows[i] + step
    inside = 0 <= at < len(sheet.entries) and sheet.entries[at].file == sheet.entries[rows[i]].file
    return inside and _held(sheet, parts[i], at)


def _held(sheet: Sheet, parts: Sequence[str], at: int) -> bool:
    return bool(parts) and all(stands(part, sheet.entries[at].text) for part in parts)


def _parts(output: str) -> list[str]:
    """The output, or the values of the object that it is."""
    if output.lstrip().startswith("{"):
        try:
            value = strict_json(output)
        except (ValueError, RecursionError):
            return [output]
        return [str(held) for held in value.values() if held not in (None, "")]
    return [output]
