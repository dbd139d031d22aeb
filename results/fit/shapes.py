"""Shapes of the models that published rows are of."""

from __future__ import annotations

import re
from dataclasses import dataclass

from knowledge.load import model_cards

Row = dict[str, str]


@dataclass(frozen=True)
class Shape:
    """What the speed of a model depends on."""

    n_params: int
    n_layers: int
    hidden_size: int
    kv_columns: int
    vocab_size: int
    tied: bool
    n_active: int = 0

    def columns(self) -> Row:
        """The same in the columns of `Measured`."""
        return {
            "n_params": str(self.n_params),
            "n_active": str(self.n_active or self.n_params),
            "n_layers": str(self.n_layers),
            "hidden_size": str(self.hidden_size),
            "kv_columns": str(self.kv_columns),
            "vocab_size": str(self.vocab_size),
            "tied_embeddings": str(self.tied),
        }


SHAPES = {
    # config.json of the models on the Hub; 72B by way of Qwen/Qwen-72B at main
    "Qwen-1.8B": Shape(1_836_828_672, 24, 2048, 2048, 151936, False),
    "Qwen-7B": Shape(7_721_324_544, 32, 4096, 4096, 151936, False),
    "Qwen-14B": Shape(14_167_290_880, 40, 5120, 5120, 152064, False),
    "Qwen-72B": Shape(72_287_920_128, 80, 8192, 8192, 152064, False),
    # the model card of Qwen3-30B-A3B: 30.5e9 in all, 3.3e9 active
    "Qwen3-30B-A3B": Shape(30_500_000_000, 48, 2048, 512, 151936, False, 3_300_000_000),
    # litgpt/config.py of Lightning-AI/litgpt
    "phi-1.5": Shape(1_418_270_720, 24, 2048, 2048, 51200, False),
    "StableLM Alpha": Shape(3_638_525_952, 16, 4096, 4096, 50688, False),
    "Llama-2-7B": Shape(6_738_415_616, 32, 4096, 4096, 32000, False),
    "Llama-2-13B": Shape(13_015_864_320, 40, 5120, 5120, 32000, False),
    "Llama-2-70B": Shape(68_976_648_192, 80, 8192, 1024, 32000, False),
    "CodeLlama-34B": Shape(33_743_970_304, 48, 8192, 1024, 32000, False),
    "Mistral-7B": Shape(7_241_732_096, 32, 4096, 1024, 32000, False),
    "Falcon-40B": Shape(41_303_293_952, 60, 8192, 512, 65024, True),
}
"""Shapes of older models that have no card here. Parameters follow from them, as in the tests of
the cards, where the architecture is Llama's or Qwen's."""
NAMES = {
    ("Llama 2", "7.0"): "Llama-2-7B",
    ("Llama 2", "13.0"): "Llama-2-13B",
    ("Llama 2", "70.0"): "Llama-2-70B",
    ("Llama-2-70b-chat", "69.0"): "Llama-2-70B",
    ("llama-2-7b", "6.74"): "Llama-2-7B",
    ("CodeLlama", "34.0"): "CodeLlama-34B",
    ("Falcon", "40.0"): "Falcon-40B",
    ("mistral-7b", "7.24"): "Mistral-7B",
    ("mistral-7b-v0.2", "7.24"): "Mistral-7B",
    ("Mistral-7B-v0.2", "7.24"): "Mistral-7B",
    ("Qwen3-30B-A3B-Instruct-2507", "30.5"): "Qwen3-30B-A3B",
}
"""Name and size in the source -> name in SHAPES."""
CARDS = {
    "Llama-3.1-8B": "Llama-3.1-8B-Instruct",
    "llama-3.1-8b": "Llama-3.1-8B-Instruct",
    "llama-3-8b": "Llama-3.1-8B-Instruct",
    "Llama-3.2-3B": "Llama-3.2-3B-Instruct",
    "llama-3.2-3b": "Llama-3.2-3B-Instruct",
    "llama-3.2-1b": "Llama-3.2-1B-Instruct",
    "unsloth/qwen3-14b-unsloth-bnb-4bit": "Qwen3-14B",
}
"""Name in the source -> the card of the same shape."""


def shape_of(model: str, params_b: str = "") -> Shape | None:
    """The shape of a source's model, from the table or from a card."""
    name = NAMES.get((model, params_b), model)
    name = re.sub(r"-Chat(-Int\d)?$", "", name)
    if name in SHAPES:
        return SHAPES[name]
    card = model_cards().get(CARDS.get(name, name)) or model_cards().get(f"{name}-Instruct")
    if card is None:
        return None
    kv = card.n_kv_heads * card.head_columns
    tied = bool(card.tied_embeddings)
    return Shape(card.n_params, card.n_layers, card.hidden_size, kv, card.vocab_size, tied)
