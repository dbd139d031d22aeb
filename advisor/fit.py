"""What fits a card, how long it takes and what it costs: memory, time and money of one setting."""

from __future__ import annotations

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

RESERVED = 1.05
"""What the caching allocator holds over what lives, where no trace was replayed: a rough constant,
replays of LoRA came to 3 to 6 %."""
MOST_CHANGES = 3
Verdict = Literal["fits", "tight", "does-not-fit"]


class Range(Record):
    """A figure with its 80 % interval."""

    low: float
    median: float
    high: float


class Memory(Record):
    """The memory that a setting takes on a card, in bytes."""

    allocated: int
    """Peak of live bytes."""
    reserved: int
    """What the allocator is expected to hold at most."""
    context: int
    """Of the CUDA context, outside the allocator."""
    safe: int
    """Free memory with which it may be expected to run."""
    at: str
    """Where in a run the peak is: step, phase, place among the layers."""
    basis: tuple[str, ...]


class Change(Record):
    """A change of the setting with which it fits, and what it costs in time."""

    what: str
    safe: int
    slower: float | None
    """Time over that of the setting as asked; None where times are not predicted."""


class Fit(Record):
    """Whether a setting fits a card, with time and money; a published, versioned contract."""

    schema_version: Literal[1] = 1
    model: str
    setting: Setting
    device: str
    available: int
    """Bytes free on the card, or all of it where the card is not here."""
    memory: Memory
    verdict: Verdict
    """`fits`: what is safe is free; `tight`: what is expected is, without a margin."""
    hours: Range | None = None
    """Of training on the rows asked for; None for inference."""
    usd: Range | None = None
    """Of that training, or of a month of requests; None without a price."""
    tokens_per_s: float | None = None
    """Of training, padding counted."""
    changes: tuple[Change, ...] = ()
    """The smallest changes that make it fit, the cheapest in time first."""
    check: str
    """The command that checks the memory by tracing, or on the machine itself."""


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
            allocated=traced.allocated_bytes,
            reserved=traced.reserved_bytes,
            context=traced.context_bytes,
            safe=traced.safe_bytes,
            at=traced.peak_phase,
            basis=traced.basis,
        )
    found = places(architecture, setting)
    form = form_of(setting)
    if not found or form is None:
        return None
    at = max(found, key=lambda place: found[place])
    allocated = round(found[at])
    reserved = round(allocated * RESERVED)
    error = f"{100 * form.median_error:.1f} % median, {100 * form.worst_error:.0f} % worst"
    return Memory(
        allocated=allocated,
        reserved=reserved,
        context=CONTEXT_BYTES,
        safe=safe_bytes(reserved + CONTEXT_BYTES),
        at=at,
        basis=(
            f"closed form fitted to {form.n} traces; on traces left out {error}",
            f"reserved: {100 * (RESERVED - 1):.0f} % over live bytes, as replays came to",
            f"context: {CONTEXT_BYTES / 1e9:g} GB assumed, not measured",
        ),
    )


def fit(
    card: ModelCard,
    setting: Setting,
    place: Place,
    available: int,
    work: Work,
    traced: Footprint | None = None,
) -> Fit | None:
    """The answer for one model, setting and card; None where memory is not known without a trace.

    Args:
        card: the model.
        setting: method, precision, lengths and batch.
        place: the card with its ceilings and price.
        available: free bytes.
        work: rows or requests, for time and money.
        traced: a traced footprint, in place of the closed form.
    """
    architecture = Architecture.of_card(card)
    memory = memory_of(architecture, setting, traced)
    if memory is None:
        return None
    verdict = verdict_of(memory, available)
    hours, usd, speed = _time(card, setting, place, work)
    return Fit(
        model=card.name,
        setting=setting,
        device=place.device.name,
        available=available,
        memory=memory,
        verdict=verdict,
        hours=hours,
        usd=usd,
        tokens_per_s=speed,
        changes=()
        if verdict == "fits"
        else tuple(_changes(card, architecture, setting, place, available, work)),
        check=_check(card, setting),
    )


def verdict_of(memory: Memory, available: int) -> Verdict:
    """Whether what is safe, or at least what is expected, is free."""
    if memory.safe <= available:
        return "fits"
    return "tight" if memory.reserved + memory.context <= available else "does-not-fit"


def _time(
    card: ModelCard, setting: Setting, place: Place, work: Work
) -> tuple[Range | None, Range | None, float | None]:
    """Hours and price of the training, tokens a second; or the price of a month of requests."""
    network, laws = network_of(card), throughput()
    if setting.method == "inference":
        bits = "bnb-nf4-dq" if setting.four_bit else "none"
        serving = Serving(quantisation=bits, batch=setting.batch)
        request = Request(setting.seq_len, max(1, setting.new_tokens))
        month = serving_price(network, serving, request, work.requests_per_month, place, laws)
        if month is None or month.usd is None:
            return None, None, None
        usd = Range(low=month.usd.low, median=month.usd.median, high=month.usd.high)
        return None, usd, None
    tokens = work.rows * work.epochs * setting.seq_len * (2 if setting.method == "dpo" else 1)
    found = training_price(network, job_of(setting), tokens, place, laws)
    time = found.time
    hours = Range(low=time.low_s / 3600, median=time.median_s / 3600, high=time.high_s / 3600)
    paid = found.usd
    usd_range = Range(low=paid.low, median=paid.median, high=paid.high) if paid else None
    return hours, usd_range, found.tokens_per_s


def job_of(setting: Setting) -> Job:
    """The setting as the time model sees it."""
    methods: dict[str, Literal["full", "lora", "qlora"]] = {"full": "full", "qlora": "qlora"}
    return Job(
        method="qlora" if setting.quantised else methods.get(setting.method, "lora"),
        seq_len=setting.seq_len,
        micro_batch=setting.batch,
        checkpointing="full" if setting.checkpointing else "none",
        accumulation=setting.accumulation,
        preference=setting.method == "dpo",
    )


def _changed(setting: Setting, **update: object) -> Setting:
    """The setting with other fields, checked again."""
    return Setting.model_validate_json(setting.model_copy(update=update).model_dump_json())


def _single(setting: Setting) -> Iterator[tuple[str, Setting]]:
    """Changes by themselves."""
    trained, pairs = setting.method != "inference", setting.method == "dpo"
    if trained and setting.loss == "plain" and not pairs:
        yield "a chunked loss", _changed(setting, loss="chunked")
    if trained and not setting.checkpointing:
        yield "checkpointing", _changed(setting, checkpointing=True)
    for half in (setting.batch >> step for step in range(1, setting.batch.bit_length())):
        steps = setting.batch // half
        update = {"batch": half} | ({"accumulation": steps} if trained else {})
        of = f" with {steps} micro-steps a step" if trained else ""
        yield f"batch {half}{of}", _changed(setting, **update)
    if not setting.quantised and setting.dtype != "float32" and setting.method != "full":
        method = "qlora" if setting.method == "lora" else setting.method
        yield "weights in 4 bits", _changed(setting, method=method, four_bit=True)


def _together(setting: Setting) -> Iterator[tuple[str, Setting]]:
    """Several changes at once, each line a step further."""
    if setting.method == "inference":
        yield "weights in 4 bits and batch 1", _changed(setting, four_bit=True, batch=1)
        return
    small = _changed(setting, checkpointing=True, batch=1, accumulation=setting.batch)
    yield "checkpointing and batch 1", small
    if setting.method != "dpo":
        yield "checkpointing, batch 1 and a chunked loss", _changed(small, loss="chunked")
    if setting.method == "full":
        yield "LoRA instead, checkpointing and batch 1", _changed(small, method="lora")
    if setting.dtype != "float32" and not setting.quantised:
        method = "dpo" if setting.method == "dpo" else "qlora"
        four = _changed(small, method=method, four_bit=True)
        named = "4-bit LoRA instead" if setting.method == "full" else "4 bits"
        yield f"{named}, checkpointing and batch 1", four
        if method != "dpo":
            least = _changed(four, loss="chunked")
            yield f"{named}, checkpointing, batch 1 and a chunked loss", least


def _changes(
    card: ModelCard,
    architecture: Architecture,
    setting: Setting,
    place: Place,
    available: int,
    work: Work,
) -> list[Change]:
    """Changes that make it fit, the cheapest in time first: single ones, else the first together.

    Of smaller batches only the largest that fits is named.
    """
    now = _time(card, setting, place, work)[0]
    for ways in (_single(setting), _together(setting)):
        found: dict[str, Change] = {}
        for what, other in ways:
            memory = memory_of(architecture, other)
            if memory is not None and verdict_of(memory, available) == "fits":
                then = _time(card, other, place, work)[0]
                slower = round(then.median / now.median, 2) if then and now else None
                kind = "batch" if what.startswith("batch") else what
                found.setdefault(kind, Change(what=what, safe=memory.safe, slower=slower))
        if found:
            return sorted(found.values(), key=lambda change: change.slower or 1.0)[:MOST_CHANGES]
    return []


def _check(card: ModelCard, setting: Setting) -> str:
    flags = [f"--model {card.name}", f"--method {setting.method}", f"--seq-len {setting.seq_len}"]
    flags.append(f"--batch {setting.batch}")
    if setting.checkpointing:
        flags.append("--checkpointing")
    return f"advisor fit {' '.join(flags)} --trace"
