"""How long a setting takes and what it costs, by published speeds or those of a local probe."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from knowledge.cost import Place, Usd, serving_price, training_price, usd_of
from knowledge.decoding import Request, Serving
from knowledge.load import throughput
from knowledge.local_speed import LocalSpeed, probed_latency, probed_training
from knowledge.records import ModelCard
from knowledge.throughput import Job, Prediction, network_of, operations
from probes.footprint.settings import Setting
from probes.record import Record


class Range(Record):
    """A figure with its 80 % interval."""

    low: float
    median: float
    high: float


class Work(Record):
    """How much is to be done: rows to train on, or requests to answer."""

    rows: int = 1000
    epochs: float = 3
    requests_per_month: int = 10_000


@dataclass(frozen=True)
class Times:
    """Of a setting on a device; None where it is not known."""

    hours: Range | None = None
    """Of training."""
    request_s: Range | None = None
    """Of a request by itself; only where the device at hand was probed."""
    usd: Range | None = None
    """Of the training, or of a month of requests."""
    tokens_per_s: float | None = None
    """Of training, padding counted."""
    basis: str = ""


def times_of(
    card: ModelCard,
    setting: Setting,
    place: Place | None,
    work: Work,
    probe: LocalSpeed | None = None,
) -> Times:
    """Time and price of the work.

    Args:
        card: the model.
        setting: how it is trained or run.
        place: the device with its ceilings and price; None of a device that has none known.
        work: rows or requests.
        probe: what was measured on the device at hand, in place of published speeds.
    """
    if probe is not None:
        return _probed(card, setting, place, work, probe)
    if place is None:
        return Times(basis="no published speed is known of it; --measure measures it")
    if setting.dtype == "float32":
        return Times(
            basis="published speeds are of 16-bit weights; on this machine --measure times it"
        )
    if setting.method == "inference":
        return _served(card, setting, place, work)
    found = training_price(
        network_of(card), job_of(setting), _tokens(setting, work), place, throughput()
    )
    return Times(
        hours=_hours(found.time),
        usd=None if found.usd is None else _range(found.usd),
        tokens_per_s=found.tokens_per_s,
        basis=found.time.basis,
    )


def _probed(
    card: ModelCard, setting: Setting, place: Place | None, work: Work, probe: LocalSpeed
) -> Times:
    """By the speed of the device at hand."""
    network = network_of(card)
    if setting.method == "inference":
        request = Request(setting.seq_len, max(1, setting.new_tokens))
        one = probed_latency(network, request, probe)
        month = one.times(work.requests_per_month)
        usd = usd_of(month, place) if place else None
        seconds = Range(low=one.low_s, median=one.median_s, high=one.high_s)
        return Times(
            request_s=seconds,
            usd=None if usd is None else _range(usd),
            basis=f"{one.basis}, requests one by one in transformers' own generation",
        )
    job, tokens = job_of(setting), _tokens(setting, work)
    time = probed_training(operations(network, job) * tokens / job.tokens, probe)
    usd = usd_of(time, place) if place else None
    return Times(
        hours=_hours(time),
        usd=None if usd is None else _range(usd),
        tokens_per_s=tokens / time.median_s,
        basis=time.basis,
    )


def _served(card: ModelCard, setting: Setting, place: Place, work: Work) -> Times:
    """By a serving engine, requests side by side."""
    bits = "bnb-nf4-dq" if setting.four_bit else "none"
    serving = Serving(quantisation=bits, batch=setting.batch)
    request = Request(setting.seq_len, max(1, setting.new_tokens))
    month = serving_price(
        network_of(card), serving, request, work.requests_per_month, place, throughput()
    )
    if month is None or month.usd is None:
        return Times()
    basis = f"a serving engine, requests side by side: {month.batch}"
    return Times(usd=_range(month.usd), basis=basis)


def job_of(setting: Setting) -> Job:
    """The setting as the time model sees it; how the loss is computed it does not."""
    method: Literal["full", "lora", "qlora"] = "full" if setting.method == "full" else "lora"
    return Job(
        method="qlora" if setting.quantised else method,
        seq_len=setting.seq_len,
        micro_batch=setting.batch,
        checkpointing="full" if setting.checkpointing else "none",
        accumulation=setting.accumulation,
        preference=setting.method == "dpo",
    )


def _tokens(setting: Setting, work: Work) -> float:
    return work.rows * work.epochs * setting.seq_len * (2 if setting.method == "dpo" else 1)


def _hours(time: Prediction) -> Range:
    return Range(low=time.low_s / 3600, median=time.median_s / 3600, high=time.high_s / 3600)


def _range(found: Usd) -> Range:
    return Range(low=found.low, median=found.median, high=found.high)
