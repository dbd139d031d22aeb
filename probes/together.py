"""Training several adapters together: one loop over steps, each adapter with its own everything.

Learning rate, rank, schedule, seed, gradient clip and end are each adapter's own; what they share
is the base, the training examples and the lengths of the batches. An adapter that diverges, is
pruned or has done its epochs leaves between steps, and the others go on as if it had never been
there: bit for bit where a batch is one forward pass (fp32, one thread, tested), by rounding where
small parts make the matrix products take other kernels.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from typing import Any

import torch

from probes.asking import put
from probes.failures import PromptTooLong, TrainingDiverged
from probes.methods import Request
from probes.models.hf import HfModel
from probes.stack import Adapter, Bank, new_adapter
from probes.train import Steps, TokenisedExample, answer_logits, derived_seed, encode_example
from probes.trainees import Rows, Trainee, batch_order, cut_batches, length_classes
from probes.work import MICRO_TOKENS, padded_width


def train_together(model: HfModel, bank: Bank, requests: Sequence[Request]) -> list[Trainee]:
    """Train one adapter for each request; all requests share their training prompts.

    A trainee's `failure` is TrainingDiverged where its loss became NaN or infinite.

    Raises:
        PromptTooLong: no training example fits the context.
    """
    examples, too_long = fitting_examples(model, requests[0])
    trainees = [_trainee(bank, request, len(examples), model.device) for request in requests]
    if too_long:
        for trainee in trainees:
            trainee.history.append({"training_examples_too_long": too_long})
    classes = length_classes(examples, trainees[0].steps.batch_size)
    going = [trainee for trainee in trainees if trainee.steps.total]
    rows = Rows(bank, going)
    step = 0
    for epoch in range(1, max((t.steps.epochs for t in going), default=0) + 1):
        cuts = [cut_batches(classes, trainee) for trainee in rows.trainees]
        for at, batch in batch_order(classes, rows.trainees, epoch):
            batches = [cut[at][batch] for cut in cuts]
            losses = _step(model, rows, batches, classes[at].width, step)
            step += 1
            kept = _take_note(rows, batches, losses, step)
            cuts = [cuts[row] for row in kept]
            if len(kept) < len(losses):
                rows = rows.keep(kept)
            if not rows.trainees:
                return trainees
        rows = _end_epoch(model, bank, rows, epoch)
        if not rows.trainees:
            break
    return trainees


def fitting_examples(model: HfModel, request: Request) -> tuple[list[TokenisedExample], int]:
    """The training examples as tokens, and how many were left out for their length."""
    asked = put(request, [example.item for example in request.train])
    tokenised = [
        encode_example(model, each.turns, example.output)
        for each, example in zip(asked, request.train, strict=True)
    ]
    fitting = [example for example in tokenised if len(example.ids) <= model.context_tokens]
    if not fitting:
        shortest = min(len(example.ids) for example in tokenised)
        raise PromptTooLong(shortest, model.context_tokens)
    return fitting, len(tokenised) - len(fitting)


def _trainee(bank: Bank, request: Request, n_examples: int, device: torch.device) -> Trainee:
    params, seed = request.cell.params, request.cell.seed
    rank = int(params["rank"])
    width = padded_width(rank)
    adapter = new_adapter(
        bank, rank=rank, width=width, alpha=params["alpha"], seed=derived_seed(seed, "adapter")
    )
    adapter = Adapter(adapter.weights.to(device), rank, width, adapter.alpha)
    steps = Steps(n_examples, int(params["batch_size"]), int(params["epochs"]))
    return Trainee(request, adapter, steps, random.Random(derived_seed(seed, "order")))


# ---------------------------------------------------------------- steps


def _step(
    model: HfModel,
    rows: Rows,
    batches: Sequence[tuple[TokenisedExample, ...]],
    width: int,
    step: int,
) -> list[float]:
    """One step of all rows on their own batches; each row's mean loss over its answer tokens.

    A row whose loss is not finite is stepped as well: it leaves right after, and harms no other.
    """
    n, size = len(batches), len(batches[0])
    counts = [sum(example.n_answer for example in batch) for batch in batches]
    per_part = max(1, MICRO_TOKENS // width)  # of each: never by how many companions there are
    totals = [0.0] * n
    for at in range(0, size, per_part):
        part = [batch[at : at + per_part] for batch in batches]
        losses = _losses(model.model, part, width)  # (n,)
        weights = losses.new_tensor([1.0 / count for count in counts])
        rows.accumulate((losses * weights).sum())
        means = (losses.detach() * weights).tolist()
        totals = [total + mean for total, mean in zip(totals, means, strict=True)]
    rows.update(step)
    return totals


def _losses(model: Any, part: Sequence[Sequence[TokenisedExample]], width: int) -> torch.Tensor:
    """Sum of the cross-entropy over answer tokens of each adapter's examples, in nats: (n,)."""
    flat = [example for batch in part for example in batch]
    logits, targets, owner = answer_logits(model, flat, width)  # (answers, V), (answers,), …
    per_token = torch.nn.functional.cross_entropy(logits.float(), targets, reduction="none")
    size = len(part[0])
    return per_token.new_zeros(len(part)).index_add(0, owner // size, per_token)


def _take_note(
    rows: Rows,
    batches: Sequence[tuple[TokenisedExample, ...]],
    losses: Sequence[float],
    step: int,
) -> list[int]:
    """Write down what each row's step was; the rows that go on."""
    kept = []
    for row, (trainee, batch, loss) in enumerate(zip(rows.trainees, batches, losses, strict=True)):
        trainee.train_tokens += sum(len(example.ids) for example in batch)
        trainee.losses.append(loss)
        if math.isfinite(loss):
            kept.append(row)
        else:
            trainee.failure = TrainingDiverged(step - 1)
    longest = max(trainee.steps.total for trainee in rows.trainees)
    rows.trainees[0].request.progress(step, longest, "training steps")
    return kept


def _end_epoch(model: HfModel, bank: Bank, rows: Rows, epoch: int) -> Rows:
    """Close the epoch's books; the rows that have more to do and are worth it."""
    kept = []
    for row, trainee in enumerate(rows.trainees):
        mean = sum(trainee.losses) / len(trainee.losses)
        trainee.history.append({"epoch": epoch, "loss": round(mean, 6)})
        trainee.losses.clear()
        if epoch == trainee.steps.epochs:
            continue
        if _worth_going_on(model, bank, rows, row, epoch):
            kept.append(row)
        else:
            trainee.pruned = True
    return rows if len(kept) == len(rows.trainees) else rows.keep(kept)


def _worth_going_on(model: HfModel, bank: Bank, rows: Rows, row: int, epoch: int) -> bool:
    trainee = rows.trainees[row]
    request, checkpoint = trainee.request, trainee.request.checkpoint
    if checkpoint is None:
        return True
    with bank.answering(rows.adapter(row)):
        trainee.last_predictions = model.generate(
            [each.turns for each in put(request, checkpoint.items)],
            [item.id for item in checkpoint.items],
            max_new_tokens=request.max_new_tokens,
            progress=lambda done, total, what: request.progress(done, total, "checkpoint answers"),
        )
    return checkpoint.keep_going(epoch, trainee.last_predictions)
