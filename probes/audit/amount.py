"""Whether there are enough rows: to learn from, and to tell one model from another."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from probes.audit.costs import EXPONENTS, many, percent
from probes.audit.records import Effect, Found, NotChecked
from probes.audit.sheet import Sheet
from probes.data import normalised
from probes.records import Json
from probes.stats import items_needed, minimum_detectable_difference, wilson

SHOTS = 10
"""Train rows for each label; our choice, as are the 10 of rare-labels."""
MIN_LABELLED = 100
"""Where tuned models overtake prompted ones on average (2402.12819: about 100 labels)."""
MIN_TEXTS = 200
"""The same with the variance between runs counted (+100 to 200 % there); our choice for texts."""
WANTED = 0.05
"""Difference between two models that a test should show; our choice."""
_ABOVE_TARGET = 0.1
"""How much more error than at the target too few rows are taken to leave; our choice."""


def check(sheet: Sheet) -> Iterator[Found]:
    """Different train rows against the task's needs; test and dev rows against what they show."""
    if not sheet.usable:
        raise NotChecked("no rows")
    yield from _few(sheet)
    yield from _small(sheet)


def _few(sheet: Sheet) -> Iterator[Found]:
    rows = list(sheet.by_side("train"))
    labels = {sheet.entries[at].output.strip() for at in rows} if sheet.labelled else set()
    needed = max(MIN_LABELLED, SHOTS * len(labels)) if labels else MIN_TEXTS
    n = _different(sheet, rows, needed)
    if not rows or n >= needed:
        return
    noun = "train row" if n == len(rows) else "different train row"
    of_all = "" if n == len(rows) else f" among {len(rows):,}"
    each = f" ({many(len(labels), 'label')} at {SHOTS} each, and {MIN_LABELLED} at least)"
    error = 1 - sheet.target + _ABOVE_TARGET
    low, middle, high = _gains(error, needed / n)
    yield Found(
        kind="few-examples",
        text=f"There {'is' if n == 1 else 'are'} {many(n, noun)}{of_all}, where about {needed:,}"
        f" are the least for tuning to be worth trying{each if labels else ''}.",
        rows=rows,
        of=len(sheet.usable),
        fix=f"Label {many(needed - n, f'more {noun}')} before tuning; until then prefer "
        "prompts with examples, or retrieval.",
        effect=Effect(
            points=middle,
            low=low,
            high=high,
            on="model",
            basis=f"error falls as n^-b, b from .1 to .6, from {percent(error)} at today's "
            f"{many(n, 'row')}: a prior from published curves, not measured on these data",
        ),
        details={
            "train_rows": len(rows),
            "different_rows": n,
            "needed": needed,
            "labels": len(labels),
            "gain_at": {str(factor * n): _gains(error, factor) for factor in (2, 4, 8)},
        },
    )


def _different(sheet: Sheet, rows: Sequence[int], enough: int) -> int:
    """How many rows differ, read no further than to `enough`: a copy teaches nothing that its
    first does not."""
    found: set[tuple[str, str]] = set()
    for at in rows:
        row = sheet.entries[at]
        found.add((normalised(row.text), normalised(row.output)))
        if len(found) >= enough:
            break
    return len(found)


def _gains(error: float, factor: float) -> list[float]:
    """Points gained by so many times the rows, by the exponents of the learning curve."""
    return [round(100 * error * (1 - factor**-b), 1) for b in EXPONENTS]


def _small(sheet: Sheet) -> Iterator[Found]:
    """Rows too few to show a difference of 5 points between two models near the target."""
    rows = list(sheet.by_side("test"))
    if not rows:
        return
    discordant = _discordant(sheet.target)
    needed = items_needed(WANTED, discordant=discordant)
    if len(rows) >= needed:
        return
    told = _side(sheet, rows, discordant)
    dev = list(sheet.by_side("dev"))
    seen = told["detectable_points"]
    share = 1.0 if any(sheet.entries[at].file == "test" for at in rows) else 0.2
    more = needed - len(rows)
    groups = f" of {many(told['groups'], 'group')}" if told["groups"] else ""
    yield Found(
        kind="small-test",
        text=f"{many(len(rows), 'test row')}{groups} {'shows' if len(rows) == 1 else 'show'} a "
        f"difference of {seen:.1f} points or more between two models near the target of "
        f"{percent(sheet.target)} (power 80 %); at the target the interval of a figure is "
        f"{100 * told['low']:.0f} to {percent(told['high'])}.",
        rows=rows,
        of=len(sheet.usable),
        fix=f"Label {many(more, 'more test row')} to show differences of 5 points"
        + ("." if share == 1 else f", which takes {math.ceil(more / share):,} more rows in all.")
        + " Until then take smaller differences for chance.",
        effect=Effect(
            points=round(50 * (told["high"] - told["low"]), 1),
            low=0,
            high=round(seen, 1),
            on="figure",
            basis="half the width of the interval at the target; what is detectable by 2411.00640, "
            f"section 5, with {percent(discordant)} of the rows answered differently",
        ),
        details={
            "test": told,
            "dev": _side(sheet, dev, discordant) if dev else {},
            "needed_for_5_points": needed,
            "needed_where_a_fifth_differs": items_needed(WANTED),
        },
    )


def _discordant(target: float) -> float:
    """Share of rows on which two models of quality `target` differ: 2 t (1 - t) (1 - correlation),
    with a correlation of .5 (Miller 2411.00640: .3 to .7); at least that of a quality of 97 %."""
    return max(target * (1 - target), 0.03)


def _side(sheet: Sheet, rows: list[int], discordant: float) -> Json:
    n = len(rows)
    low, high = wilson(sheet.target * n, n)
    groups = {sheet.entries[at].group for at in rows} - {None}
    return {
        "rows": n,
        "groups": len(groups),
        "detectable_points": round(
            100 * minimum_detectable_difference(n, discordant=discordant), 1
        ),
        "low": round(low, 3),
        "high": round(high, 3),
    }
