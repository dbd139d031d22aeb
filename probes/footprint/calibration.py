"""From what a setting takes by form or trace to what a stack was measured to take.

    measured = live + factors x terms

Terms are bytes that stacks differ in: what the allocator holds over live bytes, a constant, what
grows with tokens times the vocabulary (how the loss is computed), what a layer keeps, and what
4-bit weights take beside themselves. The factors are learnt from published rows
(`results/fit/memory.py`), shrunk towards those of stacks with the same code and then towards those
of all.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

from knowledge.load import memory_stacks
from knowledge.stack_memory import MemoryLaw, run_name
from probes.footprint.closed_form import Shapes
from probes.footprint.settings import Architecture, Setting

CONSTANT_BYTES = 1e9
LEAST = 0.5
"""Share of live bytes below which no correction goes."""
DEFAULT_STACK = "peft-l40s-2026"
"""The rows nearest to what this product trains with: today's transformers and peft."""


@dataclass(frozen=True)
class Calibrated:
    """Bytes with their 80 % interval, and what they rest on."""

    low_bytes: float
    median_bytes: float
    high_bytes: float
    basis: str


def terms_of(
    architecture: Architecture, setting: Setting, *, beyond: float, four_bit: bool
) -> dict[str, float]:
    """The bytes that stacks differ in.

    Args:
        architecture: the model.
        setting: the run.
        beyond: what the allocator holds over live bytes; 0 where live bytes are asked for.
        four_bit: whether weights are in 4 bits, whoever packed them.
    """
    shapes = Shapes.of(architecture)
    rows = setting.batch * (2 if setting.method == "dpo" else 1)
    tokens = float(rows * setting.seq_len)
    found = {"held": beyond, "constant": CONSTANT_BYTES}
    if setting.method == "inference":
        whole = rows * (setting.seq_len + setting.new_tokens)
        found["cache"] = 4.0 * whole * shapes.n_layers * shapes.keys
    else:
        deep = 1 if setting.checkpointing else shapes.n_layers
        whole = setting.loss == "plain" and setting.method != "dpo"
        found["tokens x vocabulary"] = tokens * shapes.vocabulary * whole
        found["tokens x hidden"] = 2.0 * deep * tokens * shapes.hidden
        found["4-bit tokens x hidden"] = found["tokens x hidden"] * four_bit
    found["4-bit tables"] = 2.0 * shapes.vocabulary * shapes.hidden * four_bit
    return found


@cache
def _laws() -> dict[str, MemoryLaw]:
    return {law.kind: law for law in memory_stacks()}


def by_stack(
    live_bytes: float,
    held_bytes: float,
    architecture: Architecture,
    setting: Setting,
    stack: str = DEFAULT_STACK,
) -> Calibrated:
    """What the allocator is expected to hold with that stack, without the CUDA context.

    Args:
        live_bytes: peak of live bytes, by form or trace.
        held_bytes: what a replay held, or the median of replays.
        architecture: the model.
        setting: the run.
        stack: a name of the laws, else the start of one (`litgpt-2025`), else anything.
    """
    kind = "inference" if setting.method == "inference" else "training"
    terms = terms_of(
        architecture, setting, beyond=held_bytes - live_bytes, four_bit=setting.quantised
    )
    run = run_name(setting.method, setting.checkpointing)
    found = calibrated(live_bytes, terms, _laws()[kind], stack, run)
    if stack != DEFAULT_STACK:
        return found
    # the very operations that were traced: no allocator holds less than what is live
    return Calibrated(
        max(found.low_bytes, live_bytes),
        max(found.median_bytes, live_bytes),
        max(found.high_bytes, live_bytes),
        found.basis,
    )


def calibrated(
    live_bytes: float, terms: dict[str, float], law: MemoryLaw, stack: str, run: str
) -> Calibrated:
    """The same by a law and terms that are given."""
    factors, basis = law.of(stack)
    median = live_bytes + sum(factors.get(name, 0.0) * size for name, size in terms.items())
    median = max(median, LEAST * live_bytes)
    half = law.half(stack, run)
    return Calibrated(median * math.exp(-half), median, median * math.exp(half), basis)
