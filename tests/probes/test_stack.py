"""Adapters trained side by side are what they would be alone, and PEFT reads them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from probes.adapter_rows import Rows, give_adapters
from probes.alone import Alone
from probes.batches import fitting_examples, length_classes
from probes.failures import TrainingDiverged
from probes.methods import Checkpoint, Request
from probes.methods.trained import answer_together, stack_key
from probes.models import Progress
from probes.models.hf import HfModel
from probes.models.load import load_model
from probes.records import Cell, Example
from probes.stack import (
    Bank,
    StackedLinear,
    banked,
    load_adapter,
    new_adapter,
    save_adapter,
    stackable,
    targets,
)
from probes.task import ModelRef
from probes.train import Company, Trainee, train, train_step, trainees_of

Maker = Callable[..., Example]
BASE = {
    "learning_rate": 0.01,
    "rank": 8,
    "epochs": 3,
    "alpha": 32,
    "batch_size": 4,
    "decoding": "generate",
    "list_labels": False,
}


@pytest.fixture
def make(model: HfModel, example: Maker, quiet: Progress) -> Callable[..., Request]:
    train = [
        example("odd" * (1 + at % 5) if at % 2 else "even", "yes" if at % 2 else "no", row=at)
        for at in range(19)
    ]

    def request(seed: int = 1, **params: Any) -> Request:
        cell = Cell(
            rung="tiny", method="lora", role="repeat", split="dev", n_eval=len(train),
            n_train=len(train), seed=seed, params=BASE | params,
        )  # fmt: skip
        return Request(
            model=model, cell=cell, task_type="classification", instruction="Answer.",
            labels=("no", "yes"), train=train, items=[row.item for row in train],
            max_new_tokens=5, progress=quiet,
        )  # fmt: skip

    return request


def trained(model: HfModel, *requests: Request) -> list[Trainee]:
    trainees, examples = trainees_of(model, requests)
    with banked(model.model) as bank:
        give_adapters(bank, trainees, model.device)
        train(model, Rows(bank, trainees), examples)
    return trainees


def own(trainee: Trainee, bank: Bank) -> torch.Tensor:
    """The adapter's weights without the padding of its rank."""
    assert trainee.adapter is not None
    rank = trainee.adapter.rank
    parts = []
    for down, up in bank.views(trainee.adapter.weights[None]):
        assert not down[..., rank:].any()
        assert not up[:, rank:].any()
        parts += [down[..., :rank].reshape(-1), up[:, :rank].reshape(-1)]
    return torch.cat(parts)


def weights_of(model: HfModel, trainee: Trainee) -> torch.Tensor:
    with banked(model.model) as bank:
        return own(trainee, bank)


Requests = Callable[..., Request]


def test_an_adapter_alone_is_bitwise_the_one_in_company(model: HfModel, make: Requests) -> None:
    companions = [make(seed=2), make(seed=3, learning_rate=0.03), make(seed=4, epochs=1)]
    (alone,) = trained(model, make())
    first, *_ = trained(model, make(), *companions)
    assert alone.history == first.history
    assert torch.equal(weights_of(model, alone), weights_of(model, first))


def test_adapters_on_a_base_of_four_bits_are_stacked(
    tiny_model: Path, make: Requests, quiet: Progress
) -> None:
    four_bits = ModelRef(name="tiny", source="local", location=str(tiny_model), quantization="nf4")
    quantised = load_model(four_bits)
    assert {type(layer).__name__ for _, layer in targets(quantised.model)} == {"Linear4bit"}
    assert stackable(quantised.model)
    requests = [replace(make(seed=seed), model=quantised) for seed in (1, 2)]
    first = trained(quantised, requests[0])[0]
    quantised.generate([requests[0].items[0].turns], ["a"], max_new_tokens=2, progress=quiet)
    together, (alone,) = trained(quantised, *requests), trained(quantised, requests[0])
    assert together[0].history[-1]["loss"] < together[0].history[0]["loss"]
    for other in (alone, first):  # answering before has changed nothing
        assert torch.equal(weights_of(quantised, together[0]), weights_of(quantised, other))


@pytest.mark.parametrize("together", [1, 2, 3])
def test_how_many_share_a_forward_pass_changes_no_bit(
    together: int, model: HfModel, make: Requests
) -> None:
    requests = [make(seed=2), make(seed=3, rank=4), make(seed=4, epochs=1), make(seed=5)]
    model.fused.clear()
    fused = trained(model, *requests)
    ((settled, _),) = model.fused.items()
    model.fused[settled] = together
    apart = trained(model, *requests)
    for one, other in zip(fused, apart, strict=True):
        assert torch.equal(weights_of(model, one), weights_of(model, other))


def test_a_lower_rank_is_padded_without_a_trace(model: HfModel, make: Requests) -> None:
    (alone,) = trained(model, make(rank=4))
    padded, _, _ = trained(model, make(rank=4), make(seed=2, rank=16), make(seed=3, rank=9))
    assert torch.equal(weights_of(model, alone), weights_of(model, padded))


def test_parts_of_a_batch_depend_on_the_company_by_rounding_alone(
    model: HfModel, make: Requests, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("probes.train.MICRO_TOKENS", 64)  # a batch in parts
    (alone,) = trained(model, make())
    first, *_ = trained(model, make(), make(seed=2), make(seed=3), make(seed=4))
    ours, theirs = weights_of(model, alone), weights_of(model, first)
    torch.testing.assert_close(ours, theirs, atol=1e-3, rtol=1e-2)


@pytest.mark.parametrize("poison", [1e9, float("nan")])
def test_a_poisoned_companion_harms_nobody(model: HfModel, make: Requests, poison: float) -> None:
    sound, sick = trained(model, make(), make(seed=2, learning_rate=poison))
    (alone,) = trained(model, make())
    assert torch.equal(weights_of(model, alone), weights_of(model, sound))
    assert isinstance(sick.failure, TrainingDiverged)
    assert 0 < sick.failure.train_tokens < sound.train_tokens
    assert sound.failure is None


def test_the_group_learns_and_leaves_the_base_as_it_was(model: HfModel, make: Requests) -> None:
    before = {name: value.clone() for name, value in model.model.state_dict().items()}
    found = answer_together([make(epochs=25), make(seed=2, epochs=25)])
    for answers, request in zip(found, [make(), make(seed=2)], strict=True):
        assert not isinstance(answers, Exception)
        right = [
            p.text == e.output for p, e in zip(answers.predictions, request.train, strict=True)
        ]
        assert sum(right) >= 17
        assert answers.history[-1]["loss"] < answers.history[0]["loss"]
    after = model.model.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert not any(isinstance(module, StackedLinear) for module in model.model.modules())


def test_those_with_fewer_epochs_and_the_pruned_leave_early(model: HfModel, make: Requests) -> None:
    hopeless = replace(make(seed=3, epochs=9), checkpoint=Checkpoint(lambda *_: False))
    short, long, pruned = trained(model, make(epochs=1), make(seed=2, epochs=4), hopeless)
    assert [record["epoch"] for record in short.history] == [1]
    assert [record["epoch"] for record in long.history] == [1, 2, 3, 4]
    assert pruned.pruned and not short.pruned
    assert long.train_tokens == 4 * short.train_tokens == 4 * pruned.train_tokens


def test_peft_reads_what_is_saved_and_gives_the_same_logits(
    model: HfModel, make: Requests, tmp_path: Path
) -> None:
    from peft import PeftModel

    (trainee, _) = trained(model, make(rank=4), make(seed=2, rank=16))
    ids = torch.tensor([model.encode([row for row in make().items[0].turns])])
    assert trainee.adapter is not None
    with banked(model.model) as bank, torch.inference_mode():
        save_adapter(bank, trainee.adapter, tmp_path)
        with bank.answering(trainee.adapter):
            ours = model.model(input_ids=ids).logits
        with bank.answering(load_adapter(bank, tmp_path, model.device)):
            again = model.model(input_ids=ids).logits
        plain = model.model(input_ids=ids).logits
    peft_model = PeftModel.from_pretrained(model.model, tmp_path)
    with torch.inference_mode():
        theirs = peft_model(input_ids=ids).logits
    model.model = peft_model.unload()
    torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(ours, again, atol=1e-6, rtol=1e-5)
    assert (ours - plain).abs().max() > 1e-3


def test_one_adapter_trains_as_with_peft(model: HfModel, make: Requests) -> None:
    """The same start, batches and settings: an epoch here and with PEFT's own modules."""
    from peft import LoraConfig, get_peft_model

    request = make(epochs=1)
    with banked(model.model) as bank:
        names = [name for name, _, _ in bank.layers]
        start = new_adapter(bank, rank=8, alpha=32, seed=5)
        begun = {
            name: down[0, :, :8].T.clone()
            for name, (down, _) in zip(names, bank.views(start.weights[None]), strict=True)
        }
    peft_model = get_peft_model(
        model.model, LoraConfig(r=8, lora_alpha=32, target_modules=names, task_type="CAUSAL_LM")
    )
    for name, value in peft_model.named_parameters():
        if "lora_A" in name:
            stem = name.removeprefix("base_model.model.").partition(".lora_A")[0]
            value.data.copy_(begun[stem])
    (trainee,), _ = trainees_of(model, [request])
    theirs = _losses_of(model, Alone(peft_model, trainee), request)
    model.model = peft_model.unload()
    with banked(model.model) as bank:
        (trainee,), _ = trainees_of(model, [request])
        trainee.adapter = start
        ours = _losses_of(model, Rows(bank, [trainee]), request)
    assert ours == pytest.approx(theirs, rel=2e-4)
    assert ours[-1] < ours[0]


def _losses_of(model: HfModel, company: Company, request: Request) -> list[float]:
    examples, _ = fitting_examples(model, request)
    losses = []
    for step, at in enumerate(range(0, 16, 4)):
        batch = tuple(examples[at : at + 4])
        width = max(len(example.ids) for example in batch)
        losses += train_step(model, company, [batch], width, step, 1)
    return losses


def test_widths_depend_on_the_data_alone(model: HfModel, make: Requests) -> None:
    examples, too_long = fitting_examples(model, make())
    assert too_long == 0
    classes = length_classes(examples, 4)
    assert sum(len(one.examples) for one in classes) == 19
    assert [one.width for one in classes] == sorted(one.width for one in classes)


def test_only_what_shares_prompts_is_trained_together(make: Requests) -> None:
    cell = make().cell
    assert stack_key(cell) == stack_key(make(seed=9, rank=16, epochs=8, learning_rate=1.0).cell)
    assert stack_key(cell) != stack_key(make(rank=32).cell)
    assert stack_key(cell) != stack_key(cell.model_copy(update={"n_train": 5}))
    assert stack_key(cell) != stack_key(make(context="retrieved", k=3).cell)
    assert stack_key(cell.model_copy(update={"adapter": "f" * 64})) is None
    whole = {k: v for k, v in cell.params.items() if k != "rank"} | {"trainable": "all"}
    assert stack_key(cell.model_copy(update={"params": whole})) is None


def test_the_head_is_left_alone_and_odd_bases_are_refused(model: HfModel) -> None:
    names = [name for name, _ in targets(model.model)]
    assert names and "lm_head" not in names
    assert stackable(model.model)

    class Conv1D(torch.nn.Module):
        """Named like GPT-2's layers."""

    model.model.odd = Conv1D()
    assert not stackable(model.model)
    del model.model.odd
