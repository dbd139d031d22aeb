"""Writes down when storages come and go, while real modules run on tensors with or without data."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable
from math import prod
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from probes.footprint.replay import Moment, Trace


class StorageTracker(TorchDispatchMode):
    """Every storage that an operation returns, until it dies."""

    def __init__(self, vocabulary: int, device: str) -> None:
        super().__init__()
        self.trace = Trace()
        self._vocabulary, self._cuda = vocabulary, device == "cuda"
        self._live: dict[int, int] = {}
        self._count = 0
        self._outside = False

    def begin(self, moment: Moment) -> None:
        """From here on it is another moment."""
        self.trace.moments.append((len(self.trace.events), moment))
        self._outside = moment[1] == "step"

    def belong(self, held: Any, layer: int) -> None:
        """Say of which layer these tensors are."""
        for tensor in _tensors(held):
            self.trace.layers[self._number(tensor)] = layer

    def add(self, held: Any, kind: str | None = None) -> None:
        """Count the storages of these tensors, as of now, and say what they hold."""
        for tensor in _tensors(held):
            storage = tensor.untyped_storage()
            if storage._cdata not in self._live:
                self._come(storage, tensor)
            if kind is not None:
                self.trace.kinds[self._live[storage._cdata]] = kind

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Run the operation and count what it returns."""
        name = str(func)
        if name == "aten._local_scalar_dense.default":
            return 1.0  # a number for a log; without data there is none
        if name == "aten.index.Tensor" and _chooses(args[1]):
            return self._all_of(args[0], args[1][0])
        workspace = _WORKSPACES.get(name)
        if workspace is not None:
            self._pass(workspace(args, self._cuda))
        result = func(*args, **(kwargs or {}))
        self.add(result)
        if self._outside:
            self._inherit(result, args)
        return result

    def _inherit(self, result: Any, args: Any) -> None:
        """Outside the layers, what is made of one layer's tensor is that layer's."""
        made, source = result, args[0] if args else None
        if isinstance(made, torch.Tensor):
            made, source = [made], [source]
        if isinstance(made, (list, tuple)) and isinstance(source, (list, tuple)):
            for tensor, origin in zip(made, source, strict=False):
                if isinstance(tensor, torch.Tensor) and isinstance(origin, torch.Tensor):
                    layer = self.trace.layers.get(self._number(origin))
                    if layer is not None:
                        self.trace.layers.setdefault(self._number(tensor), layer)

    def _number(self, tensor: torch.Tensor) -> int:
        return self._live.get(tensor.untyped_storage()._cdata, 0)

    def _all_of(self, tensor: torch.Tensor, chosen: torch.Tensor) -> torch.Tensor:
        """What a mask picks where it is true everywhere: without data nobody can look."""
        picked = tensor.new_empty((chosen.numel(), *tensor.shape[chosen.ndim :]))
        self.add(picked)
        return picked

    def _come(self, storage: torch.UntypedStorage, tensor: torch.Tensor) -> None:
        self._count += 1
        key, number = storage._cdata, self._count
        self._live[key] = number
        self.trace.events.append((number, storage.nbytes()))
        if tensor.ndim > 1 and tensor.shape[-1] == self._vocabulary:
            self.trace.kinds[number] = "logits"
        weakref.finalize(storage, self._go, key)

    def _go(self, key: int) -> None:
        self.trace.events.append((self._live.pop(key), -1))

    def _pass(self, sizes: Iterable[int]) -> None:
        """Blocks that an operation takes and gives back inside."""
        numbers = []
        for size in sizes:
            self._count += 1
            numbers.append(self._count)
            self.trace.kinds[self._count] = "workspace"
            self.trace.events.append((self._count, size))
        self.trace.events.extend((number, -1) for number in numbers)


def _tensors(held: Any) -> list[torch.Tensor]:
    return [leaf for leaf in tree_leaves(held) if isinstance(leaf, torch.Tensor)]


def _chooses(index: Any) -> bool:
    return len(index) == 1 and index[0] is not None and index[0].dtype == torch.bool


FUSED_ROWS = 4
"""bitsandbytes 0.50.2 on CUDA: with no more rows a 4-bit product never unpacks its weight, above
1,536 always; between them a table by GPU and shape decides, which is not followed: taken as
unpacked."""


def _gemm_4bit(args: Any, cuda: bool) -> list[int]:
    """What a 4-bit product unpacks: the weight in the input's type, its scales in fp32, its output.

    `_gemm_4bit_default_impl` of bitsandbytes 0.50.2; no operation of it is seen from outside.
    """
    inputs, shape, block = args[0], args[2], args[4]
    rows = inputs.numel() // inputs.shape[-1]
    if cuda and rows <= FUSED_ROWS:
        return []
    weight = prod(shape) * inputs.element_size()
    return [prod(shape) // block * 4, weight, rows * shape[0] * inputs.element_size()]


def _broadcast(args: Any, cuda: bool) -> list[int]:
    """On a CPU a product of 16-bit batches copies an operand that all of a batch share, for each.

    So does the head of a model for the last tokens of several prompts (torch 2.13, oneDNN).
    """
    if cuda or args[0].element_size() != 2:
        return []
    shared = (each for each in args[:2] if each.shape[0] > 1 and each.stride(0) == 0)
    return [each.numel() * each.element_size() for each in shared]


_WORKSPACES: dict[str, Callable[[Any, bool], list[int]]] = {
    "bitsandbytes.gemm_4bit.default": _gemm_4bit,
    "aten.bmm.default": _broadcast,
}
"""Operations that hold memory which no result shows."""
