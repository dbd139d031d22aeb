"""`advisor probe`: the main job."""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from typing import Any

import click

from advisor.commands.options import task_options

EXIT_CODES = {"use": 0, "nothing-is-enough": 1, "not-enough-evidence": 4}


@click.command()
@task_options
@click.option("--runs", type=click.Path(path_type=Path), default=Path("results/runs"), show_default=True, help="Folder of runs.")  # fmt: skip
@click.option("--events", is_flag=True, help="Print each event as a JSON line on stdout.")
@click.option("--json", "as_json", is_flag=True, help="Print report.json on stdout at the end.")
@click.option("--retry-failed", is_flag=True, help="Measure cells again that failed before.")
@click.option("--quiet", "-q", is_flag=True, help="Tell nothing on stderr.")
def probe(
    task: Path,
    runs: Path,
    events: bool,
    as_json: bool,
    retry_failed: bool,
    quiet: bool,
    **flags: Any,
) -> int:
    """Measure on your data and recommend; the same command again resumes."""
    from advisor import session
    from advisor.commands.narrate import narrator, verdict_text
    from advisor.prepare import prepare
    from advisor.task import Flags, read_task

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    told = narrator("none" if quiet else "auto")
    read = read_task(task, Flags(**flags))
    told.data(read.summary)
    prepared = prepare(read)
    folder = session.find_run(prepared, runs)
    verdict = "not-enough-evidence"
    with told:
        for event in session.probe(prepared, folder, retry_failed=retry_failed):
            told.event(event)
            if events:
                click.echo(event.model_dump_json())
            if event.kind == "done":
                verdict = event.payload["verdict"]
    if as_json:
        click.echo((folder / "report.json").read_text(encoding="utf-8"), nl=False)
    elif not events:
        click.echo(verdict_text(folder))
    return EXIT_CODES[verdict]
