"""One model by itself in training: all its weights, or a PEFT adapter where none can be stacked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

import torch

from probes.methods import Request
from probes.models.hf import HfModel
from probes.train import CLIP_NORM, Trainee, derived_seed

WEIGHTS_FILE = "weights.safetensors"


class Alone:
    """The weights of one model that want gradients; `probes.train.Company` for one."""

    def __init__(self, trained: Any, trainee: Trainee) -> None:
        self.trainees = [trainee]
        self.weights = [weight for weight in trained.parameters() if weight.requires_grad]
        self.optimiser = torch.optim.AdamW(self.weights, lr=0.0, weight_decay=0.0, fused=True)

    def use(self, rows: range) -> None:
        """There is nobody else."""

    def accumulate(self, loss: torch.Tensor) -> None:
        """Add the gradients of a loss to those of this step."""
        loss.backward()

    def update(self, step: int) -> None:
        """Clip the gradient and take a step."""
        torch.nn.utils.clip_grad_norm_(self.weights, CLIP_NORM)
        (group,) = self.optimiser.param_groups
        group["lr"] = self.trainees[0].learning_rate(step)
        self.optimiser.step()
        self.optimiser.zero_grad(set_to_none=True)

    def keep(self, kept: Sequence[int]) -> None:
        """Nobody is left: `kept` is empty."""
        self.trainees = [self.trainees[row] for row in kept]

    def answering(self, row: int) -> AbstractContextManager[None]:
        """The model answers as it stands."""
        return nullcontext()


@contextmanager
def adapted(model: HfModel, request: Request) -> Iterator[Any]:
    """The model with a PEFT adapter, new or loaded; the bare base afterwards."""
    from peft import PeftModel

    if request.load_adapter is not None:
        peft_model = PeftModel.from_pretrained(model.model, request.load_adapter)
    else:
        peft_model = _new(model.model, request)
    model.model = peft_model
    try:
        yield peft_model
    finally:
        model.model = peft_model.unload()


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


@contextmanager
def unfrozen(model: HfModel, request: Request) -> Iterator[Any]:
    """The model with all weights in training, or as saved; the base's own weights afterwards."""
    base = model.model
    kept = {name: value.detach().clone() for name, value in base.named_parameters()}
    try:
        if request.load_adapter is not None:
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


def save(trained: Any, folder: Path) -> None:
    """Write an ordinary PEFT folder, or all weights as one safetensors file."""
    if hasattr(trained, "get_base_model"):
        trained.save_pretrained(folder, safe_serialization=True)
        return
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    weights = {name: value.detach() for name, value in trained.named_parameters()}
    save_file(weights, folder / WEIGHTS_FILE)
