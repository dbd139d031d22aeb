"""`advisor advise`: what to start with, before anything is measured."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from shutil import get_terminal_size
from typing import Any, get_args

import click

from advisor.commands.options import day_counted_to, gpu_options
from advisor.nature import AnswersFrom, HardPart, Nature, nature_of
from advisor.questions import ASKS, Ask
from knowledge.errors import UserError
from knowledge.records import Machine, ModelCard, TaskType
from probes.task import Needs, TaskSpec

CHANGES = get_args(Needs.model_fields["knowledge_changes"].annotation)
NATURE = ("answers_from", "hard_part", "n_rows", "n_labels", "tokens_in", "tokens_out")
"""Flags that are fields of the nature; the others are fields of the spec."""
FAMILY = "Qwen2.5"
"""Whose models stand for every size where no ladder is named."""
CARDS = ("l4", "a100-80gb")
"""Machines that options are priced on where none is named, the smallest first."""
MANY = click.IntRange(0, 10**9)
COUNT = click.IntRange(1, 10**7)


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
@click.option("--rows", "n_rows", type=MANY, help="Examples with answers to learn from.")
@click.option(
    "--labels",
    "n_labels",
    type=click.IntRange(2, 10**6),
    help="Different labels of a classification.",
)
@click.option("--tokens-in", type=COUNT, help="Tokens of an input.")
@click.option("--tokens-out", type=COUNT, help="Tokens of an output.")
@click.option(
    "--changes", "knowledge_changes", type=click.Choice(CHANGES), help="How often the facts change."
)
@click.option("--target", type=float, help="Quality that is good enough, 0 to 1.")
@click.option(
    "--requests", "requests_per_month", type=click.IntRange(1, 10**12), help="Requests a month."
)
@click.option(
    "--high-stakes/--low-stakes", default=None, help="Whether a wrong answer does lasting harm."
)
@gpu_options
@click.option("--nf4", "quantization", flag_value="nf4", help="Weights in 4 bits.")
@click.option("--ladder", help="Ladder of models; by default all sizes of Qwen2.5.")
@click.option("--json", "as_json", is_flag=True, help="Print the advice as JSON.")
@click.option("--all", "whole", is_flag=True, help="Print every option, the excluded ones too.")
@click.option("--today", hidden=True, help="Date that ages are counted to, YYYY-MM-DD.")
def advise(task: Path | None, as_json: bool, whole: bool, today: str | None, **flags: Any) -> int:
    """Say what to start with, why, and which probes would settle it; nothing is run.

    From flags, from a spec (-t), or, with neither on a terminal, from a few plain questions. Rests
    on published results alone: the intervals are wide, and `advisor probe` narrows them. Exits with
    0 where some option is as likely as not to be enough, 4 where that is open, 1 where nothing is
    likely to be.
    """  # fmt: skip
    from advisor.first_advice import first_advice
    from advisor.report.first_advice_text import advice_lines
    from advisor.weighing import Ground
    from knowledge.load import claims, expectations
    from probes.sinks import terminal

    given = {name: value for name, value in flags.items() if value is not None}
    spec, nature = _question(task, given)
    ground = Ground(
        cards=_cards(spec.ladder),
        machines=_machines(spec),
        known=expectations(),
        claims=claims(),
        today=day_counted_to(today, to_come=True),
    )
    advice = first_advice(spec, nature, ground)
    if as_json:
        click.echo(advice.model_dump_json(indent=2))
    else:
        width = get_terminal_size().columns if sys.stdout.isatty() else 100
        click.echo(terminal("\n".join(advice_lines(advice, width, whole=whole))))
    return {"use": 0, "nothing-is-enough": 1, "not-enough-evidence": 4}[advice.verdict]


def _question(task: Path | None, given: dict[str, Any]) -> tuple[TaskSpec, Nature]:
    """The spec and the nature of the task: from the spec, from flags, or from answers."""
    from advisor.nature import look_at
    from probes.spec import read_spec

    if task is None and "task_type" not in given:
        if not sys.stdin.isatty():
            raise click.UsageError("give --task-type or a spec (-t), or ask on a terminal")
        given |= _asked(given)
    nature = {name: given[name] for name in NATURE if name in given}
    if task is None:
        bare = {"version": 1, "name": "task", "data": {"train": "(none)"}}
        spec = _with_flags(bare | {"task_type": given["task_type"]}, given)
        return spec, nature_of(spec.task_type, **nature)
    spec = _with_flags(read_spec(task).model_dump(), given)
    return spec, look_at(spec, task, **nature)


def _with_flags(fields: dict[str, Any], given: dict[str, Any]) -> TaskSpec:
    """The spec with the flags in place of its fields, checked like a file."""
    from probes.spec import spec_from_mapping

    places = {
        "task_type": None, "target": None, "ladder": None,
        "knowledge_changes": "needs", "requests_per_month": "needs", "high_stakes": "needs",
        "gpu": "hardware", "usd_per_hour": "hardware", "quantization": "hardware",
    }  # fmt: skip
    for name, part in places.items():
        if name in given:
            holder = fields if part is None else fields.setdefault(part, {})
            holder[name] = given[name]
    return spec_from_mapping(fields)


def _asked(given: dict[str, Any]) -> dict[str, Any]:
    """Answers to the plain questions that no flag has answered."""
    answers = dict(given)
    for ask in ASKS:
        if ask.field not in answers and ask.when(answers):
            click.echo(f"\n{ask.text}", err=True)
            for value, meaning in ask.choices.items():
                shown = meaning if meaning != value else ""
                click.echo(f"  {value:<18}{shown}".rstrip(), err=True)
            answers[ask.field] = click.prompt(
                ">",
                default=_default(ask, answers),
                type=click.Choice(tuple(ask.choices)) if ask.choices else _number(ask.field),
                show_choices=False,
                prompt_suffix=" ",
                err=True,
            )
    click.echo("", err=True)
    if isinstance(answers.get("high_stakes"), str):
        answers["high_stakes"] = answers["high_stakes"] == "yes"
    return answers


def _default(ask: Ask, answers: dict[str, Any]) -> Any:
    """What Enter means: what flags would take for such a task."""
    if ask.default is not None:
        return ask.default
    return getattr(nature_of(answers["task_type"]), ask.field)


def _number(field: str) -> Any:
    if field == "target":
        return click.FloatRange(0, 1, min_open=True)
    return click.IntRange(2, 10**6) if field == "n_labels" else MANY


def _cards(name: str | list[str]) -> list[ModelCard]:
    """The model cards of a ladder, by its name or a list of Hub ids.

    Raises:
        UserError: E-LADDER-UNKNOWN, no such ladder; E-LADDER-NO-CARD, nothing is known of any of
            the models listed.
    """
    from knowledge.load import ladder, model_cards

    if isinstance(name, str) and name != "auto" and not ladder(name).rehearsal:
        return [model_cards()[rung] for rung in ladder(name).models]
    if isinstance(name, str):
        if name != "auto":
            click.echo(
                f"published results say nothing about the toy models of `{name}`:"
                f" this is about {FAMILY}",
                err=True,
            )
        return [card for card in model_cards().values() if card.family == FAMILY]
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


def _machines(spec: TaskSpec) -> Sequence[Machine]:
    """The machine that the spec names, or those that options are priced on."""
    from advisor.prices import reference_machine
    from knowledge.load import machines

    if spec.hardware.gpu is not None:
        return [reference_machine(spec)]
    return [machines()[name] for name in CARDS]
