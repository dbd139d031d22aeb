"""The nouns of measuring: what is answered, what came out, what happens during a run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, Self

from pydantic import Field

from probes.record import Record

SplitName = Literal["train", "dev", "test"]
Role = Literal["system", "user", "assistant"]
Status = Literal["ok", "pruned", "failed"]
Json = dict[str, Any]

ENOUGH_REQUESTS = 10
"""Fewer timed requests say nothing about the slowest twentieth."""


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
    """As generated, or the chosen candidate; after written steps the final answer alone."""
    input_tokens: int = 0
    output_tokens: int = 0
    """Everything that was generated: steps and all samples included."""
    reasoning: str = ""
    """What the model wrote before its answer."""
    samples: tuple[str, ...] = ()
    """All answers drawn, where `text` was chosen among several."""
    passages: tuple[str, ...] = ()
    """Ids of the passages that stood in the prompt, best first."""


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


class TakenOver(Record):
    """An earlier cell on the first items of the same split, whose answers are taken over."""

    key: str
    n_items: int


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
    role: Literal["baseline", "screen", "search", "tune", "curve", "repeat", "diagnostic", "final"]
    """Why it is measured; not part of the key. A `screen` is on some of the items only."""
    adapter: str | None = None
    """Key of the cell whose saved adapter is evaluated, in place of training one."""
    taken_over: TakenOver | None = None
    """What of its items was answered before, at the same settings."""


class Cost(Record):
    """What one cell took."""

    wall_s: float = 0.0
    cpu_s: float = 0.0
    input_tokens: int = 0
    output_tokens: int = 0
    train_tokens: int = 0
    peak_memory_bytes: int = 0


class Latency(Record):
    """How fast the answers came on this machine, measured with the evaluation."""

    p50_s: float
    """Median seconds of one request at batch 1, prompt to last token."""
    p95_s: float | None
    """None where fewer than ten requests were timed: it would be their maximum."""
    n: int
    """Requests timed at batch 1."""
    tokens_per_s: float
    """Output tokens per second at the evaluation's own batch size; 0 where it is unknown."""

    @classmethod
    def of(cls, seconds: Sequence[float], tokens_per_s: float = 0.0) -> Self:
        """From the seconds of each request, in any order."""
        ordered = sorted(seconds)
        slow = round(ordered[int(0.95 * (len(ordered) - 1) + 0.5)], 5)
        return cls(
            p50_s=round(ordered[(len(ordered) - 1) // 2], 5),
            p95_s=slow if len(ordered) >= ENOUGH_REQUESTS else None,
            n=len(ordered),
            tokens_per_s=round(tokens_per_s, 2),
        )


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
    figures: dict[str, Estimate] = Field(default_factory=dict)
    """Further figures by name: `recall@5` of retrieval, `pass@8` over samples."""
    latency: Latency | None = None
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
        "audit",
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
