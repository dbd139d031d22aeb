"""What is measured of a family on a rung: the product's own cells, with trained settings tried from
a list that was fixed beforehand in place of a search."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import NamedTuple

from probes.lab.family import TUNED_SHARE
from probes.methods import Battery, Known, Proposals, Situation, method, observed
from probes.methods.lora_rag import best_context
from probes.records import Cell, Json, Measurement

FRACTIONS = (1.0, 0.5, 0.25, 0.125)
"""Shares of the train split."""
SEEDS = 3
PROMPTS = ("zero_shot", "steps", "few_shot", "rag", "oracle", "vote")
"""Methods whose own proposals are measured as they are."""
TRAINED = ("lora", "lora_rag")
"""Methods with settings from TRIALS. Full fine-tuning is left out for its time alone."""
TRIALS: dict[str, tuple[tuple[int, float], ...]] = {
    "pocket-xs": ((8, 4e-3), (16, 4e-3), (16, 8e-3)),
    "pocket-s": ((8, 4e-3), (16, 4e-3), (16, 2e-3)),
    "pocket-m": ((8, 4e-3), (8, 2e-3), (16, 2e-3)),
}
"""(passes, learning rate) by rung: what results/pocket/truth.py tries on the example tasks."""
RANK, ALPHA = 16, 32
LAB = Battery(
    name="lab",
    n_trials=1,
    confirmed=0,
    epochs=(2, 4),
    fractions=(),
    seeds=SEEDS,
    shots=(4, 8),
    passages=(1, 3),
    samples=8,
    rag_trials=1,
    max_train=2000,
    max_dev=300,
    max_test=300,
)
"""Numbers of examples, passages and samples; the product's `quick`, without its search."""
FEW_SAMPLES = 4
"""Answers drawn for a vote where the task is no reasoning: long answers, drawn often, would cost
more than all the rest."""


def at_fraction(situation: Situation, fraction: float) -> Situation:
    """The situation of whom has that share of the training data."""
    n_train = max(8, round(fraction * situation.n_train))
    return situation.model_copy(update={"n_train": n_train})


def proposals(name: str, situation: Situation, known: Known, whole: Situation) -> Proposals:
    """What one method asks for; `whole` is the situation with all of the data."""
    if name in PROMPTS:
        return method(name).propose(situation, known)
    return _trained(name, situation, known, whole)


def everything(
    situation: Situation, whole: Situation, names: Sequence[str] = (), before: Known | None = None
) -> Proposals:
    """The cells of all methods, or of those named, in the product's order; `before` is what earlier
    ones were sent."""
    known = {name: list(found) for name, found in (before or {}).items()}
    for name in names or (*PROMPTS, *TRAINED):
        seen: list[Measurement] = []
        yield from observed(proposals(name, situation, known, whole), seen)
        known[name] = seen


def n_tuned(n_train: int) -> tuple[int, int]:
    """(rows of the train split that settings are tried on, rows that they are compared on)."""
    at = round(TUNED_SHARE * n_train)
    return at, n_train - at


def tuning_cells(whole: Situation) -> list[Cell]:
    """The settings of LoRA on this rung, tried once on a part of the train split."""
    n_train, n_eval = n_tuned(whole.n_train)
    return [
        whole.cell("lora", "tune", params=params, n_train=n_train, n_eval=n_eval)
        for params in trial_settings(whole.rung)
    ]


def trial_settings(rung: str) -> list[Json]:
    """LoRA's settings as cells have them."""
    return [
        {
            "learning_rate": rate,
            "rank": RANK,
            "epochs": epochs,
            "batch_size": 16,
            "decoding": "generate",
            "list_labels": False,
            "alpha": ALPHA,
        }
        for epochs, rate in TRIALS[rung]
    ]


def _trained(name: str, situation: Situation, known: Known, whole: Situation) -> Proposals:
    """LoRA's setting is chosen once, with all of the data; LoRA on retrieval takes it over."""
    settings = yield from _chosen(known, whole)
    if settings is None:
        return
    if name == "lora_rag":
        context = best_context(situation, known)
        if context is None:
            return
        settings = settings | context
    yield repeats(name, situation, settings)


def repeats(name: str, situation: Situation, settings: Json) -> list[Cell]:
    """The runs of one trained setting, a seed each."""
    return [
        situation.cell(
            name,
            "repeat",
            params=settings,
            n_train=situation.n_train,
            seed=situation.seed + run,
        )
        for run in range(1, SEEDS + 1)
    ]


def _chosen(
    known: Known, whole: Situation
) -> Generator[list[Cell], list[Measurement], Json | None]:
    tried = [found for found in known.get("lora", ()) if found.cell.role == "tune"]
    if not tried:
        tried = yield tuning_cells(whole)
    usable = [found for found in tried if found.status == "ok" and found.quality is not None]
    # Of equals the first in the order of TRIALS, which is that of their price.
    winner = max(
        usable, key=lambda found: found.quality.value if found.quality else 0, default=None
    )
    return None if winner is None else winner.cell.params


# ---------------------------------------------------------------- stages


class Stage(NamedTuple):
    """What is measured in one go over the families."""

    fraction: float
    methods: tuple[str, ...]
    largest: bool = True
    """Whether the largest rung is measured too."""


EVERY = (*PROMPTS, *TRAINED)
STAGES: tuple[Stage, ...] = (
    Stage(1.0, PROMPTS),
    Stage(1.0, EVERY),
    Stage(0.25, EVERY),
    *(Stage(fraction, TRAINED, largest=False) for fraction in (0.5, 0.125)),
    *(Stage(fraction, EVERY) for fraction in (0.5, 0.125)),
)
"""Most useful first: all of the data, then a quarter, then points of learning curves, then what is
left. A stage goes through the cells of earlier ones again and finds them in the table."""
