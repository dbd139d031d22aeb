"""Replays policies on the tables of a laboratory's folder, and tells what they scored."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from advisor.lab.laboratory import Laboratory
from advisor.lab.openings import is_opened
from advisor.lab.policies import POLICIES
from advisor.lab.scenarios import Scenario, scenarios
from advisor.lab.scores import Outcome, Summary, outcome, summarised
from knowledge.errors import UserError
from probes.lab.menu import FRACTIONS
from probes.lab.table import Table

TABLES = "tables"


def laboratories(lab: Path, names: Sequence[str], *, unopened: bool) -> Iterator[Laboratory]:
    """Every family with every amount of data that is measured whole; opened ones alone by default.

    Raises:
        UserError: E-LAB-NONE, where there is none; E-LAB-NAME, where a name is none's.
    """
    paths = {path.stem: path for path in sorted((lab / TABLES).glob("*.jsonl"))}
    for name in names:
        if name not in paths:
            hint = f"tables lie in {lab / TABLES}"
            raise UserError("E-LAB-NAME", f"no table of a family '{name[:60]}'", hint=hint)
    wanted = [
        name for name in paths if (not names or name in names) and (unopened or is_opened(name))
    ]
    found = False
    for name in wanted:
        table = Table(paths[name])
        for fraction in FRACTIONS if table.header else ():
            here = Laboratory(table, fraction)
            if here.complete:
                found = True
                yield here
    if not found:
        raise UserError(
            "E-LAB-NONE",
            "no family is measured whole",
            place=str(lab),
            hint="measure first, or name the folder with --lab; unopened families need --unopened",
        )


def replayed(labs: Sequence[Laboratory], policies: Sequence[str]) -> dict[str, list[Outcome]]:
    """The outcomes of each policy over the scenarios of these laboratories."""
    found: dict[str, list[Outcome]] = {name: [] for name in policies}
    for lab in labs:
        for scenario in scenarios(lab):
            for name in policies:
                found[name].append(outcome(lab, scenario, POLICIES[name]))
    return found


def summaries(found: dict[str, list[Outcome]]) -> list[Summary]:
    """A row for each policy."""
    return [summarised(name, outcomes) for name, outcomes in found.items()]


def page(rows: Sequence[Summary], asked: Sequence[Scenario]) -> str:
    """The rows as a Markdown table, with what they are of."""
    near = sum(scenario.near for scenario in asked)
    lines = [
        f"{len(asked)} scenarios over {len({s.family for s in asked})} families,"
        f" {near} of them with a target within .03 of an option's true quality.",
        "",
        "| policy | right (near-ties) | 95 % | shortfall | overpaid | ECE | ECE of all | Brier"
        " | compute |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    lines += [_line(row) for row in rows]
    return "\n".join(lines)


def _line(row: Summary) -> str:
    cells = [
        row.policy,
        f"{row.right:.3f} ({row.near_ties:.3f})",
        f"{row.right_low:.3f} to {row.right_high:.3f}",
        f"{row.shortfall:.3f}",
        "-" if row.overpaid is None else f"{row.overpaid:.2f} times",
        *("-" if value is None else f"{value:.3f}" for value in (row.ece, row.ece_all, row.brier)),
        f"{100 * row.share:.1f} %",
    ]
    return f"| {' | '.join(cells)} |"
