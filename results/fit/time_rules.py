"""Rules of thumb that the time model is compared with: seconds of a row, by a sum."""

from __future__ import annotations

from collections.abc import Callable

from knowledge.cost import SERVING_UTILISATION, inference_flops, training_flops
from knowledge.decoding import stored_bytes
from knowledge.measured import Measured
from knowledge.throughput import operations
from results.fit.time import device_of, job_of, network_of

Rule = Callable[[Measured], float]
BANDWIDTH_RULE = 0.55


def sixes(row: Measured) -> float:
    """6 N a token at 40 % of the peak, whatever the method."""
    fast = 2 if job_of(row).eight_bit else 1
    peak = device_of(row).tflops * 1e12 * 0.4 * fast
    return 6.0 * row.n_params * job_of(row).tokens / peak


def method_at_two_fifths(row: Measured) -> float:
    """The method's own operations, recomputation and attention counted, at 40 % of the peak."""
    fast = 2 if job_of(row).eight_bit else 1
    return operations(network_of(row), job_of(row)) / (device_of(row).tflops * 1e12 * 0.4 * fast)


def present(row: Measured) -> float:
    """Operations of the method at the constant share of `knowledge.cost`."""
    flops = training_flops(
        row.n_params, round(job_of(row).tokens), all_weights=row.method == "full"
    )
    return flops / (device_of(row).tflops * 1e12 * SERVING_UTILISATION)


def by_bandwidth(row: Measured) -> float:
    """All weights read at 55 % of the bandwidth."""
    read = stored_bytes(network_of(row), row.quantisation)
    return read / (device_of(row).bandwidth_gb_s * 1e9 * BANDWIDTH_RULE)


def present_answers(row: Measured) -> float:
    """2 N operations for each token of prompt and answer at the share of `knowledge.cost`."""
    new = row.new_tokens or 1
    prompt = 0 if row.prompt_tokens_per_s else row.prompt_tokens or 0
    flops = inference_flops(row.n_params, 1) * (prompt + new) / new
    return flops / (device_of(row).tflops * 1e12 * SERVING_UTILISATION)
