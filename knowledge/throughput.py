"""How long training takes: operations and bytes of a micro-step over what a device reaches of them.

A micro-step waits for the device or for the host that launches its kernels, whichever is slower:

    device = linear / (peak x e) + attention / (peak x a) + bytes / bandwidth + optimiser
    host   = launch x layers x passes
    time   = (device^p + host^p)^(1/p)

so that utilisation is not a constant: it rises with the tokens of a micro-step and with the width
of the model, and falls where a card has many operations to a byte. Operations are those of Kaplan
et al. (arXiv 2001.08361), attention halved because it is causal. The few constants are fitted to
published measurements by `results/fit/time.py`; how far predictions were off for sources that the
fit had not seen stands in `results/fit/time.md`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

from knowledge.laws import Spread, TrainingLaw
from knowledge.records import Machine, ModelCard

Checkpointing = Literal["none", "selective", "full"]
OPS_A_WEIGHT = {"full": 6.0, "lora": 4.0, "qlora": 4.0}
"""Operations that a weight takes with every trained token: 2 forward, 2 for the gradient of the
activations, and 2 for the weight's own, which a frozen one does not need."""
RECOMPUTED = {"none": 0.0, "selective": 0.5, "full": 1.0}
"""Share of the forward pass that checkpointing runs again."""
LOGIT_BYTES = 24
"""Bytes moved for one logit: fp32 logits, log-probabilities and gradient, written and read."""
MOMENT_BYTES = 22
"""Bytes of a weight's update in bf16: weight and two moments read and written, gradient read twice
and written, and the norm for clipping."""
DEQUANTISED_BYTES = 4.5
"""Bytes moved to use one 4-bit weight: half a byte read, two written, two read again."""


@dataclass(frozen=True)
class Network:
    """What the speed of a model depends on."""

    n_params: int
    n_layers: int
    hidden_size: int
    vocab_size: int
    kv_columns: int
    """Columns of all key heads of a layer."""
    tied: bool = False
    n_active: int = 0
    """Parameters that a token passes through; 0 for all of them."""

    @property
    def active(self) -> int:
        """Parameters that a token passes through."""
        return self.n_active or self.n_params


def network_of(card: ModelCard) -> Network:
    """The shape of a card's model."""
    return Network(
        n_params=card.n_params,
        n_layers=card.n_layers,
        hidden_size=card.hidden_size,
        vocab_size=card.vocab_size,
        kv_columns=card.n_kv_heads * card.head_columns,
        tied=bool(card.tied_embeddings),
    )


@dataclass(frozen=True)
class Device:
    """The ceilings of one device."""

    name: str
    tflops: float
    """Dense bf16 peak with fp32 accumulation, in 10^12 operations a second."""
    bandwidth_gb_s: float


def ceilings_of(machine: Machine) -> Device:
    """The machine as times are computed from it."""
    return Device(machine.name, machine.tflops, machine.bandwidth_bytes_per_s / 1e9)


@dataclass(frozen=True)
class Job:
    """One way to train, as one device sees a micro-step."""

    method: Literal["full", "lora", "qlora"]
    seq_len: float
    """Tokens of a sequence, padding counted."""
    micro_batch: int = 1
    """Sequences of a micro-step; with `preference`, pairs."""
    checkpointing: Checkpointing = "none"
    accumulation: int = 1
    """Micro-steps to one update of the weights."""
    preference: bool = False
    """DPO: two answers a pair, and a pass of the reference without gradient."""
    eight_bit: bool = False
    """Products in 8 bits, at twice the peak."""
    update_shards: int = 1
    """Devices among which the update of the weights is divided."""

    @property
    def tokens(self) -> float:
        """Tokens of one micro-step."""
        return self.seq_len * self.micro_batch * (2 if self.preference else 1)

    @property
    def passes(self) -> float:
        """Passes over the layers, a forward one counted as 1 and a backward one as 2."""
        return 3.0 + RECOMPUTED[self.checkpointing] + (1.0 if self.preference else 0.0)


def linear_ops(network: Network, job: Job) -> float:
    """Operations of products with weights in a micro-step.

    A token takes 6 N, or 4 N where weights are frozen; 2 N more for a forward pass run again and
    for that of the reference.
    """
    again = 2.0 * RECOMPUTED[job.checkpointing] + (2.0 if job.preference else 0.0)
    return (OPS_A_WEIGHT[job.method] + again) * network.active * job.tokens


def attention_a_token(network: Network, tokens: float) -> float:
    """Operations of attention in one pass over so many tokens, for each: 4 L H S, halved as it is
    causal."""
    return 4.0 * network.n_layers * network.hidden_size * tokens / 2


def attention_ops(network: Network, job: Job) -> float:
    """Operations of attention in a micro-step: 12 L H S a token, halved as it is causal."""
    return attention_a_token(network, job.seq_len) * job.passes * job.tokens


def operations(network: Network, job: Job) -> float:
    """All operations of a micro-step."""
    return linear_ops(network, job) + attention_ops(network, job)


@dataclass(frozen=True)
class Prediction:
    """A time with its 80 % interval, and what it was computed from."""

    low_s: float
    median_s: float
    high_s: float
    operations: float
    basis: str

    def times(self, factor: float) -> Prediction:
        """The same work so many times."""
        return replace(
            self,
            low_s=self.low_s * factor,
            median_s=self.median_s * factor,
            high_s=self.high_s * factor,
            operations=self.operations * factor,
        )


def parts(network: Network, job: Job, device: Device, law: TrainingLaw) -> dict[str, float]:
    """Seconds of a micro-step by what they go to, `launch` being the host's."""
    peak, bandwidth = device.tflops * 1e12, device.bandwidth_gb_s * 1e9
    columns = network.n_layers * network.hidden_size * law.traffic * job.passes / 3
    found = {
        "products": linear_ops(network, job) / (peak * law.gemm) / (2 if job.eight_bit else 1),
        "attention": attention_ops(network, job) / (peak * law.attention),
        "traffic": job.tokens * (columns + network.vocab_size * LOGIT_BYTES) / bandwidth,
        "launch": law.launch_s * network.n_layers * job.passes,
    }
    if job.method == "qlora":
        read = network.n_params * job.passes * DEQUANTISED_BYTES
        found["dequantising"] = law.dequantising * read / bandwidth
    if job.method == "full":
        moved = network.n_params * MOMENT_BYTES / job.accumulation / job.update_shards
        found["update"] = law.update * moved / bandwidth
    return found


def micro_step_s(network: Network, job: Job, device: Device, law: TrainingLaw) -> float:
    """Seconds of one micro-step by the law that all stacks share."""
    found = parts(network, job, device, law)
    return waited(sum(found.values()) - found["launch"], found["launch"], law.power)


def waited(device_s: float, host_s: float, power: float) -> float:
    """Time of two that work side by side: (device^p + host^p)^(1/p), without underflow."""
    longer, shorter = max(device_s, host_s), min(device_s, host_s)
    return longer * math.pow(1.0 + math.pow(shorter / longer, power), 1 / power)


def around(median_s: float, half: float, work: float, basis: str) -> Prediction:
    """A time whose logarithm may be off by `half` either way."""
    return Prediction(
        low_s=median_s * math.exp(-half),
        median_s=median_s,
        high_s=median_s * math.exp(half),
        operations=work,
        basis=basis,
    )


def interval(median_s: float, spread: Spread, stack: str, device: str, work: float) -> Prediction:
    """The law's time moved by the stack's effect, with an interval as wide as it deserves.

    Args:
        median_s: by the law that all stacks share.
        spread: of that law.
        stack: a name of its stacks, or any other.
        device: slug of the machine.
        work: operations.
    """
    known = {row.name: row for row in spread.stacks}.get(stack)
    half, basis = spread.new, f"{len(spread.stacks)} published sources, none of this stack"
    if known is not None:
        median_s *= math.exp(known.effect)
        basis = f"{known.n} published rows of {stack}"
        if device in known.devices:
            half = spread.known
        else:
            basis += f", none on {device}"
    return around(median_s, half, work, basis)


def training_time(
    network: Network, job: Job, device: Device, law: TrainingLaw, stack: str = ""
) -> Prediction:
    """One micro-step on one device, with its 80 % interval."""
    seconds = micro_step_s(network, job, device, law)
    return interval(seconds, law.spread, stack, device.name, operations(network, job))


def utilisation(prediction: Prediction, device: Device) -> float:
    """Share of the device's peak that the median comes to."""
    return prediction.operations / (prediction.median_s * device.tflops * 1e12)
