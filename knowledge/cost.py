"""What a probe, a training run and a month of serving cost: closed forms, no clock.

`training_price` and `serving_price` come from the time model with its interval; the functions above
them are cruder, with one share of the peak for everything, and serve where only a size is known.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from knowledge.decoding import Request, Serving, answering_time, largest_batch, latency
from knowledge.laws import Throughput
from knowledge.records import Machine, Source, Speed
from knowledge.throughput import (
    OPS_A_WEIGHT,
    Device,
    Job,
    Network,
    Prediction,
    ceilings_of,
    training_time,
)

SERVING_UTILISATION = 0.25
"""Share of a card's peak that batched serving of a small model reaches; an assumption, stated in
every report. HF eager LoRA training of 3B on an L40S was measured at .25 (facts: memory 5.4)."""


@dataclass(frozen=True)
class Work:
    """The amount of work in one cell, before any device is known."""

    train_tokens: int = 0
    """Tokens that pass forward and backward, epochs counted."""
    all_weights: bool = False
    """Whether every weight is trained, or adapters only."""
    train_steps: int = 0
    prefill_tokens: int = 0
    """Prompt tokens of evaluation."""
    output_tokens: int = 0
    """Generated tokens, or candidate tokens scored."""
    forward_calls: int = 0
    """Forward passes of evaluation, each over a batch."""


def training_flops(n_params: int, tokens: int, *, all_weights: bool = False) -> float:
    """Operations of training without checkpointing and without attention: 4 N a token for LoRA,
    6 N for all weights (Kaplan et al., arXiv 2001.08361)."""
    return OPS_A_WEIGHT["full" if all_weights else "lora"] * n_params * tokens


def inference_flops(n_params: int, tokens: int) -> float:
    """Operations of a forward pass: 2 N a token (Kaplan et al., arXiv 2001.08361)."""
    return 2.0 * n_params * tokens


def cell_seconds(work: Work, n_params: int, speed: Speed, threads: int = 1) -> float:
    """Predicted wall time of one cell in a warm worker of so many threads, in seconds.

    A forward pass reads every weight once, however few rows there are: that is what writing answers
    token by token costs on larger models.
    """
    flops = training_flops(n_params, work.train_tokens, all_weights=work.all_weights)
    train = flops / speed.flops_per_s_train
    infer = inference_flops(n_params, work.prefill_tokens + work.output_tokens)
    return (
        speed.cell_overhead_s
        + (train + infer / speed.flops_per_s_infer) / threads
        + work.train_steps * speed.step_overhead_s
        + work.forward_calls * (speed.call_overhead_s + n_params / speed.params_read_per_s)
    )


def usd(seconds: float, machine: Machine) -> float:
    """Price in USD of that many seconds of the machine; 0 where it has no price."""
    return seconds / 3600 * (machine.usd_per_hour or 0.0)


def serving_usd_per_month(
    n_params: int, tokens_per_request: float, requests_per_month: int, machine: Machine
) -> float:
    """Price of the month's requests, in USD, when the machine is shared by the second.

    Batched serving at SERVING_UTILISATION of the peak; a machine kept for one task alone costs
    its full hours, which the caller shows beside it.
    """
    flops = inference_flops(n_params, 1) * tokens_per_request * requests_per_month
    seconds = flops / (machine.tflops * 1e12 * SERVING_UTILISATION)
    return usd(seconds, machine)


HOURS_A_MONTH = 730
"""A twelfth of a year."""


@dataclass(frozen=True)
class Place:
    """A device, its memory, and what an hour of it costs."""

    device: Device
    memory_gb: float
    """What the driver counts as total, in 10^9 bytes."""
    usd_per_hour: float | None
    """None where there is no price; 0 is one."""
    price: Source | None
    """Where the table's price is from, and its date; None where the caller said his own."""


def place(machine: Machine, usd_per_hour: float | None = None) -> Place:
    """That machine, at the caller's own price of an hour, else at the table's."""
    told = usd_per_hour is not None
    return Place(
        device=ceilings_of(machine),
        memory_gb=machine.total_bytes / 1e9,
        usd_per_hour=usd_per_hour if told else machine.usd_per_hour,
        price=None if told else machine.price,
    )


@dataclass(frozen=True)
class Usd:
    """A price in USD with its 80 % interval: that of the time, as the hour's price has none."""

    low: float
    median: float
    high: float


def usd_of(time: Prediction, where: Place) -> Usd | None:
    """What that time costs; None where the hour has no price."""
    if where.usd_per_hour is None:
        return None
    an_s = where.usd_per_hour / 3600
    return Usd(time.low_s * an_s, time.median_s * an_s, time.high_s * an_s)


@dataclass(frozen=True)
class TrainingPrice:
    """One training run on one device."""

    time: Prediction
    """Of the whole run."""
    tokens_per_s: float
    """At the median."""
    usd: Usd | None


def training_price(
    network: Network, job: Job, tokens: float, where: Place, laws: Throughput, stack: str = ""
) -> TrainingPrice:
    """Training on so many tokens, epochs and padding counted."""
    step = training_time(network, job, where.device, laws.training, stack)
    time = step.times(tokens / job.tokens)
    return TrainingPrice(time, job.tokens / step.median_s, usd_of(time, where))


@dataclass(frozen=True)
class ServingPrice:
    """A month of requests on one kind of device."""

    batch: int
    """Requests side by side: as many as were asked for and fit."""
    requests_per_s: float
    """Of one device that is never idle."""
    alone: Prediction
    """Latency of a request that has the device to itself."""
    among: Prediction
    """Latency in a full batch."""
    busy: Prediction
    """Device seconds of the month."""
    usd: Usd | None
    """Where the device is paid by the second."""
    devices: int
    """Devices that are kept for the task, so that the median load fits into the month."""
    kept_usd: float | None
    """What these cost by the month."""


def serving_price(
    network: Network,
    serving: Serving,
    request: Request,
    requests_per_month: float,
    where: Place,
    laws: Throughput,
) -> ServingPrice | None:
    """The month's requests in batches of at most `serving.batch`; None where the model, or the
    cache of one request, does not fit."""
    fits = largest_batch(network, serving.quantisation, request, where.memory_gb, serving.batch)
    if fits == 0:
        return None
    full, single = replace(serving, batch=fits), replace(serving, batch=1)
    each = answering_time(network, full, request, where.device, laws)
    busy = each.times(requests_per_month)
    devices = max(1, math.ceil(busy.median_s / (HOURS_A_MONTH * 3600)))
    kept = None if where.usd_per_hour is None else devices * HOURS_A_MONTH * where.usd_per_hour
    return ServingPrice(
        batch=fits,
        requests_per_s=1 / each.median_s,
        alone=latency(network, single, request, where.device, laws),
        among=latency(network, full, request, where.device, laws),
        busy=busy,
        usd=usd_of(busy, where),
        devices=devices,
        kept_usd=kept,
    )
