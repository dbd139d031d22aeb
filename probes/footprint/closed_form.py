"""The footprint of a setting by a closed form, fitted to traces: no torch, in a moment.

Every place of a run (`replay.Moment`) has its own sum of terms, bytes that follow from the shapes:
weights, adapters, what grows with tokens, widths, vocabulary and rank. Each has a factor that
`results/fit/closed_form.py` fitted to traces of the real modules, once and for every layer. The
peak is the highest place.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from knowledge.load import memory_forms
from knowledge.records import MemoryForm
from probes.footprint.settings import Architecture, Setting

MB = 1e6
NORMED = frozenset({"qwen3"})
"""Model types that norm queries and keys."""
CHUNK = 1024
"""Tokens whose logits a chunked loss is taken to hold; the factor says how far that is so."""
NF4_BYTES = 0.5 + 1 / 64 + 4 / (64 * 256)
"""Bytes of a weight in NF4: 4 bits, an 8-bit constant for 64, a 32-bit one for 256 of those."""


@dataclass(frozen=True)
class Shapes:
    """The widths of a decoder, and the elements that follow from them."""

    n_layers: int
    hidden: int
    inner: int
    n_heads: int
    queries: int
    keys: int
    vocabulary: int
    tied: bool
    normed: bool
    """Whether queries and keys are normed head by head."""

    @classmethod
    def of(cls, architecture: Architecture) -> Shapes:
        """From a config."""
        config = architecture.config
        heads = int(config["num_attention_heads"])
        hidden = int(config["hidden_size"])
        head = int(config.get("head_dim") or hidden // heads)
        return cls(
            n_layers=architecture.n_layers,
            hidden=hidden,
            inner=int(config["intermediate_size"]),
            n_heads=heads,
            queries=heads * head,
            keys=int(config.get("num_key_value_heads") or heads) * head,
            vocabulary=int(config["vocab_size"]),
            tied=bool(config.get("tie_word_embeddings")),
            normed=config["model_type"] in NORMED,
        )

    @property
    def grouped(self) -> bool:
        """Whether heads share keys."""
        return self.keys < self.queries

    @property
    def linear(self) -> dict[str, tuple[int, int]]:
        """The linear modules of a layer: columns in and out."""
        return {
            "q_proj": (self.hidden, self.queries),
            "k_proj": (self.hidden, self.keys),
            "v_proj": (self.hidden, self.keys),
            "o_proj": (self.queries, self.hidden),
            "gate_proj": (self.hidden, self.inner),
            "up_proj": (self.hidden, self.inner),
            "down_proj": (self.inner, self.hidden),
        }

    @property
    def matrices(self) -> int:
        """Elements of the linear modules of all layers."""
        return self.n_layers * sum(a * b for a, b in self.linear.values())

    @property
    def embeddings(self) -> int:
        """Elements of the embeddings, the head among them where it is its own."""
        return (1 if self.tied else 2) * self.vocabulary * self.hidden

    @property
    def norms(self) -> int:
        """Elements of the norms; biases are left out."""
        return (2 * self.n_layers + 1) * self.hidden


def adapted(shapes: Shapes, setting: Setting) -> list[tuple[int, int]]:
    """Columns in and out of the modules of a layer that have an adapter."""
    names = setting.targets
    every = "all-linear" in names
    return [ends for name, ends in shapes.linear.items() if every or name in names]


@dataclass(frozen=True)
class Terms:
    """Bytes that a place's sum is made of: once, and again for every layer."""

    once: Mapping[str, float]
    layer: Mapping[str, float]


def terms(architecture: Architecture, setting: Setting) -> Terms:
    """The terms of every sum, in bytes."""
    s = Shapes.of(architecture)
    width = 4 if setting.dtype == "float32" else 2
    rows = setting.batch * (2 if setting.method == "dpo" else 1)
    tokens, whole = rows * setting.seq_len, rows * (setting.seq_len + setting.new_tokens)
    kept = 4 if setting.dtype == "float32" or setting.adapter_dtype == "float32" else 2
    kept = kept if setting.adapted else width
    modules = adapted(s, setting) if setting.adapted else []
    ins, outs = sum(a for a, _ in modules), sum(b for _, b in modules)
    copies = kept == 4 and width == 2
    chunked = setting.loss == "chunked" or setting.method == "dpo"
    full = setting.method == "full"
    matrices = s.matrices / s.n_layers
    rest = s.embeddings + s.hidden
    bits = NF4_BYTES if setting.quantised else width
    held = 4 if setting.kbit_casts else width
    widths = {"hidden": s.hidden, "inner": s.inner, "queries": s.queries, "keys": s.keys}
    both = {f"tokens x {name}": float(width * tokens * n) for name, n in widths.items()}
    both |= {
        "inputs": float(width * tokens * _inputs(s, setting)),
        "inputs alone": float(width * tokens * _inputs(s, setting) * (not copies)),
        "rank": kept * tokens * setting.rank * len(modules),
        "ins": 4.0 * tokens * ins * copies,
        "outs": 4.0 * tokens * outs * copies,
        "dropped": tokens * ins * kept * (setting.dropout > 0),
        "masks": tokens * ins * (setting.dropout > 0),
        "sums": 4.0 * tokens * s.n_heads,
        "padded queries": width * tokens * s.queries * (setting.padded and s.grouped),
        "padded mask": float(rows * setting.seq_len**2 * setting.padded),
        "normed queries": float(width * tokens * s.queries * s.normed),
        "normed keys": float(width * tokens * s.keys * s.normed),
        "normed sums": 4.0 * tokens * (s.queries + s.keys) * s.normed,
        "norms": 4.0 * tokens * s.hidden * (width == 2),
        "undropped": kept * tokens * ins * (setting.dropout == 0) * copies,
        "matrices": matrices * width,
    }
    layer = both | {
        "weights": bits * matrices + width * 2 * s.hidden,
        "adapters": kept * setting.rank * (ins + outs),
        "trained": width * (matrices + 2 * s.hidden) * full,
        "cache": width * whole * 2 * s.keys,
    }
    once = both | {
        "one": MB,
        "weights": held * rest,
        "trained": width * rest * full,
        "adapters": kept * setting.rank * (ins + outs),
        "head": width * s.vocabulary * s.hidden,
        "matrix": width * s.hidden * s.inner,
        "logits": 0.0 if chunked else 4.0 * tokens * s.vocabulary,
        "chunk": 4.0 * s.vocabulary * CHUNK if chunked else 0.0,
        "cache": width * whole * 2 * s.keys,
        "last logits": 4.0 * rows * s.vocabulary,
    }
    return Terms(_held(once), _held(layer))


def _inputs(shapes: Shapes, setting: Setting) -> int:
    """Columns of the inputs that adapted modules keep, those that share one counted once."""
    every = "all-linear" in setting.targets
    names = set(shapes.linear) if every else set(setting.targets)
    shared = (
        ({"q_proj", "k_proj", "v_proj"}, shapes.hidden),
        ({"o_proj"}, shapes.queries),
        ({"gate_proj", "up_proj"}, shapes.hidden),
        ({"down_proj"}, shapes.inner),
    )
    return sum(columns for group, columns in shared if group & names) if setting.adapted else 0


def _held(found: Mapping[str, float]) -> dict[str, float]:
    return {name: value for name, value in found.items() if value}


def group_of(setting: Setting) -> str:
    """Settings whose sums are one: what changes the width of what is kept tells groups apart."""
    words = [setting.method, "nf4" if setting.quantised else setting.dtype]
    if setting.kbit_casts:
        words.append("casts")
    if setting.adapted and setting.dtype != "float32" and setting.adapter_dtype == "base":
        words.append("adapters-base")
    if setting.checkpointing:
        words.append("checkpointed")
    if setting.method == "full":
        words.append(setting.optimiser)
    return " ".join(words)


@cache
def _forms() -> Mapping[str, MemoryForm]:
    return {form.group: form for form in memory_forms()}


def form_of(setting: Setting) -> MemoryForm | None:
    """The form that was fitted to such settings; None where there is none."""
    plain = Setting(method=setting.method, seq_len=1)
    odd = setting.method != "full" and setting.optimiser != plain.optimiser
    odd = odd or (setting.quantised and setting.dtype == "float32")
    for name in ("autocast", "attention", "clip", "device"):
        odd = odd or getattr(setting, name) != getattr(plain, name)
    return None if odd else _forms().get(group_of(setting))


def places(architecture: Architecture, setting: Setting) -> dict[str, float]:
    """Bytes at each place of the run; empty where nothing was fitted for such a setting."""
    form = form_of(setting)
    if form is None:
        return {}
    found = terms(architecture, setting)
    depth = architecture.n_layers
    return {
        place: total(found.once, held.once) + depth * total(found.layer, held.layer)
        for place, held in form.places.items()
    }


def total(found: Mapping[str, float], factors: Mapping[str, float]) -> float:
    """The sum of terms, each times its factor."""
    return sum(factor * found.get(name, 0.0) for name, factor in factors.items())
