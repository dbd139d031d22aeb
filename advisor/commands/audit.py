"""`advisor audit`: what is wrong with the data, how much it matters, and which rows to look at."""

from __future__ import annotations

import sys
from pathlib import Path
from shutil import get_terminal_size

import click


@click.command()
@click.option(
    "--task", "-t", required=True, type=click.Path(path_type=Path), help="The spec, a YAML file."
)
@click.option("--ladder", help="Ladder or model whose tokenizers count, in place of the spec's.")
@click.option(
    "--out", type=click.Path(path_type=Path), help="Write audit.json, .md and .html to this folder."
)
@click.option(
    "--semantic", is_flag=True, help="Look for rows alike in meaning too (`llm-advisor[embed]`)."
)
@click.option("--fix", is_flag=True, help="Write a cleaned copy beside the data, with a log.")
@click.option("--json", "as_json", is_flag=True, help="Print audit.json instead of lines.")
@click.option("--strict", is_flag=True, help="Exit with 1 where anything is to act on.")
def audit(
    task: Path,
    ladder: str | None,
    out: Path | None,
    semantic: bool,
    fix: bool,
    as_json: bool,
    strict: bool,
) -> int:
    """Look at every row before a model is run: repeats, leaks, wrong labels, mixed formats, more.

    Without --out and --fix nothing is written.
    """
    from advisor.audit import sheet_of, write_audit
    from advisor.report.audit_text import audit_lines, to_act_on
    from advisor.task import Flags
    from probes.audit.cleaned import refuse_existing, write_cleaned
    from probes.audit.runner import audit as run
    from probes.sinks import file_name, terminal
    from probes.spec import read_spec

    def told(check: str) -> None:
        if sys.stderr.isatty():
            click.echo(f"\r\x1b[Klooking at {check} ...", err=True, nl=False)

    spec = Flags(ladder=ladder).applied(read_spec(task))
    if fix:
        refuse_existing(spec, task)
    sheet = sheet_of(spec, task)
    record, found = run(sheet, spec.name, told, ("meaning",) if semantic else ())
    if sys.stderr.isatty():
        click.echo("\r\x1b[K", err=True, nl=False)
    if as_json:
        click.echo(record.model_dump_json(indent=2))
    else:
        width = get_terminal_size().columns if sys.stdout.isatty() else 0
        click.echo(terminal("\n".join(audit_lines(record, width))))
    written = write_audit(out, record) if out is not None else []
    written += write_cleaned(sheet, found, spec, task) if fix else []
    if fix and not any(".cleaned." in path.name for path in written):
        click.echo("nothing that --fix could mend", err=True)
    for path in written:
        click.echo(f"wrote {file_name(path)}", err=True)
    return int(strict and bool(to_act_on(record)))
