"""What published stacks do where their rows do not say, and sizes of models that have no card.

A row's stack decides what the row leaves unsaid (`HABITS`): the precision of adapters, dropout, how
the loss is computed, what quantised layers keep. Every habit is read from the stack's code or
documents; none is fitted.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from knowledge.measured import Measured
from knowledge.stack_memory import family_of
from results.fit.shapes import NAMES

ADAPTED = {
    "c_attn,c_proj,w1,w2": ("all-linear",),
    "all": ("all-linear",),
    "all 7": ("all-linear",),
    "q,v": ("q_proj", "v_proj"),
    "q,k,v,proj,mlp,head": ("all-linear",),
}
"""Modules as a source names them -> ours. Qwen's first version calls both projections out of a
block `c_proj`; litgpt's `head` is left out, as no setting has an adapter there."""


@dataclass(frozen=True)
class Widths:
    """A decoder that has no card, in the words of Llama's layers."""

    n_layers: int
    hidden: int
    inner: int
    n_heads: int
    n_kv_heads: int
    vocabulary: int
    tied: bool = False
    head: int = 0
    matrices: Literal[2, 3] = 3
    """Of a feed-forward block; two are taken for three of two thirds of their width. Such models
    keep its inner columns once, not twice, and the input of both LayerNorms once in 16 bits, where
    two RMSNorms keep theirs in 32."""
    note: str = ""

    def config(self) -> dict[str, Any]:
        """As transformers' Llama would have it."""
        return {
            "model_type": "llama",
            "num_hidden_layers": self.n_layers,
            "hidden_size": self.hidden,
            "intermediate_size": self.inner * self.matrices // 3,
            "num_attention_heads": self.n_heads,
            "num_key_value_heads": self.n_kv_heads,
            "head_dim": self.head or self.hidden // self.n_heads,
            "vocab_size": self.vocabulary,
            "tie_word_embeddings": self.tied,
        }


WIDTHS = {
    # config.json of Qwen's first version, whose `intermediate_size` counts gate and up together
    "Qwen-1.8B": Widths(24, 2048, 5504, 16, 16, 151936),
    "Qwen-7B": Widths(32, 4096, 11008, 32, 32, 151936),
    "Qwen-14B": Widths(40, 5120, 13696, 40, 40, 152064),
    "Qwen-72B": Widths(80, 8192, 24576, 64, 64, 152064),
    # litgpt/config.py; its models have a head of their own
    "phi-1.5": Widths(24, 2048, 8192, 32, 32, 51200, matrices=2),
    "phi-2": Widths(32, 2560, 10240, 32, 32, 51200, matrices=2),
    "StableLM Alpha": Widths(16, 4096, 16384, 32, 32, 50688, matrices=2),
    "stablelm-base-alpha-3b": Widths(16, 4096, 16384, 32, 32, 50688, matrices=2),
    "Llama-2-7B": Widths(32, 4096, 11008, 32, 32, 32000),
    "llama-2-7b": Widths(32, 4096, 11008, 32, 32, 32000),
    "Llama-2-13B": Widths(40, 5120, 13824, 40, 40, 32000),
    "Llama-2-70B": Widths(80, 8192, 28672, 64, 8, 32000),
    "CodeLlama-34B": Widths(48, 8192, 22016, 64, 8, 32000),
    "Mistral-7B": Widths(32, 4096, 14336, 32, 8, 32000),
    "falcon-7b": Widths(32, 4544, 18176, 71, 1, 65024, matrices=2),
    "Falcon-40B": Widths(60, 8192, 32768, 128, 8, 65024, matrices=2),
    "gemma-2b": Widths(18, 2048, 16384, 8, 1, 256000, head=256),
    "gemma-7b": Widths(28, 3072, 24576, 16, 16, 256000, head=256),
    "gemma-2-2b": Widths(26, 2304, 9216, 8, 4, 256000, head=256),
    "gemma-2-9b": Widths(42, 3584, 14336, 16, 8, 256000, head=256),
    "Phi-3-mini-4k-instruct": Widths(32, 3072, 8192, 32, 32, 32064),
    "tiny-llama": Widths(22, 2048, 5632, 32, 4, 32000),
    # config.json of Qwen3-30B-A3B: 8 of 128 experts, 768 wide each, for a token
    "Qwen3-30B-A3B": Widths(48, 2048, 6144, 32, 4, 151936, head=128, note="8 of 128 experts"),
}
"""Sizes that no card has; what they come to is checked against the published parameters."""


@dataclass(frozen=True)
class Habit:
    """What a stack does where its rows do not say; the rest is as in `Setting`."""

    source: str
    fields: Mapping[str, Any] = field(default_factory=dict)
    """Of the setting, for training."""
    logits: float = 1.0
    """Bytes of logits and their gradients over those of today's transformers (12 a logit)."""
    half_logits: float = 1.0
    """The same where DeepSpeed trains all in fp16, without autocast."""
    inputs_kept: bool = False
    """Whether 4-bit layers keep their input: bitsandbytes did until `MatMul4Bit` saved None."""
    untied: bool = False
    """Whether a head is held apart from the embeddings, tied or not."""
    offloaded: bool = False
    """Whether inputs of checkpointed layers wait in the host's memory."""
    tables_quantised: bool = False
    """Whether embeddings and head are as narrow as the other weights."""
    head_quantised: bool = False
    """Whether bitsandbytes' 4 bits take in the head, quantised from and opened to fp16, which is
    then copied to bf16: two of its 16-bit self, at loading and where the loss is computed."""
    below_peak: bool = False
    """Whether what was read is not the peak, so that nothing is learnt from the rows: weights and
    cache alone explain Qwen3's, without the pass over the prompt (`results/fit/memory.md`)."""
    one_dropout: bool = False
    """Whether queries, keys and values are one module, whose adapter drops its input once."""


LITGPT = Habit(
    "litgpt/finetune/lora.py, model.py: bf16-true, dropout .05, `chunked_cross_entropy` on 16-bit"
    " logits, keys repeated for every head, a head of its own; Fabric's BitsandbytesPrecision",
    {"adapter_dtype": "base", "dropout": 0.05, "padded": True},
    logits=0.5,
    inputs_kept=True,
    untied=True,
    head_quantised=True,
    one_dropout=True,
)
OF_2024 = Habit(
    "transformers to 2024: fp32 logits kept, sliced and copied; bitsandbytes of those years keeps"
    " the inputs of 4-bit layers",
    logits=4 / 3,
    inputs_kept=True,
)
PLAIN = Habit("today's transformers and peft, as they are traced")
LAST_OLD = 2024
HABITS = {
    "qwen-v1-2023": Habit(
        "QwenLM/Qwen finetune.py: dropout .05; peft of 2023 gave adapters the base's precision",
        {"adapter_dtype": "base", "dropout": 0.05},
        half_logits=2 / 3,
    ),
    "litgpt-2023": LITGPT,
    "litgpt-2024": LITGPT,
    "peft-l40s-2026": Habit(
        "peft method_comparison/MetaMathQA/run.py: rows of a batch padded to the longest",
        {"padded": True},
    ),
    "transformers-2024": Habit("QwenLM/Qwen2.5 examples/speed-benchmark"),
    "transformers-2025": Habit("QwenLM/Qwen3 docs: transformers 4.51.3", below_peak=True),
    "mlx-2025": Habit("mlx_lm/quant: embeddings are quantised too", tables_quantised=True),
    "trl-2025": Habit(
        "trl examples/notebooks: Liger's fused loss, activations offloaded",
        {"loss": "chunked"},
        offloaded=True,
    ),
    "unsloth-2025": Habit(
        "unsloth.ai/docs: chunked loss, checkpoints offloaded, adapters cast to their inputs",
        {"loss": "chunked", "adapter_dtype": "base"},
        offloaded=True,
    ),
    "unsloth-2025 hf": Habit(
        "unsloth.ai/docs: transformers of 2024, whose fp32 logits are kept, sliced and copied",
        logits=4 / 3,
    ),
}


def stack_of(row: Measured) -> str:
    """The stack whose habits a row has: Unsloth's page compares with plain transformers."""
    return f"{row.stack} hf" if row.variant == "hf" else row.stack


OTHER_NAMES = {
    "CodeLlama": "CodeLlama-34B",
    "Falcon": "Falcon-40B",
    "mistral-7b": "Mistral-7B",
    "mistral-7b-v0.2": "Mistral-7B",
    "Qwen3-30B-A3B-Instruct-2507": "Qwen3-30B-A3B",
}
"""Name in the source -> name in WIDTHS."""


def habit_of(row: Measured) -> Habit | None:
    """The habits of a row's stack; of stacks not looked into that are built on transformers, those
    of its year; None of any other."""
    stack = stack_of(row)
    if stack in HABITS or family_of(stack) != "transformers":
        return HABITS.get(stack)
    year = re.search(r"-(20\d\d)", stack)
    return OF_2024 if year and int(year[1]) <= LAST_OLD else PLAIN


def widths_of(row: Measured) -> Widths | None:
    """Sizes of a model that has no card."""
    name = NAMES.get((row.model, f"{row.n_params / 1e9:.1f}"), row.model)
    if row.model == "Llama 2":
        name = {32: "Llama-2-7B", 40: "Llama-2-13B", 80: "Llama-2-70B"}[row.n_layers or 0]
    short = re.sub(r"-Chat(-Int\d)?$", "", name)
    return WIDTHS.get(OTHER_NAMES.get(short, short))
