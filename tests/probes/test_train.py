"""LoRA training on a tiny model: it learns, repeats itself, and leaves the base as it was."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from probes.batches import Steps, TokenisedExample, batch_order, encode_example, length_classes
from probes.failures import PromptTooLong, TrainingDiverged
from probes.methods import Checkpoint, Request
from probes.methods.lora import answer
from probes.models import Progress
from probes.models.hf import HfModel
from probes.prompt import conversation
from probes.records import Cell, Example
from probes.train import answer_losses

Maker = Callable[..., Example]


@pytest.fixture
def request_(model: HfModel, example: Maker, quiet: Progress) -> Request:
    train = [
        example("odd" if at % 2 else "even", "yes" if at % 2 else "no", row=at) for at in range(16)
    ]
    cell = Cell(
        rung="tiny",
        method="lora",
        role="repeat",
        split="dev",
        n_eval=len(train),
        n_train=len(train),
        seed=1,
        params={
            "learning_rate": 0.01,
            "rank": 8,
            "epochs": 25,
            "alpha": 32,
            "batch_size": 8,
            "decoding": "generate",
            "list_labels": False,
        },
    )
    return Request(
        model=model,
        cell=cell,
        task_type="classification",
        instruction="Answer.",
        labels=("no", "yes"),
        train=train,
        items=[row.item for row in train],
        max_new_tokens=5,
        progress=quiet,
    )


def encoded(model: HfModel, row: Example) -> TokenisedExample:
    return encode_example(model, conversation("Answer.", row.item), row.output)


def weights(model: HfModel) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in model.model.state_dict().items()}


def test_learns_its_training_examples_and_restores_the_base(request_: Request) -> None:
    model = request_.model
    assert isinstance(model, HfModel)
    before = weights(model)
    found = answer(request_)
    right = [p.text == e.output for p, e in zip(found.predictions, request_.train, strict=True)]
    assert sum(right) >= 14
    assert found.history[-1]["loss"] < found.history[0]["loss"]
    after = weights(model)
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_the_same_cell_gives_the_same_answers(request_: Request) -> None:
    short = replace(
        request_,
        cell=request_.cell.model_copy(update={"params": request_.cell.params | {"epochs": 2}}),
    )
    first, second = answer(short), answer(short)
    assert first.history == second.history
    assert first.predictions == second.predictions
    other = answer(replace(short, cell=short.cell.model_copy(update={"seed": 2})))
    assert other.history != first.history


def test_a_saved_adapter_answers_as_the_trained_one(request_: Request, tmp_path: Path) -> None:
    short = replace(
        request_,
        cell=request_.cell.model_copy(update={"params": request_.cell.params | {"epochs": 3}}),
        save_adapter=tmp_path / "adapter",
    )
    trained = answer(short)
    assert (tmp_path / "adapter" / "adapter_model.safetensors").is_file()
    loaded = answer(replace(short, save_adapter=None, load_adapter=tmp_path / "adapter"))
    assert [p.text for p in loaded.predictions] == [p.text for p in trained.predictions]
    assert loaded.train_tokens == 0


def test_full_fine_tuning_learns_saves_loads_and_restores(
    request_: Request, tmp_path: Path
) -> None:
    model = request_.model
    assert isinstance(model, HfModel)
    before = weights(model)
    params = {name: value for name, value in request_.cell.params.items() if name != "rank"}
    params |= {"trainable": "all", "learning_rate": 0.003, "epochs": 20}
    cell = request_.cell.model_copy(update={"method": "full", "params": params})
    trained = answer(replace(request_, cell=cell, save_adapter=tmp_path / "whole"))
    right = [p.text == e.output for p, e in zip(trained.predictions, request_.train, strict=True)]
    assert sum(right) >= 14
    loaded = answer(replace(request_, cell=cell, load_adapter=tmp_path / "whole"))
    assert [p.text for p in loaded.predictions] == [p.text for p in trained.predictions]
    assert loaded.train_tokens == 0
    after = weights(model)
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert not any(weight.requires_grad for weight in model.model.parameters())


def test_divergence_is_a_failure_of_the_cell(request_: Request) -> None:
    mad = request_.cell.params | {"learning_rate": 1e30}
    with pytest.raises(TrainingDiverged, match="not finite at step") as raised:
        answer(replace(request_, cell=request_.cell.model_copy(update={"params": mad})))
    assert raised.value.train_tokens > 0
    assert isinstance(request_.model, HfModel)
    assert all(bool(torch.isfinite(w).all()) for w in request_.model.model.parameters())


def test_a_hopeless_run_stops_between_epochs(request_: Request) -> None:
    asked: list[int] = []

    def keep_going(epoch: int, predictions: object) -> bool:
        asked.append(epoch)
        return epoch < 2

    found = answer(replace(request_, checkpoint=Checkpoint(keep_going, request_.items[:4])))
    assert asked == [1, 2]
    assert found.pruned
    assert len(found.predictions) == 4


def test_loss_is_on_answer_tokens_only(request_: Request, model: HfModel) -> None:
    """The loss by hand over full logits is that over gathered positions, whatever the padding."""
    batch = [encoded(model, row) for row in request_.train[:3]]
    width = max(len(row.ids) for row in batch) + 2
    with torch.inference_mode():
        ours = answer_losses(model.model, [batch[:1], batch[1:2], batch[2:]], width)
        for row, loss in zip(batch, ours.tolist(), strict=True):
            logits = model.model(input_ids=torch.tensor([row.ids])).logits[0].log_softmax(-1)
            answer_at = range(len(row.ids) - row.n_answer, len(row.ids))
            theirs = -sum(float(logits[at - 1, row.ids[at]]) for at in answer_at)
            assert loss == pytest.approx(theirs, rel=1e-4)


def test_what_does_not_fit_is_left_out_and_counted(request_: Request, example: Maker) -> None:
    short = request_.cell.model_copy(update={"params": request_.cell.params | {"epochs": 1}})
    long = example("x" * 400, "yes", row=99)
    found = answer(replace(request_, cell=short, train=[*request_.train, long]))
    assert found.history[0] == {"training_examples_too_long": 1}
    with pytest.raises(PromptTooLong, match="the context holds 256"):
        answer(replace(request_, cell=short, train=[long]))


def test_schedule_warms_up_and_ends_at_zero() -> None:
    steps = Steps(n_examples=100, batch_size=10, epochs=4)
    rates = [steps.rate_factor(step) for step in range(steps.total + 1)]
    assert steps.total == 40
    assert rates[0] == 0.25
    assert max(rates) == 1.0
    assert rates[-1] == 0.0
    assert rates[4:] == sorted(rates[4:], reverse=True)


def test_batches_hold_each_example_once(request_: Request, model: HfModel) -> None:
    examples = [encoded(model, row) for row in request_.train]
    classes = length_classes(examples, 5)
    cuts = [one.cut(random.Random(0)) for one in classes]
    order = batch_order(classes, 1)
    seen = [example for at, batch in order for example in cuts[at][batch]]
    assert sorted(e.ids for e in seen) == sorted(e.ids for e in examples)
    assert order != batch_order(classes, 2)
