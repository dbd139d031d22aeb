"""`advisor report`: a run's report, made again from what is stored."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print report.json instead of a summary.")
def report(run: Path, as_json: bool) -> None:
    """Make the report of RUN (a folder) again from its cells, and show it."""
    from advisor.commands.narrate import verdict_text
    from advisor.prepare import now
    from advisor.report.build import build_report
    from advisor.report.files import write_report
    from advisor.report.inputs import Inputs
    from probes.store import RunStore

    store = RunStore.open(run)
    inputs = Inputs.of(store)
    made = build_report(inputs, finished=now())
    write_report(store, made, inputs)
    if as_json:
        click.echo((run / "report.json").read_text(encoding="utf-8"), nl=False)
    else:
        click.echo(verdict_text(run))
