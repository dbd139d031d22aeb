"""The advice on the example tasks held to the truth: `python -m results.pocket.verdicts`.

Reads advice.csv (what `advisor probe` said) and truth.csv (what measuring everything says) and
writes advice.md.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from probes.pocket.tasks import TASKS, Task
from results.pocket.truth_table import Result, ceiling, cheapest, read_figures, results

HERE = Path(__file__).resolve().parent
TRUE_NAMES = {"rag": "retrieved"}
"""Names of methods in truth.csv where they differ."""
AS_CHEAP = 1.1
"""Prices (parameters times tokens) within so much of one another count as the same."""
MEANING = """\
`exact`: the cheapest option that truly reaches the target, or one as cheap; `dearer`: one that
truly reaches it although a cheaper one does; `right`: nothing reaches the target and none was
recommended; `undecided`: not enough evidence, where an option would do; `missed`: nothing was
found where an option would do; `wrong`: a recommended option that truly stays below;
`unmeasured`: the truth has no figure of it. The ceiling is named where the first word of the truth
is among those that the advice names.
"""

EXPLAINED = (
    "Why some are not exact or right: [the log](../LOG.md), the entry on pocket/advice.md.\n"
)


def judged(row: dict[str, str], task: Task, found: Sequence[Result]) -> str:
    """How one run's verdict stands to the truth."""
    want = cheapest(found, task.target)
    if row["verdict"] != "use":
        if want is None:
            return "right"
        return "undecided" if row["verdict"] == "not-enough-evidence" else "missed"
    method, _, rung = row["option"].partition(" @ ")
    mine = [r for r in found if r.rung == rung and r.method == TRUE_NAMES.get(method, method)]
    if not mine:
        return "unmeasured"
    enough = [r for r in mine if r.value >= task.target]
    if not enough:
        return "wrong"
    cheap = min(enough, key=lambda result: result.price)
    return "exact" if want and cheap.price <= AS_CHEAP * want.price else "dearer"


def ceiling_named(row: dict[str, str], task: Task, found: Sequence[Result]) -> bool:
    """Whether the advice names what binds in truth."""
    first, *_ = ceiling(found, task.target).split(", ")
    return first in row["ceilings"].split()


def page(rows: Sequence[dict[str, str]], figures: Sequence[Result]) -> str:
    """The table, one line a task, and the counts."""
    lines = [
        "# Advice against truth on the example tasks",
        "",
        "Written by `python -m results.pocket.verdicts` from advice.csv (`python -m"
        " results.pocket.advice`)",
        "and truth.csv. One run a seed: the seed draws the data and seeds the probe.",
        "",
        *MEANING.splitlines(),
        "",
        "| task | target | truth: cheapest enough | truth: what binds | seed: advice (verdict) |"
        " ceiling named |",
        "|---|---|---|---|---|---|",
    ]
    counts: Counter[str] = Counter()
    named = 0
    for task in TASKS:
        found = [result for result in figures if result.task == task.name]
        mine = [row for row in rows if row["task"] == task.name]
        if not mine or not found:
            continue
        want = cheapest(found, task.target)
        told = []
        for row in mine:
            verdict = judged(row, task, found)
            counts[verdict] += 1
            said = row["option"] if row["verdict"] == "use" else row["verdict"]
            told.append(f"{row['seed']}: {said} ({verdict})")
        right = [ceiling_named(row, task, found) for row in mine]
        named += sum(right)
        lines.append(
            f"| {task.name} | {task.target:g}"
            f" | {f'{want.method} @ {want.rung}' if want else 'nothing'}"
            f" | {ceiling(found, task.target)} | {'; '.join(told)} | {sum(right)} of {len(right)} |"
        )
    total = sum(counts.values())
    shares = ", ".join(f"{name} {count}" for name, count in counts.most_common())
    counted = f"{total} runs: {shares}; ceiling named in {named}."
    return "\n".join([*lines, "", counted, "", EXPLAINED])


def main() -> None:
    """Write advice.md."""
    with (HERE / "advice.csv").open() as file:
        rows = list(csv.DictReader(file))
    text = page(rows, results(read_figures(HERE / "truth.csv")))
    (HERE / "advice.md").write_text(text)
    print(text)


if __name__ == "__main__":
    main()
