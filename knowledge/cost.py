"""What a probe, a training run and a month of serving cost: closed forms, no clock."""

from __future__ import annotations

from dataclasses import dataclass

from knowledge.records import Machine, Speed

SERVING_UTILISATION = 0.25
"""Share of a card's peak that batched serving of a small model reaches; an assumption, stated in
every report. HF eager LoRA training of 3B on an L40S was measured at .25 (facts: memory 5.4)."""


@dataclass(frozen=True)
class Work:
    """The amount of work in one cell, before any device is known."""

    train_tokens: int = 0
    """Tokens that pass forward and backward, epochs counted."""
    all_weights: bool = False
    """Whether every weight is trained, or adapters only."""
    train_steps: int = 0
    prefill_tokens: int = 0
    """Prompt tokens of evaluation."""
    output_tokens: int = 0
    """Generated tokens, or candidate tokens scored."""
    forward_calls: int = 0
    """Forward passes of evaluation, each over a batch."""


def training_flops(n_params: int, tokens: int, *, all_weights: bool = False) -> float:
    """Operations of training without checkpointing: 4 N a token for LoRA, 6 N for all weights.

    Forward 2 N, the gradient with respect to activations 2 N, and 2 N for that of the weights,
    which frozen ones do not need (Kaplan et al., arXiv 2001.08361, count 6 N for full training).
    """
    return (6.0 if all_weights else 4.0) * n_params * tokens


def inference_flops(n_params: int, tokens: int) -> float:
    """Operations of a forward pass: 2 N a token (Kaplan et al., arXiv 2001.08361)."""
    return 2.0 * n_params * tokens


def cell_seconds(work: Work, n_params: int, speed: Speed, threads: int = 1) -> float:
    """Predicted wall time of one cell in a warm worker of so many threads, in seconds.

    A forward pass reads every weight once, however few rows there are: that is what writing answers
    token by token costs on larger models.
    """
    flops = training_flops(n_params, work.train_tokens, all_weights=work.all_weights)
    train = flops / speed.flops_per_s_train
    infer = inference_flops(n_params, work.prefill_tokens + work.output_tokens)
    return (
        speed.cell_overhead_s
        + (train + infer / speed.flops_per_s_infer) / threads
        + work.train_steps * speed.step_overhead_s
        + work.forward_calls * (speed.call_overhead_s + n_params / speed.params_read_per_s)
    )


def usd(seconds: float, machine: Machine) -> float:
    """Price of that many seconds of the machine; 0 where it has no price."""
    return seconds / 3600 * (machine.usd_per_hour or 0.0)


def serving_usd_per_month(
    n_params: int, tokens_per_request: float, requests_per_month: int, machine: Machine
) -> float:
    """Price of the month's requests, in USD, when the machine is shared by the second.

    Batched serving at SERVING_UTILISATION of the peak; a machine kept for one task alone costs
    its full hours, which the caller shows beside it.
    """
    flops = inference_flops(n_params, 1) * tokens_per_request * requests_per_month
    seconds = flops / (machine.tflops * 1e12 * SERVING_UTILISATION)
    return usd(seconds, machine)
