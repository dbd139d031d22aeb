"""LoRA and QLoRA: adapters on all linear layers, tuned by Optuna, over data fractions and seeds."""

from __future__ import annotations

import statistics
from collections.abc import Generator, Sequence
from typing import TYPE_CHECKING

from probes.ladder import SMALL
from probes.methods import Answers, Proposals, Request, Situation
from probes.prompt import conversation
from probes.records import Cell, Json, Measurement

if TYPE_CHECKING:
    import optuna

RANKS = (8, 16, 32)
DEFAULT_RANK = 16
TINY_PASSES = 2
BATCH_SIZE = 16
ALPHA = 32
"""Fixed while the rank varies, so that the best learning rate hardly moves with the rank
("LoRA Without Regret", Schulman et al., Thinking Machines, 2025)."""
CONFIRMING_RUN = 1000
"""Seed offset of the second run of the best trials; the best mean of two runs is chosen. One run of
one setting says little: the same setting varied by tens of points over seeds on tiny models."""
WARM_UP_TRIALS = 3
"""Trials that run to their end before any can be pruned."""


def central_learning_rate(hidden_size: int) -> float:
    """Where the search begins: 5e-4 (2000 / hidden) ^ 0.781.

    Source: tinker-cookbook, `hyperparam_utils.get_lr`, exponent of the Llama family. The exponent
    of the Qwen family (0.0775) would start pocket models ten times too low; the search spans a
    factor of four on either side.
    """
    return float(5e-4 * (2000 / hidden_size) ** 0.781)


def passes(situation: Situation) -> list[int]:
    """Numbers of passes over the data to search, more of them for tiny models.

    pocket-s reached .70 on ticket routing after 4 passes over 775 examples and 1.00 after 10 over
    480 (results/LOG.md); models of 100M and more are usually done after 1 to 4.
    """
    factor = TINY_PASSES if situation.n_params <= SMALL else 1
    return [factor * epochs for epochs in situation.battery.epochs]


def propose(situation: Situation) -> Proposals:
    """Optuna's trials, then the learning curve and the repeats with the best setting."""
    battery = situation.battery
    chosen = yield from _tune(situation)
    if chosen is None:
        return
    full = situation.n_train
    cells = [
        _cell(situation, "curve", chosen, n_train=max(8, round(full * fraction)), run=run)
        for fraction in battery.fractions
        for run in range(1, min(2, battery.seeds) + 1)
    ]
    cells += [
        _cell(situation, "repeat", chosen, n_train=full, run=run)
        for run in range(1, battery.seeds + 1)
    ]
    yield cells


def _cell(situation: Situation, role: str, params: Json, *, n_train: int, run: int) -> Cell:
    return situation.cell("lora", role, params=params, n_train=n_train, seed=situation.seed + run)


def _tune(situation: Situation) -> Generator[list[Cell], list[Measurement], Json | None]:
    """Ask, measure, tell: sequential, so that the same measurements lead to the same trials.

    The study lives in memory and is filled from the measurements that the driver sends, which come
    from the store when they are there. Trials are pruned by the median rule (Golovin et al.,
    Vizier, 2017): the bar for each epoch is part of the cell, so that its outcome depends on
    nothing else.
    """
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    sampler = optuna.samplers.TPESampler(seed=situation.seed, n_startup_trials=4)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    centre = central_learning_rate(situation.hidden_size)
    epochs = passes(situation)
    first = {
        "learning_rate": centre,
        "rank": DEFAULT_RANK,
        "epochs": epochs[min(1, len(epochs) - 1)],
    }
    study.enqueue_trial(first)
    finished: list[Measurement] = []
    for _ in range(situation.battery.n_trials):
        trial = study.ask()
        params = _suggest(trial, centre, epochs)
        params["prune_below"] = _bars(finished, int(params["epochs"]))
        measured = yield [_cell(situation, "tune", params, n_train=situation.n_train, run=0)]
        _tell(study, trial, measured[0])
        finished.extend(measured)
    return (yield from _confirm(situation, finished))


def _confirm(
    situation: Situation, finished: Sequence[Measurement]
) -> Generator[list[Cell], list[Measurement], Json | None]:
    """The setting of the best mean of two runs among the best trials; None where all failed."""
    top = sorted(
        (found for found in finished if found.status == "ok" and found.quality),
        key=lambda found: -_quality(found),
    )[: max(1, situation.battery.confirmed)]
    if not top:
        return None
    settings = [_without_bars(found.cell.params) for found in top]
    if situation.battery.confirmed < 2:
        return settings[0]
    again = yield [
        _cell(situation, "tune", params, n_train=situation.n_train, run=CONFIRMING_RUN)
        for params in settings
    ]
    means = [
        (_quality(first) + _quality(second)) / 2 for first, second in zip(top, again, strict=True)
    ]
    return settings[means.index(max(means))]


def _quality(found: Measurement) -> float:
    return found.quality.value if found.quality is not None else 0.0


def _without_bars(params: Json) -> Json:
    return {name: value for name, value in params.items() if name != "prune_below"}


def _suggest(trial: optuna.Trial, centre: float, epochs: Sequence[int]) -> Json:
    rate = trial.suggest_float("learning_rate", centre / 4, centre * 4, log=True)
    return {
        "learning_rate": float(f"{rate:.3g}"),
        "rank": trial.suggest_categorical("rank", list(RANKS)),
        "epochs": trial.suggest_categorical("epochs", list(epochs)),
        "alpha": ALPHA,
        "batch_size": BATCH_SIZE,
        "decoding": "generate",
        "list_labels": False,
    }


def _tell(study: optuna.Study, trial: optuna.Trial, measured: Measurement) -> None:
    import optuna

    if measured.quality is None:
        study.tell(trial, state=optuna.trial.TrialState.FAIL)
        return
    for record in measured.history:
        if "quality" in record:
            trial.report(record["quality"], step=record["epoch"])
    if measured.status == "pruned":
        study.tell(trial, state=optuna.trial.TrialState.PRUNED)
    else:
        study.tell(trial, measured.quality.value)


def _bars(finished: Sequence[Measurement], epochs: int) -> list[float]:
    """For each epoch but the last, the median that earlier trials had reached by then.

    A trial is held only against trials of as many epochs or fewer: those decay their learning rate
    at least as soon, so they are ahead at the same epoch only if the trial is slow.
    """
    if len(finished) < WARM_UP_TRIALS:
        return []
    bars = []
    for epoch in range(1, epochs):
        reached = [
            record["quality"]
            for found in finished
            if int(found.cell.params["epochs"]) <= epochs
            for record in found.history
            if record.get("epoch") == epoch and "quality" in record
        ]
        bars.append(round(statistics.median(reached), 6) if len(reached) >= 2 else 0.0)
    return bars


def answer(request: Request) -> Answers:
    """Train an adapter (or load one), answer with it, and leave the base as it was."""
    from probes.train import adapted

    params = request.cell.params
    with adapted(request) as run:
        if not run.keep_going:
            return Answers(
                predictions=run.last_predictions,
                pruned=True,
                history=run.history,
                train_tokens=run.train_tokens,
            )
        conversations = [conversation(request.instruction, item) for item in request.items]
        ids = [item.id for item in request.items]
        if params["decoding"] == "choices":
            predictions = request.model.choose(
                conversations, ids, request.labels, progress=request.progress
            )
        else:
            predictions = request.model.generate(
                conversations,
                ids,
                max_new_tokens=request.max_new_tokens,
                progress=request.progress,
            )
        if request.save_adapter is not None:
            run.save(request.save_adapter)
    return Answers(predictions=predictions, history=run.history, train_tokens=run.train_tokens)
