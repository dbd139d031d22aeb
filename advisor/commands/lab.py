"""`advisor lab`: families of tasks with known truth, and policies replayed on them."""

from __future__ import annotations

from pathlib import Path

import click

LAB = click.option(
    "--lab",
    type=click.Path(path_type=Path),
    default=Path("results/lab"),
    show_default=True,
    help="The laboratory's folder.",
)


@click.group()
def lab() -> None:
    """Task families in which everything was measured once, and policies replayed on them."""


@lab.command()
@click.argument("folder", type=click.Path(path_type=Path))
@LAB
def add(folder: Path, lab: Path) -> int:
    """Take in a family that somebody else wrote: FOLDER holds family.yaml and generate.py.

    The generator is run as it is, with your rights: read it first.
    """
    from advisor.lab.added import add as added
    from advisor.lab.openings import is_opened
    from probes.sinks import file_name

    family, kept = added(folder, lab)
    side = "opened" if is_opened(family.name) else "unopened"
    click.echo(f"{family.name}: {family.task_type}, {family.n_train} rows to train on, {side}")
    click.echo(f"wrote {file_name(kept)}; measure it with `advisor lab measure`", err=True)
    return 0


@lab.command()
@LAB
@click.option("--family", "names", multiple=True, help="A family that was added; all by default.")
def measure(lab: Path, names: tuple[str, ...]) -> int:
    """Measure the families that were added, once; what is there is not measured again."""
    from advisor.lab.measuring import measured

    for line in measured(lab, names):
        click.echo(line)
    return 0


@lab.command()
@LAB
@click.option("--family", "names", multiple=True, help="A family; all that are opened by default.")
@click.option("--policy", "policies", multiple=True, help="A policy; all by default.")
@click.option("--unopened", is_flag=True, help="Look at unopened families too; it is logged.")
@click.option("--who", default="", help="With --unopened: who looks.")
@click.option("--why", default="", help="With --unopened: what for.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
def replay(
    lab: Path,
    names: tuple[str, ...],
    policies: tuple[str, ...],
    unopened: bool,
    who: str,
    why: str,
    as_json: bool,
) -> int:
    """Score policies on the scenarios of families that were measured; runs no model."""
    import json

    from advisor.lab.openings import is_opened, log_opening
    from advisor.lab.policies import POLICIES
    from advisor.lab.replay import laboratories, page, replayed, summaries

    for policy in policies:
        if policy not in POLICIES:
            raise click.UsageError(f"no policy '{policy[:60]}'; there are {', '.join(POLICIES)}")
    if unopened and not (who and why):
        raise click.UsageError("--unopened needs --who and --why: it is written into the log")
    labs = list(laboratories(lab, names, unopened=unopened))
    looked_at = {each.header.family.name for each in labs}
    closed = sorted(name for name in looked_at if not is_opened(name))
    if closed:
        log_opening(lab, closed, who, why)
    found = replayed(labs, policies or list(POLICIES))
    rows = summaries(found)
    if as_json:
        click.echo(json.dumps([row.model_dump(mode="json") for row in rows], indent=2))
    else:
        click.echo(page(rows, [each.scenario for each in next(iter(found.values()))]))
    return 0
