"""Probing by value on a laboratory's table: what could change the decision most for each second.

Every option is probed in steps, each dearer than the last: one cell on a few items, the same on all
of them, then the method's own search, with further seeds where it trains. What is measured moves
the belief in every option (`advisor.posterior`), which says what to measure next and when it is
enough (`advisor.next_probe`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from advisor import belief
from advisor.lab.laboratory import Place, driven
from advisor.next_probe import Outlook, Probe, outlook_of
from advisor.posterior import Place as Stand
from advisor.posterior import Posterior, prior
from advisor.prices import expected_usd, reference_machine, total_usd
from advisor.records import Option
from knowledge.load import effects
from probes.lab.menu import PROMPTS, TRAINED, everything, proposals
from probes.methods import DIAGNOSTIC
from probes.records import Cell, Measurement

FEW = 50
"""Items of a first look."""
Key = tuple[str, str]
"""(method, rung)."""


@dataclass(frozen=True)
class Step:
    """One more measurement of an option."""

    key: Key
    items: int
    cells: Callable[[], Iterator[list[Measurement]]]
    """Asks for it, batch by batch."""
    seconds: float
    """What it would cost now."""
    partial: bool = False
    """Whether the method's own search is still to come."""


@dataclass
class Prober:
    """What was measured of a family so far, and what is believed of its options."""

    place: Place
    found: list[Measurement] = field(default_factory=list)
    """Of the methods' own searches."""
    measured: dict[int, Option] = field(default_factory=dict)
    """The latest figure of each option, by its number."""
    taken: dict[Key, int] = field(default_factory=dict)
    """Steps taken of each option."""

    @cached_property
    def keys(self) -> list[Key]:
        """All options that the table can have."""
        return [
            (method, rung)
            for rung, situation in self.place.situations.items()
            for method in (*PROMPTS, *TRAINED)
            if method not in DIAGNOSTIC and self._possible(method, situation.n_passages)
        ]

    def _possible(self, method: str, n_passages: int) -> bool:
        return bool(n_passages) or method not in ("rag", "lora_rag")

    @cached_property
    def start(self) -> Posterior:
        """Before anything is measured."""
        stands = [Stand(method, self.place.cards[rung].n_params) for method, rung in self.keys]
        return prior(stands, effects()[0])

    @property
    def outlook(self) -> Outlook:
        """The decision as it stands."""
        usd = [self._usd(at) for at in range(len(self.keys))]
        return outlook_of(self.start, self.measured, usd, self.place.spec)

    def _usd(self, at: int) -> float:
        """Training and a year of serving; by the tokens to expect before it was measured."""
        if at in self.measured:
            return total_usd(self.measured[at].price)
        method, rung = self.keys[at]
        card, here = self.place.cards[rung], self.place.situations[rung]
        return expected_usd(method, card, here, self.place.spec)

    def steps(self) -> Iterator[Step]:
        """The next step of each option that has one."""
        for key in self.keys:
            found = self._step(key, self.taken.get(key, 0))
            if found is not None:
                yield found

    def _step(self, key: Key, number: int) -> Step | None:
        """Step 0: one cell on a few items. Step 1: the same on all items. Step 2: the method's own
        search, with further seeds where it trains."""
        first = self._first(key)
        if first is not None and number < 2:
            here = self.place.situations[key[1]]
            return self._of_cells(key, first, (FEW, here.n_dev)[number])
        return self._whole(key) if number <= 2 else None

    def _first(self, key: Key) -> Cell | None:
        """A plain cell of the method; a run in the setting that the table has, as all policies take
        it over. None of methods that must look at others' answers first."""
        method, rung = key
        here, whole = self.place.situations[rung], self.place.wholes[rung]
        if method in TRAINED:
            return next(iter(self.place.runs(method, here)), None)
        known = {name: self._known(name, rung) for name in NEEDS.get(method, ())}
        if not all(known.values()):
            return None
        cells = next(proposals(method, here, known, whole), [])
        plain = [c for c in cells if c.params.get("selection", "nearest") == "nearest"]
        return plain[-1] if plain else None

    def _known(self, method: str, rung: str) -> list[Measurement]:
        return [
            found
            for found in self.found
            if (found.cell.method, found.cell.rung) == (method, rung)
            and found.cell.n_eval == self.place.situations[rung].n_dev
        ]

    def _of_cells(self, key: Key, cell: Cell, items: int) -> Step:
        def ask() -> Iterator[list[Measurement]]:
            yield [self.place.ask(cell, items)]

        return Step(key, items, ask, max(1e-3, self.place.price_s(cell, items)), partial=True)

    def _whole(self, key: Key) -> Step | None:
        """The method's own proposals on this rung, those of methods that it builds on first."""
        method, rung = key
        here, whole = self.place.situations[rung], self.place.wholes[rung]
        names = [*NEEDS.get(method, ()), method]

        def ask() -> Iterator[list[Measurement]]:
            yield from driven(everything(here, whole, names), self.place.ask)

        imagined = driven(everything(here, whole, names), self.place.peek)
        cells = [each.cell for batch in imagined for each in batch]
        if not any(cell.method == method for cell in cells):
            return None
        seconds = sum(self.place.price_s(cell) for cell in cells)
        return Step(key, here.n_dev, ask, max(1e-3, seconds))

    def take(self, step: Step) -> None:
        """Measure it, and take in what it says."""
        if step.partial:
            self.taken[step.key] = self.taken.get(step.key, 0) + 1
            self._note(step.key, [each for batch in step.cells() for each in batch])
            return
        for batch in step.cells():
            self.found += batch
        rung = step.key[1]
        for key in {(each.cell.method, each.cell.rung) for each in self.found}:
            if key in self.keys and key[1] == rung:
                self._note(key, self.found)
                self.taken[key] = 3

    def _note(self, key: Key, measured: Sequence[Measurement]) -> None:
        """The option as the product reads it from what was measured on its rung."""
        method, rung = key
        spec, cards = self.place.spec, {rung: self.place.cards[rung]}
        mine = [each for each in measured if each.cell.rung == rung]
        options = belief.options(mine, spec, self.place.examples, cards, reference_machine(spec))
        for option in options:
            if option.method == method:
                self.measured[self.keys.index(key)] = option


NEEDS: Mapping[str, tuple[str, ...]] = {"vote": ("zero_shot", "steps"), "lora_rag": ("rag", "lora")}
"""Methods whose settings another one takes over."""


def probed(place: Place) -> tuple[Prober, Outlook]:
    """Probe by value until it is enough; what was found, and the decision."""
    prober = Prober(place)
    while True:
        outlook = prober.outlook
        steps = list(prober.steps())
        probes = [Probe(prober.keys.index(step.key), step.items, step.seconds) for step in steps]
        best = outlook.best(probes)
        if best is None:
            return prober, outlook
        prober.take(steps[probes.index(best)])
