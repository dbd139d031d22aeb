"""The footprint of a setting by a closed form, fitted to traces: no torch, in a moment.

Every place of a run (`replay.Moment`) has its own sum of terms, bytes that follow from the shapes:
weights, adapters, what grows with tokens, widths, vocabulary and rank. Each has a factor that
`results/fit/closed_form.py` fitted to traces of the real modules, once and for every layer. The
peak is the highest place.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache

from knowledge.load import memory_forms
from knowledge.records import MemoryForm
from probes.footprint.settings import Architecture, Setting

FITTED = frozenset({"llama", "mistral", "qwen2", "qwen3", "granite", "smollm3"})
"""Model types whose layers the forms were fitted to."""
TRACED_ROW, TRACED_TOKENS = 8192, 32_768
"""Longest row and most tokens of a batch that they were fitted to."""
NORMED = frozenset({"qwen3"})
"""Model types that norm queries and keys."""
TILE_TOKENS, TILE_ENTRIES = 4096, 32_768
"""Tokens, and entries of the vocabulary, whose logits TRL's chunked head holds at once (trl 1.16,
`trl/kernels/chunked_logprob.py`)."""
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


@dataclass(frozen=True)
class Terms:
    """Bytes that a place's sum is made of: once, and again for every layer."""

    once: Mapping[str, float]
    layer: Mapping[str, float]


@dataclass(frozen=True)
class _Run:
    """A setting on a decoder, as the terms read it."""

    shapes: Shapes
    setting: Setting

    @property
    def width(self) -> int:
        """Bytes of a weight that is neither in 4 bits nor cast."""
        return 4 if self.setting.dtype == "float32" else 2

    @property
    def computed(self) -> int:
        """Bytes of what layers give to one another: norms in fp32 give fp32."""
        return 4 if self.setting.kbit_casts else self.width

    @property
    def rows(self) -> int:
        """Sequences of a forward pass; two for each pair."""
        return self.setting.batch * (2 if self.setting.method == "dpo" else 1)

    @property
    def tokens(self) -> int:
        """Tokens of a forward pass."""
        return self.rows * self.setting.seq_len

    @property
    def adapted(self) -> dict[str, tuple[int, int]]:
        """The modules of a layer that have an adapter: columns in and out."""
        if not self.setting.adapted:
            return {}
        names = self.setting.targets
        every = "all-linear" in names
        return {n: ends for n, ends in self.shapes.linear.items() if every or n in names}

    @property
    def kept(self) -> int:
        """Bytes of an adapter's element; TRL puts those of a base in 4 bits into 16."""
        in_trl = self.setting.method == "dpo" and self.setting.quantised
        return 4 if self.setting.adapter_dtype == "float32" and not in_trl else self.width

    @property
    def copies(self) -> bool:
        """Whether adapters of fp32 keep a copy of their 16-bit inputs."""
        return bool(self.adapted) and self.kept > self.computed


def terms(architecture: Architecture, setting: Setting) -> Terms:
    """The terms of every sum, in bytes; those that are 0 are left out."""
    run = _Run(Shapes.of(architecture), setting)
    both = _activations(run) | _of_adapters(run)
    once, layer = both | _once(run), both | _of_a_layer(run)
    return Terms(*({k: v for k, v in found.items() if v} for found in (once, layer)))


def _activations(run: _Run) -> dict[str, float]:
    """What grows with tokens, whether it lives once or is kept by every layer."""
    s, setting, wide = run.shapes, run.setting, run.computed * run.tokens
    return {
        "tokens x hidden": wide * s.hidden,
        "tokens x inner": wide * s.inner,
        "tokens x queries": wide * s.queries,
        "tokens x keys": wide * s.keys,
        "norms": 4.0 * run.tokens * s.hidden * (run.computed == 2),
        "sums": 4.0 * run.tokens * s.n_heads,
        "normed queries": wide * s.queries * s.normed,
        "normed keys": wide * s.keys * s.normed,
        "normed sums": 4.0 * run.tokens * (s.queries + s.keys) * s.normed,
        "shared keys": wide * (s.queries - s.keys) * setting.padded,
        "mask": run.rows * setting.seq_len**2 * setting.padded,
        "cache": run.width * run.rows * (setting.seq_len + setting.new_tokens) * 2 * s.keys,
        "matrices": run.width * s.matrices / s.n_layers,
    }


def _of_adapters(run: _Run) -> dict[str, float]:
    """What adapters keep: their inputs, copies of them in fp32, dropped ones, their own sums."""
    ins = sum(columns for columns, _ in run.adapted.values())
    outs = sum(columns for _, columns in run.adapted.values())
    dropout = run.setting.dropout > 0
    as_they_are = run.computed * run.tokens * (not run.copies) * (not dropout)
    return {
        **{f"inputs of {name}": as_they_are * columns for name, columns in _inputs(run)},
        "ins": 4.0 * run.tokens * ins * run.copies,
        "outs": 4.0 * run.tokens * outs * run.copies,
        "dropped": run.kept * run.tokens * ins * dropout,
        "masks": run.tokens * ins * dropout,
        "undropped": 4.0 * run.tokens * ins * run.copies * (not dropout),
        "rank": run.kept * run.tokens * run.setting.rank * len(run.adapted),
        "adapters": run.kept * run.setting.rank * (ins + outs),
    }


def _of_a_layer(run: _Run) -> dict[str, float]:
    """The weights of a layer."""
    s, quantised = run.shapes, run.setting.quantised
    matrices, norms = s.matrices / s.n_layers, 2 * s.hidden
    return {
        "weights": (NF4_BYTES if quantised else run.width) * matrices + run.width * norms,
        "trained": run.width * (matrices + norms) * (run.setting.method == "full"),
    }


def _once(run: _Run) -> dict[str, float]:
    """Embeddings, the head, logits, and buffers of one size."""
    s, setting = run.shapes, run.setting
    chunked = setting.loss == "chunked" or setting.method == "dpo"
    elements = s.embeddings + s.hidden
    return {
        "one": 1e6,
        "weights": (4 if setting.kbit_casts else run.width) * elements,
        "trained": run.width * elements * (setting.method == "full"),
        "head": run.width * s.vocabulary * s.hidden * (not chunked),
        "matrix": run.width * s.hidden * s.inner,
        "logits": 4.0 * run.tokens * s.vocabulary * (not chunked),
        "tile": run.width * min(run.tokens, TILE_TOKENS) * TILE_ENTRIES * chunked,
        "hidden gradient": 4.0 * run.tokens * s.hidden * chunked,
        "head gradient": 4.0 * s.vocabulary * s.hidden * (chunked and setting.method == "full"),
        "last logits": 4.0 * run.rows * s.vocabulary,
    }


def _inputs(run: _Run) -> Iterator[tuple[str, int]]:
    """The inputs that adapted modules read, and their columns; some read the same."""
    for name in ("q_proj k_proj v_proj", "o_proj", "gate_proj up_proj", "down_proj"):
        modules = set(name.split())
        if modules & run.adapted.keys():
            yield name, run.shapes.linear[min(modules)][0]


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


def is_fitted(architecture: Architecture) -> bool:
    """Whether the forms were fitted to layers like these."""
    return architecture.config["model_type"] in FITTED and not architecture.stands_in


def form_of(setting: Setting) -> MemoryForm | None:
    """The form that was fitted to such settings; None where there is none."""
    fields: tuple[str, ...] = ("autocast", "attention", "clip")
    if setting.method != "full":
        fields = (*fields, "optimiser")
    usual = all(getattr(setting, name) == Setting.model_fields[name].default for name in fields)
    if not usual or (setting.quantised and setting.dtype == "float32"):
        return None
    return None if _is_odd_on_cpu(setting) else _forms().get(group_of(setting))


def _is_odd_on_cpu(setting: Setting) -> bool:
    """Whether a CPU takes more than a GPU: tiles of a chunked head are not changed in place there,
    and a 16-bit product of a batch copies the weights for each row."""
    chunked = setting.loss == "chunked" or setting.method == "dpo"
    answering = setting.method == "inference" and setting.dtype != "float32"
    return setting.device == "cpu" and (chunked or answering)


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
