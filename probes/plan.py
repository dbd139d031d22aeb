"""What would run and what it would take: every cell with its predicted work, before any runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from pydantic import Field

from knowledge.errors import UserError
from knowledge.load import speeds
from knowledge.memory import full_training_peak_bytes
from knowledge.records import ModelCard
from probes.batteries import BATTERIES
from probes.documents import Documents
from probes.ladder import SMALL
from probes.machine import Machine
from probes.methods import Battery, Proposals, Situation, method, observed, wanted
from probes.record import Record
from probes.records import Cell, Estimate, Example, Json, Measurement, Splits
from probes.retrieval import available_retrievers
from probes.summary import is_item_mean
from probes.task import ModelRef, TaskSpec
from probes.work import MICRO_TOKENS, PlannedCell, planned, speed_key

LENGTH_SAMPLE = 500
"""Training examples whose lengths are counted for a plan."""


class Plan(Record):
    """The cells of a run in the order of asking, before adaptive choices are known."""

    battery: Battery
    cells: tuple[PlannedCell, ...]
    seconds: float
    """Predicted wall time with `workers` at work, workers' start included."""
    workers: int
    threads: int
    """CPU threads of one worker."""
    budget_seconds: float
    n_rungs: int
    """How many rungs, from the smallest."""
    lengths: dict[str, tuple[int, int]] = Field(default_factory=dict)
    """By rung the tokens of a long prompt without examples or passages, and of a long answer; none
    in plans from before they were kept."""
    notes: tuple[str, ...] = ()


class Rung(Record):
    """A rung with the architecture that costs are predicted from."""

    ref: ModelRef
    card: ModelCard


class Question(Record):
    """What is asked on which data: all that a plan needs beside the rungs."""

    spec: TaskSpec
    splits: Splits
    documents: Documents = Documents()


def threads_and_workers(
    rungs: Sequence[Rung], cores: int, asked: int | None, device: str
) -> tuple[int, int]:
    """(threads of a worker, workers at once).

    Tiny models gain nothing from a second thread (measured: 5.4k against 2.7k tokens/s), so each
    rung gets one and rungs run side by side; larger models take the machine in turn.
    """
    if device != "cpu":
        return asked or 1, 1
    tiny = all(rung.ref.n_params <= SMALL for rung in rungs)
    threads = asked or (1 if tiny else cores)
    return threads, max(1, min(len(rungs), cores // threads)) if tiny else 1


def make_plan(question: Question, rungs: Sequence[Rung], machine: Machine, device: str) -> Plan:
    """The most thorough battery whose predicted time fits `budget.probe_minutes`.

    Raises:
        UserError: E-BUDGET-MINUTES, where even the smallest battery does not fit.
    """
    spec, splits = question.spec, question.splits
    threads, workers = threads_and_workers(rungs, machine.cores, spec.hardware.threads, device)
    budget = spec.budget.probe_minutes * 60
    memory_bytes = machine.memory_bytes if device == "cpu" else 0  # fp32 is for CPUs
    for battery in BATTERIES:
        at_rungs = situations(question, rungs, battery, memory_bytes)
        cells = [
            planned(cell, situation, rung.card, device, threads)
            for rung, situation in zip(rungs, at_rungs, strict=True)
            for cell in [*imagined_cells(situation), *imagined_finals(situation, splits)]
        ]
        if all(row.cell.role == "final" for row in cells):
            raise UserError(
                "E-SPEC-METHODS",
                "none of the methods listed can be measured on this task",
                place="methods",
                hint="`rag` and `lora_rag` need data.documents, `vote` a prompt beside it",
            )
        seconds = wall_seconds(cells, rungs, workers, device)
        if seconds <= budget:
            return Plan(
                battery=battery,
                cells=tuple(cells),
                seconds=round(seconds, 1),
                workers=workers,
                threads=threads,
                budget_seconds=budget,
                n_rungs=len(rungs),
                lengths={at.rung: (at.tokens_per_input, at.tokens_per_output) for at in at_rungs},
            )
    raise UserError(
        "E-BUDGET-MINUTES",
        f"the smallest battery needs about {seconds / 60:.0f} minutes,"
        f" the budget is {spec.budget.probe_minutes:g}",
        place="budget.probe_minutes",
        hint="raise the budget or list fewer rungs in `ladder:`",
    )


def wall_seconds(
    cells: Sequence[PlannedCell], rungs: Sequence[Rung], workers: int, device: str
) -> float:
    """Longest-first packing of the rungs' own times onto the workers (Graham's LPT rule, 1969)."""
    start = speeds()[speed_key(device)].start_s
    loads = [0.0] * workers
    by_rung = sorted(
        (
            start + sum(row.seconds for row in cells if row.cell.rung == rung.ref.name)
            for rung in rungs
        ),
        reverse=True,
    )
    for seconds in by_rung:
        loads[loads.index(min(loads))] += seconds
    return max(loads)


def situations(
    question: Question, rungs: Sequence[Rung], battery: Battery, memory_bytes: int
) -> list[Situation]:
    """What the methods are told about each rung and the task."""
    least = min(rung.card.n_params for rung in rungs)
    return [
        situation_of(question, rung, battery, memory_bytes).model_copy(
            update={"smallest": rung.card.n_params == least}
        )
        for rung in rungs
    ]


def situation_of(question: Question, rung: Rung, battery: Battery, memory_bytes: int) -> Situation:
    """What the methods are told about this rung and task, were it the only rung.

    Lengths are those of the first LENGTH_SAMPLE training examples and passages, a random sample of
    the examples by the order of the split. Full fine-tuning is taken to fit where its rough peak
    stays within half of the memory.
    """
    spec, splits, documents = question.spec, question.splits, question.documents
    count = token_counter(rung.ref)
    passages = sorted(count(passage.text) for passage in documents.passages[:LENGTH_SAMPLE])
    sample = splits.train[:LENGTH_SAMPLE]
    inputs = sorted(count(example.item.text) for example in sample)
    outputs = sorted(count(example.output) for example in sample)
    instruction = count(spec.instruction)
    return Situation(
        rung=rung.ref.name,
        n_params=rung.card.n_params,
        hidden_size=rung.card.hidden_size,
        context_tokens=rung.card.context_tokens,
        task_type=spec.task_type,
        instruction=spec.instruction,
        labels=label_set(spec, splits.train),
        n_train=min(len(splits.train), battery.max_train),
        n_dev=min(len(splits.dev), battery.max_dev),
        tokens_per_input=instruction + inputs[int(0.95 * (len(inputs) - 1))] + 8,
        tokens_per_output=outputs[int(0.95 * (len(outputs) - 1))] + 1,
        mean_tokens=round(instruction + sum(inputs) / len(inputs) + 8, 1),
        quantization=rung.ref.quantization,
        n_passages=len(documents.passages),
        tokens_per_passage=passages[int(0.95 * (len(passages) - 1))] + 1 if passages else 0,
        retrievers=available_retrievers() if passages else (),
        gold=documents.kind,
        methods=tuple(spec.methods),
        independent=is_item_mean(spec) and not any(example.group for example in splits.dev),
        full_fits=rung.ref.quantization == "none"
        and rung.ref.dtype == "float32"  # without master weights bf16 rounds small steps away
        and full_training_peak_bytes(rung.card, tokens=MICRO_TOKENS) < memory_bytes / 2,
        battery=battery,
        seed=spec.seed,
    )


def label_set(spec: TaskSpec, train: Sequence[Example]) -> tuple[str, ...]:
    """The distinct outputs of the train split for a classification task, sorted; else nothing."""
    if spec.task_type != "classification":
        return ()
    return tuple(sorted({example.output for example in train}))


def token_counter(ref: ModelRef) -> Callable[[str], int]:
    """A function from text to its number of tokens.

    Exact where the tokenizer's file is at hand; otherwise four characters a token, the usual rule
    of thumb for English, which the plan calls rough.
    """
    folder = _tokenizer_folder(ref)
    if folder is None:
        return lambda text: max(1, len(text) // 4)
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    return lambda text: len(tokenizer.encode(text, add_special_tokens=False).ids)


def _tokenizer_folder(ref: ModelRef) -> Path | None:
    from probes.pocket import weights_folder

    folder = Path(ref.location) if ref.source == "local" else None
    if ref.source == "pocket":
        folder = weights_folder(ref.location)
    return folder if folder and (folder / "tokenizer.json").is_file() else None


def rung_proposals(
    situation: Situation, asks: Callable[[str, str], bool] = lambda rung, name: True
) -> Proposals:
    """The cells of the wanted methods on one rung, in the order of METHODS.

    `asks` is called with rung and method before each method: False leaves it out.
    """
    known: dict[str, list[Measurement]] = {}
    for name in wanted(situation.methods):
        if not asks(situation.rung, name):
            continue
        seen: list[Measurement] = []
        yield from observed(method(name).propose(situation, known), seen)
        known[name] = seen


def imagined_cells(situation: Situation) -> Iterator[Cell]:
    """The cells that would be asked for if every measurement came out at one half.

    The methods themselves are asked, so that a plan can never drift from what runs.
    """
    proposals = rung_proposals(situation)
    answer: list[Measurement] | None = None
    half = Estimate(value=0.5, low=0.4, high=0.6, n=100, basis="imagined")
    while True:
        try:
            cells = proposals.send(answer) if answer is not None else next(proposals)
        except StopIteration:
            return
        yield from cells
        answer = [
            Measurement(
                key="imagined", cell=cell, status="ok", form=half, content=half, quality=half
            )
            for cell in cells
        ]


def imagined_finals(situation: Situation, splits: Splits) -> Iterator[Cell]:
    """Evaluations on the test split: one option a rung and run, as many as may be opened."""
    n_test = min(len(splits.test), situation.battery.max_test)
    params: Json = {"batch_size": 16, "decoding": "generate"}
    if not {"lora", "lora_rag", "full"}.isdisjoint(wanted(situation.methods)):
        params |= {"rank": 16, "epochs": 0}
    for run in range(1, situation.battery.seeds + 1):
        yield situation.cell(
            "lora" if "rank" in params else "zero_shot",
            "final",
            params=params,
            split="test",
            n_eval=n_test,
            seed=situation.seed + run,
        )
