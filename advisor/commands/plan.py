"""`advisor plan`: what would run, and what it would take."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from advisor.commands.options import task_options


@click.command()
@task_options
@click.option("--json", "as_json", is_flag=True, help="Print the plan as JSON, every cell in it.")
def plan(
    task: Path,
    as_json: bool,
    **flags: Any,
) -> None:
    """Show what `probe` would run: cells, tokens, minutes, memory. Nothing is run or written."""
    from advisor.commands.narrate import data_text, plan_text
    from advisor.plan_summary import plan_summary
    from advisor.prepare import prepare
    from advisor.task import Flags, read_task

    read = read_task(task, Flags(**flags))
    if as_json:
        click.echo(prepare(read).plan.model_dump_json(indent=2))
        return
    click.echo(data_text(read.summary))
    prepared = prepare(read)
    click.echo(plan_text(plan_summary(prepared)))
