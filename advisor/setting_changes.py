"""Changes of a setting that take less memory, from the least to the most."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from probes.footprint.settings import Setting

LEAST_ROW, LEAST_RANK = 256, 8
"""Shortest row and smallest rank that are proposed."""
FEWER_BITS, SMALLER_RANK, SHORTER_ROWS, OTHER_METHOD, OTHER_IN_4_BITS = 1, 2, 3, 4, 5
"""How much a change spoils; 0 leaves the same result but for rounding."""


@dataclass(frozen=True)
class Way:
    """A changed setting."""

    what: str
    """In words, with the batch that it has."""
    setting: Setting
    spoils: int = 0
    """0 for the same result but for rounding, else FEWER_BITS and up."""


def changed(setting: Setting, **update: object) -> Setting:
    """The setting with other fields, checked again."""
    return Setting.model_validate(setting.model_dump() | update)


def ways(setting: Setting) -> Iterator[Sequence[Way]]:
    """Changes by kind, what spoils least first, each with smaller batches behind it."""
    kinds = [[*([way] if way.what else []), *_batches(way)] for way in _kinds(setting)]
    kinds.append([*_shorter(setting)])
    yield from sorted(filter(None, kinds), key=lambda kind: kind[0].spoils)


def _kinds(setting: Setting) -> Iterator[Way]:
    """Changes that leave the batch as it is; the first leaves all as it is."""
    trained = setting.method != "inference"
    chunks = trained and setting.method != "dpo" and setting.loss == "plain"
    kept = changed(setting, checkpointing=True) if trained else setting
    yield Way("", setting)
    if chunks:
        yield _chunked(Way("", setting))
    if trained and not setting.checkpointing:
        yield from _with_chunks(Way("checkpointing", kept), chunks)
    if setting.dtype == "float32" and setting.device == "cuda":
        half = Way("bf16 weights", changed(setting, dtype="bfloat16"), FEWER_BITS)
        yield from _with_chunks(half, chunks)
        if trained:
            less = changed(kept, dtype="bfloat16")
            yield from _with_chunks(Way("bf16 weights, checkpointing", less, FEWER_BITS), chunks)
    if setting.adapted and setting.rank > LEAST_RANK:
        small, named = changed(kept, rank=LEAST_RANK), f"checkpointing, rank {LEAST_RANK}"
        yield from _with_chunks(Way(named, small, SMALLER_RANK), chunks)
    if not setting.quantised and setting.dtype != "float32" and setting.method != "full":
        method = "qlora" if setting.method == "lora" else setting.method
        small = changed(kept, method=method, four_bit=True)
        named = "4 bits, checkpointing" if trained else "4 bits"
        yield from _with_chunks(Way(named, small, FEWER_BITS), chunks)
    if setting.method == "full":
        lora = changed(kept, method="lora")
        named = "another method: LoRA, checkpointing"
        yield from _with_chunks(Way(named, lora, OTHER_METHOD), chunks)
        four = changed(kept, method="qlora", dtype="bfloat16", optimiser="adamw_fused")
        named = "another method: QLoRA, checkpointing"
        yield from _with_chunks(Way(named, four, OTHER_IN_4_BITS), chunks)


def _with_chunks(way: Way, chunks: bool) -> Iterator[Way]:
    """The way, and where that may be, the same with a chunked loss."""
    yield way
    if chunks:
        yield _chunked(way)


def _chunked(way: Way) -> Way:
    named = ", ".join(filter(None, (way.what, "a chunked loss")))
    return replace(way, what=named, setting=changed(way.setting, loss="chunked"))


def _batches(way: Way) -> Iterator[Way]:
    """The batch halved again and again, in training with as many micro-steps more."""
    setting = way.setting
    for size in (setting.batch >> step for step in range(1, setting.batch.bit_length())):
        told, update = f"batch {size}", {"batch": size}
        if setting.method != "inference":
            steps = math.ceil(setting.batch / size)
            told += f" with {steps} micro-steps"
            update["accumulation"] = setting.accumulation * steps
        named = " and ".join(filter(None, (way.what, told)))
        yield replace(way, what=named, setting=changed(setting, **update))


def _shorter(setting: Setting) -> Iterator[Way]:
    """Rows cut at half the length again and again, with whatever else saves without spoiling."""
    *_, least = (way for way in _kinds(setting) if not way.spoils)
    *_, least = (least, *_batches(least))
    length = setting.seq_len // 2
    while length >= LEAST_ROW:
        what = "prompts" if setting.method == "inference" else "rows"
        named = ", ".join(filter(None, (least.what, f"{what} cut at {length:,} tokens")))
        yield Way(named, changed(least.setting, seq_len=length), SHORTER_ROWS)
        length //= 2
