"""How long answers take: the prompt read in one pass, then one token after another.

A token reads every weight and the cache once; a batch shares the weights:

    device = (weights + batch x cache) / (bandwidth x share) + batch x 2 N / (peak x e)

In transformers' own generation the host launches kernels at the same time and is mostly the slower
one, and the cache is copied for each token and repeated for each query head; in a serving engine a
time a layer adds to it. Published batched rows were not found: how time grows with the batch rests
on the form alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from knowledge.laws import DecodingLaw, Throughput, TrainingLaw
from knowledge.throughput import (
    Device,
    Network,
    Prediction,
    attention_a_token,
    interval,
    waited,
)

Runtime = Literal["eager", "served"]
BITS = {
    "none": 16.0,
    "fp8": 8.0,
    "gptq-int8": 8.2,
    "gptq-int4": 4.2,
    "awq-int4": 4.2,
    "bnb-nf4": 4.5,
    "bnb-nf4-dq": 4.13,
    "mlx-q8": 8.5,
    "mlx-q6": 6.5,
    "mlx-q5": 5.5,
    "mlx-q5-g32": 6.0,
    "mlx-q4": 4.5,
    "mlx-q4-g32": 5.0,
}
"""Bits of a weight with its share of the scales: groups of 128 for GPTQ and AWQ, 64 for NF4 and
MLX (32 where the name says so)."""

USABLE_MEMORY = 0.9
"""Share of a device's memory that weights and caches may take: vLLM's `gpu_memory_utilization`."""


def group_name(stack: str, quantisation: str) -> str:
    """Name of the effect that a stack has with weights of that width."""
    bits = BITS[quantisation]
    return f"{stack} {16 if bits > 12 else 8 if bits > 6 else 4}-bit"


@dataclass(frozen=True)
class Serving:
    """How a model is run for answers."""

    runtime: Runtime = "served"
    quantisation: str = "none"
    """A name of BITS."""
    batch: int = 1
    """Requests that are answered side by side."""
    stack: str = ""
    """Published stack whose effect counts; empty for one that was not measured."""


@dataclass(frozen=True)
class Request:
    """One question and its answer, in tokens."""

    prompt_tokens: float
    new_tokens: float


def weights_bytes(network: Network, quantisation: str) -> float:
    """Bytes of weights read for a token; the last layer stays in 16 bits, rows of the embedding
    table are few."""
    table = network.vocab_size * network.hidden_size
    body = network.active - table * (1 if network.tied else 2)
    return body * BITS[quantisation] / 8 + 2 * table


def stored_bytes(network: Network, quantisation: str) -> float:
    """Bytes of all weights, embeddings in 16 bits."""
    tables = network.vocab_size * network.hidden_size * (1 if network.tied else 2)
    return (network.n_params - tables) * BITS[quantisation] / 8 + 2 * tables


def cache_bytes(network: Network) -> float:
    """Bytes of keys and values of one token, in 16 bits."""
    return 4.0 * network.n_layers * network.kv_columns


def token_s(
    network: Network, serving: Serving, device: Device, context: float, laws: Throughput
) -> float:
    """Seconds of one step, which writes a token for each request of the batch.

    Args:
        network: the model.
        serving: its weights, runtime and batch.
        device: what it runs on.
        context: tokens in the cache of each request.
        laws: the products' share of the peak is that of training.

    Raises:
        KeyError: no quantisation of BITS.
    """
    law = laws.decoding
    bandwidth, peak = device.bandwidth_gb_s * 1e9 * law.bandwidth, device.tflops * 1e12
    eager = serving.runtime == "eager"
    cache = serving.batch * context * cache_bytes(network) * (law.cache_eager if eager else 1.0)
    device_s = (weights_bytes(network, serving.quantisation) + cache) / bandwidth
    device_s += serving.batch * 2 * network.active / (peak * laws.training.gemm)
    if not eager:
        return device_s + law.launch_served_s * network.n_layers
    host_s = law.launch_eager_s * network.n_layers * _slower(serving.quantisation, law)
    return waited(device_s, host_s, law.power)


def _slower(quantisation: str, law: DecodingLaw) -> float:
    """Host time of layers of that kind over that of 16-bit ones, in transformers' generation."""
    if "nf4" in quantisation:
        return law.nf4
    return law.eight_bit if BITS[quantisation] > 7.5 and quantisation != "none" else 1.0


def prompt_ops(network: Network, tokens: float) -> float:
    """Operations of reading a prompt: 2 N a token, and causal attention."""
    return tokens * (2.0 * network.active + attention_a_token(network, tokens))


def prompt_s(network: Network, tokens: float, device: Device, law: TrainingLaw) -> float:
    """Seconds in which a prompt is read: a forward pass as in training, without its logits."""
    peak, bandwidth = device.tflops * 1e12, device.bandwidth_gb_s * 1e9
    products = 2.0 * network.active * tokens
    traffic = tokens * network.n_layers * network.hidden_size * law.traffic / 3
    attention = prompt_ops(network, tokens) - products
    return products / (peak * law.gemm) + attention / (peak * law.attention) + traffic / bandwidth


def answer_ops(network: Network, request: Request) -> float:
    """Operations of one request: its prompt, and 2 N for each token written."""
    return prompt_ops(network, request.prompt_tokens) + 2 * network.active * request.new_tokens


def latency(
    network: Network, serving: Serving, request: Request, device: Device, laws: Throughput
) -> Prediction:
    """Seconds that one request waits in a batch, its prompt read alone, with an 80 % interval."""
    return _answered(network, serving, request, device, laws, sharing=1)


def answering_time(
    network: Network, serving: Serving, request: Request, device: Device, laws: Throughput
) -> Prediction:
    """Device seconds that one request costs, with an 80 % interval.

    Prompts are read one after the other, tokens written for the whole batch at once.
    """
    return _answered(network, serving, request, device, laws, sharing=serving.batch)


def _answered(
    network: Network,
    serving: Serving,
    request: Request,
    device: Device,
    laws: Throughput,
    *,
    sharing: int,
) -> Prediction:
    """Reading a prompt, and writing its answer in steps whose time so many requests share."""
    context = request.prompt_tokens + request.new_tokens / 2  # the mean over the answer
    step = token_s(network, serving, device, context, laws) / sharing
    seconds = prompt_s(network, request.prompt_tokens, device, laws.training)
    seconds += request.new_tokens * step
    group = group_name(serving.stack, serving.quantisation)
    work = answer_ops(network, request)
    return interval(seconds, laws.decoding.spread, group, device.name, work)


def largest_batch(
    network: Network, quantisation: str, request: Request, memory_gb: float, at_most: int = 64
) -> int:
    """Requests whose caches fit beside the weights in USABLE_MEMORY of the device's, given in 10^9
    bytes; 0 for none."""
    room = USABLE_MEMORY * memory_gb * 1e9 - stored_bytes(network, quantisation)
    each = (request.prompt_tokens + request.new_tokens) * cache_bytes(network)
    return max(0, min(at_most, int(room / each)))
