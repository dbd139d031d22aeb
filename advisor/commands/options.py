"""Flags that several commands share; each is a field of the spec."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import click

from knowledge.errors import UserError
from probes.sinks import one_line

F = Callable[..., Any]

DATA_FLAGS = (
    click.option("--task", "-t", required=True, type=click.Path(path_type=Path), help="The spec, a YAML file."),
    click.option("--ladder", help="Ladder or model in place of the spec's."),
    click.option("--target", type=click.FloatRange(0, 1, min_open=True), help="Quality that is good enough, 0 to 1."),
)  # fmt: skip


class Finite(click.FloatRange):
    """A number in a range; `nan` is in none."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """The number; a usage error where it is none, or out of range."""
        number = float(super().convert(value, param, ctx))
        if not math.isfinite(number):
            self.fail(f"{value} is no number", param, ctx)
        return number


GPU_FLAGS = (
    click.option("--gpu", help="Card to train and serve on, for its memory and price: rtx-4090, A100 80GB."),
    click.option("--usd-per-hour", type=Finite(min=0), help="What an hour of the card costs you."),
)  # fmt: skip
RUN_FLAGS = (
    click.option("--minutes", type=click.FloatRange(min=0, min_open=True), help="Budget of the probes, in minutes."),
    click.option("--until-sure/--everything", default=None, help="Leave out methods that could hardly change the decision any more."),
    click.option("--seed", type=click.IntRange(0, 2**32 - 1), help="Seed of the run."),
)  # fmt: skip


def with_flags(flags: tuple[Callable[[F], F], ...], function: F) -> F:
    """The function with those flags, in that order."""
    for flag in reversed(flags):
        function = flag(function)
    return function


def data_options(function: F) -> F:
    """`--task` and the flags that bear on what is said of its data."""
    return with_flags(DATA_FLAGS, function)


def task_options(function: F) -> F:
    """`--task` and all flags that stand above the spec."""
    return with_flags((*DATA_FLAGS, *GPU_FLAGS, *RUN_FLAGS), function)


def gpu_options(function: F) -> F:
    """The card that the model would run on, when it is not this machine's."""
    return with_flags(GPU_FLAGS, function)


def day_counted_to(text: str | None, *, to_come: bool = False) -> date:
    """The day of `--today`, that ages are counted to: the real one where none is given.

    Raises:
        UserError: E-KNOWLEDGE-DATE, it is not written as YYYY-MM-DD, or it is `to_come` where such
            a day is refused.
    """
    today = date.today()
    if text is None:
        return today
    try:
        day = date.fromisoformat(text)
    except ValueError:
        day = None
    if day is None or day.isoformat() != text:  # `fromisoformat` also reads 20260401 and weeks
        what, hint = f"'{one_line(text, 40)}' is no day", "write it as YYYY-MM-DD"
        raise UserError("E-KNOWLEDGE-DATE", what, place="--today", hint=hint)
    if day > today and not to_come:
        what = f"{day} is in the future: what will be checked until then is not known"
        hint = "for what falls due by then, lower --days"
        raise UserError("E-KNOWLEDGE-DATE", what, place="--today", hint=hint)
    return day
