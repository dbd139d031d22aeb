"""Times at the speed that a short probe of the machine at hand measured (`probes.speed_probe`)."""

from __future__ import annotations

from pydantic import Field

from knowledge.decoding import Request, answer_ops, prompt_ops, weights_bytes
from knowledge.records import Fact
from knowledge.throughput import Network, Prediction, around

PROBED_HALF, PROBED_HALF_GPU = 0.2, 0.3
"""Half widths in logarithms of an 80 % interval after a probe: wider than whole models on a CPU
were off (`results/fit/probe.md`), as a user's machine does other things too. No GPU was tried."""


class LocalSpeed(Fact):
    """What the probe measured."""

    device: str
    """`cpu`, or `cuda` with the name of the card."""
    dtype: str
    """`float32` or `bfloat16`."""
    threads: int
    hidden_size: int
    n_layers: int
    tokens: int
    """Of the micro-step that was timed."""
    training_ops_per_s: float = Field(gt=0)
    inference_ops_per_s: float = Field(gt=0)
    """In reading a prompt."""
    decode_bytes_per_s: float = Field(gt=0)
    """Weights read in writing tokens at batch 1."""
    steps: int
    """Micro-steps that were timed, of which the shortest counts."""
    seconds: float
    """That the probe took, imports of torch left out."""
    versions: dict[str, str]

    @property
    def half_width(self) -> float:
        """Of an 80 % interval, in logarithms, after a probe of that kind of device."""
        return PROBED_HALF if self.device == "cpu" else PROBED_HALF_GPU


def probed_training(operations: float, probe: LocalSpeed) -> Prediction:
    """Training of so many operations at the probe's speed."""
    return around(
        operations / probe.training_ops_per_s,
        probe.half_width,
        operations,
        f"a probe of {probe.device}, {probe.dtype}, {probe.tokens} tokens a step",
    )


def probed_latency(network: Network, request: Request, probe: LocalSpeed) -> Prediction:
    """Seconds of one request by itself, weights in the probe's dtype."""
    width = 2 if probe.dtype == "float32" else 1  # over the 16 bits of weights_bytes
    reading = prompt_ops(network, request.prompt_tokens) / probe.inference_ops_per_s
    a_token = width * weights_bytes(network, "none") / probe.decode_bytes_per_s
    return around(
        reading + request.new_tokens * a_token,
        probe.half_width,
        answer_ops(network, request),
        f"a probe of {probe.device}, {probe.dtype}",
    )
