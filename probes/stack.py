"""Stacked LoRA: several adapters on one frozen base, side by side in every forward pass.

The base's matrix product runs once over the batches of all adapters; each adapter adds its own
low-rank product by batched matrix multiplication (cf. PLoRA, arXiv 2508.02932; mLoRA, 2312.02515).
Rows of different adapters never meet, so neither losses nor gradients depend on the companions.
Adapters are read and written as ordinary PEFT folders, without PEFT.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from probes.work import padded_width

CONFIG_FILE, WEIGHTS_FILE = "adapter_config.json", "adapter_model.safetensors"


@dataclass(frozen=True)
class Adapter:
    """One LoRA adapter: all its matrices in one vector, in the order of the bank's layers."""

    weights: torch.Tensor
    """(P,) float32: for each layer A as (in, width), then B as (width, out). The width is the rank
    padded (`padded_width`); the columns beyond the rank are zero and stay so."""
    rank: int
    alpha: float

    @property
    def scale(self) -> float:
        """What the low-rank product is multiplied by."""
        return self.alpha / self.rank


class StackedLinear(torch.nn.Module):
    """A frozen linear layer with the low-rank products of all adapters of a bank."""

    def __init__(self, base: torch.nn.Linear, bank: Bank, at: int) -> None:
        super().__init__()
        self.base = base
        self.bank = bank
        self.at = at

    @property
    def weight(self) -> torch.Tensor:
        """The frozen weight: some architectures look at its dtype."""
        return self.base.weight

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """`x`: (B, ..., in), B a multiple of the adapters in use; (B, ..., out)."""
        y: torch.Tensor = self.base(x)
        pair = self.bank.pairs[self.at] if self.bank.pairs else None
        if pair is None:
            return y
        down, up = pair  # (n, in, r), (n, r, out)
        n = down.shape[0]
        low = torch.bmm(x.reshape(n, -1, x.shape[-1]).to(down.dtype), down)
        if y.dtype == low.dtype:
            return torch.baddbmm(y.reshape(n, -1, y.shape[-1]), low, up).view(y.shape)
        return y + torch.bmm(low, up).view(y.shape).to(y.dtype)


Pair = tuple[torch.Tensor, torch.Tensor]
"""A, and B times the adapter's scale: the product of both is what is added."""


class Bank:
    """The adapters in use on one model: none, one that answers, or several that are trained."""

    def __init__(self, layers: Sequence[tuple[str, int, int]]) -> None:
        self.layers = list(layers)
        """(name, inputs, outputs) of each linear layer."""
        self.pairs: list[Pair] = []

    def zeros(self, rank: int) -> torch.Tensor:
        """Room for one adapter of that rank: (P,)."""
        sizes = (inputs + outputs for _, inputs, outputs in self.layers)
        return torch.zeros(sum(sizes) * padded_width(rank))

    def views(self, flat: torch.Tensor) -> list[tuple[torch.Tensor, torch.Tensor]]:
        """A (n, in, width) and B (n, width, out) of each layer, as views of `flat` (n, P)."""
        n, at = flat.shape[0], 0
        width = flat.shape[1] // sum(inputs + outputs for _, inputs, outputs in self.layers)
        found = []
        for _, inputs, outputs in self.layers:
            ends = at + inputs * width, at + (inputs + outputs) * width
            found.append(
                (
                    flat[:, at : ends[0]].view(n, inputs, width),
                    flat[:, ends[0] : ends[1]].view(n, width, outputs),
                )
            )
            at = ends[1]
        return found

    @contextmanager
    def answering(self, adapter: Adapter) -> Iterator[None]:
        """Only this adapter while inside; what was in use before afterwards."""
        before = self.pairs
        views = self.views(adapter.weights[None])
        self.pairs = [(down, up * adapter.scale) for down, up in views]
        try:
            yield
        finally:
            self.pairs = before


@contextmanager
def banked(model: Any) -> Iterator[Bank]:
    """The model with a bank behind every linear layer but the head; as it was afterwards."""
    found = targets(model)
    bank = Bank([(name, base.in_features, base.out_features) for name, base in found])
    try:
        for at, (name, base) in enumerate(found):
            _put(model, name, StackedLinear(base, bank, at))
        yield bank
    finally:
        for name, base in found:
            _put(model, name, base)


def stackable(model: Any) -> bool:
    """Whether plain linear layers are all that LoRA would adapt.

    Not for Conv1D (GPT-2), nor for experts that are one parameter of three dimensions: those go
    through PEFT, one adapter at a time.
    """
    other = any(type(module).__name__ == "Conv1D" for module in model.modules())
    experts = any(weight.dim() > 2 for weight in model.parameters())
    return bool(targets(model)) and not other and not experts


def targets(model: Any) -> list[tuple[str, torch.nn.Linear]]:
    """The linear layers that LoRA adapts by name: all but the output head, as in PEFT."""
    head = model.get_output_embeddings()
    return [
        (name, module)
        for name, module in model.named_modules()
        if isinstance(module, torch.nn.Linear) and module is not head
    ]


def _put(model: Any, name: str, module: torch.nn.Module) -> None:
    parent, _, own = name.rpartition(".")
    setattr(model.get_submodule(parent), own, module)


# ---------------------------------------------------------------- a new adapter, and files


def new_adapter(bank: Bank, *, rank: int, alpha: float, seed: int) -> Adapter:
    """A drawn uniformly with bound 1 / sqrt(inputs) and B zero, as PEFT initialises LoRA.

    Drawn layer by layer at the adapter's own rank, so that the padding changes nothing.
    """
    generator = torch.Generator().manual_seed(seed)
    weights = bank.zeros(rank)
    for (_, inputs, _), (down, _) in zip(bank.layers, bank.views(weights[None]), strict=True):
        drawn = torch.rand((rank, inputs), generator=generator) * 2 - 1
        down[0, :, :rank] = drawn.T / math.sqrt(inputs)
    return Adapter(weights, rank, alpha)


def save_adapter(bank: Bank, adapter: Adapter, folder: Path) -> None:
    """Write an ordinary PEFT folder: adapter_config.json and adapter_model.safetensors."""
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    tensors = {}
    views = bank.views(adapter.weights[None].cpu())
    for (name, _, _), (down, up) in zip(bank.layers, views, strict=True):
        stem = f"base_model.model.{name}"
        tensors[f"{stem}.lora_A.weight"] = down[0, :, : adapter.rank].T.contiguous()
        tensors[f"{stem}.lora_B.weight"] = up[0, : adapter.rank].T.contiguous()
    save_file(tensors, folder / WEIGHTS_FILE, metadata={"format": "pt"})
    config = {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "r": adapter.rank,
        "lora_alpha": adapter.alpha,
        "lora_dropout": 0.0,
        "bias": "none",
        "target_modules": [name for name, _, _ in bank.layers],
        "inference_mode": True,
    }
    (folder / CONFIG_FILE).write_text(json.dumps(config, indent=2))


def load_adapter(bank: Bank, folder: Path, device: torch.device) -> Adapter:
    """Read what `save_adapter` wrote, padded as it was trained."""
    from safetensors.torch import load_file

    config = json.loads((folder / CONFIG_FILE).read_text())
    rank = int(config["r"])
    tensors = load_file(folder / WEIGHTS_FILE)
    weights = bank.zeros(rank)
    for (name, _, _), (down, up) in zip(bank.layers, bank.views(weights[None]), strict=True):
        stem = f"base_model.model.{name}"
        down[0, :, :rank] = tensors[f"{stem}.lora_A.weight"].T
        up[0, :rank] = tensors[f"{stem}.lora_B.weight"].T
    return Adapter(weights.to(device), rank, float(config["lora_alpha"]))
