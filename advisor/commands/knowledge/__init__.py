"""`advisor knowledge`: read, search and audit what is believed before any probe."""

from __future__ import annotations

import click

from advisor.commands.knowledge.check import cite, coverage, stale, why
from advisor.commands.knowledge.read import list_, search, show


@click.group(no_args_is_help=True)
def knowledge() -> None:
    """Read, search and audit what the advisor believes before any probe.

    Every claim has its sources, how well it is grounded, and how to doubt it.
    """


for command in (list_, show, search, stale, why, cite, coverage):
    knowledge.add_command(command)
