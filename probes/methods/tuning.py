"""The search that all trained methods share: Optuna's trials, confirmation, curve, repeats."""

from __future__ import annotations

import statistics
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from probes.ladder import SMALL
from probes.methods import Proposals, Situation
from probes.records import Cell, Json, Measurement

if TYPE_CHECKING:
    import optuna

PASSES_BY_SIZE = ((200_000, 4), (SMALL, 2))
"""(parameters up to which, factor of the battery's passes): tiny models need more of them, and each
costs little: pocket-xs on ticket routing had .72 in one probe after 4 to 8 passes (results/LOG.md)
and has 1.00 after 16 (results/pocket/truth.md). Models of 100M and more are usually done after 1 to
4."""
BATCH_SIZE = 16
CONFIRMING_RUN = 1000
"""Seed offset of the second run of the best trials; the best mean of two runs is chosen. One run of
one setting says little: the same setting varied by tens of points over seeds on tiny models."""
GROUP = 4
"""Trials asked at once, to be trained side by side; TPE pretends a result for those under way
(constant liar, Ginsbourger et al., 2010)."""
HALVED_TRIALS = 4
"""Trials from which on the search runs on a share of the data and only the best go on to all of it:
synchronous halving (Jamieson & Talwalkar, 2016) with two rungs, as more of them added little
(Egele et al., 2404.04111). Not for tiny models, whose few runs cost little and vary so much that a
quarter of the data misled one search of two (docs/performance.md)."""
HALVED_SHARE, LEAST_EXAMPLES = 0.25, 100
"""That share of the training data, and the examples that it must have at least."""
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

    Many trials run on a share of the data, and the best of them again on all of it.
    The study lives in memory and is filled from the measurements that the driver sends, which come
    from the store when they are there. Trials are pruned by the median rule (Golovin et al.,
    Vizier, 2017): the bar for each epoch is part of the cell, so that its outcome depends on
    nothing else.
    """
    if space.n_trials == 1:  # nothing to choose between
        return _settings(space, _first_trial(space, passes(situation)))
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    sampler = optuna.samplers.TPESampler(seed=situation.seed, n_startup_trials=4)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    epochs, n_train = passes(situation), n_searched(situation, space)
    study.enqueue_trial(_first_trial(space, epochs))
    finished: list[Measurement] = []
    while len(finished) < space.n_trials:
        trials = [study.ask() for _ in range(min(GROUP, space.n_trials - len(finished)))]
        cells = []
        for trial in trials:
            params = _suggest(trial, space, epochs)
            if space.n_trials > GROUP:
                params["prune_below"] = _bars(finished, int(params["epochs"]))
            cells.append(_cell(situation, space, "tune", params, n_train=n_train, run=0))
        measured = yield cells
        for trial, found in zip(trials, measured, strict=True):
            _tell(study, trial, found)
        finished.extend(measured)
    return (yield from _confirm(situation, space, finished))


def n_searched(situation: Situation, space: Space) -> int:
    """Training examples of each trial of the search."""
    share = round(HALVED_SHARE * situation.n_train)
    many = space.n_trials >= HALVED_TRIALS and share >= LEAST_EXAMPLES
    return share if many and situation.n_params > SMALL else situation.n_train


def _confirm(
    situation: Situation, space: Space, finished: Sequence[Measurement]
) -> Generator[list[Cell], list[Measurement], Json | None]:
    """The setting that does best on all the data among the best trials; None where all failed.

    By the mean of two runs where the trials were on all the data already.
    """
    halved = n_searched(situation, space) < situation.n_train
    confirmed = min(situation.battery.confirmed, space.n_trials)
    confirmed = max(2, confirmed) if halved else confirmed
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
        _quality(second) if halved else (_quality(first) + _quality(second)) / 2
        for first, second in zip(top, again, strict=True)
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
    searched: Json = {"learning_rate": rate}
    if space.ranks:
        searched["rank"] = trial.suggest_categorical("rank", list(space.ranks))
    searched["epochs"] = trial.suggest_categorical("epochs", list(epochs))
    return _settings(space, searched)


def _settings(space: Space, searched: Json) -> Json:
    """Everything that a cell needs to know, the learning rate to three digits."""
    plain: Json = {"batch_size": BATCH_SIZE, "decoding": "generate", "list_labels": False}
    rate = float(f"{searched['learning_rate']:.3g}")
    return searched | plain | space.fixed | {"learning_rate": rate}


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
