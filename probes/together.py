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
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from probes.asking import put
from probes.failures import CellFailure, PromptTooLong, TrainingDiverged
from probes.methods import Request
from probes.models.hf import HfModel
from probes.records import Json, Prediction
from probes.stack import Adapter, Bank, new_adapter
from probes.train import (
    CLIP_NORM,
    MEGA_BATCHES,
    Steps,
    TokenisedExample,
    answer_logits,
    derived_seed,
    encode_example,
)
from probes.work import MICRO_TOKENS, padded_width


@dataclass
class Trainee:
    """One adapter on its way."""

    request: Request
    adapter: Adapter
    steps: Steps
    order: random.Random
    history: list[Json] = field(default_factory=list)
    train_tokens: int = 0
    losses: list[float] = field(default_factory=list)
    pruned: bool = False
    last_predictions: list[Prediction] = field(default_factory=list)
    failure: CellFailure | None = None


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
        cuts = [_cut(classes, trainee) for trainee in rows.trainees]
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


# ---------------------------------------------------------------- batches


@dataclass(frozen=True)
class LengthClass:
    """Examples of like length; batches are cut inside, and all are padded to the longest."""

    examples: tuple[TokenisedExample, ...]
    width: int
    batch_size: int

    @property
    def n_batches(self) -> int:
        """Batches of one epoch, the last one smaller."""
        return math.ceil(len(self.examples) / self.batch_size)


def length_classes(examples: Sequence[TokenisedExample], batch_size: int) -> list[LengthClass]:
    """The examples by length in runs of MEGA_BATCHES batches.

    Widths depend on the data alone, so that what an adapter meets does not depend on the seeds of
    its companions.
    """
    ranked = sorted(examples, key=lambda example: (len(example.ids), example.ids))
    window = batch_size * MEGA_BATCHES
    runs = [tuple(ranked[at : at + window]) for at in range(0, len(ranked), window)]
    return [LengthClass(run, max(len(e.ids) for e in run), batch_size) for run in runs]


def batch_order(
    classes: Sequence[LengthClass], trainees: Sequence[Trainee], epoch: int
) -> Iterator[tuple[int, int]]:
    """(class, batch inside) of each step of an epoch: shuffled, and the same for all adapters."""
    order = [(at, batch) for at, one in enumerate(classes) for batch in range(one.n_batches)]
    random.Random(f"batches-{epoch}").shuffle(order)
    yield from order


def _cut(
    classes: Sequence[LengthClass], trainee: Trainee
) -> list[list[tuple[TokenisedExample, ...]]]:
    """Each class's batches for one epoch, in the trainee's own order."""
    cut = []
    for one in classes:
        own = list(one.examples)
        trainee.order.shuffle(own)
        size = one.batch_size
        cut.append([tuple(own[at : at + size]) for at in range(0, len(own), size)])
    return cut


# ---------------------------------------------------------------- weights side by side


class Rows:
    """The adapters in training as rows of one matrix, with an optimiser that keeps them apart."""

    def __init__(self, bank: Bank, trainees: Sequence[Trainee]) -> None:
        self.bank = bank
        self.trainees = list(trainees)
        if not self.trainees:
            return
        width = max(trainee.adapter.width for trainee in self.trainees)
        first = self.trainees[0].adapter.weights
        total = sum((inputs + outputs) * width for _, inputs, outputs in bank.layers)
        self.flat = first.new_zeros((len(self.trainees), total))
        for row, trainee in enumerate(self.trainees):
            self._fill(row, trainee.adapter)
        self._lay_out()
        self.optimiser = torch.optim.AdamW(
            [{"params": [row]} for row in self.rows], lr=0.0, weight_decay=0.0, fused=True
        )

    def _fill(self, row: int, adapter: Adapter) -> None:
        """Copy an adapter into its row, zeros beyond its own width."""
        mine = self.bank.views(self.flat[row : row + 1])
        theirs = self.bank.views(adapter.weights[None])
        for (down, up), (their_down, their_up) in zip(mine, theirs, strict=True):
            down[:, :, : adapter.width] = their_down
            up[:, : adapter.width] = their_up

    def _lay_out(self) -> None:
        """Leaves of the graph for each layer, and one parameter a row for the optimiser."""
        self.grad = torch.zeros_like(self.flat)
        scale = self.flat.new_tensor([t.adapter.scale for t in self.trainees])[:, None, None]
        self.grads = [view for pair in self.bank.views(self.grad) for view in pair]
        self.leaves = [
            view.detach().requires_grad_() for pair in self.bank.views(self.flat) for view in pair
        ]
        pairs = zip(self.leaves[::2], self.leaves[1::2], strict=True)
        self.bank.pairs = [(down, up, scale) for down, up in pairs]
        self.rows = [torch.nn.Parameter(self.flat[row]) for row in range(len(self.trainees))]
        for row, parameter in enumerate(self.rows):
            parameter.grad = self.grad[row]

    def keep(self, kept: Sequence[int]) -> Rows:
        """Only those rows, with their moments; the others' weights go back to their trainees."""
        for row in set(range(len(self.trainees))) - set(kept):
            self._give_back(row)
        left = object.__new__(Rows)
        left.bank, left.trainees = self.bank, [self.trainees[row] for row in kept]
        if not kept:
            self.bank.pairs = []
            return left
        left.flat = self.flat[list(kept)].clone()
        left._lay_out()
        left.optimiser = torch.optim.AdamW(
            [{"params": [row]} for row in left.rows], lr=0.0, weight_decay=0.0, fused=True
        )
        for parameter, row in zip(left.rows, kept, strict=True):
            left.optimiser.state[parameter] = self.optimiser.state[self.rows[row]]
        return left

    def _give_back(self, row: int) -> None:
        trainee = self.trainees[row]
        trainee.adapter = self.adapter(row)

    def adapter(self, row: int) -> Adapter:
        """The adapter of a row as it stands, a copy."""
        own = self.trainees[row].adapter
        width = self.bank.width_of(self.flat.shape[1])
        return Adapter(self.flat[row].clone(), own.rank, width, own.alpha)

    def accumulate(self, loss: torch.Tensor) -> None:
        """Add the gradients of a loss to those of this step."""
        found = torch.autograd.grad(loss, self.leaves)
        torch._foreach_add_(self.grads, found)

    def update(self, step: int) -> None:
        """Clip each row's gradient and take a step at the row's own learning rate."""
        for row, (trainee, group) in enumerate(
            zip(self.trainees, self.optimiser.param_groups, strict=True)
        ):
            norm = torch.linalg.vector_norm(self.grad[row])
            self.grad[row].mul_(torch.clamp(CLIP_NORM / (norm + 1e-6), max=1.0))
            rate = float(trainee.request.cell.params["learning_rate"])
            group["lr"] = rate * trainee.steps.rate_factor(step)
        self.optimiser.step()
        self.grad.zero_()


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
