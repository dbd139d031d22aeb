"""A family's table as a laboratory: it answers "measure this cell" at the price that was paid once,
and knows what is true of every option."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import NamedTuple

from advisor.belief import option_name
from advisor.chosen import chosen_runs
from advisor.prices import price, reference_machine, total_usd
from knowledge.load import model_cards
from knowledge.records import ModelCard
from probes.lab.menu import PROMPTS, TRAINED, at_fraction, everything
from probes.lab.table import CellLine, Header, Table, cell_id, restored
from probes.methods import DIAGNOSTIC, Proposals, Situation
from probes.records import Cell, Estimate, Example, Measurement
from probes.stats import estimate_runs
from probes.task import TaskSpec


class NotMeasured(LookupError):
    """The table does not hold that cell."""


class Truth(NamedTuple):
    """What is true of an option, with all that was measured."""

    name: str
    """`lora @ pocket-s`."""
    method: str
    rung: str
    n_params: int
    quality: Estimate
    """On items that no policy sees, mean over seeds."""
    usd: float
    """Training and a year of serving at the scenario's volume."""


class Laboratory:
    """One family with one amount of data."""

    def __init__(self, table: Table, fraction: float = 1.0) -> None:
        """`fraction`: the share of the train split that is all the data there is."""
        if table.header is None:
            raise NotMeasured("an empty table")
        self.table, self.header, self.fraction = table, table.header, fraction
        self.wholes = {each.rung: each for each in table.header.situations}
        self.situations = {
            name: at_fraction(whole, fraction) for name, whole in self.wholes.items()
        }
        self.cards: dict[str, ModelCard] = {name: model_cards()[name] for name in self.wholes}
        self.examples: Mapping[str, Example] = table.header.examples()
        self._restored: dict[tuple[str, int | None], Measurement] = {}

    def measurement(self, cell: Cell, n_items: int | None = None) -> Measurement:
        """What a live probe would have been told of the cell, over its first `n_items`.

        Raises:
            NotMeasured: the table does not hold it.
        """
        line = self.line(cell)
        at = (line.id, n_items)
        if at not in self._restored:
            self._restored[at] = restored(line, self.header, n_items)
        found = self._restored[at]
        told = found.cell.model_copy(update={"role": cell.role})
        return found.model_copy(update={"cell": told})

    def line(self, cell: Cell) -> CellLine:
        """The cell's line. NotMeasured where there is none."""
        n_dev = self.header.n_dev
        whole = cell if cell.role == "tune" else cell.model_copy(update={"n_eval": n_dev})
        found = self.table.cells.get(cell_id(whole))
        if found is None:
            raise NotMeasured(f"{self.header.family.name}: {cell.method} @ {cell.rung}")
        return found

    def price_s(self, cell: Cell, n_items: int | None = None) -> tuple[float, float]:
        """(CPU seconds of training, CPU seconds of answering so many items).

        What answering takes is read from the truth's items, which needed no training; a tuning
        cell's few answers count as training.
        """
        line = self.line(cell)
        n, whole = line.cell.n_eval, line.cost.cpu_s
        share = 1.0 if n_items is None else min(1.0, n_items / n)
        if "learning_rate" not in line.cell.params:
            return 0.0, whole * share
        truth = self.table.truths.get(line.id)
        answering = truth.cost.cpu_s * n / self.header.n_truth if truth else 0.0
        return max(0.0, whole - answering), min(whole, answering) * share

    @cached_property
    def exhaustive(self) -> list[Measurement]:
        """Everything that can be measured with this amount of data.

        Raises:
            NotMeasured: a part is missing.
        """
        found: list[Measurement] = []
        for rung, situation in self.situations.items():
            for measured in driven(everything(situation, self.wholes[rung]), self.measurement):
                found += measured
        return found

    @cached_property
    def exhaustive_s(self) -> float:
        """CPU seconds of all of it."""
        cells = {cell_id(each.cell): each.cell for each in self.exhaustive}
        return sum(sum(self.price_s(cell)) for cell in cells.values())

    @property
    def complete(self) -> bool:
        """Whether everything is there, the truth too."""
        try:
            return len(self.exhaustive) > 0 and len(self._true) > 0
        except NotMeasured:
            return False

    def truths(self, spec: TaskSpec) -> list[Truth]:
        """Every option that could be served, cheapest first at the spec's volume."""
        machine = reference_machine(spec)
        found = [
            Truth(
                option_name(method, rung),
                method,
                rung,
                self.cards[rung].n_params,
                quality,
                total_usd(price(runs, self.cards[rung], spec, machine)),
            )
            for (method, rung), (runs, quality) in self._true.items()
        ]
        return sorted(found, key=lambda truth: (truth.usd, truth.n_params))

    @cached_property
    def _true(self) -> dict[tuple[str, str], tuple[list[Measurement], Estimate]]:
        """The runs of each option's best setting, and their quality on the truth's items."""
        found: dict[tuple[str, str], tuple[list[Measurement], Estimate]] = {}
        for rung in self.situations:
            for method in (*PROMPTS, *TRAINED):
                if method in DIAGNOSTIC:
                    continue
                runs, _ = chosen_runs(self.exhaustive, rung, method)
                if runs:
                    truths = [self.table.truth(cell_id(run.cell)) for run in runs]
                    known = [truth for truth in truths if truth is not None]
                    if len(known) < len(runs):
                        raise NotMeasured(f"{self.header.family.name}: truth of {method} @ {rung}")
                    found[method, rung] = (runs, estimate_runs(known))
        return found


def driven(
    proposals: Proposals, measure: Callable[[Cell], Measurement]
) -> Iterator[list[Measurement]]:
    """Ask for what is proposed, and tell it; each batch as it came out."""
    answer: list[Measurement] | None = None
    while True:
        try:
            cells = proposals.send(answer) if answer is not None else next(proposals)
        except StopIteration:
            return
        answer = [measure(cell) for cell in cells]
        yield answer


class Place:
    """What a policy is given: the question, the rungs, and somebody who measures at a price."""

    def __init__(self, lab: Laboratory, spec: TaskSpec) -> None:
        self._lab, self.spec = lab, spec
        self.situations: Mapping[str, Situation] = lab.situations
        """Each rung's, smallest first, with the data that there is."""
        self.wholes: Mapping[str, Situation] = lab.wholes
        """As the table was measured; only for cells whose settings were found there."""
        self.cards: Mapping[str, ModelCard] = lab.cards
        self.examples: Mapping[str, Example] = lab.examples
        self.header: Header = lab.header
        self._asked: dict[str, tuple[float, float]] = {}

    def ask(self, cell: Cell, n_items: int | None = None) -> Measurement:
        """Measure a cell on its first `n_items`, all where None; asking again costs what is new.

        Raises:
            NotMeasured: the table does not hold it.
        """
        found = self._lab.measurement(cell, n_items)
        name = self._lab.line(cell).id
        training, answering = self._lab.price_s(cell, n_items)
        known = self._asked.get(name, (0.0, 0.0))
        self._asked[name] = (max(known[0], training), max(known[1], answering))
        return found

    def peek(self, cell: Cell) -> Measurement:
        """What asking would say, for counting what it would cost; nothing may be read off it.

        Raises:
            NotMeasured: the table does not hold it.
        """
        return self._lab.measurement(cell)

    def price_s(self, cell: Cell, n_items: int | None = None) -> float:
        """CPU seconds that asking for this would add to what was spent.

        Raises:
            NotMeasured: the table does not hold it.
        """
        training, answering = self._lab.price_s(cell, n_items)
        known = self._asked.get(self._lab.line(cell).id, (0.0, 0.0))
        return max(0.0, training - known[0]) + max(0.0, answering - known[1])

    def runs(self, method: str, situation: Situation) -> list[Cell]:
        """The runs of a trained method with so much data, in the setting that the table has."""
        found = [
            line.cell
            for line in self._lab.table.cells.values()
            if (line.cell.rung, line.cell.method) == (situation.rung, method)
            and line.cell.role == "repeat"
            and line.cell.n_train == situation.n_train
        ]
        return sorted(found, key=lambda cell: cell.seed)

    @property
    def spent_s(self) -> float:
        """CPU seconds of all that was asked."""
        return sum(training + answering for training, answering in self._asked.values())
