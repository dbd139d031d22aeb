"""Models of random weights for benchmarks: small Qwen2 shapes, the same each time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch


@dataclass(frozen=True)
class Shape:
    """An architecture by its sizes."""

    name: str
    hidden: int
    layers: int
    intermediate: int
    vocabulary: int
    heads: int = 4


SHAPES = {
    shape.name: shape
    for shape in (
        Shape("0.3M", 64, 4, 192, 2048),
        Shape("3M", 192, 6, 576, 4096),
        Shape("10M", 320, 6, 960, 8192),
    )
}


def random_model(name: str) -> Any:
    """A Qwen2 of that shape in fp32, weights from seed 0, frozen."""
    from transformers import Qwen2Config, Qwen2ForCausalLM

    shape = SHAPES[name]
    torch.manual_seed(0)
    config = Qwen2Config(
        hidden_size=shape.hidden,
        num_hidden_layers=shape.layers,
        intermediate_size=shape.intermediate,
        vocab_size=shape.vocabulary,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.heads // 2,
        max_position_embeddings=512,
        tie_word_embeddings=True,
        pad_token_id=0,
        eos_token_id=1,
        bos_token_id=None,
    )
    return Qwen2ForCausalLM(config).float().eval().requires_grad_(False)
