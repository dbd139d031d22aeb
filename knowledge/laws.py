"""The constants of times, with how far off they were: `knowledge/throughput/throughput.yaml`.

Fitted by `results/fit/time.py`; the formulas are those of `knowledge.throughput` and `.decoding`.
"""

from __future__ import annotations

from pydantic import Field

from knowledge.records import Fact, IsoDate, Source


class Stack(Fact):
    """What one stack's rows add to the law that all share."""

    name: str
    effect: float
    """Natural logarithm of its time over the law's, shrunk towards 0."""
    devices: tuple[str, ...]
    """Where it was measured."""
    n: int
    """Rows."""


class Spread(Fact):
    """Half widths of 80 % intervals, in natural logarithms of time."""

    known: float = Field(gt=0)
    """Of a stack that was measured, on a device on which it was."""
    new: float = Field(gt=0)
    """Of any other stack or device: the differences between sources come on top."""
    stacks: tuple[Stack, ...]


class TrainingLaw(Fact):
    """The constants of a micro-step."""

    gemm: float = Field(gt=0, le=1)
    """e: share of the peak in products with weights."""
    attention: float = Field(gt=0, le=1)
    """a: share of the peak in attention."""
    traffic: float = Field(gt=0)
    """Bytes moved for a token, layer and column in forward and backward pass together."""
    launch_s: float = Field(gt=0)
    """Host time of one pass over one layer."""
    dequantising: float = Field(gt=0)
    """Cost of using 4-bit weights, as a multiple of the least bytes that must move."""
    update: float = Field(gt=0)
    """Cost of the update of all weights, as a multiple of the same kind."""
    power: float = Field(ge=1)
    """p: 1 where device and host take turns, large where the slower one hides the other."""
    spread: Spread


class DecodingLaw(Fact):
    """The constants of writing one token: see `knowledge.decoding`."""

    bandwidth: float = Field(gt=0, le=1)
    """Share of the memory's bandwidth that reading weights reaches."""
    launch_eager_s: float = Field(gt=0)
    """Host time of a layer in transformers' own generation."""
    launch_served_s: float = Field(gt=0)
    """Time that a layer takes in a serving engine, whatever its size."""
    cache_eager: float = Field(gt=0)
    """Times that the cache is moved in transformers' own generation."""
    eight_bit: float = Field(gt=0)
    """Host time of 8-bit layers over that of 16-bit ones, in transformers' own generation."""
    nf4: float = Field(gt=0)
    """The same of bitsandbytes' 4-bit layers."""
    power: float = Field(ge=1)
    """As in training; in a serving engine the two add up."""
    spread: Spread


class Throughput(Fact):
    """Everything that times are computed from."""

    training: TrainingLaw
    decoding: DecodingLaw
    fitted: IsoDate
    sources: tuple[Source, ...]
