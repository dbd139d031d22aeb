"""What an option costs: training once, serving by the month."""

from __future__ import annotations

import math
from collections.abc import Sequence

from advisor.records import Price
from knowledge.cost import SERVING_UTILISATION, serving_usd_per_month, training_flops, usd
from knowledge.errors import UserError
from knowledge.load import machines
from knowledge.records import Machine, ModelCard
from probes.records import Measurement
from probes.task import SystemSpec, TaskSpec

REFERENCE_MACHINE = "l4"
"""Prices are for this card unless the spec names another."""
MONTHS = 12
"""Training is paid once; serving is added up over so many months to order options by price."""


def total_usd(price: Price) -> float:
    """Training and MONTHS of serving, in USD; infinite where the price is unknown."""
    if price.serving_usd_per_month is None:
        return math.inf
    return price.training_usd + MONTHS * price.serving_usd_per_month


def price(runs: Sequence[Measurement], card: ModelCard, spec: TaskSpec, machine: Machine) -> Price:
    """Training and serving on the reference machine, from the tokens that were counted."""
    trained = sum(run.cost.train_tokens for run in runs) / len(runs)
    answers = [answer for run in runs for answer in run.predictions]  # taken over ones as well
    tokens = sum(answer.input_tokens + answer.output_tokens for answer in answers)
    whole = runs[0].cell.method == "full"
    return price_of(
        card, spec, machine, round(trained), tokens / max(1, len(answers)), all_weights=whole
    )


def price_of(
    card: ModelCard,
    spec: TaskSpec,
    machine: Machine,
    trained_tokens: int,
    tokens_per_request: float,
    *,
    all_weights: bool,
) -> Price:
    """Training on so many tokens and serving requests of so many, on one machine."""
    flops = training_flops(card.n_params, trained_tokens, all_weights=all_weights)
    return Price(
        training_usd=usd(flops / (machine.tflops * 1e12 * SERVING_UTILISATION), machine),
        serving_usd_per_month=serving_usd_per_month(
            card.n_params, tokens_per_request, spec.needs.requests_per_month, machine
        ),
        machine=f"{machine.name} at {machine.usd_per_hour or 0:.2f} USD/h"
        f" ({machine.price.checked if machine.price else 'no price'}),"
        f" {SERVING_UTILISATION:.0%} of peak",
    )


def system_price(system: SystemSpec, spec: TaskSpec) -> Price:
    """What the user says that a system of theirs costs; nothing is trained."""
    asked = system.usd_per_request
    month = None if asked is None else asked * spec.needs.requests_per_month
    told = "no price in the spec" if asked is None else f"{asked:g} USD a request, as the spec says"
    return Price(training_usd=0.0, serving_usd_per_month=month, machine=told)


def reference_machine(spec: TaskSpec) -> Machine:
    """The priced machine that the spec names, or the usual one.

    Raises:
        UserError: E-HARDWARE-UNKNOWN, with the names that exist.
    """
    name = spec.hardware.gpu or REFERENCE_MACHINE
    found = machines().get(name)
    if found is None:
        raise UserError(
            "E-HARDWARE-UNKNOWN",
            f"no machine is called '{name[:80]}'",
            place="hardware.gpu",
            hint=f"choose one of {', '.join(machines())}",
        )
    return found
