"""Muon for the matrices and AdamW for the rest, under one learning-rate schedule."""

import math

import torch
from torch import nn

MOMENTUM = 0.95
WEIGHT_DECAY = 0.02


def orthogonalise(matrices: torch.Tensor) -> torch.Tensor:
    """Five Newton-Schulz steps towards the nearest semi-orthogonal matrices.

    Coefficients from Keller Jordan, "Muon: An optimizer for hidden layers in neural networks"
    (2024); here batched over matrices of one shape and in fp32.
    """
    x = matrices / (matrices.norm(dim=(-2, -1), keepdim=True) + 1e-7)  # (N, rows, columns)
    tall = x.shape[-2] > x.shape[-1]
    x = x.mT if tall else x
    for _ in range(5):
        a = x @ x.mT
        x = 3.4445 * x + (-4.7750 * a + 2.0315 * a @ a) @ x
    return x.mT if tall else x


def schedule(progress: float, step: int, warm_up_steps: int = 60, constant: float = 0.3) -> float:
    """Linear warm-up, constant for 30 % of the tokens, then cosine down to 2 %."""
    warm = min(1.0, (step + 1) / warm_up_steps)
    if progress < constant:
        return warm
    falling = (progress - constant) / (1 - constant)
    return warm * max(0.02, 0.5 * (1 + math.cos(math.pi * min(1.0, falling))))


class MuonAdamW:
    """Muon on every matrix except the embedding, AdamW on the embedding, norms and biases."""

    def __init__(self, model: nn.Module, muon_rate: float, adamw_rate: float) -> None:
        """Group the matrices by shape so that each group is orthogonalised in one batch."""
        self.muon_rate, self.adamw_rate = muon_rate, adamw_rate
        self.groups: dict[tuple[int, ...], list[nn.Parameter]] = {}
        self.rest: list[nn.Parameter] = []
        for name, parameter in model.named_parameters():
            if parameter.ndim == 2 and "embed" not in name:
                self.groups.setdefault(tuple(parameter.shape), []).append(parameter)
            else:
                self.rest.append(parameter)
        self.momenta = {s: torch.zeros(len(g), *s) for s, g in self.groups.items()}
        self.adamw = torch.optim.AdamW(
            self.rest, lr=adamw_rate, betas=(0.9, 0.98), weight_decay=0.0, fused=True
        )

    @torch.no_grad()
    def step(self, scale: float) -> None:
        """One update at `scale` times the peak rates; clears the gradients."""
        for shape, group in self.groups.items():
            gradient = torch.stack([p.grad for p in group if p.grad is not None])
            momentum = self.momenta[shape].lerp_(gradient, 1 - MOMENTUM)
            nesterov = gradient.lerp(momentum, MOMENTUM)
            update = orthogonalise(nesterov) * max(1.0, shape[0] / shape[1]) ** 0.5
            rate = self.muon_rate * scale
            for parameter, change in zip(group, update, strict=True):
                parameter.mul_(1 - rate * WEIGHT_DECAY).add_(change, alpha=-rate)
                parameter.grad = None
        nn.utils.clip_grad_norm_(self.rest, 1.0)
        for settings in self.adamw.param_groups:
            settings["lr"] = self.adamw_rate * scale
        self.adamw.step()
        self.adamw.zero_grad(set_to_none=True)
