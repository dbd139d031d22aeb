"""The rungs' shapes, their structured initialisation, and growth of a small rung into a larger."""

import math
from dataclasses import dataclass
from typing import Any

import torch
from transformers import Qwen2Config, Qwen2ForCausalLM

from probes.pocket.tokenizer import END_ID, PAD_ID, VOCABULARY_SIZE

ROPE_THETA = 10_000.0
SLOW = 0.03
"""RoPE frequencies below this (radians a token) hardly turn: they carry content, not position."""


@dataclass(frozen=True)
class Shape:
    """Width, depth and heads of one rung."""

    width: int
    layers: int
    heads: int
    feed_forward: int


SHAPES: dict[str, Shape] = {
    "xs": Shape(48, 2, 2, 96),
    "s": Shape(96, 2, 3, 256),
    "m": Shape(128, 4, 4, 384),
}


def new_model(shape: Shape, seed: int = 0) -> Qwen2ForCausalLM:
    """A Qwen2 model with small random matrices and tied embeddings."""
    torch.manual_seed(seed)
    config = Qwen2Config(
        vocab_size=VOCABULARY_SIZE,
        hidden_size=shape.width,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.heads,
        intermediate_size=shape.feed_forward,
        max_position_embeddings=1024,
        tie_word_embeddings=True,
        rope_parameters={"rope_type": "default", "rope_theta": ROPE_THETA},
        bos_token_id=None,
        eos_token_id=END_ID,
        pad_token_id=PAD_ID,
    )
    model = Qwen2ForCausalLM(config)
    for name, weight in model.named_parameters():
        if weight.ndim == 2 and "embed" not in name:
            torch.nn.init.normal_(weight, 0, 0.5 / math.sqrt(weight.shape[1]))
            if "o_proj" in name or "down_proj" in name:
                weight.data.mul_(0.3)
    torch.nn.init.normal_(model.model.embed_tokens.weight, 0, 0.25)
    model.model.norm.weight.data.fill_(0.3)
    return model


def _orthonormal(rows: int, columns: int, generator: torch.Generator) -> torch.Tensor:
    return torch.linalg.qr(torch.randn(rows, columns, generator=generator))[0]


@dataclass(frozen=True)
class _Lookback:
    """What layer 0 writes: the token so many places back, each distance in its own subspace."""

    reads: torch.Tensor  # (head, width): projection of the current token
    writes: list[torch.Tensor]  # per distance, (width, head)
    slow: list[int]  # content dimensions of a head


@torch.no_grad()
def structured_init(model: Qwen2ForCausalLM, seed: int = 0) -> Qwen2ForCausalLM:
    """Layer 0 looks back 1, 2, 3 tokens; later layers match and copy (an induction circuit).

    In the spirit of mimetic initialisation (Trockman & Kolter 2023, arXiv:2305.09828); here the
    position pattern comes from QKV biases under RoPE, which Qwen2 has and the paper's models lack.
    """
    generator = torch.Generator().manual_seed(seed)
    lookback = _look_back(model, generator)
    for layer in list(model.model.layers)[1:]:
        _match_and_copy(layer.self_attn, lookback, generator)
    return model


def _look_back(
    model: Qwen2ForCausalLM, generator: torch.Generator, sharpness: float = 5.7
) -> _Lookback:
    width, heads = model.config.hidden_size, model.config.num_attention_heads
    head = width // heads
    half = head // 2
    frequency = ROPE_THETA ** (-torch.arange(half) / half)
    reads = _orthonormal(width, head, generator).T
    distances = min(3, heads)
    subspaces = _orthonormal(width, min(width, distances * head), generator)
    attention: Any = model.model.layers[0].self_attn
    writes = []
    for index in range(distances):
        rows, distance = slice(index * head, (index + 1) * head), index + 1
        for projection in (attention.q_proj, attention.k_proj):
            noise = torch.randn(head, width, generator=generator)
            projection.weight[rows] = 0.05 * noise / math.sqrt(width)
        attention.k_proj.bias[rows] = torch.cat([torch.full((half,), sharpness), torch.zeros(half)])
        turned = [torch.cos(-distance * frequency), torch.sin(-distance * frequency)]
        attention.q_proj.bias[rows] = sharpness * torch.cat(turned)
        write = subspaces[:, index * head : (index + 1) * head]
        attention.v_proj.weight[rows] = reads
        attention.o_proj.weight[:, rows] = 0.35 * write
        writes.append(write)
    low = [i for i in range(half) if frequency[i] < SLOW]
    return _Lookback(reads, writes, low + [i + half for i in low])


@torch.no_grad()
def _match_and_copy(
    attention: Any, lookback: _Lookback, generator: torch.Generator, strength: float = 2.5
) -> None:
    """Heads whose query and key compare what layer 0 wrote, and whose value copies the token."""
    width = lookback.reads.shape[1]
    head = lookback.reads.shape[0]
    back = [lookback.reads] + [write.T for write in lookback.writes]  # 0, 1, 2, 3 tokens back
    pairs = [(0, 1)]  # the current word, seen before: attend to what followed it
    if len(back) > 3:
        pairs.append((2, 3))  # word before the markers, earlier example: attend to its label
        pairs.append((3, 2))  # entity before '?' and the markers: attend to the value behind 'is'
    for index, (query_back, key_back) in enumerate(pairs):
        rows = slice(index * head, (index + 1) * head)
        query, key = torch.zeros(head, width), torch.zeros(head, width)
        query[lookback.slow] = strength * back[query_back][lookback.slow]
        key[lookback.slow] = strength * back[key_back][lookback.slow]
        copied = _orthonormal(width, head, generator)
        attention.q_proj.weight[rows] = query
        attention.k_proj.weight[rows] = key
        attention.v_proj.weight[rows] = copied.T
        attention.o_proj.weight[:, rows] = 0.5 * copied


@torch.no_grad()
def grow(small: Qwen2ForCausalLM, shape: Shape, seed: int = 1) -> Qwen2ForCausalLM:
    """Widen and deepen a trained model, nearly keeping its function.

    New residual dimensions are written by nothing old and read by little; added layers are copies
    of the last one with silent outputs. RMSNorm gains shrink by sqrt(old / new width) because the
    old part of the residual stream makes up less of its mean square.
    """
    large = new_model(shape, seed)
    old, new = small.config.hidden_size, shape.width
    head = old // small.config.num_attention_heads
    if head != new // shape.heads:
        raise ValueError("growth needs equal head sizes")
    gain = math.sqrt(old / new)
    before, after = small.model.embed_tokens.weight, large.model.embed_tokens.weight
    after[:, :old] = before
    after[:, old:] = torch.randn(after.shape[0], new - old) * before.std() * 0.3
    _grow_norm(large.model.norm, small.model.norm, gain)
    layers = list(small.model.layers)
    for index, layer in enumerate(large.model.layers):
        source = layers[min(index, len(layers) - 1)]
        _grow_layer(layer, source, gain, silent=index >= len(layers))
    return large


def _grow_norm(large: Any, small: Any, gain: float) -> None:
    old = small.weight.shape[0]
    large.weight[:old] = small.weight * gain
    large.weight[old:] = small.weight.mean() * gain


def _grow_layer(large: Any, small: Any, gain: float, silent: bool) -> None:
    _grow_norm(large.input_layernorm, small.input_layernorm, gain)
    _grow_norm(large.post_attention_layernorm, small.post_attention_layernorm, gain)
    inner = (large.self_attn, small.self_attn), (large.mlp, small.mlp)
    readers = ("q_proj", "k_proj", "v_proj"), ("gate_proj", "up_proj")
    for (to, source), names in zip(inner, readers, strict=True):
        for name in names:
            _grow_reader(getattr(to, name), getattr(source, name))
    for name, (to, source) in zip(("o_proj", "down_proj"), inner, strict=True):
        weight, known = getattr(to, name).weight, getattr(source, name).weight
        weight.zero_()
        if not silent:
            weight[: known.shape[0], : known.shape[1]] = known


def _grow_reader(large: Any, small: Any) -> None:
    rows, columns = small.weight.shape
    large.weight[:rows, :columns] = small.weight
    large.weight[:rows, columns:] *= 0.3
    if small.bias is not None:
        large.bias.zero_()
        large.bias[:rows] = small.bias
