"""The search that all trained methods share: Optuna's trials, confirmation, curve, repeats."""

from __future__ import annotations

import json
import statistics
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from probes.asking import ask, put
from probes.failures import CellFailure
from probes.ladder import SMALL
from probes.methods import Answers, Proposals, Request, Situation
from probes.records import Cell, Json, Measurement
from probes.work import padded_width

if TYPE_CHECKING:
    import optuna

    from probes.models.hf import HfModel
    from probes.stack import Bank

PASSES_BY_SIZE = ((200_000, 4), (SMALL, 2))
"""(parameters up to which, factor of the battery's passes): tiny models need more of them, and each
costs little. pocket-xs reached .72 on ticket routing after 4 to 8 passes and 1.00 after 16
(results/pocket/truth.md); models of 100M and more are usually done after 1 to 4."""
BATCH_SIZE = 16
CONFIRMING_RUN = 1000
"""Seed offset of the second run of the best trials; the best mean of two runs is chosen. One run of
one setting says little: the same setting varied by tens of points over seeds on tiny models."""
GROUP = 4
"""Trials asked at once, to be trained side by side; TPE pretends a result for those under way
(constant liar, Ginsbourger et al., 2010)."""
WARM_UP_TRIALS = 3
"""Trials that run to their end before any can be pruned."""


@dataclass(frozen=True)
class Space:
    """What one trained method searches."""

    method: str
    centre: float
    """Learning rate at which the search begins; it spans a factor of four on either side."""
    n_trials: int
    ranks: tuple[int, ...] = ()
    """Ranks of the adapter; none where all weights are trained."""
    fixed: Json = field(default_factory=dict)
    """Parameters that are not searched."""
    first: Json | None = None
    """Settings of the first trial, where a neighbouring method has found good ones."""
    fractions: tuple[float, ...] = ()
    """Shares of the training data for a learning curve."""


def passes(situation: Situation) -> list[int]:
    """Numbers of passes over the data to search, more of them for tiny models."""
    factors = (factor for limit, factor in PASSES_BY_SIZE if situation.n_params <= limit)
    factor = next(factors, 1)
    return [factor * epochs for epochs in situation.battery.epochs]


def tuned(situation: Situation, space: Space) -> Proposals:
    """Optuna's trials, then the learning curve and the repeats with the best setting."""
    battery, full = situation.battery, situation.n_train
    chosen = yield from _tune(situation, space)
    if chosen is None:
        return
    cells = [
        _cell(situation, space, "curve", chosen, n_train=max(8, round(full * fraction)), run=run)
        for fraction in space.fractions
        for run in range(1, min(2, battery.seeds) + 1)
    ]
    cells += [
        _cell(situation, space, "repeat", chosen, n_train=full, run=run)
        for run in range(1, battery.seeds + 1)
    ]
    yield cells


def _cell(
    situation: Situation, space: Space, role: str, params: Json, *, n_train: int, run: int
) -> Cell:
    return situation.cell(
        space.method, role, params=params, n_train=n_train, seed=situation.seed + run
    )


def _tune(
    situation: Situation, space: Space
) -> Generator[list[Cell], list[Measurement], Json | None]:
    """Ask a group, measure it, tell: the same measurements always lead to the same trials.

    The study lives in memory and is filled from the measurements that the driver sends, which come
    from the store when they are there. Trials are pruned by the median rule (Golovin et al.,
    Vizier, 2017): the bar for each epoch is part of the cell, so that its outcome depends on
    nothing else.
    """
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    sampler = optuna.samplers.TPESampler(seed=situation.seed, n_startup_trials=4)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    epochs = passes(situation)
    study.enqueue_trial(_first_trial(space, epochs))
    finished: list[Measurement] = []
    while len(finished) < space.n_trials:
        trials = [study.ask() for _ in range(min(GROUP, space.n_trials - len(finished)))]
        cells = []
        for trial in trials:
            params = _suggest(trial, space, epochs)
            params["prune_below"] = _bars(finished, int(params["epochs"]))
            cells.append(_cell(situation, space, "tune", params, n_train=situation.n_train, run=0))
        measured = yield cells
        for trial, found in zip(trials, measured, strict=True):
            _tell(study, trial, found)
        finished.extend(measured)
    return (yield from _confirm(situation, space, finished))


def _confirm(
    situation: Situation, space: Space, finished: Sequence[Measurement]
) -> Generator[list[Cell], list[Measurement], Json | None]:
    """The setting of the best mean of two runs among the best trials; None where all failed."""
    confirmed = min(situation.battery.confirmed, space.n_trials)
    top = sorted(
        (found for found in finished if found.status == "ok" and found.quality),
        key=lambda found: -_quality(found),
    )[: max(1, confirmed)]
    if not top:
        return None
    settings = [_without_bars(found.cell.params) for found in top]
    if confirmed < 2:
        return settings[0]
    again = yield [
        _cell(situation, space, "tune", params, n_train=situation.n_train, run=CONFIRMING_RUN)
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


def _first_trial(space: Space, epochs: Sequence[int]) -> Json:
    """The middle of the space, or what a neighbouring method has found."""
    middle: Json = {"learning_rate": space.centre, "epochs": epochs[min(1, len(epochs) - 1)]}
    if space.ranks:
        middle["rank"] = space.ranks[len(space.ranks) // 2]
    known = space.first or {}
    first = middle | {name: known[name] for name in middle if name in known}
    low, high = space.centre / 4, space.centre * 4
    return first | {"learning_rate": min(high, max(low, first["learning_rate"]))}


def _suggest(trial: optuna.Trial, space: Space, epochs: Sequence[int]) -> Json:
    rate = trial.suggest_float("learning_rate", space.centre / 4, space.centre * 4, log=True)
    params: Json = {"learning_rate": float(f"{rate:.3g}")}
    if space.ranks:
        params["rank"] = trial.suggest_categorical("rank", list(space.ranks))
    params["epochs"] = trial.suggest_categorical("epochs", list(epochs))
    plain: Json = {"batch_size": BATCH_SIZE, "decoding": "generate", "list_labels": False}
    return params | plain | space.fixed


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
    """Train (or load what was trained), answer, and leave the base as it was.

    Raises:
        CellFailure: the loss became NaN or infinite, or no example fits the context.
    """
    (found,) = answer_together([request])
    if isinstance(found, CellFailure):
        raise found
    return found


def answer_together(requests: Sequence[Request]) -> list[Answers | CellFailure]:
    """Train the requests' adapters side by side, then answer with each in turn.

    They share their training prompts (`stack_key`). Where the base cannot be stacked, or all
    weights are trained, one after the other.

    Raises:
        CellFailure: no training example fits the context.
    """
    from probes.models.hf import HfModel
    from probes.stack import banked, stackable

    model = requests[0].model
    assert isinstance(model, HfModel)
    whole = requests[0].cell.params.get("trainable") == "all"
    if whole or not stackable(model.model):
        return [_answer_alone(request) for request in requests]
    with banked(model.model) as bank:
        if requests[0].load_adapter is not None:
            return [_answer_loaded(bank, request) for request in requests]
        return _answer_trained(model, bank, requests)


def _answer_trained(
    model: HfModel, bank: Bank, requests: Sequence[Request]
) -> list[Answers | CellFailure]:
    from probes.stack import save_adapter
    from probes.together import train_together

    found: list[Answers | CellFailure] = []
    for trainee in train_together(model, bank, requests):
        request = trainee.request
        if trainee.failure is not None:
            found.append(trainee.failure)
            continue
        if trainee.pruned:
            answers = Answers(predictions=trainee.last_predictions, pruned=True)
        else:
            with bank.answering(trainee.adapter):
                answers = ask(request, put(request, request.items))
            if request.save_adapter is not None:
                save_adapter(bank, trainee.adapter, request.save_adapter)
        answers.history, answers.train_tokens = trainee.history, trainee.train_tokens
        found.append(answers)
    return found


def _answer_loaded(bank: Bank, request: Request) -> Answers:
    from probes.models.hf import HfModel
    from probes.stack import load_adapter

    assert isinstance(request.model, HfModel)
    assert request.load_adapter is not None
    with bank.answering(load_adapter(bank, request.load_adapter, request.model.device)):
        return ask(request, put(request, request.items))


def _answer_alone(request: Request) -> Answers | CellFailure:
    """One request by PEFT, or with all weights."""
    from probes.train import adapted

    try:
        with adapted(request) as run:
            if run.keep_going:
                answers = ask(request, put(request, request.items))
                if request.save_adapter is not None:
                    run.save(request.save_adapter)
            else:
                answers = Answers(predictions=run.last_predictions, pruned=True)
    except CellFailure as failure:
        return failure
    answers.history, answers.train_tokens = run.history, run.train_tokens
    return answers


OWN = ("learning_rate", "rank", "alpha", "epochs", "prune_below")
"""Parameters in which adapters may differ that are trained together."""


def stack_key(cell: Cell) -> str | None:
    """What cells must share to be trained together; None for a cell that trains no adapter."""
    params = cell.params
    if cell.adapter is not None or "rank" not in params or "learning_rate" not in params:
        return None
    shared = {name: value for name, value in params.items() if name not in OWN}
    width = padded_width(int(params["rank"]))
    fields = [cell.rung, cell.method, cell.n_train, cell.split, cell.n_eval, width, shared]
    return json.dumps(fields, sort_keys=True)
