"""`advisor audit`: what is wrong with the data, how much it matters, and which rows to look at."""

from __future__ import annotations

import sys
from pathlib import Path
from shutil import get_terminal_size
from typing import Any

import click

from advisor.commands.options import data_options


@click.command()
@data_options
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="Write audit.json, .md and .html to this folder, and the pairs that can be mined.",
)
@click.option(
    "--semantic", is_flag=True, help="Look for rows alike in meaning too (`llm-advisor[embed]`)."
)
@click.option("--fix", is_flag=True, help="Write a cleaned copy beside the data, with a log.")
@click.option("--json", "as_json", is_flag=True, help="Print audit.json instead of lines.")
@click.option("--strict", is_flag=True, help="Exit with 1 where anything is to act on.")
def audit(
    task: Path,
    out: Path | None,
    semantic: bool,
    fix: bool,
    as_json: bool,
    strict: bool,
    **flags: Any,
) -> int:
    """Look at every row before a model is run: repeats, leaks, wrong labels, mixed formats, more.

    Without --out and --fix nothing is written.
    """
    from advisor.audit import audited
    from advisor.report.audit_text import audit_lines, to_act_on
    from advisor.task import Flags
    from probes.sinks import file_name, terminal
    from probes.spec import read_spec

    spec = Flags(**flags).applied(read_spec(task))
    record, written = audited(spec, task, fix=fix, semantic=semantic, out=out, told=_told)
    _told("")
    if as_json:
        click.echo(record.model_dump_json(indent=2))
    else:
        width = get_terminal_size().columns if sys.stdout.isatty() else 0
        click.echo(terminal("\n".join(audit_lines(record, width))))
    if fix and not any(".cleaned" in path.suffixes for path in written):
        click.echo("nothing that --fix could mend", err=True)
    for path in written:
        click.echo(f"wrote {file_name(path)}", err=True)
    return int(strict and bool(to_act_on(record)))


def _told(check: str) -> None:
    """What is looked at now, in place of what was; nothing where no terminal shows it."""
    if sys.stderr.isatty():
        click.echo(f"\r\x1b[K{f'looking at {check} …' if check else ''}", err=True, nl=False)
