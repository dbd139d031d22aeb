"""The child process of one rung: loads the model once, then answers one cell after the other.

Started by the driver as `python -m probes.worker RUN_FOLDER RUNG`.
"""

from __future__ import annotations

import os
import resource
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from probes.documents import Documents
from probes.executors.child import serve
from probes.failures import CellFailure
from probes.figures import recall_figures, sampling_figures
from probes.methods import Answers, Checkpoint, Request, method
from probes.methods.trained import answer_together
from probes.models import LanguageModel
from probes.record import Record
from probes.records import (
    Cell,
    Cost,
    Estimate,
    Example,
    Json,
    Measurement,
    Prediction,
    Score,
    Splits,
)
from probes.retrieval import Library
from probes.scoring import Scorer, make_scorer
from probes.store import RunStore, canonical_json
from probes.summary import summarise
from probes.task import ModelRef as Ref
from probes.task import TaskSpec

R = TypeVar("R", bound=Record)

CHECKPOINT_ITEMS = 100
"""Dev items that a training run answers between epochs."""


class RungSetup(Record):
    """What a worker needs to know once: written to the run folder by the driver."""

    ref: Ref
    device: str
    threads: int
    labels: tuple[str, ...]
    spec_folder: str
    """Where the user's scorer command runs."""


class Stopwatch:
    """What a cell takes from here on: wall and CPU time, and this process's peak of memory."""

    def __init__(self) -> None:
        _reset_peak_memory()
        self.wall_s, self.cpu_s = time.monotonic(), time.process_time()

    def cost(self, answers: Answers, *, share: float = 1.0) -> Cost:
        """The cost so far, or a share of it, with the tokens of the answers."""
        return Cost(
            wall_s=round(share * (time.monotonic() - self.wall_s), 3),
            cpu_s=round(share * (time.process_time() - self.cpu_s), 3),
            input_tokens=sum(answer.input_tokens for answer in answers.predictions),
            output_tokens=sum(answer.output_tokens for answer in answers.predictions),
            train_tokens=answers.train_tokens,
            peak_memory_bytes=_peak_memory(),
        )


@dataclass(frozen=True)
class Job:
    """One cell to be measured, as the method is asked and with what scores it."""

    key: str
    request: Request
    examples: Sequence[Example]
    known: Sequence[Prediction]
    """What is taken over of an earlier cell; the request asks for the other items only."""
    history: list[Json]
    """What its checkpoints saw, filled while it trains."""


class Worker:
    """One rung's model beside the frozen data of the run."""

    def __init__(self, run_folder: Path, rung: str) -> None:
        self.store = store = RunStore.open(run_folder)
        self.setup = _frozen(store, f"rung-{rung}", RungSetup)
        self.spec = _frozen(store, "spec", TaskSpec)
        self.splits = _frozen(store, "splits", Splits)
        self.documents = _frozen(store, "documents", Documents)
        self.library = Library(self.documents.passages) if self.documents.passages else None
        self.scorer: Scorer = make_scorer(
            self.spec, self.splits.train, Path(self.setup.spec_folder)
        )
        self._model: LanguageModel | None = None

    @property
    def model(self) -> LanguageModel:
        """The model, loaded at its first use."""
        if self._model is None:
            import torch

            from probes.models.load import load_model

            torch.set_num_threads(self.setup.threads)
            self._model = load_model(self.setup.ref, self.setup.device)
        return self._model

    def handle(self, body: Json, progress: Callable[[float, float, str], None]) -> Json:
        """Measure the cells: one, or several whose adapters are trained side by side."""
        progress(0, 1, "loading")
        model = self.model
        watch = Stopwatch()
        jobs = [self._job(model, told, progress) for told in body["cells"]]
        found = _answers([job.request for job in jobs])
        shares = _shares(found)
        return {
            "measurements": [
                self._result(job, one, watch, share)
                for job, one, share in zip(jobs, found, shares, strict=True)
            ]
        }

    def _result(
        self, job: Job, found: Answers | CellFailure, watch: Stopwatch, share: float
    ) -> Json:
        """The measurement of a cell; a failure is a result like any other."""
        if isinstance(found, CellFailure):
            spent = Answers(predictions=[], train_tokens=found.train_tokens)
            failed = Measurement(
                key=job.key,
                cell=job.request.cell,
                status="failed",
                cause=str(found),
                cost=watch.cost(spent, share=share),
            )
            return failed.model_dump()
        cost = watch.cost(found, share=share)
        found.history += job.history
        found.predictions = [*job.known, *found.predictions]
        too_long = sum(answer.output_tokens == 0 for answer in found.predictions)
        if too_long:
            found.history.append({"items_too_long": too_long})
        return self._measured(job, found, cost).model_dump()

    def _job(
        self, model: LanguageModel, told: Json, progress: Callable[[float, float, str], None]
    ) -> Job:
        cell = Cell.model_validate_json(told["cell"])
        examples: Sequence[Example] = getattr(self.splits, cell.split)[: cell.n_eval]
        known = self._known(cell, examples)
        history: list[Json] = []
        load, save = told.get("load_adapter"), told.get("save_adapter")
        request = Request(
            model=model,
            cell=cell,
            task_type=self.spec.task_type,
            instruction=self.spec.instruction,
            labels=self.setup.labels,
            train=self.splits.train[: cell.n_train],
            items=[example.item for example in examples[len(known) :]],
            max_new_tokens=longest_answer(model, self.splits.train),
            progress=progress,
            library=self.library,
            gold=self.documents.gold if cell.params.get("context") == "oracle" else {},
            checkpoint=self._checkpoint(cell, examples, history),
            load_adapter=Path(load) if load else None,
            save_adapter=Path(save) if save else None,
        )
        return Job(told["key"], request, examples, known, history)

    def _known(self, cell: Cell, examples: Sequence[Example]) -> Sequence[Prediction]:
        """The answers that the cell takes over: those to its first items, in their order."""
        if cell.taken_over is None:
            return ()
        earlier = self.store.measurement(cell.taken_over.key)
        if earlier is None:
            raise FileNotFoundError(f"the answers of {cell.taken_over.key[:12]} are not there")
        known = {prediction.item_id: prediction for prediction in earlier.predictions}
        return [known[example.item.id] for example in examples[: cell.taken_over.n_items]]

    def _checkpoint(
        self, cell: Cell, examples: Sequence[Example], history: list[Json]
    ) -> Checkpoint | None:
        bars = cell.params.get("prune_below")
        if bars is None:
            return None
        known = examples[:CHECKPOINT_ITEMS]

        def keep_going(epoch: int, predictions: Sequence[Prediction]) -> bool:
            quality = _mean(self.scorer(predictions, known))
            history.append({"epoch": epoch, "quality": round(quality, 6)})
            return epoch > len(bars) or quality >= bars[epoch - 1]

        return Checkpoint(keep_going, items=[example.item for example in known])

    def _measured(self, job: Job, answers: Answers, cost: Cost) -> Measurement:
        by_id = {example.item.id: example for example in job.examples}
        seen = [by_id[prediction.item_id] for prediction in answers.predictions]
        scores = self.scorer(answers.predictions, seen)
        figures = summarise(self.spec, scores, seen, answers.predictions)
        return Measurement(
            key=job.key,
            cell=job.request.cell,
            status="pruned" if answers.pruned else "ok",
            cause="below the median of earlier trials" if answers.pruned else "",
            form=figures["form"],
            content=figures["content"],
            quality=figures["quality"],
            figures={
                **self._recall(job.request.cell, answers),
                **sampling_figures(answers.predictions, self.scorer, seen),
            },
            latency=answers.latency,
            scores=tuple(scores),
            predictions=tuple(answers.predictions),
            history=tuple(answers.history),
            cost=cost,
        )

    def _recall(self, cell: Cell, answers: Answers) -> dict[str, Estimate]:
        """What search found; nothing for cells that did not search."""
        if cell.params.get("context") != "retrieved":
            return {}
        return recall_figures(answers.predictions, self.documents.gold)


def _frozen(store: RunStore, name: str, kind: type[R]) -> R:
    value = store.frozen(name)
    if value is None:
        raise FileNotFoundError(f"{store.folder} holds no {name}")
    return kind.model_validate_json(canonical_json(value))


def longest_answer(model: LanguageModel, train: Sequence[Example]) -> int:
    """How many tokens an answer may take: the 99th percentile of the train split and a quarter."""
    lengths = sorted(model.count_tokens([example.output for example in train]))
    return min(1024, int(lengths[int(0.99 * (len(lengths) - 1))] * 1.25) + 4)


def _answers(requests: Sequence[Request]) -> list[Answers | CellFailure]:
    try:
        if len(requests) > 1:
            return answer_together(requests)
        return [method(requests[0].cell.method).answer(requests[0])]
    except CellFailure as failure:
        return [failure] * len(requests)


def _shares(found: Sequence[Answers | CellFailure]) -> list[float]:
    """How much of a group's cost is put down to each: by the tokens trained, else evenly."""
    tokens = [one.train_tokens for one in found]
    total = sum(tokens)
    return [count / total if total else 1 / len(found) for count in tokens]


def _mean(scores: Sequence[Score]) -> float:
    return sum(score.quality for score in scores) / max(1, len(scores))


def _reset_peak_memory() -> None:
    """Begin a new high-water mark for this process, where the kernel offers it (Linux)."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return


def _peak_memory() -> int:
    try:
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def main() -> None:
    """Serve requests until the driver closes the pipe."""
    run_folder, rung = Path(sys.argv[1]), sys.argv[2]
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    worker = Worker(run_folder, rung)
    serve(worker.handle)


if __name__ == "__main__":
    main()
