"""What a footprint is asked for, and what is told of it."""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import Field, model_validator

from knowledge.records import ModelCard
from probes.record import Record

Method = Literal["inference", "lora", "qlora", "full", "dpo"]
Dtype = Literal["float32", "bfloat16", "float16"]
Optimiser = Literal["adamw_fused", "adamw_foreach", "adamw_loop", "sgd"]
Device = Literal["cuda", "cpu"]
Phase = Literal["load", "forward", "backward", "step", "decode"]
Part = Literal[
    "weights", "adapters", "gradients", "optimiser", "logits", "cache", "workspace", "activations"
]
PARTS: tuple[Part, ...] = Part.__args__  # type: ignore[attr-defined]

CONTEXT_BYTES = 500_000_000
"""A CUDA context with its kernels: 0.3 to 0.6 GB are usual. Not measured: a rough constant."""
SLACK_SHARE, SLACK_BYTES = 0.03, 500_000_000
"""What is kept free beyond the expectation: the larger of the two."""
UNKNOWN = "unknown family: layers taken for Llama's"
_TYPES = {
    "pocket": "qwen2",
    "qwen2": "qwen2",
    "qwen3": "qwen3",
    "llama": "llama",
    "smollm2": "llama",
    "smollm3": "smollm3",
    "tinyllama": "llama",
    "mistral": "mistral",
    "granite3": "granite",
    "phi": "phi3",
    "olmo2": "olmo2",
    "gemma3": "gemma3_text",
}
"""Start of a card's family or name -> the model type of transformers that has its layers."""


class Setting(Record):
    """One way to run or to train a model; the rest is the defaults of Transformers and PEFT."""

    method: Method
    """`dpo` trains a LoRA adapter on pairs, with the bare base as its reference."""
    dtype: Dtype = "bfloat16"
    """Of the weights; in 4 bits, of what is computed."""
    four_bit: bool = False
    """NF4 weights with double quantisation; always so for `qlora`."""
    seq_len: int = Field(gt=0)
    """Tokens of each sequence, padding counted; for inference those of the prompt."""
    batch: int = Field(default=1, gt=0)
    """Sequences of one forward pass; pairs for `dpo`."""
    new_tokens: int = Field(default=0, ge=0)
    """Tokens written after the prompt; inference only."""
    accumulation: int = Field(default=1, gt=0)
    """Forward passes of one optimiser step."""
    rank: int = Field(default=16, gt=0)
    targets: tuple[str, ...] = ("all-linear",)
    """Modules with an adapter: their last names, or PEFT's `all-linear`."""
    dropout: float = Field(default=0.0, ge=0, lt=1)
    """On the inputs of the adapters."""
    adapter_dtype: Literal["float32", "base"] = "float32"
    """PEFT keeps adapters of a 16-bit base in fp32 unless told otherwise."""
    checkpointing: bool = False
    """Whether layers are computed again in the backward pass instead of being kept."""
    kbit_casts: bool = False
    """Whether PEFT's `prepare_model_for_kbit_training` turned what is not in 4 bits into fp32."""
    autocast: bool = False
    """Whether the forward pass runs under bf16 autocast."""
    loss: Literal["plain", "chunked"] = "plain"
    """`chunked`: TRL's head, which never holds the logits of more than some tokens; always so for
    `dpo`."""
    optimiser: Optimiser = "adamw_fused"
    clip: bool = True
    """Whether the gradient's norm is clipped."""
    padded: bool = False
    """Whether a sequence of the batch is padded: attention then takes an explicit mask."""
    attention: Literal["sdpa", "eager"] = "sdpa"
    device: Device = "cuda"
    """Whose allocator: `cuda` rounds to 512 B and keeps segments, `cpu` maps pages."""

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        if self.method == "full" and self.quantised:
            raise ValueError("weights in 4 bits are not trained")
        if self.new_tokens and self.method != "inference":
            raise ValueError("new_tokens is for inference")
        if self.kbit_casts and not self.quantised:
            raise ValueError("kbit_casts is for weights in 4 bits")
        return self

    @property
    def quantised(self) -> bool:
        """Whether the linear layers are held in 4 bits."""
        return self.four_bit or self.method == "qlora"

    @property
    def adapted(self) -> bool:
        """Whether an adapter is trained on a frozen base."""
        return self.method in ("lora", "qlora", "dpo")


class Architecture(Record):
    """A decoder by its config: what `transformers` builds the layers from."""

    name: str
    config: dict[str, Any]
    """A config.json; `model_type` and the sizes are read."""
    basis: str
    """Where the sizes come from."""

    @property
    def n_layers(self) -> int:
        """Decoder layers."""
        return int(self.config["num_hidden_layers"])

    @property
    def stands_in(self) -> bool:
        """Whether the layers are another family's, since its own are not known."""
        return UNKNOWN in self.basis

    @classmethod
    def of_config(cls, name: str, config: dict[str, Any]) -> Architecture:
        """From the content of a config.json; ValueError where it is not that of a decoder."""
        for key in ("model_type", "num_hidden_layers", "hidden_size", "vocab_size"):
            if key not in config:
                raise ValueError(f"the config has no {key}")
        kept = {key: value for key, value in config.items() if key not in _UNREAD}
        return cls(name=name, config=kept, basis="config.json")

    @classmethod
    def of_card(cls, card: ModelCard) -> Architecture:
        """From the sizes of a card, on the layers of its family; Llama's where it is unknown."""
        known = (card.family or card.name).lower().replace(" ", "")
        kind = next((kind for start, kind in _TYPES.items() if known.startswith(start)), None)
        config: dict[str, Any] = {
            "model_type": kind or "llama",
            "num_hidden_layers": card.n_layers,
            "hidden_size": card.hidden_size,
            "intermediate_size": card.intermediate_size,
            "num_attention_heads": card.n_heads,
            "num_key_value_heads": card.n_kv_heads,
            "vocab_size": card.vocab_size,
            "max_position_embeddings": card.context_tokens,
            "tie_word_embeddings": _tied(card),
        }
        if card.head_size is not None:
            config["head_dim"] = card.head_size
        if kind == "mistral":  # transformers' default is that of the first version alone
            config["sliding_window"] = None
        if kind == "phi3":  # transformers' default lies beyond smaller vocabularies
            config["pad_token_id"] = 0
        layers = f"layers of {kind}" if kind else UNKNOWN
        return cls(name=card.name, config=config, basis=f"model card, {layers}")


_UNREAD = frozenset(
    {"_name_or_path", "architectures", "auto_map", "torch_dtype", "dtype", "transformers_version"}
    | {"quantization_config", "use_cache"}
)
"""Keys of a config.json that say nothing of the layers, or that a setting decides."""


def _tied(card: ModelCard) -> bool:
    """Whether embeddings and head are one matrix: as looked up, else as the parameters say."""
    if card.tied_embeddings is not None:
        return card.tied_embeddings
    head = card.head_size or card.hidden_size // card.n_heads
    attention = card.hidden_size * head * (2 * card.n_heads + 2 * card.n_kv_heads)
    layers = card.n_layers * (attention + 3 * card.hidden_size * card.intermediate_size)
    return card.n_params - layers < 1.5 * card.vocab_size * card.hidden_size


def safe_bytes(expected: int) -> int:
    """Free memory with which a run that is expected to hold so much may be started."""
    return expected + max(int(SLACK_SHARE * expected), SLACK_BYTES)


class Footprint(Record):
    """The memory that a setting takes, in bytes, and what the figures rest on."""

    model: str
    setting: Setting
    n_params: int
    """Parameters of the base, those in 4 bits counted one by one."""
    n_trained: int
    parts: dict[Part, int]
    """Live bytes by kind at the moment of the peak; their sum is `allocated_bytes`."""
    phases: dict[Phase, int]
    """Peak of live bytes in each phase."""
    peak_phase: Phase
    allocated_bytes: int
    """Peak of live bytes, as `torch.cuda.max_memory_allocated` counts them."""
    reserved_bytes: int
    """Peak of what the allocator holds, from a replay; on a CPU the same as allocated."""
    context_bytes: int
    """Of the CUDA context, outside the allocator; 0 on a CPU."""
    safe_bytes: int
    """Free memory with which it may be expected to run."""
    traced_layers: tuple[int, ...]
    """Depths that were traced; the figures are a straight line through two of them, or exact."""
    basis: tuple[str, ...]
    versions: dict[str, str]
    trace_s: float
