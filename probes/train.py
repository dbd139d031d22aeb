"""The training loop, written once: adapters or all weights, loss on answer tokens only."""

from __future__ import annotations

import hashlib
import math
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from probes.asking import put
from probes.failures import PromptTooLong, TrainingDiverged
from probes.methods import Request
from probes.models import Conversation
from probes.models.hf import HfModel
from probes.records import Json, Prediction
from probes.work import MICRO_TOKENS

WARM_UP_SHARE = 0.1
CLIP_NORM = 1.0
MEGA_BATCHES = 8
"""Batches are cut from shuffled runs of this many batches, sorted by length inside: little padding,
and still another order each epoch."""


@dataclass(frozen=True)
class TokenisedExample:
    """One training example as tokens."""

    ids: tuple[int, ...]
    n_answer: int
    """How many of the last tokens are the answer, end of turn included."""


WEIGHTS_FILE = "weights.safetensors"


@dataclass
class Run:
    """What training left behind; it is on the model until the context ends."""

    trained: Any
    """The PEFT model, or the bare one where all weights were trained."""
    keep_going: bool = True
    last_predictions: list[Prediction] = field(default_factory=list)
    history: list[Json] = field(default_factory=list)
    train_tokens: int = 0

    def save(self, folder: Path) -> None:
        """Write an ordinary PEFT folder, or all weights as one safetensors file."""
        if hasattr(self.trained, "peft_config"):
            self.trained.save_pretrained(folder, safe_serialization=True)
            return
        from safetensors.torch import save_file

        folder.mkdir(parents=True, exist_ok=True)
        weights = {name: value.detach() for name, value in self.trained.named_parameters()}
        save_file(weights, folder / WEIGHTS_FILE)


@contextmanager
def adapted(request: Request) -> Iterator[Run]:
    """The request's model, tuned or with what was saved of it; the bare base afterwards.

    Raises:
        PromptTooLong: no training example fits the context.
        TrainingDiverged: the loss became NaN or infinite.
    """
    language_model = request.model
    assert isinstance(language_model, HfModel)
    whole = request.cell.params.get("trainable") == "all"
    with (_all_weights if whole else _with_adapter)(language_model, request) as trained:
        run = Run(trained)
        if request.load_adapter is None:
            _train(language_model, request, run)
        yield run


@contextmanager
def _with_adapter(language_model: HfModel, request: Request) -> Iterator[Any]:
    base = language_model.model
    peft_model = _load(base, request.load_adapter) if request.load_adapter else _new(base, request)
    language_model.model = peft_model
    try:
        yield peft_model
    finally:
        language_model.model = peft_model.unload()


@contextmanager
def _all_weights(language_model: HfModel, request: Request) -> Iterator[Any]:
    base = language_model.model
    kept = {name: value.detach().clone() for name, value in base.named_parameters()}
    try:
        if request.load_adapter:
            from safetensors.torch import load_file

            _copy_weights(base, load_file(request.load_adapter / WEIGHTS_FILE))
        else:
            base.requires_grad_(True)
        yield base
    finally:
        base.requires_grad_(False)
        _copy_weights(base, kept)


@torch.no_grad()
def _copy_weights(model: Any, weights: Mapping[str, torch.Tensor]) -> None:
    for name, value in model.named_parameters():
        value.copy_(weights[name])
        value.grad = None


def _load(base: Any, folder: Path) -> Any:
    from peft import PeftModel

    return PeftModel.from_pretrained(base, folder, is_trainable=False)


def _new(base: Any, request: Request) -> Any:
    from peft import LoraConfig, get_peft_model

    torch.manual_seed(derived_seed(request.cell.seed, "adapter"))
    params = request.cell.params
    config = LoraConfig(
        r=int(params["rank"]),
        lora_alpha=int(params["alpha"]),
        lora_dropout=0.0,
        target_modules="all-linear",
        task_type="CAUSAL_LM",
    )
    return get_peft_model(base, config)


def derived_seed(seed: int, purpose: str) -> int:
    """A seed of its own for each purpose, so that no two draws share a stream."""
    return int(hashlib.sha256(f"{seed}:{purpose}".encode()).hexdigest()[:8], 16)


def _train(model: HfModel, request: Request, run: Run) -> None:
    params = request.cell.params
    asked = put(request, [example.item for example in request.train])
    tokenised = [
        encode_example(model, each.turns, example.output)
        for each, example in zip(asked, request.train, strict=True)
    ]
    examples = [example for example in tokenised if len(example.ids) <= model.context_tokens]
    if not examples:
        shortest = min(len(example.ids) for example in tokenised)
        raise PromptTooLong(shortest, model.context_tokens)
    if len(examples) < len(tokenised):
        run.history.append({"training_examples_too_long": len(tokenised) - len(examples)})
    steps = Steps(
        n_examples=len(examples), batch_size=int(params["batch_size"]), epochs=int(params["epochs"])
    )
    trainable = [weight for weight in run.trained.parameters() if weight.requires_grad]
    optimiser = torch.optim.AdamW(
        trainable, lr=float(params["learning_rate"]), weight_decay=0.0, fused=True
    )
    order = random.Random(derived_seed(request.cell.seed, "order"))
    step = 0
    for epoch in range(1, steps.epochs + 1):
        losses = []
        for batch in batches(examples, steps.batch_size, order):
            for group in optimiser.param_groups:
                group["lr"] = float(params["learning_rate"]) * steps.rate_factor(step)
            losses.append(_step(run.trained, batch, optimiser, trainable, step))
            run.train_tokens += sum(len(example.ids) for example in batch)
            step += 1
            request.progress(step, steps.total, "training steps")
        run.history.append({"epoch": epoch, "loss": round(sum(losses) / len(losses), 6)})
        if epoch < steps.epochs and not _worth_going_on(model, request, run, epoch):
            run.keep_going = False
            return


def _worth_going_on(model: HfModel, request: Request, run: Run, epoch: int) -> bool:
    checkpoint = request.checkpoint
    if checkpoint is None:
        return True
    run.last_predictions = model.generate(
        [each.turns for each in put(request, checkpoint.items)],
        [item.id for item in checkpoint.items],
        max_new_tokens=request.max_new_tokens,
        progress=lambda done, total, what: request.progress(done, total, "checkpoint answers"),
    )
    return checkpoint.keep_going(epoch, run.last_predictions)


def encode_example(model: HfModel, turns: Conversation, output: str) -> TokenisedExample:
    """Prompt and answer as tokens, however long."""
    prompt = model.encode(turns)
    answer = model.encode_answer(output)
    return TokenisedExample(ids=(*prompt, *answer), n_answer=len(answer))


@dataclass(frozen=True)
class Steps:
    """The schedule of one run."""

    n_examples: int
    batch_size: int
    epochs: int

    @property
    def total(self) -> int:
        """Optimiser steps of the whole run."""
        return math.ceil(self.n_examples / self.batch_size) * self.epochs

    def rate_factor(self, step: int) -> float:
        """Share of the peak learning rate at `step`: linear warm-up, then linear to zero."""
        warm_up = max(1, round(self.total * WARM_UP_SHARE))
        if step < warm_up:
            return (step + 1) / warm_up
        return max(0.0, (self.total - step) / max(1, self.total - warm_up))


def batches(
    examples: Sequence[TokenisedExample], batch_size: int, order: random.Random
) -> Iterator[list[TokenisedExample]]:
    """The examples once, in batches of like length, in an order drawn from `order`."""
    shuffled = list(examples)
    order.shuffle(shuffled)
    window = batch_size * MEGA_BATCHES
    cut: list[list[TokenisedExample]] = []
    for at in range(0, len(shuffled), window):
        run = sorted(shuffled[at : at + window], key=lambda example: len(example.ids))
        cut.extend(run[start : start + batch_size] for start in range(0, len(run), batch_size))
    order.shuffle(cut)
    yield from cut


def _step(
    trained: Any,
    batch: Sequence[TokenisedExample],
    optimiser: torch.optim.Optimizer,
    trainable: Sequence[torch.Tensor],
    step: int,
) -> float:
    """One optimiser step on the mean loss over the batch's answer tokens; that mean."""
    n_answer = sum(example.n_answer for example in batch)
    total = 0.0
    for part in micro_batches(batch):
        loss = answer_loss(trained, part) / n_answer
        loss.backward()
        total += float(loss.detach())
    if not math.isfinite(total):
        raise TrainingDiverged(step)
    torch.nn.utils.clip_grad_norm_(trainable, CLIP_NORM)
    optimiser.step()
    optimiser.zero_grad(set_to_none=True)
    return total


def micro_batches(batch: Sequence[TokenisedExample]) -> Iterator[Sequence[TokenisedExample]]:
    """The batch in parts of at most MICRO_TOKENS tokens, padding counted."""
    width = max(len(example.ids) for example in batch)
    size = max(1, MICRO_TOKENS // width)
    for at in range(0, len(batch), size):
        yield batch[at : at + size]


def answer_loss(trained: Any, batch: Sequence[TokenisedExample]) -> torch.Tensor:
    """Sum of the cross-entropy over answer tokens, in nats."""
    model = trained.get_base_model() if hasattr(trained, "peft_config") else trained
    width = max(len(example.ids) for example in batch)
    logits, targets, _ = answer_logits(model, batch, width)
    loss: Callable[..., torch.Tensor] = torch.nn.functional.cross_entropy
    return loss(logits.float(), targets, reduction="sum")


def answer_logits(
    model: Any, batch: Sequence[TokenisedExample], width: int
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Logits (answers, V) where answer tokens are predicted, those tokens, and their rows.

    The examples are padded to `width`. The output head runs at answer positions only, unless the
    architecture does something between the head and the loss (soft-capping, scaling); then its own
    forward pass is used.
    """
    device = next(model.parameters()).device
    ids = torch.zeros((len(batch), width), dtype=torch.long)
    mask = torch.zeros((len(batch), width), dtype=torch.long)
    predicts = torch.zeros((len(batch), width), dtype=torch.bool)
    for row, example in enumerate(batch):
        length = len(example.ids)
        ids[row, :length] = torch.tensor(example.ids)
        mask[row, :length] = 1
        predicts[row, length - example.n_answer - 1 : length - 1] = True
    targets = ids.roll(-1, dims=1)[predicts].to(device)
    owner = predicts.nonzero()[:, 0].to(device)
    inputs = {"input_ids": ids.to(device), "attention_mask": mask.to(device), "use_cache": False}
    if _head_is_plain(model.config):
        hidden = model.get_decoder()(**inputs).last_hidden_state  # (B, T, H)
        logits = model.get_output_embeddings()(hidden[predicts.to(device)])
    else:
        logits = model(**inputs).logits[predicts.to(device)]
    return logits, targets, owner


def _head_is_plain(config: Any) -> bool:
    special = ("final_logit_softcapping", "logits_scaling", "logit_scale", "lm_head_multiplier")
    return not any(getattr(config, name, None) for name in special)
