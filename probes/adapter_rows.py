"""The adapters of a stack in training: rows of one matrix, with an optimiser that keeps them apart.

Bitwise, an adapter becomes what it would have become alone where a batch is one forward pass (fp32,
one thread, tested); small parts make the matrix products take other kernels, and then it is equal
but for rounding.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

import torch

from probes.stack import Adapter, Bank, new_adapter
from probes.train import CLIP_NORM, Trainee, derived_seed


def give_adapters(bank: Bank, trainees: Sequence[Trainee], device: torch.device) -> None:
    """Give each trainee the new adapter that its cell asks for."""
    for trainee in trainees:
        params, seed = trainee.request.cell.params, trainee.request.cell.seed
        rank, alpha = int(params["rank"]), float(params["alpha"])
        adapter = new_adapter(bank, rank=rank, alpha=alpha, seed=derived_seed(seed, "adapter"))
        trainee.adapter = Adapter(adapter.weights.to(device), rank, alpha)


@dataclass(frozen=True)
class _Part:
    """Rows that share a forward pass: their matrices as leaves of the graph, layer by layer."""

    leaves: list[torch.Tensor]
    grads: list[torch.Tensor]
    """Views of where the leaves' gradients are summed."""


class Rows:
    """Adapters of one padded width on one bank; `probes.train.Company` for several."""

    def __init__(self, bank: Bank, trainees: Sequence[Trainee]) -> None:
        self.bank = bank
        self.trainees = list(trainees)
        self._lay_out(torch.stack([_adapter(trainee).weights for trainee in trainees]))

    def _lay_out(self, flat: torch.Tensor) -> None:
        """One parameter a row for the optimiser; leaves of the graph follow with `use`.

        The leaves are views of the weights times `factor`, which is the adapter's scale for B: so
        the scale costs two products a step instead of several a layer.
        """
        self.flat = flat  # (n, P)
        self.grad = torch.zeros_like(flat)
        self.factor = torch.ones_like(flat)
        for _, up in self.bank.views(self.factor):
            for row, trainee in enumerate(self.trainees):
                up[row] = _adapter(trainee).scale
        self.scaled = flat * self.factor
        self.parts: dict[range, _Part] = {}
        self.use(range(len(flat)))
        self.rows = [torch.nn.Parameter(row) for row in flat]
        for parameter, grad in zip(self.rows, self.grad, strict=True):
            parameter.grad = grad
        self.optimiser = torch.optim.AdamW(
            [{"params": [row]} for row in self.rows], lr=0.0, weight_decay=0.0, fused=True
        )

    def use(self, rows: range) -> None:
        """Only these rows are in the forward passes that follow."""
        if rows not in self.parts:
            at = slice(rows.start, rows.stop)
            self.parts[rows] = _Part(
                leaves=[each.detach().requires_grad_() for each in self._each(self.scaled[at])],
                grads=self._each(self.grad[at]),
            )
        self.part = self.parts[rows]
        leaves = self.part.leaves
        self.bank.pairs = list(zip(leaves[::2], leaves[1::2], strict=True))

    def _each(self, flat: torch.Tensor) -> list[torch.Tensor]:
        return [view for pair in self.bank.views(flat) for view in pair]

    def accumulate(self, loss: torch.Tensor) -> None:
        """Add the gradients of a loss to those of this step."""
        found = torch.autograd.grad(loss, self.part.leaves)
        for grad, more in zip(self.part.grads, found, strict=True):
            grad += more

    def update(self, step: int) -> None:
        """Clip each row's gradient and take a step at the row's own learning rate."""
        self.grad.mul_(self.factor)
        groups = self.optimiser.param_groups
        for grad, trainee, group in zip(self.grad, self.trainees, groups, strict=True):
            norm = torch.linalg.vector_norm(grad)
            grad.mul_(torch.clamp(CLIP_NORM / (norm + 1e-6), max=1.0))
            group["lr"] = trainee.learning_rate(step)
        self.optimiser.step()
        torch.mul(self.flat, self.factor, out=self.scaled)
        self.grad.zero_()

    def keep(self, kept: Sequence[int]) -> None:
        """Go on with those rows and their moments; the others' weights go to their trainees."""
        for row in set(range(len(self.trainees))) - set(kept):
            self.trainees[row].adapter = self._copy(row)
        states = [self.optimiser.state[self.rows[row]] for row in kept]
        self.trainees = [self.trainees[row] for row in kept]
        if not kept:
            self.bank.pairs = []
            return
        self._lay_out(self.flat[list(kept)].clone())
        self.optimiser.state.update(zip(self.rows, states, strict=True))

    def answering(self, row: int) -> AbstractContextManager[None]:
        """The model answers as this row stands."""
        return self.bank.answering(self._copy(row))

    def _copy(self, row: int) -> Adapter:
        own = _adapter(self.trainees[row])
        return Adapter(self.flat[row].clone(), own.rank, own.alpha)


def _adapter(trainee: Trainee) -> Adapter:
    assert trainee.adapter is not None
    return trainee.adapter
