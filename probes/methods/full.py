"""Full fine-tuning: every weight is trained, where weights, gradients and moments fit."""

from __future__ import annotations

from probes.methods import Answers, Known, Proposals, Request, Situation, best, trained, tuning
from probes.methods.lora import central_learning_rate

LORA_FACTOR = 10.0
"""LoRA's best learning rate is about ten times that of full fine-tuning ("LoRA Without Regret",
Schulman et al., Thinking Machines, 2025)."""


def propose(situation: Situation, known: Known) -> Proposals:
    """A shorter search than LoRA's, from a tenth of LoRA's learning rate, and the repeats."""
    if not situation.full_fits or not situation.battery.full_trials:
        return
    lora = best([found for found in known.get("lora", ()) if found.cell.role == "repeat"])
    first = None
    if lora is not None:
        rate = lora.cell.params["learning_rate"] / LORA_FACTOR
        first = {"learning_rate": rate, "epochs": lora.cell.params["epochs"]}
    space = tuning.Space(
        method="full",
        centre=central_learning_rate(situation.hidden_size) / LORA_FACTOR,
        n_trials=situation.battery.full_trials,
        fixed={"trainable": "all"},
        first=first,
    )
    yield from tuning.tuned(situation, space)


def answer(request: Request) -> Answers:
    """Train all weights (or load what was trained), answer, and put the base's weights back."""
    return trained.answer(request)
