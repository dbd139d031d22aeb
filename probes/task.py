"""What a user asks: the spec of a task, with its data, needs, machine and budget."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints, field_validator, model_validator

from knowledge.records import TaskType as TaskType
from probes.record import Record

MetricName = Literal[
    "accuracy",
    "exact_match",
    "macro_f1",
    "token_f1",
    "rouge_l",
    "numeric",
    "json_fields",
    "function_call",
    "command",
]
ShortName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]


MethodName = Literal["zero_shot", "steps", "few_shot", "rag", "vote", "lora", "lora_rag", "full"]
TRAINED: frozenset[MethodName] = frozenset({"lora", "lora_rag", "full"})
"""Methods that train: their figures come from repeats, whose weights are kept for the test."""
RETRIEVING: frozenset[MethodName] = frozenset({"rag", "lora_rag"})
"""Methods that put passages before the input."""


class Columns(Record):
    """Which columns or JSON fields of the data hold what; found by name where left out."""

    input: str | None = None
    """The text that the model is given."""
    output: str | None = None
    """The answer that is wanted."""
    group: str | None = None
    """Rows of one group (a conversation, a document, a customer) stay on one side of the split."""
    rejected: str | None = None
    """A worse answer, for preference pairs."""
    gold_passages: str | None = None
    """Ids of the passages that hold the answer."""


class DataSpec(Record):
    """Where the examples and documents lie. Paths are relative to the spec."""

    train: str
    """File of examples: .jsonl, .json, .csv, .tsv or .parquet."""
    test: str | None = None
    """File of examples kept as the test split; without it the test split is taken from `train`."""
    documents: str | None = None
    """Folder of .md and .txt files, or a .jsonl with `id` and `text`."""
    columns: Columns = Columns()


class Needs(Record):
    """What the use of the model demands, whatever its quality."""

    knowledge_changes: Literal["never", "yearly", "monthly", "weekly", "daily"] = "never"
    """How often the facts that the answers rest on change."""
    on_premises: bool = False
    """True where the data must not leave machines of the user's own."""
    max_latency_s: float | None = Field(default=None, gt=0)
    """Longest time for one answer, in seconds."""
    requests_per_month: int = Field(default=10_000, ge=1, le=10**12)
    high_stakes: bool = False
    """True where a wrong answer does lasting harm; the advice then asks for more certainty."""
    error_costs: dict[str, float] = Field(default_factory=dict)
    """Cost of missing a label, by label, relative to 1; labels left out cost 1."""
    commercial: bool = True
    """True where the licence of the model must allow commercial use."""

    @field_validator("error_costs")
    @classmethod
    def _costs_not_negative(cls, costs: dict[str, float]) -> dict[str, float]:
        if any(cost < 0 for cost in costs.values()):
            raise ValueError("a cost below 0")
        return costs


class Hardware(Record):
    """The machine on which the model would be tuned and served."""

    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    gpu: str | None = None
    """Name of a card, when it is not the one in this machine: `rtx-4090`, `A100 80GB`, or as
    nvidia-smi prints it. Memory and prices are taken to be its."""
    usd_per_hour: float | None = Field(default=None, ge=0)
    """What an hour of the card costs you, in place of the table's price; 0 for a card of your own
    whose hours you do not count."""
    quantization: Literal["none", "nf4"] = "none"
    """How the frozen weights are loaded: `nf4` is QLoRA's 4 bits and needs bitsandbytes."""
    threads: int | None = Field(default=None, ge=1, le=1024)
    """CPU threads for one worker; by default chosen from the size of the model."""


class Budget(Record):
    """What the probes, the training and the serving may cost."""

    probe_minutes: float = Field(default=30.0, gt=0, le=100_000)
    training_usd: float | None = Field(default=None, ge=0)
    serving_usd_per_month: float | None = Field(default=None, ge=0)
    until_sure: bool = False
    """Whether methods are left out that could hardly change the decision any more."""


class ModelRef(Record):
    """One rung of the ladder: which weights, and how they are loaded."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=120)]
    """Name in reports: `pocket-s`, `Qwen2.5-0.5B-Instruct`."""
    source: Literal["pocket", "local", "hub", "gguf-package"]
    location: Annotated[str, StringConstraints(min_length=1, max_length=1000)]
    """Rung of the pocket ladder, folder, Hub id, or `package/file.gguf`."""
    revision: str | None = None
    """Commit of a Hub model: 40 hexadecimal digits."""
    dtype: Literal["float32", "bfloat16"] = "float32"
    quantization: Literal["none", "nf4"] = "none"
    n_params: int = Field(default=0, ge=0)
    """Number of parameters, 0 where it is not known before loading."""


class SystemSpec(Record):
    """A model or prompt that is in use already, compared by a file of its answers."""

    name: ShortName
    """Name in reports: lower-case letters, digits, `.`, `_`, `-`."""
    predictions: str
    """File of its answers, relative to the spec: .jsonl, .json, .csv, .tsv or .parquet. The input
    in a column as in the training data (or the item's `id`), the answer in `prediction`, `answer`,
    `output` or `response`, and, where measured, the seconds it took in `latency_s`."""
    usd_per_request: float | None = Field(default=None, ge=0)
    """What one request costs, in US dollars; left out where it is not known."""
    latency_s: float | None = Field(default=None, gt=0)
    """Median time for one answer as you measured it, in seconds, where no row has its own."""
    on_premises: bool = False
    """True where it runs on machines of your own, so that the data does not leave them."""


class TaskSpec(Record):
    """A question to the advisor: the task, the data, the needs, the machine, the budget."""

    version: Literal[1]
    """Version of this format."""
    name: ShortName
    """Short name: lower-case letters, digits, `.`, `_`, `-`."""
    task_type: TaskType
    instruction: Annotated[str, StringConstraints(max_length=20_000)] = ""
    """What the model is told before each input."""
    data: DataSpec
    metric: MetricName | None = None
    """How an answer is scored; by default what suits the task type."""
    scorer: list[str] | None = None
    """With `metric: command`: the program and its arguments; JSON lines in, JSON lines out."""
    target: float = Field(default=0.9, gt=0, le=1)
    """Quality that is good enough, on the metric's scale from 0 to 1."""
    needs: Needs = Needs()
    hardware: Hardware = Hardware()
    budget: Budget = Budget()
    ladder: str | list[str] = "auto"
    """`auto`, the name of a ladder, or a list of Hub ids (`owner/name@revision`) and folders."""
    systems: list[SystemSpec] = Field(default_factory=list, max_length=8)
    """Models or prompts in use already, each with a file of its answers to the same inputs."""
    methods: list[MethodName] = Field(default_factory=list)
    """What may be recommended; all that apply where the list is empty."""
    seed: int = Field(default=0, ge=0, lt=2**32)

    @field_validator("version", mode="before")
    @classmethod
    def _version_is_an_integer(cls, version: object) -> object:
        if type(version) is not int:  # Literal[1] takes True and 1.0 for 1
            raise ValueError("the version is not a whole number")
        return version

    @model_validator(mode="after")
    def _scorer_goes_with_command(self) -> TaskSpec:
        if (self.metric == "command") != (self.scorer is not None):
            raise ValueError("`metric: command` and `scorer:` go together; give both or neither")
        return self
