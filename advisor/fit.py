"""What fits a device, how long it takes and what it costs: memory, time and money of a setting."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Literal

from advisor.fit_devices import FreeDevice
from advisor.fit_time import Range, Times, Work, times_of
from advisor.setting_changes import FEWER_BITS, Way, ways
from knowledge.local_speed import LocalSpeed
from knowledge.records import MemoryForm, ModelCard
from probes.footprint.calibration import by_stack
from probes.footprint.closed_form import (
    TRACED_ROW,
    TRACED_TOKENS,
    form_of,
    is_fitted,
    places,
)
from probes.footprint.settings import (
    CONTEXT_BYTES,
    Architecture,
    Footprint,
    Setting,
    safe_bytes,
)
from probes.record import Record

PROCESS_BYTES = 500_000_000
"""Of Python with torch, transformers and PEFT on a CPU: .42 to .50 GB (`cpu_footprint.jsonl`)."""
STAND_IN = 1.10
"""Factor on what is safe where layers are unlike those that forms were fitted to: about twice what
forms fell short by on Gemma 3, OLMo 2 and Phi 3, 5.3 % (results/fit/families.md)."""
MOST_CHANGES = 3
Verdict = Literal["fits", "tight", "does-not-fit"]
SAID = {"fits": "FITS", "tight": "TIGHT", "does-not-fit": "DOES NOT FIT", None: "not known"}
"""The verdicts in words."""


class Memory(Record):
    """The memory that a setting takes on a device."""

    allocated_bytes: int
    """Peak of live bytes."""
    reserved_bytes: int
    """What the allocator is expected to hold, by replays and published rows."""
    reserved_high_bytes: int
    """What 95 % of replays and the 80 % interval of published rows stay below; the same as above
    where this very trace was replayed, and on a CPU, which gives back what is free."""
    context_bytes: int
    """Outside the allocator: the CUDA context, or the process and its libraries on a CPU."""
    safe_bytes: int
    """Free memory with which it may be expected to run: the high figure, context and a margin."""
    at: str
    """When the peak is: `backward`."""
    basis: tuple[str, ...]
    warnings: tuple[str, ...] = ()
    """Where the figures are less than they seem: lengths or layers that nothing was fitted to."""


class Change(Record):
    """A change of the setting with which it fits, and what it costs in time."""

    what: str
    safe_bytes: int
    slower: float | None
    """Time over that of the setting as asked; None where it is not predicted, or where what is cut
    off makes it no comparison."""


class Fit(Record):
    """Whether a setting fits a device, with time and money; a published, versioned contract."""

    schema_version: Literal[1] = 1
    model: str
    setting: Setting
    device: str
    available_bytes: int
    """Free on the device, or all of a card that is not here."""
    memory: Memory | None
    """None where no closed form was fitted to such a setting and none was traced."""
    verdict: Verdict | None
    """`fits`: what is safe is free; `tight`: what is expected is, without a margin."""
    hours: Range | None = None
    """Of training on the rows asked for; None for inference and where no speed is known."""
    request_s: Range | None = None
    """Seconds of one request by itself, where the device was measured."""
    usd: Range | None = None
    """Of that training, or of a month of requests; None without a price."""
    tokens_per_s: float | None = None
    """Of training, padding counted."""
    time_basis: str = ""
    usd_per_hour: float | None = None
    price_source: str = ""
    changes: tuple[Change, ...] = ()
    """What makes it fit, by the closed form: the same result first, then the cheapest in time."""
    check: str
    """The command that traces this very setting."""


def memory_of(architecture: Architecture, setting: Setting) -> Memory | None:
    """The memory by the closed form; None where none was fitted to such settings."""
    on_cpu = setting.device == "cpu"
    context = _context(setting)
    found, form = places(architecture, setting), form_of(setting)
    if not found or form is None:
        return None
    at = max(found, key=lambda place: found[place])
    live = middle = high = found[at]
    basis = [*_basis(architecture, setting, form)]
    if not on_cpu:
        stack = by_stack(live, form.held_median * live, architecture, setting)
        middle, high = stack.median_bytes, max(stack.high_bytes, form.held_high * live)
        basis.append(f"held: replays of such runs, and {stack.basis}")
    safe = safe_bytes(round(high) + context)
    return Memory(
        allocated_bytes=round(live),
        reserved_bytes=round(middle),
        reserved_high_bytes=round(high),
        context_bytes=context,
        safe_bytes=safe if is_fitted(architecture) else round(safe * STAND_IN),
        at=at.split()[1],
        basis=tuple(basis),
        warnings=tuple(_warnings(architecture, setting)),
    )


def memory_traced(traced: Footprint) -> Memory:
    """The memory by a trace whose allocator was replayed."""
    context = _context(traced.setting)
    return Memory(
        allocated_bytes=traced.allocated_bytes,
        reserved_bytes=traced.reserved_bytes,
        reserved_high_bytes=traced.reserved_bytes,
        context_bytes=context,
        safe_bytes=safe_bytes(traced.reserved_bytes + context),
        at=traced.peak_phase,
        basis=traced.basis,
    )


def _context(setting: Setting) -> int:
    return PROCESS_BYTES if setting.device == "cpu" else CONTEXT_BYTES


def _basis(architecture: Architecture, setting: Setting, form: MemoryForm) -> Iterator[str]:
    yield f"sizes: {architecture.basis}"
    off = f"{100 * form.median_error:.1f} % median, {100 * form.worst_error:.0f} % worst"
    yield f"live bytes: closed form fitted to {form.n} traces; on traces left out {off}"
    if setting.device == "cpu":
        yield "17 trainings on a CPU took up to 2 % more (results/benchmarks/cpu_footprint.md)"
        yield f"process: {PROCESS_BYTES / 1e9:g} GB, as measured there"
    else:
        yield f"context: {CONTEXT_BYTES / 1e9:g} GB assumed, not measured"


def _warnings(architecture: Architecture, setting: Setting) -> Iterator[str]:
    if not is_fitted(architecture):
        yield f"no such layers were among the traces: {100 * (STAND_IN - 1):.0f} % are added"
    if setting.seq_len > TRACED_ROW or setting.seq_len * setting.batch > TRACED_TOKENS:
        yield f"longer than what was traced ({TRACED_ROW:,} tokens a row, {TRACED_TOKENS:,} in all)"


def fit(
    card: ModelCard,
    setting: Setting,
    device: FreeDevice,
    work: Work,
    traced: Footprint | None = None,
    probe: LocalSpeed | None = None,
) -> Fit:
    """The answer for one model, setting and device.

    Args:
        card: the model.
        setting: method, precision, lengths and batch.
        device: what it would run on, and what is free there.
        work: rows or requests, for time and money.
        traced: a traced footprint, in place of the closed form.
        probe: what was measured on the device, in place of published speeds.
    """
    memory = _memory(card, setting, traced)
    verdict = verdict_of(memory, device.available_bytes) if memory else None

    def takes(other: Setting) -> Times:
        return times_of(card, other, device.place, work, probe)

    times, place = takes(setting), device.place
    price = place.price if place else None
    mended = verdict in ("tight", "does-not-fit")
    return Fit(
        model=card.name,
        setting=setting,
        device=device.name,
        available_bytes=device.available_bytes,
        memory=memory,
        verdict=verdict,
        hours=times.hours,
        request_s=times.request_s,
        usd=times.usd,
        tokens_per_s=times.tokens_per_s,
        time_basis=times.basis,
        usd_per_hour=place.usd_per_hour if place else None,
        price_source=f"{price.title}, {price.checked}" if price else "",
        changes=_changes(card, setting, device.available_bytes, takes) if mended else (),
        check=check_of(card, setting, device),
    )


def _memory(card: ModelCard, setting: Setting, traced: Footprint | None) -> Memory | None:
    """By the trace where there is one; with a warning where the model takes no such length."""
    found = memory_traced(traced) if traced else memory_of(Architecture.of_card(card), setting)
    length = setting.seq_len + setting.new_tokens
    if found is None or length <= card.context_tokens:
        return found
    beyond = f"{length:,} tokens are more than the model's context of {card.context_tokens:,}"
    return found.model_copy(update={"warnings": (beyond, *found.warnings)})


def verdict_of(memory: Memory, available_bytes: int) -> Verdict:
    """Whether what is safe, or at least what is expected, is free."""
    if memory.safe_bytes <= available_bytes:
        return "fits"
    expected = memory.reserved_bytes + memory.context_bytes
    return "tight" if expected <= available_bytes else "does-not-fit"


def _changes(
    card: ModelCard,
    setting: Setting,
    available_bytes: int,
    takes: Callable[[Setting], Times],
) -> tuple[Change, ...]:
    """The first of each kind that fits: what spoils least before the rest, then by time."""
    architecture, now = Architecture.of_card(card), takes(setting).hours
    found: list[tuple[Way, Change]] = []
    for kind in ways(setting):
        if found and kind[0].spoils > max(FEWER_BITS, found[0][0].spoils):
            break  # of what costs more than bits only as much as must be
        for way in kind:
            memory = memory_of(architecture, way.setting)
            if memory is None or verdict_of(memory, available_bytes) != "fits":
                continue
            slower = _slower(takes(way.setting).hours, now) if _compares(way, setting) else None
            found.append((way, Change(what=way.what, safe_bytes=memory.safe_bytes, slower=slower)))
            break
    found.sort(key=lambda each: (each[0].spoils, each[1].slower or math.inf))
    return tuple(change for _, change in found[:MOST_CHANGES])


def _compares(way: Way, setting: Setting) -> bool:
    """Whether the times of both are of the same work, and are told apart by what is predicted."""
    same_rows = way.setting.seq_len == setting.seq_len
    return same_rows and way.setting.loss == setting.loss and way.setting.rank == setting.rank


def _slower(then: Range | None, now: Range | None) -> float | None:
    return round(then.median / now.median, 2) if then and now else None


def check_of(card: ModelCard, setting: Setting, device: FreeDevice) -> str:
    """The command that traces this very setting."""
    flags = [] if device.here else [f"--gpu {device.name}"]
    flags += [f"--model {card.name}", f"--method {setting.method}"]
    flags += [f"--seq-len {setting.seq_len}", f"--batch {setting.batch}"]
    if setting.method == "inference":
        flags.append(f"--new-tokens {setting.new_tokens}")
    elif setting.adapted:
        flags.append(f"--rank {setting.rank}")
    flags += ["--checkpointing"] * setting.checkpointing
    flags += ["--fp32"] * (setting.dtype == "float32" and setting.device != "cpu")
    flags += ["--nf4"] * (setting.four_bit and setting.method != "qlora")
    return f"advisor fit {' '.join(flags)} --trace"
