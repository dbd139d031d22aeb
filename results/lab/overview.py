"""The families and how far they are measured: `python -m results.lab.overview` writes families.md.

Of unopened families it tells what was measured and what that took, never a score.
"""

from collections.abc import Iterator
from pathlib import Path

from advisor.lab.binding import binds
from advisor.lab.laboratory import Laboratory
from advisor.lab.openings import is_opened
from probes.lab.family import Family
from probes.lab.menu import FRACTIONS
from probes.lab.table import Table
from results.lab.families import NAMES, family, rows

HERE = Path(__file__).parent
HEAD = """# The laboratory's families

Written by `python -m results.lab.overview`. A claim is what the author meant to show; what binds
is computed from the table with all of the data and the family's own target, and told of opened
families alone. `whole` names the amounts of data with which everything is measured, truth included.
CPU seconds are those of all cells, dev and truth, on one thread.

| family | type | claim | binds | rows | documents | whole | cells | failed | CPU s |
|---|---|---|---|---|---|---|---|---|---|"""


def line(asked: Family, path: Path) -> str:
    """One family's row."""
    told = "opened" if is_opened(asked.name) else ""
    documents = "yes" if any(row.passages for row in rows(asked.name)) else "no"
    start = f"| {asked.name}{' (opened)' if told else ''} | {asked.task_type} | {asked.claim} "
    if not path.is_file():
        return start + f"| - | {asked.n_train} | {documents} | - | 0 | 0 | 0 |"
    table = Table(path)
    labs = [Laboratory(table, fraction) for fraction in FRACTIONS]
    whole = [lab for lab in labs if lab.complete]
    bound = binds(whole[0]) if told and whole and whole[0].fraction == 1 else "-"
    cells = list(table.cells.values())
    seconds = sum(each.cost.cpu_s for each in (*cells, *table.truths.values()))
    return start + (
        f"| {bound} | {asked.n_train} | {documents} "
        f"| {', '.join(f'{lab.fraction:g}' for lab in whole) or '-'} | {len(cells)} "
        f"| {sum(each.status != 'ok' for each in cells)} | {seconds:.0f} |"
    )


def sums() -> Iterator[str]:
    """How many are there, and by type the claims."""
    yield f"{len(NAMES)} families, {sum(map(is_opened, NAMES))} of them opened."
    by_type: dict[str, list[str]] = {}
    for name in NAMES:
        by_type.setdefault(family(name).task_type, []).append(family(name).claim)
    for kind, claims in by_type.items():
        yield f"- {kind}: {'; '.join(sorted(claims))}"


def main() -> None:
    """Write the page."""
    tables = HERE / "tables"
    lines = [HEAD, *(line(family(name), tables / f"{name}.jsonl") for name in NAMES)]
    (HERE / "families.md").write_text("\n".join([*lines, "", *sums(), ""]))


if __name__ == "__main__":
    main()
