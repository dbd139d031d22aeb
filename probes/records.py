"""The nouns of measuring: what is asked, what is answered, what came out."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    field_validator,
    model_validator,
)

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
SplitName = Literal["train", "dev", "test"]
Role = Literal["system", "user", "assistant"]
Status = Literal["ok", "pruned", "failed"]
Json = dict[str, Any]


class Record(BaseModel):
    """A frozen value; unknown fields are errors; infinities and NaN are refused."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        allow_inf_nan=False,
        hide_input_in_errors=True,
        use_attribute_docstrings=True,
    )


# ---------------------------------------------------------------- what the user asks for


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
    """Name of a card as in `knowledge/hardware`, when it is not the one in this machine."""
    quantization: Literal["none", "nf4"] = "none"
    """How the frozen weights are loaded: `nf4` is QLoRA's 4 bits and needs bitsandbytes."""
    threads: int | None = Field(default=None, ge=1, le=1024)
    """CPU threads for one worker; by default chosen from the size of the model."""


class Budget(Record):
    """What the probes, the training and the serving may cost."""

    probe_minutes: float = Field(default=30.0, gt=0, le=100_000)
    training_usd: float | None = Field(default=None, ge=0)
    serving_usd_per_month: float | None = Field(default=None, ge=0)


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


class TaskSpec(Record):
    """A question to the advisor: the task, the data, the needs, the machine, the budget."""

    version: Literal[1]
    """Version of this format."""
    name: Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]
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


# ---------------------------------------------------------------- the data, as read


class Turn(Record):
    """One message of a conversation."""

    role: Role
    content: str


class Item(Record):
    """What a model may see of an example: never its answer."""

    id: str
    """Stable: the first 16 hexadecimal digits of the SHA-256 of the normalised turns and of the
    number of the occurrence among rows of the same turns; never of the row's number."""
    turns: tuple[Turn, ...]
    """Ends with a user turn; the spec's instruction is not yet in it."""

    @property
    def text(self) -> str:
        """The contents of all turns, joined by line ends."""
        return "\n".join(turn.content for turn in self.turns)


class Example(Record):
    """An item with the answer that is wanted."""

    item: Item
    output: str
    row: int
    """Number of the row or line in its file, from 1."""
    group: str | None = None
    rejected: str | None = None
    gold_passages: tuple[str, ...] = ()


class Passage(Record):
    """One piece of the user's documents."""

    id: str
    text: str


class Splits(Record):
    """Every example on one side, for good."""

    train: tuple[Example, ...]
    dev: tuple[Example, ...]
    test: tuple[Example, ...]
    notes: tuple[str, ...] = ()
    """What was dropped or is noteworthy, with counts."""


# ---------------------------------------------------------------- what is measured


class Prediction(Record):
    """One model's answer to one item."""

    item_id: str
    text: str
    """As generated, or the chosen candidate."""
    input_tokens: int = 0
    output_tokens: int = 0


class Score(Record):
    """One answer, layered: form apart from content."""

    item_id: str
    form: bool
    """True where the answer parses: a label of the set, valid JSON, a number, a call."""
    content: float = Field(ge=0, le=1)
    """How right it is on a lenient reading, whatever its form."""
    quality: float = Field(ge=0, le=1)
    """What a program that reads the answer strictly would get: `content` where `form`, else 0."""


class Estimate(Record):
    """A figure with its interval and the number of items behind it."""

    value: float
    low: float
    high: float
    n: int
    level: float = 0.95
    basis: str
    """How the interval was made, in words for reports.

    A mean: `wilson`, `wilson(effective n)`, `wilson(effective n, clusters)`, each of them with
    `, one seed` where one run stands for many; over several seeds `wilson(effective n: seeds,
    items)` or `(… seeds, clusters)`. A difference: `agresti-min` or `agresti-min(scaled)`, then
    `, clusters` where there are any; with seeds `…, 1 seed and 1 seed`, or `t(seeds, items), 3
    seeds and 2 seeds` and `t(seeds, clusters), …`. A figure that is no mean: `bootstrap(items), at
    least wilson`; a belief: `bootstrap(items), 3 run(s)`.
    """


class Cell(Record):
    """One thing to measure: a method on a rung, trained on so much, seen through one split."""

    rung: str
    """Name of the ModelRef."""
    method: str
    """Key of `probes.methods.METHODS`."""
    params: Json = Field(default_factory=dict)
    """Everything that the method needs to know and that can change the number."""
    n_train: int = 0
    """How many training examples the method may use, in the frozen order of the train split."""
    split: Literal["dev", "test"]
    n_eval: int
    """How many items of the split are answered, in the frozen order of the split."""
    seed: int = 0
    role: Literal["baseline", "search", "tune", "curve", "repeat", "final"]
    """Why it is measured; not part of the key."""
    adapter: str | None = None
    """Key of the cell whose saved adapter is evaluated, in place of training one."""


class Cost(Record):
    """What one cell took."""

    wall_s: float = 0.0
    cpu_s: float = 0.0
    input_tokens: int = 0
    output_tokens: int = 0
    train_tokens: int = 0
    peak_memory_bytes: int = 0


class Measurement(Record):
    """What came out of a cell."""

    key: str
    """SHA-256 of everything that can change the numbers."""
    cell: Cell
    status: Status
    cause: str = ""
    """Why it failed or was pruned, in one line."""
    form: Estimate | None = None
    content: Estimate | None = None
    quality: Estimate | None = None
    scores: tuple[Score, ...] = ()
    predictions: tuple[Prediction, ...] = ()
    history: tuple[Json, ...] = ()
    """Intermediate figures: one record a checkpoint."""
    cost: Cost = Cost()
    engine: Json = Field(default_factory=dict)
    """Versions, threads and device that produced the numbers."""

    @property
    def id(self) -> str:
        """First 12 digits of the key: how findings and reasons cite it."""
        return self.key[:12]


# ---------------------------------------------------------------- what happens during a run


class Event(Record):
    """One step of a run, as printed by `--events`."""

    kind: Literal[
        "run",
        "data",
        "plan",
        "cell-started",
        "progress",
        "cell-finished",
        "cell-failed",
        "note",
        "test-opened",
        "advice",
        "done",
    ]
    payload: Json = Field(default_factory=dict)


def finite(value: float) -> float:
    """`value`, or ValueError where it is NaN or infinite: no such number enters a record."""
    if not math.isfinite(value):
        raise ValueError(f"not a finite number: {value}")
    return value
