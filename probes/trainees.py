"""Adapters on their way: what each one is, its batches, and all of them as rows of one matrix."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import torch

from probes.failures import CellFailure
from probes.methods import Request
from probes.records import Json, Prediction
from probes.stack import Adapter, Bank
from probes.train import CLIP_NORM, MEGA_BATCHES, Steps, TokenisedExample


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


def cut_batches(
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
