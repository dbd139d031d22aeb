"""A rough peak of memory for one cell of a probe, by a closed form; said to be rough where shown.

It describes the probes' own trainer, which `probes.footprint.closed_form` does not: adapters
stacked on one base, logits at the answers alone, no checkpointing, a base that is restored after
all weights were trained. What a user's training takes is for `advisor.room` to say.
"""

from __future__ import annotations

from knowledge.records import ModelCard


def weights_bytes(card: ModelCard, bytes_per_param: float) -> int:
    """Memory of the frozen weights, in bytes."""
    return int(card.n_params * bytes_per_param)


def _value_bytes(bytes_per_param: float) -> int:
    """Of an activation. Beside weights of 16 or 4 bits some are in 16 bits, and what norms and
    adapters keep is in fp32: 3 is within 15 % of the closed form fitted to traces, which a test
    holds."""
    return 4 if bytes_per_param >= 4 else 3


def training_peak_bytes(
    card: ModelCard, *, rank: int, tokens: int, answer_tokens: int, bytes_per_param: float
) -> int:
    """Rough peak of LoRA training on all linear layers without checkpointing, in bytes.

    Weights, adapters with gradients and two Adam moments (16 B each in fp32), activations of
    about (10 h + 4 i) values a token and layer, and three fp32 copies of the logits at answer
    positions (12 B x tokens x vocabulary: measured in the traces behind facts/memory.md).
    """
    per_layer = 4 * card.hidden_size * 2 + 3 * (card.hidden_size + card.intermediate_size)
    adapters = rank * card.n_layers * per_layer * 16
    values = card.n_layers * tokens * (10 * card.hidden_size + 4 * card.intermediate_size)
    logits = 12 * answer_tokens * card.vocab_size
    kept = _value_bytes(bytes_per_param) * values
    return int(weights_bytes(card, bytes_per_param) + adapters + kept + logits)


def full_training_peak_bytes(card: ModelCard, *, tokens: int) -> int:
    """Rough peak of training all weights in fp32 with AdamW, in bytes.

    Weights, gradients and two moments (16 B a parameter), the copy that the base is restored from
    (4 B), activations as for LoRA, and fp32 logits at a quarter of the tokens.
    """
    values = card.n_layers * tokens * (10 * card.hidden_size + 4 * card.intermediate_size)
    return int(20 * card.n_params + 4 * values + 3 * tokens * card.vocab_size)


def inference_peak_bytes(card: ModelCard, *, tokens: int, bytes_per_param: float) -> int:
    """Rough peak of a forward pass over `tokens` tokens with a key-value cache, in bytes."""
    cache = 2 * card.n_layers * card.n_kv_heads * card.head_columns
    work = 4 * card.hidden_size + 2 * card.intermediate_size
    kept = _value_bytes(bytes_per_param) * tokens * (cache + work)
    return int(weights_bytes(card, bytes_per_param) + kept)
