"""Methods: what can be done with a model, each behind the same two functions.

A method is a module with

- `propose(situation, known)`: a generator that yields lists of cells and is sent their
  measurements, in the same order. It runs in the driver and loads no torch. What it yields may
  depend only on what it was sent and on `known`, what earlier methods were sent on this rung, so
  that a resumed run asks for the same cells.
- `answer(request)`: the predictions of one cell. It runs in the worker, next to the weights, and
  sees training examples and bare items: never an answer of the split that it is measured on.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Literal, Protocol, cast

from probes.models import LanguageModel, Progress
from probes.record import Record
from probes.records import Cell, Example, Item, Json, Latency, Measurement, Prediction
from probes.retrieval import Library
from probes.task import TaskType

METHODS: dict[str, str] = {
    "zero_shot": "probes.methods.zero_shot",
    "steps": "probes.methods.steps",
    "few_shot": "probes.methods.few_shot",
    "rag": "probes.methods.rag",
    "oracle": "probes.methods.oracle",
    "vote": "probes.methods.vote",
    "lora": "probes.methods.lora",
    "lora_rag": "probes.methods.lora_rag",
    "full": "probes.methods.full",
    "lora_steps": "probes.methods.lora_steps",
}
"""In the order in which they are tried. Preference tuning (DPO) will stand behind `full`."""

DIAGNOSTIC = {"oracle": ("rag",), "lora_steps": ("steps", "lora")}
"""Methods that tell ceilings apart and cannot be served, never an option; each goes with others."""


class Battery(Record):
    """How much is measured: the knobs that the budget turns."""

    name: str
    n_trials: int
    """Optuna trials on the smallest rung."""
    larger_trials: int = 0
    """Optuna trials on every other rung; 0 for as many. Where the hidden size puts the learning
    rate leaves little to search there: two trials lost .003 to .005 of quality against four, and
    the smaller rung's best setting was no better a second trial than one drawn at random
    (results/pocket/search.md)."""
    confirmed: int
    """Best trials that run once more with another seed before one is chosen."""
    epochs: tuple[int, ...]
    """Passes over the training data that the search chooses from; the second is tried first."""
    fractions: tuple[float, ...]
    """Shares of the training data for the learning curve, below 1."""
    seeds: int
    """Runs of each chosen setting."""
    shots: tuple[int, ...]
    """Numbers of examples tried in the prompt."""
    passages: tuple[int, ...] = ()
    """Numbers of retrieved passages tried in the prompt."""
    samples: int = 0
    """Answers drawn for one vote."""
    rag_trials: int = 0
    """Optuna trials of LoRA on top of retrieval; 0 leaves it out."""
    full_trials: int = 0
    """Optuna trials of full fine-tuning, where it fits; 0 leaves it out."""
    max_train: int
    max_dev: int
    max_test: int


class Situation(Record):
    """What a method knows when it proposes: the task's shape, never its answers."""

    rung: str
    n_params: int
    hidden_size: int
    smallest: bool = True
    """Whether no rung of the ladder is smaller."""
    context_tokens: int
    task_type: TaskType
    instruction: str
    labels: tuple[str, ...] = ()
    """The label set of a classification task, sorted."""
    n_train: int
    n_dev: int
    tokens_per_input: int
    """Rough 95th percentile, instruction included."""
    tokens_per_output: int
    """Rough 95th percentile, end of turn included."""
    mean_tokens: float
    """Mean length of a prompt without examples, instruction included."""
    quantization: str = "none"
    n_passages: int = 0
    """Passages of the user's documents; 0 where there are none."""
    tokens_per_passage: int = 0
    """Rough 95th percentile."""
    retrievers: tuple[str, ...] = ()
    """The ways of searching that this machine has."""
    gold: Literal["given", "silver", "none"] = "none"
    """Whether it is known which passages answer an item; see `probes.documents.Documents`."""
    methods: tuple[str, ...] = ()
    """What the spec allows; everything where it names nothing."""
    independent: bool = True
    """Whether the task's figure is a mean over items, and these are independent (no groups)."""
    full_fits: bool = False
    """Whether full fine-tuning fits this machine's memory."""
    battery: Battery
    seed: int

    def cell(self, method: str, role: str, **changes: object) -> Cell:
        """A cell of this rung on the dev split, with `changes` to its fields."""
        fields: Json = {"rung": self.rung, "method": method, "role": role, "seed": self.seed}
        fields |= {"split": "dev", "n_eval": self.n_dev} | changes
        return Cell.model_validate(fields)


@dataclass(frozen=True)
class Checkpoint:
    """What a training run may ask between epochs: is this worth going on with?"""

    keep_going: Callable[[int, Sequence[Prediction]], bool]
    """Called with (epochs done, predictions for `items`); False means: stop, this is hopeless."""
    items: Sequence[Item] = ()


@dataclass(frozen=True)
class Request:
    """One cell as the worker sees it."""

    model: LanguageModel
    cell: Cell
    task_type: TaskType
    instruction: str
    labels: Sequence[str]
    train: Sequence[Example]
    """The first `cell.n_train` examples of the train split."""
    items: Sequence[Item]
    """The first `cell.n_eval` items of the split, without answers and without those whose answers
    are taken over."""
    max_new_tokens: int
    progress: Progress
    library: Library | None = None
    """The user's documents with their search indices."""
    gold: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Passage ids by item id: what answers it. Only filled for a cell of the oracle."""
    checkpoint: Checkpoint | None = None
    load_adapter: Path | None = None
    save_adapter: Path | None = None


@dataclass
class Answers:
    """What a method gives back."""

    predictions: list[Prediction]
    latency: Latency | None = None
    pruned: bool = False
    history: list[Json] = field(default_factory=list)
    train_tokens: int = 0


Proposals = Generator[list[Cell], list[Measurement], None]
Known = Mapping[str, Sequence[Measurement]]
"""What earlier methods were sent on the same rung, by method."""


class Method(Protocol):
    """The two functions of a method module."""

    def propose(self, situation: Situation, known: Known) -> Proposals:
        """Cells to measure on one rung, in the order of need."""
        ...

    def answer(self, request: Request) -> Answers:
        """The predictions of one cell."""
        ...


def observed(proposals: Proposals, seen: list[Measurement]) -> Proposals:
    """The same proposals; every measurement that is sent is added to `seen` on the way."""
    try:
        cells = next(proposals)
        while True:
            found = yield cells
            seen.extend(found)
            cells = proposals.send(found)
    except StopIteration:
        return


def wanted(asked: Sequence[str]) -> list[str]:
    """The methods of a spec's list in the order of METHODS, each diagnosis with those it needs.

    All of them where the list is empty.
    """
    if not asked:
        return list(METHODS)
    return [
        name
        for name in METHODS
        if name in asked or (name in DIAGNOSTIC and set(DIAGNOSTIC[name]) <= set(asked))
    ]


def method(name: str) -> Method:
    """The module of that method.

    Raises:
        KeyError: no such method.
    """
    return cast(Method, import_module(METHODS[name]))


def best(measurements: Sequence[Measurement]) -> Measurement | None:
    """The measurement of highest quality on all of the items, None where all failed.

    Of equals the one with the shorter prompts, then the first by its parameters' text: an order
    that does not depend on when they were measured.
    """
    usable = [
        found
        for found in measurements
        if found.quality is not None and found.status == "ok" and found.cell.role != "screen"
    ]
    return min(
        usable,
        key=lambda found: (
            -found.quality.value if found.quality else 0.0,
            sum(answer.input_tokens for answer in found.predictions),
            json.dumps(found.cell.params, sort_keys=True),
        ),
        default=None,
    )
