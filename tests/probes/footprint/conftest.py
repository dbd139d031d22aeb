from __future__ import annotations

import pytest

from probes.footprint.settings import Architecture

HIDDEN, LAYERS, MIDDLE, HEADS, KV_HEADS, VOCABULARY = 64, 3, 96, 4, 2, 384


TINY = Architecture.of_config(
    "tiny",
    {
        "model_type": "llama",
        "num_hidden_layers": LAYERS,
        "hidden_size": HIDDEN,
        "intermediate_size": MIDDLE,
        "num_attention_heads": HEADS,
        "num_key_value_heads": KV_HEADS,
        "vocab_size": VOCABULARY,
        "tie_word_embeddings": False,
    },
)
"""A Llama whose bytes can be counted by hand."""


@pytest.fixture
def tiny() -> Architecture:
    """The same, for tests that only pass it on."""
    return TINY
