"""Answers of `advisor fit` as lines for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from advisor.fit import SAID, Fit, Memory
from advisor.fit_devices import FreeDevice
from advisor.fit_time import Range

GB = 1e9
TRAINING = (
    "assumed: adapters in fp32 on all linear layers, fused AdamW with states as wide as what is",
    "trained, no dropout, no padding, no autocast; QLoRA without fp32 norms and head",
)
ON_CPU = "on a processor weights are taken in 32 bits, but for QLoRA; DPO and --nf4 want --trace"


def fit_lines(found: Sequence[Fit], device: FreeDevice, asked: Mapping[str, Any]) -> Iterator[str]:
    """A table of all answers, then each with its breakdown where there are few."""
    yield f"{device.name}: {device.available_bytes / GB:.1f} GB ({device.told})"
    yield f"{asked['seq_len']:,} tokens a row, batch {asked['batch']:,}; {_work(found, asked)}"
    yield ""
    wide = max(len(each.model) for each in found)
    yield (
        f"{'Model':<{wide}}  {'method':<10}{'peak, GB':>9}{'needs, GB':>11}  {'verdict':<13}"
        f"{'hours [80 %]':>22}  {'USD':>11}"
    )
    for each in found:
        runs = each.verdict in ("fits", "tight")
        yield (
            f"{each.model:<{wide}}  {each.setting.method:<10}{_memory(each.memory)}"
            f"  {SAID[each.verdict]:<13}"
            f"{_hours(each) if runs else '':>22}  {_money(each) if runs else '':>11}"
        ).rstrip()
    yield ""
    yield "Peak: live bytes; needs: what is safe to have free, with the allocator, context, margin."
    if any(each.setting.method != "inference" for each in found):
        yield from TRAINING
    if device.kind == "cpu":
        yield ON_CPU
    for each in found:
        yield from _whole(each) if len(found) <= 2 else _mended(each)
    if len(found) > 2:
        yield from _shared(found)
    if any(each.memory is None for each in found):
        yield "not known: no closed form was fitted to such a setting; add --trace"


def _mended(each: Fit) -> Iterator[str]:
    """What makes one answer among many fit."""
    if each.verdict == "does-not-fit" and not each.changes:
        yield f"{each.model} {each.setting.method}: nothing that was tried makes it fit"
    if each.changes:
        first = each.changes[0]
        yield f"{each.model} {each.setting.method} fits with {first.what}{_slower(first.slower)}"


def _shared(found: Sequence[Fit]) -> Iterator[str]:
    """Warnings of many answers, each once for a model; why there is no time."""
    told = [(each.model, w) for each in found if each.memory for w in each.memory.warnings]
    for model, warning in dict.fromkeys(told):
        yield f"{model}: {warning}"
    without = [each.time_basis for each in found if each.hours is None and each.usd is None]
    for why in dict.fromkeys(filter(None, without)):
        yield f"where there is no time: {why}"


def _work(found: Sequence[Fit], asked: Mapping[str, Any]) -> str:
    """What times and prices are of."""
    methods = {each.setting.method for each in found}
    told = []
    if methods != {"inference"}:
        told.append(f"{asked['rows']:,} rows {asked['epochs']:g} times")
    if "inference" in methods:
        told.append(f"{asked['requests']:,} requests a month")
    return ", ".join(told)


def _whole(each: Fit) -> Iterator[str]:
    """The breakdown of one answer."""
    memory = each.memory
    yield ""
    yield f"{each.model}, {each.setting.method}"
    if memory is not None:
        held, high = memory.reserved_bytes / GB, memory.reserved_high_bytes / GB
        span = f"{held:.2f} to {high:.2f}" if high > held else f"{held:.2f}"
        yield f"  live at the peak ({memory.at}): {memory.allocated_bytes / GB:.2f} GB"
        yield f"  held by the allocator: {span} GB"
        whose = "process and libraries" if each.setting.device == "cpu" else "CUDA context"
        yield f"  {whose}: {memory.context_bytes / GB:.2f} GB"
        yield f"  needs {memory.safe_bytes / GB:.2f} GB free: {SAID[each.verdict]}"
        for line in (*memory.warnings, *memory.basis):
            yield f"  - {line}"
    if each.tokens_per_s:
        yield f"  {each.tokens_per_s:,.0f} tokens a second"
    if each.request_s:
        yield f"  {_span(each.request_s)} s a request"
    if each.time_basis:
        what = "price" if each.hours is None and each.usd else "time"
        yield f"  - {what}: {each.time_basis}"
    if each.usd_per_hour is not None:
        yield f"  - an hour: {each.usd_per_hour:g} USD ({each.price_source or 'your own'})"
    for change in each.changes:
        needs = change.safe_bytes / GB
        yield f"  fits with {change.what}: {needs:.2f} GB{_slower(change.slower)}"
    if each.verdict == "does-not-fit" and not each.changes:
        yield "  no change that was tried makes it fit; take a smaller model or a larger card"
    yield f"  check it: {each.check}"


def _memory(memory: Memory | None) -> str:
    if memory is None:
        return f"{'?':>9}{'?':>11}"
    return f"{memory.allocated_bytes / GB:>9,.1f}{memory.safe_bytes / GB:>11,.1f}"


def _slower(slower: float | None) -> str:
    return "" if slower is None else f", {slower:.2f} times the time"


def _hours(each: Fit) -> str:
    return "" if each.hours is None else _span(each.hours)


def _span(found: Range) -> str:
    return f"{_short(found.median)} [{_short(found.low)}, {_short(found.high)}]"


def _short(value: float) -> str:
    """Two digits that count: `0.079`, `3.4`, `1,900`."""
    return f"{value:,.0f}" if value >= 10 else f"{value:.2g}"


def _money(each: Fit) -> str:
    if each.usd is None:
        return ""
    month = "/month" if each.setting.method == "inference" else ""
    return f"{_short(each.usd.median)}{month}"
