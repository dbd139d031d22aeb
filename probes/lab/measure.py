"""Measures a family's cells with the product's own worker, in this process, into its table.

The worker is the one that a live probe starts as a child (`probes.worker`): the same methods, the
same loop of answering, the same stacked training. Nothing is measured twice.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from knowledge.load import ladder, model_cards
from probes.cards import card_of
from probes.driver import grouped
from probes.lab.family import Drawn, Family, Row, drawn
from probes.lab.menu import (
    FEW_SAMPLES,
    LAB,
    PROMPTS,
    STAGES,
    Stage,
    at_fraction,
    everything,
)
from probes.lab.table import Header, Table, cell_id, line_of, restored, truth_of
from probes.ladder import fingerprint
from probes.machine import package_versions, this_machine
from probes.methods import Proposals, Situation, best
from probes.plan import Question, Rung, label_set, situations
from probes.records import Cell, Json, Measurement, Splits
from probes.split import splits_fingerprint
from probes.store import RunStore, cell_key
from probes.task import ModelRef
from probes.work import BATCH_TOKENS, group_size

SEARCHED = ("baseline", "search")
NUMBERS = 8
"""As `advisor.prepare.NUMBERS`: raised whenever a change to the code could change a number."""


def pocket_rungs() -> list[Rung]:
    """The rungs of the pocket ladder, smallest first."""
    rungs = []
    for name in ladder("pocket").models:
        card = model_cards()[name]
        ref = ModelRef.model_validate(
            {"name": name, "source": "pocket", "location": card.location}
            | {"n_params": card.n_params}
        )
        known = card_of(ref)
        assert known is not None
        rungs.append(Rung(ref=ref, card=known))
    return sorted(rungs, key=lambda rung: rung.card.n_params)


def engine() -> Json:
    """What else can change a number."""
    return {
        "numbers": NUMBERS,
        "versions": package_versions(),
        "cpu": this_machine().cpu,
        "device": "cpu",
        "threads": 1,
        "batch_tokens": BATCH_TOKENS,
    }


@dataclass
class Bench:
    """One family at work: its data, its table and a folder that may be thrown away."""

    family: Family
    data: Drawn
    table: Table
    scratch: Path
    rungs: list[Rung]
    tell: Callable[[str], None] = lambda text: None
    _workers: dict[tuple[str, str], object] = field(default_factory=dict)

    @classmethod
    def of(
        cls, family: Family, rows: Sequence[Row], folder: Path, table: Path, scratch: Path
    ) -> Bench:
        """Read the rows, and the table where there is one.

        Raises:
            UserError: the rows are not what the product takes, or the table is of other data.
        """
        data = drawn(family, rows, scratch / "data", folder)
        bench = cls(family, data, Table(table), scratch, pocket_rungs())
        bench.table.begin(bench.header(), engine())
        return bench

    def header(self) -> Header:
        """What the table is of."""
        data = self.data
        question = Question(spec=data.spec, splits=data.splits, documents=data.documents)
        groups = [example.group or "" for example in data.splits.dev]
        return Header(
            family=self.family,
            data=splits_fingerprint(data.splits),
            n_truth=len(data.splits.test),
            groups=tuple(groups) if any(groups) else (),
            situations=tuple(
                each.model_copy(update=_whole(each))
                for each in situations(question, self.rungs, LAB, memory_bytes=0)
            ),
        )

    # ------------------------------------------------------------ a stage

    def measure(self, rung: str, stage: int) -> int:
        """Measure what a stage of a rung lacks; how many cells that was."""
        assert self.table.header is not None
        doing = STAGES[stage]
        whole = self.table.header.situation(rung)
        if not doing.largest and whole == self.table.header.situations[-1]:
            return 0
        situation, before = at_fraction(whole, doing.fraction), len(self.table.cells)
        found: list[Measurement] = []
        for measured in self._driven(self._proposed(doing, situation, whole), situation):
            found += measured
        self._measure_truth(rung, found)
        return len(self.table.cells) - before

    def _proposed(self, doing: Stage, situation: Situation, whole: Situation) -> Proposals:
        """The stage's cells. Where trained methods are measured by themselves, retrieval is as it
        was chosen with all of the data."""
        known: dict[str, list[Measurement]] = {}
        if "rag" not in doing.methods and whole.n_passages:
            for measured in self._driven(everything(whole, whole, PROMPTS), whole):
                for each in measured:
                    known.setdefault(each.cell.method, []).append(each)
        return everything(situation, whole, doing.methods, known)

    def _driven(self, proposals: Proposals, situation: Situation) -> Iterator[list[Measurement]]:
        answer: list[Measurement] | None = None
        while True:
            try:
                cells = proposals.send(answer) if answer is not None else next(proposals)
            except StopIteration:
                return
            answer = self._answered(cells, situation)
            yield answer

    def _answered(self, cells: Sequence[Cell], situation: Situation) -> list[Measurement]:
        """The cells' measurements, from the table or measured now."""
        ids = [cell_id(cell) for cell in cells]
        groups = grouped(cells, ids, lambda cell: group_size(cell, situation, "cpu"))
        missing = [name for name in dict.fromkeys(ids) if name not in self.table.cells]
        by_id = dict(zip(ids, cells, strict=True))
        while missing:
            group = [name for name in groups.get(missing[0], (missing[0],)) if name in missing]
            self._measure([by_id[name] for name in group])
            missing = [name for name in missing if name not in group]
        assert self.table.header is not None
        return [
            restored(self.table.cells[name], self.table.header).model_copy(update={"cell": cell})
            for name, cell in zip(ids, cells, strict=True)
        ]

    # ------------------------------------------------------------ cells

    def _measure(self, cells: Sequence[Cell]) -> None:
        """One cell, or some that are trained together; those that train also on the truth."""
        kind = "tuning" if cells[0].role == "tune" else "whole"
        trains = "learning_rate" in cells[0].params
        keep = trains and kind == "whole"
        bodies: list[Json] = []
        for cell in cells:
            body: Json = {"key": self._key(cell), "cell": cell.model_dump_json()}
            if keep:
                body["save_adapter"] = str(self._adapter(cell))
            bodies.append(body)
        for measured in self._handled(kind, cells, bodies):
            if keep and measured.status == "ok":
                self._measure_one_truth(cell_id(measured.cell), measured.cell)
            self.table.add(line_of(measured))
        shutil.rmtree(self.scratch / "adapters", ignore_errors=True)

    def _measure_truth(self, rung: str, found: Sequence[Measurement]) -> None:
        """The truth of the settings that stand for the untrained methods, and of their repeats."""
        for name in PROMPTS:
            mine = [each for each in found if each.cell.method == name and each.cell.rung == rung]
            winner = best([each for each in mine if each.cell.role in SEARCHED])
            if winner is None:
                continue
            for each in mine:
                same = each.cell.params == winner.cell.params
                if same and each.status == "ok" and cell_id(each.cell) not in self.table.truths:
                    self._measure_one_truth(cell_id(each.cell), each.cell)

    def _measure_one_truth(self, name: str, cell: Cell) -> None:
        if name in self.table.truths:
            return
        truth = cell.model_copy(
            update={"split": "test", "role": "final", "n_eval": len(self.data.splits.test)}
        )
        body: Json = {"key": self._key(truth), "cell": ""}
        if "learning_rate" in cell.params:
            truth = truth.model_copy(update={"adapter": self._key(cell)})
            body["load_adapter"] = str(self._adapter(cell))
        body["cell"] = truth.model_dump_json()
        (measured,) = self._handled("whole", [truth], [body])
        if measured.status == "ok":
            self.table.add(truth_of(name, measured))

    def _handled(
        self, kind: str, cells: Sequence[Cell], bodies: Sequence[Json]
    ) -> list[Measurement]:
        """What the worker says of them; what raises is a failure of the cells, told by its line."""
        try:
            told = self._worker(kind, cells[0].rung).handle(  # type: ignore[attr-defined]
                {"cells": list(bodies)}, lambda *_: None
            )
        except Exception as error:  # a family of somebody else's must not end the run
            cause = f"{type(error).__name__}: {error}".splitlines()[0][:500]
            self.tell(f"{self.family.name} {cells[0].rung} {cells[0].method} failed: {cause}")
            if len(cells) > 1:
                return [
                    one
                    for cell, body in zip(cells, bodies, strict=True)
                    for one in self._handled(kind, [cell], [body])
                ]
            return [Measurement(key=bodies[0]["key"], cell=cells[0], status="failed", cause=cause)]
        return [Measurement.model_validate(one, strict=False) for one in told["measurements"]]

    def _key(self, cell: Cell) -> str:
        rung = self._rung(cell.rung)
        spec = self.data.spec
        return cell_key(
            {
                "task": spec.model_dump(
                    mode="json", include={"task_type", "instruction", "metric"}
                ),
                "data": splits_fingerprint(self.data.splits),
                "documents": self.data.documents.fingerprint if "context" in cell.params else "",
                "weights": fingerprint(rung.ref),
                "cell": cell.model_dump(mode="json", exclude={"role"}),
                "engine": engine(),
            }
        )

    def _adapter(self, cell: Cell) -> Path:
        return self.scratch / "adapters" / cell_id(cell)

    def _rung(self, name: str) -> Rung:
        return next(rung for rung in self.rungs if rung.ref.name == name)

    def _worker(self, kind: str, rung: str) -> object:
        """The worker of a rung, on the whole data or on the train split alone."""
        if (kind, rung) not in self._workers:
            from probes.worker import Worker

            splits = self.data.splits if kind == "whole" else self.data.for_tuning
            folder = self.scratch / kind
            if not (folder / "run.json").is_file():
                shutil.rmtree(folder, ignore_errors=True)
                RunStore.create(
                    folder, self.data.spec.model_dump(mode="json"), frozen=self._frozen(splits)
                )
            self._workers[kind, rung] = Worker(folder, rung)
        return self._workers[kind, rung]

    def _frozen(self, splits: Splits) -> dict[str, Json]:
        frozen: dict[str, Json] = {
            "splits": splits.model_dump(mode="json"),
            "documents": self.data.documents.model_dump(mode="json"),
        }
        labels = label_set(self.data.spec, self.data.splits.train)
        for rung in self.rungs:
            frozen[f"rung-{rung.ref.name}"] = {
                "ref": rung.ref.model_dump(mode="json"),
                "device": "cpu",
                "threads": 1,
                "labels": list(labels),
                "spec_folder": str(self.data.folder.resolve()),
            }
        return frozen


def _whole(situation: Situation) -> Json:
    """One way of searching, no screening (every setting is measured on every item), and fewer
    samples where nothing is reasoned out."""
    samples = LAB.samples if situation.task_type == "reasoning" else FEW_SAMPLES
    return {
        "retrievers": ("bm25",) if situation.n_passages else (),
        "independent": False,
        "battery": LAB.model_copy(update={"samples": samples}),
    }
