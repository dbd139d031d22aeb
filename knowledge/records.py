"""The nouns of what is known before any run: models, ladders, machines and their prices."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

IsoDate = Annotated[str, StringConstraints(pattern=r"^\d{4}-\d{2}-\d{2}$")]
PublishedDate = Annotated[str, StringConstraints(pattern=r"^\d{4}(-\d{2}(-\d{2})?)?$")]
"""As exact as is known: a year, a month or a day."""
TaskType = Literal[
    "classification",
    "extraction",
    "qa",
    "generation",
    "summarization",
    "reasoning",
    "function-calling",
    "code",
    "synthetic-data",
]


class Fact(BaseModel):
    """A frozen value read from YAML; unknown fields are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Source(Fact):
    """Where a number comes from and when somebody last looked."""

    title: str
    url: str = ""
    arxiv: Annotated[str, StringConstraints(pattern=r"^(\d{4}\.\d{4,5})?$")] = ""
    """arXiv id without a version: `2405.00732`."""
    published: PublishedDate | None = None
    part: str = ""
    """Where in it: a table, a section, a file with its commit."""
    checked: IsoDate


class ModelCard(Fact):
    """One model: what its published config says.

    A Hub model's card without a `revision` is knowledge: good for planning, fit and advice. A probe
    loads weights, so whoever wants to probe such a model names the commit: `owner/name@commit`.
    """

    name: str
    source: str
    """`pocket`, `hub` or `gguf-package`, as in `probes.task.ModelRef`."""
    location: str
    """Rung of the pocket ladder, Hub id, or `package/file.gguf`."""
    revision: str | None = None
    """Commit of the Hub model, 40 hexadecimal digits; None where none was found."""
    n_params: int = Field(gt=0)
    """As the architecture implies, counted from the config; of a model that also reads pictures,
    the language model alone."""
    n_layers: int = Field(gt=0)
    hidden_size: int = Field(gt=0)
    intermediate_size: int = Field(gt=0)
    n_heads: int = Field(gt=0)
    n_kv_heads: int = Field(gt=0)
    head_size: int | None = Field(default=None, gt=0)
    """Columns of one attention head; `hidden_size / n_heads` where None."""
    vocab_size: int = Field(gt=0)
    context_tokens: int = Field(gt=0)
    tied_embeddings: bool | None = None
    """Whether input and output embeddings are one matrix; None where it was not looked up."""
    family: str = ""
    """`Qwen2.5`, `Llama 3.2`: models of one training recipe."""
    licence: str
    licence_source: Source | None = None
    """None where `evidence` names the licence too."""
    chat_template: str = ""
    """Form of the turns (`chatml`, `llama3`, `gemma`, `mistral`, `phi`, `granite`, `tulu`,
    `zephyr`); empty for a base model without one."""
    languages: tuple[str, ...] = ()
    """ISO 639-1 codes that the publisher names as supported; empty where none are named, or too
    many to list here."""
    tunability: tuple[str, ...] = ()
    """Ids of the claims about how this model or its family takes to tuning."""
    evidence: Source

    @property
    def head_columns(self) -> int:
        """Columns of one attention head."""
        return self.head_size or self.hidden_size // self.n_heads


class Ladder(Fact):
    """Models of one family in order of size."""

    name: str
    title: str
    models: tuple[str, ...]
    """Names of ModelCards, smallest first."""
    rehearsal: bool = False
    """True where a verdict holds for these models only and says nothing of real ones."""
    evidence: Source


class Machine(Fact):
    """A device that can be rented or owned: its ceilings and its price."""

    name: str
    """A slug that stays: `rtx-4090`, `a100-80gb` (SXM), `apple-m3-max`."""
    kind: Literal["cuda", "mps", "cpu"] = "cuda"
    """What PyTorch calls it; AMD's cards are `cuda` too."""
    aliases: tuple[str, ...] = ()
    """Other names, as drivers and people write them, without the vendor. Where several machines
    share one (`A100`), the memory decides or the user is asked."""
    memory_bytes: int = Field(gt=0)
    """As sold, 10^9 bytes to the GB of a card; of an Apple chip the largest that is sold."""
    reported_bytes: int | None = Field(default=None, gt=0)
    """What the driver counts as total, where that was looked up; less than sold on cards that keep
    error-correcting codes there, else up to 7 % more."""
    bandwidth_bytes_per_s: int = Field(gt=0)
    """Peak of its memory."""
    tflops: float = Field(gt=0)
    """Dense bf16 peak with fp32 accumulation (fp16 without bf16, fp32 for a CPU), in 10^12
    operations a second."""
    fp32_tflops: float | None = Field(default=None, gt=0)
    """Peak in fp32 without tensor cores, in 10^12 operations a second."""
    bf16: bool = True
    """False where there are no bf16 units: fp16 or fp32 is used there."""
    tdp_watts: int | None = Field(default=None, gt=0)
    year: int | None = None
    """Of its launch."""
    usd_per_hour: float | None = None
    """The date is that of `price`; None where none was found, or nobody rents it."""
    price_kind: Literal["on-demand", "community", "marketplace", "serverless", "median", "spot"] | (
        None
    ) = None
    """How it is rented at that price: on demand from a cloud, from a cloud's community of hosts, on
    a marketplace, by the second without a server, at the median over clouds, or interruptible; None
    where there is no price or it was not told."""
    price_note: str = ""
    """Other prices, and doubts of this one."""
    price: Source | None = None
    evidence: Source
    """Of the ceilings: what was confirmed, what is from general knowledge."""

    @property
    def total_bytes(self) -> int:
        """Memory that the driver counts, as near as is known."""
        return self.reported_bytes or self.memory_bytes


class Speed(Fact):
    """How fast short probes run on one kind of device: the constants of `knowledge.cost`."""

    device: str
    """`cpu` or `cuda`."""
    flops_per_s_train: float = Field(gt=0)
    """Sustained operations a second of LoRA training: of one thread on a CPU, of a whole GPU."""
    flops_per_s_infer: float = Field(gt=0)
    """The same in evaluation."""
    step_overhead_s: float = Field(ge=0)
    """Time of one optimiser step on a model of no size."""
    call_overhead_s: float = Field(ge=0)
    """Time of one forward pass of generation on a model of no size."""
    params_read_per_s: float = Field(gt=0)
    """Parameters that come from memory in a second: fp32 on a CPU, bf16 on a GPU."""
    cell_overhead_s: float = Field(ge=0)
    """Time of a cell without any work: encoding, scoring, publishing."""
    start_s: float = Field(ge=0)
    """Start of one worker: imports and loading."""
    evidence: Source


class Factors(Fact):
    """Factors of the terms of one place of a run (`probes.footprint.closed_form`)."""

    once: dict[str, float]
    layer: dict[str, float]
    """Of what comes again with every layer."""


class MemoryForm(Fact):
    """Closed forms of the memory of one group of settings, fitted to traces."""

    group: str
    """Method, weights, checkpointing: `lora bfloat16 checkpointed`."""
    places: dict[str, Factors]
    """By step, phase and where in it: `1 backward middle`."""
    n: int = Field(gt=0)
    """Traces that it was fitted to."""
    median_error: float
    """Of the peak, relative, on traces that it was not fitted to."""
    worst_error: float
    held_median: float
    """What the caching allocator held over live bytes, in replays of these traces."""
    held_high: float
    """What 95 % of them stayed below."""
    checked: IsoDate
