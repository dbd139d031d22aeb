"""What fits a card, how long it takes and what it costs: memory, time and money of one setting."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Literal

from knowledge.cost import Place, serving_price, training_price
from knowledge.decoding import Request, Serving
from knowledge.load import throughput
from knowledge.records import ModelCard
from knowledge.throughput import Job, network_of
from probes.footprint.closed_form import form_of, places
from probes.footprint.settings import (
    CONTEXT_BYTES,
    Architecture,
    Footprint,
    Setting,
    safe_bytes,
)
from probes.record import Record

RESERVED: dict[str, tuple[float, float]] = {
    "inference": (1.03, 1.18),
    "full": (1.06, 1.27),
    "adapters": (1.05, 1.14),
    "adapters, checkpointed": (1.10, 1.26),
}
"""What the caching allocator holds over live bytes where no trace is replayed, by kind of run: the
median of 115 replays and the most (results/fit/reserved.md), or that of the case in docs/fit.md."""
STAND_IN = 1.10
"""Factor on what is safe for families whose layers are taken for Llama's: a trace of the real ones
differed by up to 10 % (Phi-3.5, OLMo 2, Gemma 3)."""
TRACED_ROW, TRACED_TOKENS = 8192, 32_768
"""Longest row and most tokens of a batch that closed forms were fitted to."""
MOST_CHANGES = 3
Verdict = Literal["fits", "tight", "does-not-fit"]


class Range(Record):
    """A figure with its 80 % interval."""

    low: float
    median: float
    high: float


class Memory(Record):
    """The memory that a setting takes on a card."""

    allocated_bytes: int
    """Peak of live bytes."""
    reserved_bytes: int
    """What the allocator is expected to hold; half of all replays held less."""
    reserved_high_bytes: int
    """The most that it held in any replay; the same where this very trace was replayed."""
    context_bytes: int
    """Of the CUDA context, outside the allocator."""
    safe_bytes: int
    """Free memory with which it may be expected to run: the high figure, context and a margin."""
    at: str
    """When the peak is: `backward`."""
    basis: tuple[str, ...]


class Change(Record):
    """A change of the setting with which it fits, and what it costs in time."""

    what: str
    safe_bytes: int
    slower: float | None
    """Time over that of the setting as asked; None where it is not predicted."""


class Fit(Record):
    """Whether a setting fits a card, with time and money; a published, versioned contract."""

    schema_version: Literal[1] = 1
    model: str
    setting: Setting
    device: str
    available_bytes: int
    """Free on the card, or all of it where the card is not here."""
    memory: Memory | None
    """None where no closed form was fitted to such a setting and none was traced."""
    verdict: Verdict | None
    """`fits`: what is safe is free; `tight`: what is expected is, without a margin."""
    hours: Range | None = None
    """Of training on the rows asked for; None for inference and for weights in 32 bits."""
    usd: Range | None = None
    """Of that training, or of a month of requests in a serving engine; None without a price."""
    tokens_per_s: float | None = None
    """Of training, padding counted."""
    time_basis: str = ""
    usd_per_hour: float | None = None
    price_source: str = ""
    changes: tuple[Change, ...] = ()
    """What makes it fit, by the closed form, the cheapest in time first."""
    check: str
    """The command that traces this very setting."""


class Work(Record):
    """How much is to be done: rows to train on, or requests to answer."""

    rows: int = 1000
    epochs: float = 3
    requests_per_month: int = 10_000


def memory_of(
    architecture: Architecture, setting: Setting, traced: Footprint | None = None
) -> Memory | None:
    """The memory by the closed form, or by a trace; None where no form was fitted to such ones."""
    if traced is not None:
        return Memory(
            allocated_bytes=traced.allocated_bytes,
            reserved_bytes=traced.reserved_bytes,
            reserved_high_bytes=traced.reserved_bytes,
            context_bytes=traced.context_bytes,
            safe_bytes=traced.safe_bytes,
            at=traced.peak_phase,
            basis=traced.basis,
        )
    found, form = places(architecture, setting), form_of(setting)
    if not found or form is None:
        return None
    at = max(found, key=lambda place: found[place])
    allocated = round(found[at])
    middle, high = (round(allocated * factor) for factor in RESERVED[_kind(setting)])
    safe = safe_bytes(high + CONTEXT_BYTES)
    return Memory(
        allocated_bytes=allocated,
        reserved_bytes=middle,
        reserved_high_bytes=high,
        context_bytes=CONTEXT_BYTES,
        safe_bytes=round(safe * STAND_IN) if architecture.stands_in else safe,
        at=at.split()[1],
        basis=tuple(_basis(architecture, setting, form.n, form.median_error, form.worst_error)),
    )


def _kind(setting: Setting) -> str:
    if setting.method in ("inference", "full"):
        return setting.method
    return "adapters, checkpointed" if setting.checkpointing else "adapters"


def _basis(
    architecture: Architecture, setting: Setting, n: int, median: float, worst: float
) -> Iterator[str]:
    yield f"sizes: {architecture.basis}"
    if architecture.stands_in:
        yield f"the error is not known for such layers; {100 * (STAND_IN - 1):.0f} % are added"
    else:
        off = f"{100 * median:.1f} % median, {100 * worst:.0f} % worst"
        yield f"live bytes: closed form fitted to {n} traces; on traces left out {off}"
    if setting.seq_len > TRACED_ROW or setting.seq_len * setting.batch > TRACED_TOKENS:
        yield f"longer than what was traced ({TRACED_ROW:,} tokens a row, {TRACED_TOKENS:,} in all)"
    yield "held: what replays of such runs held beyond live bytes (results/fit/reserved.md)"
    yield f"context: {CONTEXT_BYTES / 1e9:g} GB assumed, not measured"


def fit(
    card: ModelCard,
    setting: Setting,
    place: Place,
    available_bytes: int,
    work: Work,
    traced: Footprint | None = None,
) -> Fit:
    """The answer for one model, setting and card.

    Args:
        card: the model.
        setting: method, precision, lengths and batch.
        place: the card with its ceilings and price.
        available_bytes: what is free on it.
        work: rows or requests, for time and money.
        traced: a traced footprint, in place of the closed form.
    """
    architecture = Architecture.of_card(card)
    memory = memory_of(architecture, setting, traced)
    verdict = verdict_of(memory, available_bytes) if memory else None
    hours, usd, speed, basis = _time(card, setting, place, work)
    mended = verdict in ("tight", "does-not-fit")
    return Fit(
        model=card.name,
        setting=setting,
        device=place.device.name,
        available_bytes=available_bytes,
        memory=memory,
        verdict=verdict,
        hours=hours,
        usd=usd,
        tokens_per_s=speed,
        time_basis=basis,
        usd_per_hour=place.usd_per_hour,
        price_source=f"{place.price.title}, {place.price.checked}" if place.price else "",
        changes=tuple(_changes(card, setting, place, available_bytes, work)) if mended else (),
        check=check_of(card, setting, place),
    )


def verdict_of(memory: Memory, available_bytes: int) -> Verdict:
    """Whether what is safe, or at least what is expected, is free."""
    if memory.safe_bytes <= available_bytes:
        return "fits"
    expected = memory.reserved_bytes + memory.context_bytes
    return "tight" if expected <= available_bytes else "does-not-fit"


def _time(
    card: ModelCard, setting: Setting, place: Place, work: Work
) -> tuple[Range | None, Range | None, float | None, str]:
    """Hours and price of the training, tokens a second; or the price of a month of requests."""
    if setting.dtype == "float32":
        return None, None, None, "times are predicted for 16-bit weights only"
    network, laws = network_of(card), throughput()
    if setting.method == "inference":
        bits = "bnb-nf4-dq" if setting.four_bit else "none"
        serving = Serving(quantisation=bits, batch=setting.batch)
        request = Request(setting.seq_len, max(1, setting.new_tokens))
        month = serving_price(network, serving, request, work.requests_per_month, place, laws)
        if month is None or month.usd is None:
            return None, None, None, ""
        usd = Range(low=month.usd.low, median=month.usd.median, high=month.usd.high)
        return None, usd, None, f"a serving engine, {month.batch} requests side by side"
    tokens = work.rows * work.epochs * setting.seq_len * (2 if setting.method == "dpo" else 1)
    found = training_price(network, job_of(setting), tokens, place, laws)
    time = found.time
    hours = Range(low=time.low_s / 3600, median=time.median_s / 3600, high=time.high_s / 3600)
    paid = found.usd
    usd_range = Range(low=paid.low, median=paid.median, high=paid.high) if paid else None
    return hours, usd_range, found.tokens_per_s, time.basis


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


def _changed(setting: Setting, **update: object) -> Setting:
    """The setting with other fields, checked again."""
    return Setting.model_validate_json(setting.model_copy(update=update).model_dump_json())


def _batches(what: str, setting: Setting) -> Iterator[tuple[str, Setting]]:
    """The setting with its batch, then halved again and again, as many micro-steps more."""
    if what:
        yield what, setting
    for size in (setting.batch >> step for step in range(1, setting.batch.bit_length())):
        steps = math.ceil(setting.batch / size)
        update: dict[str, int] = {"batch": size}
        told = f"batch {size}"
        if setting.method != "inference":
            update["accumulation"] = setting.accumulation * steps
            told += f" with {steps} micro-steps"
        yield " and ".join(filter(None, (what, told))), _changed(setting, **update)


def _ways(setting: Setting) -> Iterator[Iterator[tuple[str, Setting]]]:
    """Changes from the least to the most, each with smaller batches behind it."""
    trained, pairs = setting.method != "inference", setting.method == "dpo"
    chunks = trained and not pairs and setting.loss == "plain"
    four = not setting.quantised and setting.dtype != "float32" and setting.method != "full"
    kept = setting if not trained else _changed(setting, checkpointing=True)
    yield _batches("", setting)
    if chunks:
        yield _batches("a chunked loss", _changed(setting, loss="chunked"))
    if trained and not setting.checkpointing:
        yield _batches("checkpointing", kept)
        if chunks:
            both = _changed(kept, loss="chunked")
            yield _batches("checkpointing, a chunked loss", both)
    if four:
        method = "qlora" if setting.method == "lora" else setting.method
        small = _changed(kept, method=method, four_bit=True)
        named = "4 bits, checkpointing" if trained else "4 bits"
        yield _batches(named, small)
        if chunks:
            yield _batches(f"{named}, a chunked loss", _changed(small, loss="chunked"))
    if setting.method == "full":
        yield _batches("another method: LoRA, checkpointing", _changed(kept, method="lora"))


def _changes(
    card: ModelCard, setting: Setting, place: Place, available_bytes: int, work: Work
) -> list[Change]:
    """The first of each way that fits, the cheapest in time first.

    What keeps the method comes before another one, what has no predicted time behind the others.
    """
    architecture = Architecture.of_card(card)
    now = _time(card, setting, place, work)[0]
    found = []
    for way in _ways(setting):
        for what, other in way:
            memory = memory_of(architecture, other)
            if memory is None or verdict_of(memory, available_bytes) != "fits":
                continue
            then = _time(card, other, place, work)[0]
            known = then and now and other.loss == setting.loss
            slower = round(then.median / now.median, 2) if known and then and now else None
            found.append(Change(what=what, safe_bytes=memory.safe_bytes, slower=slower))
            break
    found.sort(key=lambda change: ("another" in change.what, change.slower or math.inf))
    return found[:MOST_CHANGES]


def check_of(card: ModelCard, setting: Setting, place: Place) -> str:
    """The command that traces this very setting."""
    flags = [f"--gpu {place.device.name}", f"--model {card.name}", f"--method {setting.method}"]
    flags += [f"--seq-len {setting.seq_len}", f"--batch {setting.batch}"]
    if setting.method == "inference":
        flags.append(f"--new-tokens {setting.new_tokens}")
    elif setting.adapted:
        flags.append(f"--rank {setting.rank}")
    flags += ["--checkpointing"] * setting.checkpointing
    flags += ["--fp32"] * (setting.dtype == "float32")
    flags += ["--nf4"] * (setting.four_bit and setting.method != "qlora")
    return f"advisor fit {' '.join(flags)} --trace"
