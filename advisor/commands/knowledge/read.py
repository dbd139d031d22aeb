"""`advisor knowledge list`, `show` and `search`."""

from __future__ import annotations

from datetime import date

import click

from advisor.commands.knowledge.output import (
    WIDTH,
    all_known,
    dumped,
    screen_width,
    show_json,
    show_lines,
)

KINDS = ("claims", "methods", "models", "ladders", "symptoms", "failures")
TOPICS = (
    "data", "size", "prompting", "retrieval", "tuning", "preference", "reasoning", "knowledge",
    "cost", "evaluation", "risk",
)  # fmt: skip
GRADES = ("primary", "secondary", "computed", "ungrounded")
STATUSES = ("holds", "relaxed", "contradicted", "corrected")
"""As the records have them, written out so that `--help` loads none of them."""


@click.command("list", short_help="List records, a line each, or count them.")
@click.argument("kind", required=False, type=click.Choice(KINDS))
@click.option("--topic", type=click.Choice(TOPICS), help="Only claims on this topic.")
@click.option("--grade", type=click.Choice(GRADES), help="Only claims of this grade.")
@click.option("--status", type=click.Choice(STATUSES), help="Only claims of this status.")
@click.option("--json", "as_json", is_flag=True, help="Print the records as JSON.")
def list_(kind: str | None, as_json: bool, **wanted: str | None) -> None:
    """List the records of a KIND, a line each; without one, how many there are.

    A line of a claim: id, grade, status, what it should outlive, days since it was checked, and
    what it says. Lines are cut to the width of a terminal only.
    """
    from advisor.knowledge_text import aligned, list_rows, overview

    filters = {field: value for field, value in wanted.items() if value}
    if filters and kind not in (None, "claims"):
        raise click.UsageError(f"--{next(iter(filters))} goes with claims, not with {kind}")
    known = all_known(rules=True)
    if kind is None and not filters:
        if as_json:
            show_json(
                {each: len(known.of(each)) for each in KINDS}
                | {"rules": len(known.rules), "coverage": len(known.coverage)}
            )
        else:
            show_lines(overview(known))
        return
    records = [
        record
        for record in known.of(kind or "claims").values()
        if all(getattr(record, field) == value for field, value in filters.items())
    ]
    if not records:
        click.echo("there are none", err=True)
    if as_json:
        show_json([dumped(record) for record in records])
    else:
        show_lines(aligned(list_rows(records, date.today()), screen_width(piped=0)))


@click.command(short_help="Show a record whole, with its sources and its age.")
@click.argument("name", metavar="ID")
@click.option("--json", "as_json", is_flag=True, help="Print a list of records as JSON.")
def show(name: str, as_json: bool) -> None:
    """Show the claim, method, model, ladder, symptom or failure mode that is called ID, whole.

    With its sources, its figures, what is against it, how to test it again, and what names it.
    """
    from advisor.knowledge_index import KINDS as CALLED
    from advisor.knowledge_index import named, named_by
    from advisor.knowledge_text import folded
    from advisor.knowledge_whole import record_lines

    known = all_known(rules=True)
    found = named(known, name)
    if as_json:
        show_json(
            [
                {"kind": CALLED[kind], "named_by": named_by(known, kind, each)} | dumped(record)
                for kind, each, record in found
            ]
        )
        return
    for at, (kind, each, record) in enumerate(found):
        lines = record_lines(known, kind, each, record, date.today())
        show_lines(folded([*([""] if at else []), *lines], screen_width(piped=WIDTH)))


@click.command(short_help="Search all records; exit 1 where nothing is found.")
@click.argument("words", nargs=-1, required=True)
@click.option(
    "--limit", type=click.IntRange(1), default=10, show_default=True, help="At most so many."
)
@click.option("--json", "as_json", is_flag=True, help="Print kind, id, score and text as JSON.")
def search(words: tuple[str, ...], limit: int, as_json: bool) -> int:
    """Search all records for WORDS, best first; a word finds whatever begins with it.

    Exits with 1 where nothing is found, as grep does.
    """
    from advisor.knowledge_index import KINDS as CALLED
    from advisor.knowledge_search import search as searched
    from advisor.knowledge_text import aligned, record_title

    hits = searched(all_known(), " ".join(words))
    shown = [(CALLED[hit.kind], hit.id, record_title(hit.record)) for hit in hits[:limit]]
    if as_json:
        fields = ("kind", "id", "text", "score")
        scores = [round(hit.score, 3) for hit in hits]
        show_json(
            [
                dict(zip(fields, (*row, score), strict=True))
                for row, score in zip(shown, scores, strict=False)
            ]
        )
    else:
        show_lines(aligned(shown, screen_width(piped=0)))
    if not hits:
        click.echo("nothing here holds any of these words", err=True)
    elif len(hits) > limit:
        click.echo(f"{len(hits) - limit} more; --limit {len(hits)} shows them", err=True)
    return int(not hits)
