"""`advisor fit`: what fits a card, how long it takes, what it costs."""

from __future__ import annotations

import sys
from typing import Any

import click

from advisor.commands.options import GPU_FLAGS, F, Finite, with_flags

METHODS = ("lora", "qlora", "full", "dpo", "inference")
"""Ways to run or train, as `Setting` has them; its module is read when the command runs."""
FLAGS = (
    click.option("--model", "models", multiple=True, help="A model that is known by name or Hub id; several times for several."),
    click.option("--ladder", help="Models of a ladder; by default qwen2.5."),
    click.option("--method", "methods", multiple=True, type=click.Choice(METHODS), help="Way to run or train; all where none is given."),
    click.option("--seq-len", type=click.IntRange(1, 10**7), default=1024, show_default=True, help="Tokens of a row, or of a prompt."),
    click.option("--new-tokens", type=click.IntRange(0, 10**7), default=128, show_default=True, help="Tokens written behind a prompt."),
    click.option("--batch", type=click.IntRange(1, 10**5), default=1, show_default=True, help="Rows of a forward pass."),
    click.option("--rank", type=click.IntRange(1, 10**4), default=16, show_default=True, help="Of the adapters, on all linear layers."),
    click.option("--checkpointing/--no-checkpointing", default=False, show_default=True, help="Compute layers again instead of keeping them."),
    click.option("--fp32", is_flag=True, help="Weights in 32 bits instead of bf16."),
    click.option("--nf4", is_flag=True, help="Weights in 4 bits, for inference and DPO."),
    click.option("--rows", type=click.IntRange(1, 10**12), default=1000, show_default=True, help="Rows to train on, for time and money."),
    click.option("--epochs", type=Finite(0, 10**4, min_open=True), default=3, show_default=True),
    click.option("--requests", type=click.IntRange(1, 10**12), default=10_000, show_default=True, help="A month, for the price of inference."),
    *GPU_FLAGS,
    click.option("--trace", is_flag=True, help="Trace the memory instead of the closed form: seconds, needs torch."),
    click.option("--measure", is_flag=True, help="Measure the speed of this machine, about 20 s a model, needs torch."),
    click.option("--json", "as_json", is_flag=True, help="Print the answers as JSON."),
)  # fmt: skip


def options(function: F) -> F:
    """All flags of the command."""
    return with_flags(FLAGS, function)


@click.command()
@options
def fit(
    models: tuple[str, ...],
    ladder: str | None,
    methods: tuple[str, ...],
    as_json: bool,
    **asked: Any,
) -> int:
    """Say what fits a card, how long it takes and what it costs; nothing is run on it.

    The device is the card in this machine, or its processor where it has none, with what is free on
    it now; or --gpu. Exits with 0 where something fits, even if tightly, 1 where nothing does, 2
    for bad input.
    """
    import json

    from advisor.fit_answers import answers, cards_named, settings_of
    from advisor.fit_devices import device_here, device_named
    from advisor.report.fit_text import fit_lines
    from probes.sinks import terminal

    if models and ladder:
        raise click.UsageError("--model and --ladder go by themselves; give one of them")
    if asked["nf4"] and methods and not {"inference", "dpo"} & set(methods):
        raise click.UsageError("--nf4 is for inference and dpo; LoRA on 4 bits is --method qlora")
    if asked["nf4"] and asked["fp32"]:
        raise click.UsageError("--fp32 and --nf4 contradict one another; give one of them")
    gpu, price = asked.pop("gpu"), asked.pop("usd_per_hour")
    if gpu and asked["measure"]:
        raise click.UsageError("--measure measures this machine, not a card named by --gpu")
    device = device_named(gpu, price) if gpu else device_here(price)
    settings = settings_of(tuple(dict.fromkeys(methods)) or METHODS, device, **asked)
    found = answers(cards_named(models, ladder), settings, device, asked)
    if as_json:
        click.echo(json.dumps([each.model_dump(mode="json") for each in found], indent=2))
    else:
        click.echo(terminal("\n".join(fit_lines(found, device, asked))))
    sys.stdout.flush()
    return int(not any(each.verdict in ("fits", "tight") for each in found))
