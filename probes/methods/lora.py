"""LoRA and QLoRA: adapters on all linear layers, tuned by Optuna, over data fractions and seeds."""

from __future__ import annotations

from probes.methods import Answers, Known, Proposals, Request, Situation, trained, tuning
from probes.records import Json

RANKS = (8, 16, 32)
FIXED: Json = {"alpha": 32}
"""Alpha stays while the rank varies, so that the best learning rate hardly moves with the rank
("LoRA Without Regret", Schulman et al., Thinking Machines, 2025)."""


def central_learning_rate(hidden_size: int) -> float:
    """Where the search begins: 5e-4 (2000 / hidden) ^ 0.781.

    Source: tinker-cookbook, `hyperparam_utils.get_lr`, exponent of the Llama family. The exponent
    of the Qwen family (0.0775) would start pocket models ten times too low; the search spans a
    factor of four on either side.
    """
    return float(5e-4 * (2000 / hidden_size) ** 0.781)


def propose(situation: Situation, known: Known) -> Proposals:
    """Optuna's trials, then the learning curve and the repeats with the best setting."""
    battery = situation.battery
    space = tuning.Space(
        method="lora",
        centre=central_learning_rate(situation.hidden_size),
        n_trials=(0 if situation.smallest else battery.larger_trials) or battery.n_trials,
        ranks=RANKS,
        fixed=FIXED,
        fractions=battery.fractions,
    )
    yield from tuning.tuned(situation, space)


def answer(request: Request) -> Answers:
    """Train an adapter (or load one), answer with it, and leave the base as it was."""
    return trained.answer(request)
