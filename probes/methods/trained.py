"""Answers of trained models: train (or load what was trained), answer, leave the base as it was."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

from probes.asking import ask, put
from probes.failures import CellFailure
from probes.methods import Answers, Request
from probes.records import Cell
from probes.work import padded_width

if TYPE_CHECKING:
    from probes.models.hf import HfModel
    from probes.stack import Bank
    from probes.train import Trainee

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


def answer(request: Request) -> Answers:
    """Answer one request with its trained model.

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
        return [_answer_alone(model, request, whole=whole) for request in requests]
    with banked(model.model) as bank:
        if requests[0].load_adapter is not None:
            return [_answer_loaded(model, bank, request) for request in requests]
        return _answer_trained(model, bank, requests)


def _answer_trained(
    model: HfModel, bank: Bank, requests: Sequence[Request]
) -> list[Answers | CellFailure]:
    from probes.adapter_rows import Rows, give_adapters
    from probes.stack import save_adapter
    from probes.train import train, trainees_of

    trainees, examples = trainees_of(model, requests)
    give_adapters(bank, trainees, model.device)
    train(model, Rows(bank, trainees), examples)
    found: list[Answers | CellFailure] = []
    for trainee in trainees:
        assert trainee.adapter is not None
        with bank.answering(trainee.adapter):
            found.append(_answers_of(trainee))
        folder = trainee.request.save_adapter
        if folder is not None and _finished(trainee):
            save_adapter(bank, trainee.adapter, folder)
    return found


def _answer_loaded(model: HfModel, bank: Bank, request: Request) -> Answers:
    from probes.stack import load_adapter

    assert request.load_adapter is not None
    with bank.answering(load_adapter(bank, request.load_adapter, model.device)):
        return ask(request, put(request, request.items))


def _answer_alone(model: HfModel, request: Request, *, whole: bool) -> Answers | CellFailure:
    """One request with all weights, or by PEFT."""
    from probes.alone import Alone, adapted, save, unfrozen
    from probes.train import train, trainees_of

    with (unfrozen if whole else adapted)(model, request) as trained:
        if request.load_adapter is not None:
            return ask(request, put(request, request.items))
        (trainee,), examples = trainees_of(model, [request])
        train(model, Alone(trained, trainee), examples)
        found = _answers_of(trainee)
        if request.save_adapter is not None and _finished(trainee):
            save(trained, request.save_adapter)
        return found


def _finished(trainee: Trainee) -> bool:
    return trainee.failure is None and not trainee.pruned


def _answers_of(trainee: Trainee) -> Answers | CellFailure:
    """The answers, asked now with the trained weights in place; the checkpoint's if pruned."""
    if trainee.failure is not None:
        return trainee.failure
    if trainee.pruned:
        answers = Answers(predictions=trainee.last_predictions, pruned=True)
    else:
        answers = ask(trainee.request, put(trainee.request, trainee.request.items))
    answers.history, answers.train_tokens = trainee.history, trainee.train_tokens
    return answers
