"""What an option costs: training once, serving by the month."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import date

from advisor.records import Price
from knowledge.cost import SERVING_UTILISATION, serving_usd_per_month, training_flops, usd
from knowledge.errors import UserError
from knowledge.machine_names import machine_named
from knowledge.records import Machine, ModelCard, Source
from probes.methods import Situation
from probes.records import Measurement
from probes.task import RETRIEVING, TRAINED, SystemSpec, TaskSpec

REFERENCE_MACHINE = "l4"
"""Prices are for this card unless the spec names another."""
OWN_PRICE = "as the spec says"
STEPS_TOKENS, PASSES = 4, 4
"""Written with steps over what is written without, and passes over the training rows, before any
were seen: assumptions."""
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


def expected_usd(method: str, card: ModelCard, situation: Situation, spec: TaskSpec) -> float:
    """`total_usd` of an option before it is measured, by the tokens to expect.

    Prompts with the most examples or the fewest passages that are tried, steps STEPS_TOKENS times
    an answer, and PASSES over the training rows: rough, to tell cheap options from dear ones.
    """
    prompt, answer = situation.mean_tokens, float(situation.tokens_per_output)
    battery = situation.battery
    if method in ("steps", "vote", "lora_steps"):
        answer *= STEPS_TOKENS
    if method == "few_shot":
        prompt += max(battery.shots) * (situation.mean_tokens + answer)
    if method in RETRIEVING:
        prompt += min(battery.passages or (1,)) * situation.tokens_per_passage
    width = (prompt + answer) * (max(1, battery.samples) if method == "vote" else 1)
    trained = PASSES * situation.n_train * (prompt + answer) if method in TRAINED else 0
    whole, machine = method == "full", reference_machine(spec)
    return total_usd(price_of(card, spec, machine, round(trained), width, all_weights=whole))


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
        f" ({_price_basis(machine)}),"
        f" {100 * SERVING_UTILISATION:.0f} % of peak",
    )


def _price_basis(machine: Machine) -> str:
    """How it is rented at its price, and of when that is; or whose price it is."""
    if machine.price is None:
        return "no price"
    if machine.price.title == OWN_PRICE:
        return OWN_PRICE
    return ", ".join(filter(None, (machine.price_kind, machine.price.checked)))


def system_price(system: SystemSpec, spec: TaskSpec) -> Price:
    """What the user says that a system of theirs costs; nothing is trained."""
    asked = system.usd_per_request
    month = None if asked is None else asked * spec.needs.requests_per_month
    told = "no price in the spec" if asked is None else f"{asked:g} USD a request, as the spec says"
    return Price(training_usd=0.0, serving_usd_per_month=month, machine=told)


def reference_machine(spec: TaskSpec) -> Machine:
    """The machine that the spec names, or the usual one, at its price or at the spec's.

    Raises:
        UserError: E-HARDWARE-UNKNOWN or E-HARDWARE-AMBIGUOUS, with the names that exist;
            E-HARDWARE-PRICE, where neither the table nor the spec has a price.
    """
    found = machine_named(spec.hardware.gpu or REFERENCE_MACHINE)
    own = spec.hardware.usd_per_hour
    if own is not None:
        told = Source(title=OWN_PRICE, checked=date.today().isoformat())
        update = {"usd_per_hour": own, "price": told, "price_kind": None, "price_note": ""}
        return found.model_copy(update=update)
    if found.usd_per_hour is None:
        raise UserError(
            "E-HARDWARE-PRICE",
            f"no price of {found.name} is known",
            place="hardware.usd_per_hour",
            hint="say what an hour of it costs you, in USD (in flags: --usd-per-hour)",
        )
    return found
