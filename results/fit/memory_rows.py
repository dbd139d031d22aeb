"""Published memory as settings of this product: which run a row was, and which rows cannot be said.

A row's stack decides what the row leaves unsaid (`HABITS`): the precision of adapters, dropout,
how the loss is computed, what quantised layers keep. Every habit is read from the stack's code or
documents, none is fitted. What a setting has no word for is a change of the closed form's terms
(`Change`).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from knowledge.decoding import BITS
from knowledge.load import model_cards
from knowledge.measured import Measured
from knowledge.records import MemoryForm
from probes.footprint.closed_form import NF4_BYTES, Shapes, form_of, terms, total
from probes.footprint.settings import CONTEXT_BYTES, Architecture, Setting
from results.fit.published import CARDS, NAMES

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
    """Of a feed-forward block; two are taken for three of two thirds of their width."""
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
    one_dropout: bool = False
    """Whether queries, keys and values are one module, whose adapter drops its input once."""


LITGPT = Habit(
    "litgpt/finetune/lora.py, model.py: bf16-true, dropout .05, `chunked_cross_entropy` on 16-bit"
    " logits, keys repeated for every head, a head of its own",
    {"adapter_dtype": "base", "dropout": 0.05, "padded": True},
    logits=0.5,
    inputs_kept=True,
    untied=True,
    one_dropout=True,
)
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
    "transformers-2025": Habit("QwenLM/Qwen3 docs: transformers 4.51.3"),
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
SHORT_PROMPT, SHORT_ANSWER = 32, 50
"""Tokens of litgpt's generate.py where nothing else is asked for."""
ZERO_BYTES = 18.0
"""Bytes a parameter of mixed precision under DeepSpeed: 2 for the weight, 2 for the gradient, 4
each for weight, gradient, and the two moments in fp32 less what is cut into groups; Rajbhandari et
al. (arXiv 1910.02054) count 16 without the fp32 gradient."""
TABLE_BYTES = 10.0
"""Bytes an element of embeddings that are trained beside an adapter: PEFT's copy, its gradient, two
moments, and the temporary of `foreach` AdamW, each in 16 bits."""
LOGIT_TERM = "logits"


@dataclass(frozen=True)
class Case:
    """A published row as a setting, with what the closed form says of it."""

    row: Measured
    architecture: Architecture
    setting: Setting
    live_bytes: float
    """Peak of live bytes."""
    held_bytes: float
    """What the allocator holds: live bytes times the median of replays."""
    context_bytes: float

    @property
    def stack(self) -> str:
        """Name of the habits."""
        return stack_of(self.row)

    @property
    def said_bytes(self) -> float:
        """Of the kind that the source measured."""
        if self.row.memory_kind == "allocated":
            return self.live_bytes
        beyond = self.context_bytes if self.row.memory_kind == "device" else 0
        return self.held_bytes + beyond

    @property
    def measured_bytes(self) -> float:
        """What the source says."""
        return (self.row.memory_gb or 0.0) * 1e9


def stack_of(row: Measured) -> str:
    """The stack whose habits a row has: Unsloth's page compares with plain transformers."""
    return f"{row.stack} hf" if row.variant == "hf" else row.stack


def widths_of(row: Measured) -> Widths | None:
    """Sizes of a model that has no card."""
    params = f"{row.n_params / 1e9:.1f}"
    name = NAMES.get((row.model, params), row.model)
    if row.model == "Llama 2":
        name = {32: "Llama-2-7B", 40: "Llama-2-13B", 80: "Llama-2-70B"}[row.n_layers or 0]
    short = re.sub(r"-Chat(-Int\d)?$", "", name)
    other = {"CodeLlama": "CodeLlama-34B", "Falcon": "Falcon-40B"}
    other |= {"mistral-7b": "Mistral-7B", "mistral-7b-v0.2": "Mistral-7B"}
    other |= {"Qwen3-30B-A3B-Instruct-2507": "Qwen3-30B-A3B"}
    return WIDTHS.get(other.get(short, short))


def architecture_of(row: Measured) -> Architecture | None:
    """The model's layers, or None where its sizes are not known."""
    card = model_cards().get(CARDS.get(row.model, row.model)) or model_cards().get(
        f"{row.model}-Instruct"
    )
    if card is not None:
        found = Architecture.of_card(card)
    else:
        widths = widths_of(row)
        if widths is None:
            return None
        found = Architecture(name=row.model, config=widths.config(), basis="widths of its config")
    habit = HABITS.get(stack_of(row))
    if habit is not None and habit.untied:
        found = found.model_copy(update={"config": {**found.config, "tie_word_embeddings": False}})
    return found


def why_not(row: Measured) -> str:
    """Why a row with a memory is not compared; empty where it is."""
    if row.n_gpu > 1:
        return "several GPUs"
    if stack_of(row) not in HABITS:
        return "what the stack does is not known (rank and modules, or the code, not stated)"
    if architecture_of(row) is None:
        return "sizes of the model not looked up, or layers of another kind"
    if "int8 cache" in row.variant:
        return "keys and values in 8 bits"
    if "dora" in row.variant.split(", ") or "bdlora" in row.variant:
        return "another adapter than LoRA"
    if row.optimiser == "lora-fa":
        return "another optimiser"
    if row.dtype.endswith("mixed"):
        return "autocast over fp32 weights"
    if row.method not in ("inference", "full") and not (row.rank and row.targets):
        return "rank and modules not stated"
    if "unsloth-bnb-4bit" in row.model:
        return "4 bits with layers left in 16 that are not named"
    return ""


def setting_of(row: Measured) -> Setting:
    """The run as this product asks for it."""
    habit = HABITS[stack_of(row)]
    if row.method == "inference":
        prompt = row.prompt_tokens or 1
        new = row.new_tokens or (row.seq_len or 0) - prompt
        if row.seq_len is None:
            prompt, new = SHORT_PROMPT, SHORT_ANSWER
        return Setting(
            method="inference",
            four_bit=row.quantisation.startswith("bnb"),
            seq_len=max(1, prompt),
            new_tokens=new,
            batch=row.micro_batch or 1,
        )
    fields: dict[str, Any] = {
        "method": "lora" if row.method == "dpo-lora" else row.method,
        "seq_len": row.seq_len,
        "batch": row.micro_batch,
        "checkpointing": row.checkpointing == "full",
        **habit.fields,
    }
    if row.method == "full":
        fields = {k: v for k, v in fields.items() if k not in ("adapter_dtype", "dropout")}
        fields["optimiser"] = "adamw_foreach"
    else:
        fields |= {"rank": row.rank, "targets": targets_of(row.targets)}
    return Setting.model_validate(fields)


def targets_of(text: str) -> tuple[str, ...]:
    """Modules with an adapter, by our names."""
    return ADAPTED.get(text) or tuple(text.split(","))


def counted(shapes: Shapes) -> int:
    """Parameters of Llama's layers with such widths."""
    norms = shapes.hidden * (2 * shapes.n_layers + 1)
    return shapes.matrices + shapes.embeddings + norms


def weights_beyond(row: Measured, shapes: Shapes, setting: Setting, habit: Habit) -> float:
    """Bytes of weights as published and as quantised, less those that the form counts."""
    known = row.n_params if row.n_layers and not habit.untied else counted(shapes)
    tables = 0 if habit.tables_quantised else shapes.embeddings
    bits = BITS["bnb-nf4-dq" if row.quantisation == "bnb-4bit" else row.quantisation]
    stored = (known - tables) * bits / 8 + 2 * tables
    width = NF4_BYTES if setting.quantised else 2
    return stored - shapes.matrices * width - 2 * (counted(shapes) - shapes.matrices)


def beyond(row: Measured, shapes: Shapes, setting: Setting, place: str) -> float:
    """Bytes at a place that the form does not know of."""
    habit, tokens = HABITS[stack_of(row)], setting.batch * setting.seq_len
    found = weights_beyond(row, shapes, setting, habit)
    if row.method == "inference":
        return found
    deep = 1 if setting.checkpointing else shapes.n_layers
    if habit.inputs_kept and row.quantisation.startswith("bnb") and "backward" in place:
        found += deep * 2.0 * tokens * (2 * shapes.hidden + shapes.inner)
    if habit.offloaded and setting.checkpointing and ("backward" in place or "forward" in place):
        found -= shapes.n_layers * 2.0 * tokens * shapes.hidden
    if habit.one_dropout and "backward" in place:
        again = len({"q_proj", "k_proj", "v_proj"} & modules_of(setting)) - 1
        found -= max(0, again) * deep * 3.0 * tokens * shapes.hidden
    widths = widths_of(row)
    if widths is not None and widths.matrices == 2 and "backward" in place:
        found -= deep * 2.0 * tokens * widths.inner
    if "embeddings trained" in row.variant:
        found += TABLE_BYTES * shapes.embeddings
    if "deepspeed" in row.variant and "load" not in place:
        found += (ZERO_BYTES - 8) * trained(shapes, setting)
    return found


def trained(shapes: Shapes, setting: Setting) -> int:
    """Parameters that are trained."""
    if setting.method == "full":
        return counted(shapes)
    ends = (shapes.linear[name] for name in modules_of(setting))
    return shapes.n_layers * setting.rank * sum(a + b for a, b in ends)


def modules_of(setting: Setting) -> set[str]:
    """Names of the modules with an adapter."""
    if setting.targets == ("all-linear",):
        return {"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"}
    return set(setting.targets)


def form_for(setting: Setting) -> tuple[Setting, MemoryForm | None]:
    """The form of the setting; of 16-bit adapters on 4-bit weights that on 16-bit weights.

    The weights are then counted anew (`weights_beyond`).
    """
    if setting.method == "qlora" and setting.adapter_dtype == "base":
        setting = setting.model_copy(update={"method": "lora"})
    return setting, form_of(setting)


def case_of(row: Measured) -> Case | None:
    """The row with the closed form's figures; None where no form was fitted to such a setting."""
    architecture, setting = architecture_of(row), setting_of(row)
    formed, form = form_for(setting)
    if architecture is None or form is None:
        return None
    live = peak(row, architecture, formed, form)
    return Case(row, architecture, setting, live, live * form.held_median, CONTEXT_BYTES)


def peak(row: Measured, architecture: Architecture, setting: Setting, form: MemoryForm) -> float:
    """The highest place, with the stack's changes."""
    shapes, found = Shapes.of(architecture), terms(architecture, setting)
    habit = HABITS[stack_of(row)]
    half = row.dtype == "fp16" and "deepspeed" in row.variant
    share = habit.half_logits if half else habit.logits
    once = {**found.once, LOGIT_TERM: share * found.once.get(LOGIT_TERM, 0.0)}
    return max(
        total(once, held.once)
        + shapes.n_layers * total(found.layer, held.layer)
        + beyond(row, shapes, setting, place)
        for place, held in form.places.items()
    )


def cases(rows: Iterable[Measured]) -> tuple[list[Case], Counter[tuple[str, str]]]:
    """Rows with a memory as settings, and why the others are not."""
    found, left = [], Counter[tuple[str, str]]()
    for row in rows:
        if row.memory_gb is None:
            continue
        reason = why_not(row)
        case = None if reason else case_of(row)
        if case is None:
            left[row.stack, reason or "no closed form"] += 1
        else:
            found.append(case)
    return found, left
