"""Published memory as settings of this product: which run a row was, and which rows cannot be said.

What the row leaves unsaid is a habit of its stack (`results.fit.memory_habits`). What a setting has
no word for is added to, or taken from, the places of the closed form (`beyond`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from knowledge.decoding import BITS
from knowledge.load import model_cards
from knowledge.measured import Measured
from knowledge.records import MemoryForm
from probes.footprint.closed_form import NF4_BYTES, Shapes, form_of, terms, total
from probes.footprint.settings import CONTEXT_BYTES, Architecture, Setting
from results.fit.memory_habits import ADAPTED, PLAIN, Habit, habit_of, stack_of, widths_of
from results.fit.shapes import CARDS

SHORT_PROMPT, SHORT_ANSWER = 32, 50
"""Tokens of litgpt's generate.py where nothing else is asked for."""
ZERO_BYTES, ZERO_GROUP = 16.0, 1e9
"""Bytes a trained parameter under DeepSpeed's mixed precision (Rajbhandari et al., arXiv
1910.02054): weight and gradient in 16 bits, weight and two moments in 32; and parameters whose
gradients are turned into 32 bits at a time (`sub_group_size` of Qwen's configs)."""
TABLE_BYTES = 10.0
"""Bytes an element of embeddings that are trained beside an adapter: PEFT's copy, its gradient, two
moments, and the temporary of `foreach` AdamW, each in 16 bits."""
KEEPING = ("forward behind", "forward last", "backward behind", "backward last")
"""Places of a run where all that the layers keep for the backward pass is there."""
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
    habit = habit_of(row)
    if habit is not None and habit.untied:
        found = found.model_copy(update={"config": {**found.config, "tie_word_embeddings": False}})
    return found


def _habit(row: Measured) -> Habit:
    """The habits of a row that is not left out."""
    return habit_of(row) or PLAIN


def why_not(row: Measured) -> str:
    """Why a row with a memory is not compared; empty where it is."""
    if row.n_gpu > 1:
        return "several GPUs"
    if habit_of(row) is None:
        return "what the stack does was not looked up"
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
    habit = _habit(row)
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


def weights_beyond(row: Measured, shapes: Shapes, setting: Setting) -> float:
    """Bytes of weights as published and as quantised, less those that the form counts."""
    habit = _habit(row)
    known = row.n_params if row.n_layers and not habit.untied else counted(shapes)
    tables = 0 if habit.tables_quantised else shapes.embeddings
    if opened(row):
        tables -= shapes.vocabulary * shapes.hidden
    bits = BITS["bnb-nf4-dq" if row.quantisation == "bnb-4bit" else row.quantisation]
    stored = (known - tables) * bits / 8 + 2 * tables
    width = NF4_BYTES if setting.quantised else 2
    return stored - shapes.matrices * width - 2 * (counted(shapes) - shapes.matrices)


def opened(row: Measured) -> bool:
    """Whether the head is in 4 bits and opened where it is used."""
    return _habit(row).head_quantised and row.quantisation.startswith("bnb")


def beyond(row: Measured, shapes: Shapes, setting: Setting, place: str) -> float:
    """Bytes at a place that the form does not know of."""
    habit, tokens = _habit(row), setting.batch * setting.seq_len
    found = weights_beyond(row, shapes, setting)
    if opened(row) and ("load" in place or "behind" in place):
        found += 4.0 * shapes.vocabulary * shapes.hidden
    if row.method == "inference":
        return found
    deep, keeps = 1 if setting.checkpointing else shapes.n_layers, place.endswith(KEEPING)
    if habit.inputs_kept and row.quantisation.startswith("bnb") and keeps:
        found += deep * 2.0 * tokens * (2 * shapes.hidden + shapes.inner)
    if habit.offloaded and setting.checkpointing and keeps:
        found -= shapes.n_layers * 2.0 * tokens * shapes.hidden
    if habit.one_dropout and keeps:
        again = len({"q_proj", "k_proj", "v_proj"} & modules_of(setting)) - 1
        found -= max(0, again) * deep * 3.0 * tokens * shapes.hidden
    widths = widths_of(row)
    if widths is not None and widths.matrices == 2 and keeps:
        found -= deep * 2.0 * tokens * (widths.inner + 3 * widths.hidden)
    if "embeddings trained" in row.variant:
        found += TABLE_BYTES * shapes.embeddings
    if "deepspeed" in row.variant and "load" not in place:
        n = trained(shapes, setting)
        found += (ZERO_BYTES - 8) * n + 4 * min(n, ZERO_GROUP)
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
    habit = _habit(row)
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
