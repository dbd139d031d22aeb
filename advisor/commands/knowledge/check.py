"""`advisor knowledge stale`, `why`, `cite` and `coverage`: how far what is believed can be trusted."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import click

from advisor.commands.knowledge.output import (
    WIDTH,
    all_known,
    dumped,
    screen_width,
    show_json,
    show_lines,
)
from advisor.commands.options import day_counted_to


@click.command(short_help="Show what nobody has checked for long; exit 1 where there is any.")
@click.option(
    "--days",
    type=click.IntRange(1),
    default=180,
    show_default=True,
    help="A claim is due after so many days, a durable one after twice as many.",
)
@click.option("--today", metavar="YYYY-MM-DD", help="Count to this day, not to the real one.")
@click.option("--json", "as_json", is_flag=True, help="Print what is due as JSON.")
def stale(days: int, today: str | None, as_json: bool) -> int:
    """Show the claims that nobody has checked for long, oldest first, and how to test them again.

    Exits with 1 where there are any, else with 0.
    """
    from advisor.knowledge_text import folded, stale_lines
    from knowledge.statements import stale as due

    day = day_counted_to(today)
    claims = tuple(all_known().claims.values())
    late = due(claims, day, days)
    if as_json:
        rows = [dumped(claim) | {"age_days": age} for claim, age in late]
        show_json({"today": day.isoformat(), "days": days, "n_claims": len(claims), "stale": rows})
    else:
        show_lines(folded(stale_lines(late, len(claims), day, days), screen_width(piped=WIDTH)))
    return int(bool(late))


@click.command(short_help="Show a rule of the advice and the claims behind it.")
@click.argument("rule", required=False)
def why(rule: str | None) -> None:
    """Show what a RULE of the advice does, how strong it is, and the claims behind it.

    Without a RULE, all of them are listed.
    """
    from advisor.knowledge_text import aligned, folded, rule_rows
    from advisor.knowledge_whole import rule_lines

    known = all_known(rules=True)
    if rule is None:
        show_lines(aligned(rule_rows(known.rules), screen_width(piped=0)))
        if not known.rules:
            click.echo("there are none", err=True)
        return
    if rule not in known.rules:
        from knowledge.errors import UserError
        from probes.sinks import one_line
        from probes.spec_words import known_names

        what, hint = f"no rule is called '{one_line(rule)}'", known_names(rule, tuple(known.rules))
        raise UserError("E-KNOWLEDGE-UNKNOWN", what, place="RULE", hint=hint)
    show_lines(
        folded(rule_lines(known.rules[rule], known, date.today()), screen_width(piped=WIDTH))
    )


@click.command(short_help="List the sources behind a report, as text or BibTeX.")
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--bibtex", is_flag=True, help="Print BibTeX.")
def cite(run: Path, bibtex: bool) -> None:
    """List the sources behind the claims that a report names, each once, by title.

    RUN is a run's folder, its report.json, or a file of what `advisor advise --json` printed.
    """
    from advisor import bibliography
    from advisor.knowledge_text import folded

    known = all_known()
    names = bibliography.claims_named(bibliography.read_report(run), known.claims)
    claims = [known.claims[name] for name in names]
    if not claims:
        click.echo("this report names no claim: it rests on its measurements alone", err=True)
    elif bibtex:
        show_lines(bibliography.bibtex(claims))
    else:
        show_lines(folded(bibliography.bibliography(claims), screen_width(piped=WIDTH)))


@click.command(short_help="Print what became of the documents' statements.")
def coverage() -> None:
    """Print what became of each statement that the project grew from, as a Markdown table."""
    from advisor.knowledge_text import coverage_table

    show_lines(coverage_table(all_known().coverage))
