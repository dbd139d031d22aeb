"""The training loop, written once: one adapter, several side by side, or all weights.

Learning rate, rank, schedule, seed, gradient clip and end are each trainee's own; what those in
company share is the base, the training examples and the lengths of the batches. A trainee that
diverges, is pruned or has done its epochs leaves between steps, and the others go on as if it had
never been there. The loss is on answer tokens only.
"""

from __future__ import annotations

import hashlib
import math
import random
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch

from probes.asking import put
from probes.batches import (
    Steps,
    TokenisedExample,
    answer_logits,
    batch_order,
    fitting_examples,
    length_classes,
)
from probes.failures import CellFailure, TrainingDiverged
from probes.fusing import Fusing
from probes.methods import Request
from probes.models.hf import HfModel
from probes.records import Json, Prediction
from probes.stack import Adapter
from probes.work import MICRO_TOKENS

CLIP_NORM = 1.0

Batch = tuple[TokenisedExample, ...]


@dataclass
class Trainee:
    """One cell on its way through training, and what is told of it afterwards."""

    request: Request
    steps: Steps
    order: random.Random
    adapter: Adapter | None = None
    """As it began and, once it has left its company, as it became; None with all weights."""
    history: list[Json] = field(default_factory=list)
    train_tokens: int = 0
    losses: list[float] = field(default_factory=list)
    """Of the steps of this epoch."""
    pruned: bool = False
    last_predictions: list[Prediction] = field(default_factory=list)
    failure: CellFailure | None = None

    def learning_rate(self, step: int) -> float:
        """The rate of its own schedule at a step."""
        return float(self.request.cell.params["learning_rate"]) * self.steps.rate_factor(step)


class Company(Protocol):
    """The weights in training: what `train` asks of them."""

    trainees: list[Trainee]

    def use(self, rows: range) -> None:
        """Only these trainees, by their positions, are in the forward passes that follow."""

    def accumulate(self, loss: torch.Tensor) -> None:
        """Add the gradients of a loss to those of this step."""

    def update(self, step: int) -> None:
        """Clip each trainee's gradient to CLIP_NORM and take a step at its own learning rate."""

    def keep(self, kept: Sequence[int]) -> None:
        """Go on with those trainees, by their positions; the others leave."""

    def answering(self, row: int) -> AbstractContextManager[None]:
        """The model answers as this trainee stands."""


def derived_seed(seed: int, purpose: str) -> int:
    """A seed of its own for each purpose, so that no two draws share a stream."""
    return int(hashlib.sha256(f"{seed}:{purpose}".encode()).hexdigest()[:8], 16)


def trainees_of(
    model: HfModel, requests: Sequence[Request]
) -> tuple[list[Trainee], list[TokenisedExample]]:
    """One trainee a request, and the examples: the requests share their training prompts.

    Raises:
        PromptTooLong: no training example fits the context.
    """
    examples, too_long = fitting_examples(model, requests[0])
    trainees = []
    for request in requests:
        params = request.cell.params
        steps = Steps(len(examples), int(params["batch_size"]), int(params["epochs"]))
        order = random.Random(derived_seed(request.cell.seed, "order"))
        history: list[Json] = [{"training_examples_too_long": too_long}] if too_long else []
        trainees.append(Trainee(request, steps, order, history=history))
    return trainees, examples


def train(model: HfModel, company: Company, examples: Sequence[TokenisedExample]) -> None:
    """Train until every trainee has left: done, pruned, or with a `failure` (TrainingDiverged)."""
    batch_size = company.trainees[0].steps.batch_size
    classes = length_classes(examples, batch_size)
    n, largest = len(company.trainees), batch_size * classes[-1].width
    fusing = Fusing(model.fused, n, largest, lambda: _now_s(model.device))
    step = epoch = 0
    while company.trainees:
        epoch += 1
        cuts = [[one.cut(trainee.order) for one in classes] for trainee in company.trainees]
        for at, batch in batch_order(classes, epoch):
            batches = [cut[at][batch] for cut in cuts]
            width = classes[at].width
            with fusing.step(len(batches) * len(batches[0]) * width) as together:
                losses = train_step(model, company, batches, width, step, together)
            step += 1
            kept = _take_note(company, batches, losses, step)
            if len(kept) < len(cuts):
                cuts = [cuts[row] for row in kept]
                company.keep(kept)
            if not kept:
                return
        _end_epoch(model, company, epoch)


def _now_s(device: torch.device) -> float:
    """Seconds by the clock once the device has done what it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()


# ---------------------------------------------------------------- steps


def train_step(
    model: HfModel,
    company: Company,
    batches: Sequence[Batch],
    width: int,
    step: int,
    together: int,
) -> list[float]:
    """One step of all trainees on their own batches; each one's mean loss over answer tokens.

    One whose loss is not finite is stepped as well: it leaves right after, and harms no other.

    Args:
        together: how many trainees share a forward pass; what they become does not depend on it.
    """
    found: list[float] = []
    for at in range(0, len(batches), together):
        rows = range(at, min(at + together, len(batches)))
        company.use(rows)
        found += _pass(model, company, batches[at : rows.stop], width)
    company.update(step)
    return found


def _pass(model: HfModel, company: Company, batches: Sequence[Batch], width: int) -> list[float]:
    """Gradients of those in use, a batch cut so that memory holds it; their mean losses."""
    n, size = len(batches), len(batches[0])
    counts = [sum(example.n_answer for example in batch) for batch in batches]
    per_part = max(1, MICRO_TOKENS // width)  # of each: never by how many companions there are
    totals = [0.0] * n
    for at in range(0, size, per_part):
        part = [batch[at : at + per_part] for batch in batches]
        losses = answer_losses(model.model, part, width)  # (n,)
        weights = losses.new_tensor([1.0 / count for count in counts])
        company.accumulate((losses * weights).sum())
        means = (losses.detach() * weights).tolist()
        totals = [total + mean for total, mean in zip(totals, means, strict=True)]
    return totals


def answer_losses(
    model: Any, part: Sequence[Sequence[TokenisedExample]], width: int
) -> torch.Tensor:
    """Sum of the cross-entropy over answer tokens of each one's examples, in nats: (n,)."""
    flat = [example for batch in part for example in batch]
    logits, targets, owner = answer_logits(model, flat, width)  # (answers, V), (answers,), …
    per_token = torch.nn.functional.cross_entropy(logits.float(), targets, reduction="none")
    size = len(part[0])
    return per_token.new_zeros(len(part)).index_add(0, owner // size, per_token)


def _take_note(
    company: Company, batches: Sequence[Batch], losses: Sequence[float], step: int
) -> list[int]:
    """Write down what each one's step was; the positions of those that go on."""
    kept = []
    found = zip(company.trainees, batches, losses, strict=True)
    for row, (trainee, batch, loss) in enumerate(found):
        trainee.train_tokens += sum(len(example.ids) for example in batch)
        trainee.losses.append(loss)
        if math.isfinite(loss):
            kept.append(row)
        else:
            trainee.failure = TrainingDiverged(step - 1, trainee.train_tokens)
    longest = max(trainee.steps.total for trainee in company.trainees)
    company.trainees[0].request.progress(step, longest, "training steps")
    return kept


def _end_epoch(model: HfModel, company: Company, epoch: int) -> None:
    """Close the epoch's books; who has done all epochs, or is not worth more, leaves."""
    kept = []
    for row, trainee in enumerate(company.trainees):
        mean = sum(trainee.losses) / len(trainee.losses)
        trainee.history.append({"epoch": epoch, "loss": round(mean, 6)})
        trainee.losses.clear()
        if epoch == trainee.steps.epochs:
            continue
        if _worth_going_on(model, company, row, epoch):
            kept.append(row)
        else:
            trainee.pruned = True
    if len(kept) < len(company.trainees):
        company.keep(kept)


def _worth_going_on(model: HfModel, company: Company, row: int, epoch: int) -> bool:
    trainee = company.trainees[row]
    request, checkpoint = trainee.request, trainee.request.checkpoint
    if checkpoint is None:
        return True
    with company.answering(row):
        trainee.last_predictions = model.generate(
            [each.turns for each in put(request, checkpoint.items)],
            [item.id for item in checkpoint.items],
            max_new_tokens=request.max_new_tokens,
            progress=lambda done, total, what: request.progress(done, total, "checkpoint answers"),
        )
    return checkpoint.keep_going(epoch, trainee.last_predictions)
