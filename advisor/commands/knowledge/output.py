"""What the subcommands share: all that is known, and how it is printed."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping
from datetime import date
from shutil import get_terminal_size
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from advisor.knowledge_index import Known
    from advisor.rules import Rule
    from knowledge.records import Fact

WIDTH = 80
"""Columns of running text where it goes to no terminal."""


def all_known(*, rules: bool = False) -> Known:
    """The records that this version ships, and on demand the rules, which are slow to load."""
    from advisor.knowledge_index import everything_known

    return everything_known(_rules() if rules else {})


def _rules() -> Mapping[str, Rule]:
    from advisor.rules import RULES

    return RULES


def dumped(record: Fact) -> dict[str, Any]:
    """A record as JSON; a claim with its age."""
    from knowledge.statements import Claim, age_days

    age = {"age_days": age_days(record, date.today())} if isinstance(record, Claim) else {}
    return record.model_dump(mode="json") | age


def screen_width(piped: int) -> int:
    """Columns of the terminal, or `piped` where the output goes to none."""
    return get_terminal_size().columns if sys.stdout.isatty() else piped


def show_lines(lines: Iterable[str]) -> None:
    """Print lines, without what would steer a terminal."""
    from probes.sinks import terminal

    for line in lines:
        click.echo(terminal(line))


def show_json(value: Any) -> None:
    """Print a value as JSON in ASCII, so that nothing in it steers a terminal."""
    click.echo(json.dumps(value, indent=2))
