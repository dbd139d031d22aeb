"""`advisor advise`: what to start with, before anything is measured."""

from __future__ import annotations

import sys
from datetime import date, datetime
from pathlib import Path
from shutil import get_terminal_size
from typing import Any, get_args

import click

from advisor.nature import AnswersFrom, HardPart
from advisor.questions import ASKS
from knowledge.records import TaskType

CHANGES = ("never", "yearly", "monthly", "weekly", "daily")
FAMILY = "Qwen2.5"
"""Whose models stand for every size where no ladder is named."""
NATURE = ("answers_from", "hard_part", "n_rows", "n_labels", "tokens_in", "tokens_out")
"""Flags that are fields of the nature; the others are fields of the spec."""


@click.command()
@click.option(
    "--task",
    "-t",
    type=click.Path(path_type=Path),
    help="A spec; its data are looked at, its wording is not.",
)
@click.option("--task-type", type=click.Choice(get_args(TaskType)), help="What an answer is.")
@click.option(
    "--answers-from",
    type=click.Choice(get_args(AnswersFrom)),
    help="Whence a careful person would answer.",
)
@click.option("--hard-part", type=click.Choice(get_args(HardPart)), help="What must be got right.")
@click.option("--rows", "n_rows", type=click.IntRange(0), help="Examples with answers.")
@click.option(
    "--labels", "n_labels", type=click.IntRange(2), help="Different labels of a classification."
)
@click.option("--tokens-in", type=click.IntRange(1), help="Tokens of an input, for prices.")
@click.option("--tokens-out", type=click.IntRange(1), help="Tokens of an output, for prices.")
@click.option(
    "--changes", "knowledge_changes", type=click.Choice(CHANGES), help="How often the facts change."
)
@click.option(
    "--target",
    type=click.FloatRange(0, 1, min_open=True),
    help="Quality that is good enough, 0 to 1.",
)
@click.option("--requests", "requests_per_month", type=click.IntRange(1), help="Requests a month.")
@click.option(
    "--high-stakes/--low-stakes", default=None, help="Whether a wrong answer does lasting harm."
)
@click.option("--gpu", help="Card to train and serve on, as `advisor schema` lists them.")
@click.option("--nf4", is_flag=True, help="Weights in 4 bits.")
@click.option("--ladder", help="Ladder of models; by default all sizes of Qwen2.5.")
@click.option("--json", "as_json", is_flag=True, help="Print the advice as JSON.")
@click.option("--all", "whole", is_flag=True, help="Print every option, the excluded ones too.")
@click.option("--today", hidden=True, help="Date that ages are counted to, YYYY-MM-DD.")
def advise(
    task: Path | None, as_json: bool, whole: bool, nf4: bool, today: str | None, **flags: Any
) -> int:
    """Say what to start with, why, and which probes would settle it; nothing is run.

    From flags, from a spec (-t), or, with neither on a terminal, from a few plain questions. Rests
    on published results alone: the intervals are wide, and `advisor probe` narrows them.
    """  # fmt: skip
    from advisor.first_advice import Ground, first_advice
    from advisor.prices import reference_machine
    from advisor.report.first_advice_text import advice_lines
    from knowledge.load import claims, expectations
    from probes.sinks import terminal

    given = {name: value for name, value in flags.items() if value is not None}
    if nf4:
        given["quantization"] = "nf4"
    spec, nature = _question(task, given)
    ground = Ground(
        cards=_cards(spec.ladder),
        machine=reference_machine(spec),
        known=expectations(),
        claims=claims(),
        today=_day(today),
    )
    advice = first_advice(spec, nature, ground)
    if as_json:
        click.echo(advice.model_dump_json(indent=2))
    else:
        width = get_terminal_size().columns if sys.stdout.isatty() else 100
        click.echo(terminal("\n".join(advice_lines(advice, width, whole=whole))))
    return {"use": 0, "nothing-is-enough": 1, "not-enough-evidence": 4}[advice.verdict]


def _question(task: Path | None, given: dict[str, Any]) -> tuple[Any, Any]:
    """The spec and the nature of the task: from the spec, from flags, or from answers."""
    from advisor.nature import look_at, nature_of
    from probes.spec import read_spec

    if task is None and "task_type" not in given:
        if not sys.stdin.isatty():
            raise click.UsageError("give --task-type or a spec (-t), or ask on a terminal")
        given |= _asked(given)
    nature = {name: given[name] for name in NATURE if name in given}
    if task is None:
        spec = _spec(given)
        return spec, nature_of(spec.task_type, **nature)
    spec = _with_flags(read_spec(task), given)
    return spec, look_at(spec, task, **nature)


def _spec(given: dict[str, Any]) -> Any:
    """A spec of flags alone: without data, which the advice does not read then."""
    from probes.task import DataSpec, TaskSpec

    bare = TaskSpec(
        version=1, name="task", task_type=given["task_type"], data=DataSpec(train="(none)")
    )
    return _with_flags(bare, given)


def _with_flags(spec: Any, given: dict[str, Any]) -> Any:
    """The spec with the flags in place of its fields."""
    top: dict[str, Any] = {n: given[n] for n in ("task_type", "target", "ladder") if n in given}
    needs = {
        name: given[name]
        for name in ("knowledge_changes", "requests_per_month", "high_stakes")
        if name in given
    }
    hardware = {name: given[name] for name in ("gpu", "quantization") if name in given}
    top["needs"] = spec.needs.model_copy(update=needs)
    top["hardware"] = spec.hardware.model_copy(update=hardware)
    return spec.model_copy(update=top)


def _asked(given: dict[str, Any]) -> dict[str, Any]:
    """Answers to the plain questions that no flag has answered."""
    answers = dict(given)
    for ask in ASKS:
        if ask.field in answers or not ask.when(answers):
            continue
        click.echo(f"\n{ask.text}", err=True)
        for value, meaning in ask.choices.items():
            click.echo(f"  {value:<18}{meaning if meaning != value else ''}".rstrip(), err=True)
        kind = click.Choice(tuple(ask.choices)) if ask.choices else _number(ask.field)
        answers[ask.field] = click.prompt(
            ">", default=ask.default, type=kind, show_choices=False, prompt_suffix=" ", err=True
        )
    if isinstance(answers.get("high_stakes"), str):
        answers["high_stakes"] = answers["high_stakes"] == "yes"
    return answers


def _number(field: str) -> Any:
    if field == "target":
        return click.FloatRange(0, 1, min_open=True)
    return click.IntRange(2 if field == "n_labels" else 0)


def _cards(name: str | list[str]) -> list[Any]:
    """The model cards of a ladder, by its name or a list of Hub ids.

    Raises:
        UserError: E-LADDER-UNKNOWN, no such ladder; E-LADDER-REHEARSAL, one of toy models;
            E-LADDER-NO-CARD, nothing is known of any of the models listed.
    """
    from knowledge.errors import UserError
    from knowledge.load import ladder, model_cards

    if name == "auto":
        return [card for card in model_cards().values() if card.family == FAMILY]
    if isinstance(name, str):
        if ladder(name).rehearsal:
            raise UserError(
                "E-LADDER-REHEARSAL",
                f"published results say nothing about the toy models of '{name}'",
                place="ladder",
                hint="name another with --ladder; `advisor probe` measures them in minutes",
            )
        return [model_cards()[rung] for rung in ladder(name).models]
    wanted = {entry.split("@")[0] for entry in name}
    found = [c for c in model_cards().values() if c.location in wanted or c.name in wanted]
    if not found:
        raise UserError(
            "E-LADDER-NO-CARD",
            "nothing is known of the models listed",
            place="ladder",
            hint="name a ladder with --ladder; a probe measures any model",
        )
    return sorted(found, key=lambda card: card.n_params)


def _day(text: str | None) -> date:
    if text is None:
        return date.today()
    try:
        return datetime.strptime(text, "%Y-%m-%d").date()
    except ValueError:
        raise click.UsageError(f"--today: '{text[:20]}' is no date like 2026-11-21") from None
