"""Leaves out methods that could hardly change the decision any more (`budget.until_sure`).

Before a method runs on a rung, everything measured so far is put into one distribution over all
options (`advisor.posterior`). Where the decision is sure, or the option is almost never the right
one whatever comes out, the method is left out there. What was decided is kept with the run, so that
a resumed run asks for the same.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cached_property

from advisor import belief
from advisor.nature import Nature, nature_of
from advisor.next_probe import NOTHING, SURE, Outlook, outlook_of
from advisor.posterior import Place, Posterior, beside, prior
from advisor.prepare import Prepared
from advisor.prices import expected_usd, reference_machine, total_usd
from advisor.prior import expected
from advisor.records import Option
from advisor.stages import stage_name
from knowledge.load import effects, expectations
from probes.methods import DIAGNOSTIC, Situation, wanted
from probes.store import RunStore

LEAST = 0.01
"""Chance of being the right choice below which an option is not measured."""
UNFITTED = 1.5
"""Factor on spreads where the models are not the pocket ladder's: nothing was fitted there."""
BUILT_ON: Mapping[str, tuple[str, ...]] = {
    "zero_shot": ("vote",),
    "steps": ("vote",),
    "rag": ("lora_rag", "vote"),
    "lora": ("lora_rag", "full"),
}
"""Methods whose settings others take over: they run where one of those may be right."""


class UntilSure:
    """Says of each method on each rung whether it is worth running."""

    def __init__(
        self, prepared: Prepared, store: RunStore, situations: Mapping[str, Situation]
    ) -> None:
        self._prepared, self._store, self._situations = prepared, store, situations
        self._cards = {rung.ref.name: rung.card for rung in prepared.rungs}

    def asks(self, rung: str, method: str) -> bool:
        """Whether the method is to run on that rung; decided once, and kept."""
        name = stage_name(rung, method)
        known = self._store.frozen(name)
        if known is None:
            why = self._why_not(rung, method)
            known = {"runs": why is None, "why": why or ""}
            self._store.freeze(name, known)
        return bool(known["runs"])

    @cached_property
    def _keys(self) -> list[tuple[str, str]]:
        """(method, rung) of every option that the plan would measure, then the user's systems."""
        cells = [row.cell for row in self._prepared.plan.cells if row.cell.role != "final"]
        planned = {(cell.method, cell.rung) for cell in cells}
        found = [
            (method, rung)
            for rung, situation in self._situations.items()
            for method in wanted(situation.methods)
            if method not in DIAGNOSTIC and (method, rung) in planned
        ]
        return found + [("existing", system.name) for system in self._prepared.task.spec.systems]

    def _why_not(self, rung: str, method: str) -> str | None:
        if method not in DIAGNOSTIC and (method, rung) not in self._keys:
            return None  # it proposes nothing here, or not yet
        outlook = self._outlook()
        if outlook.certainty >= SURE and self._is_known(outlook):
            return f"{self._told(outlook)} with a probability of {outlook.certainty:.2f}"
        if method in DIAGNOSTIC:
            return None
        names = (method, *BUILT_ON.get(method, ()))
        mine = [at for at, key in enumerate(self._keys) if key[0] in names and key[1] == rung]
        chance = sum(float((outlook.right == at).mean()) for at in mine)
        if chance >= LEAST or not outlook.posterior.measured:
            return None
        return (
            "most likely not enough, or not the cheapest that is: right in less than 1 % of draws"
        )

    def _is_known(self, outlook: Outlook) -> bool:
        """Whether the decision rests on what was measured: an option that was, or all in vain."""
        measured = outlook.posterior.measured
        return bool(measured) if outlook.chosen == NOTHING else outlook.chosen in measured

    def _told(self, outlook: Outlook) -> str:
        if outlook.chosen == NOTHING:
            return "nothing is enough"
        method, rung = self._keys[outlook.chosen]
        return f"{belief.option_name(method, rung)} is right"

    def _outlook(self) -> Outlook:
        """The decision by what is in the store now."""
        measured = self._measured()
        prices = [self._usd(at, measured.get(at)) for at in range(len(self._keys))]
        return outlook_of(self._start, measured, prices, self._prepared.task.spec)

    @cached_property
    def _start(self) -> Posterior:
        """Before anything is measured: of the pocket ladder by its own effects, of other models by
        published results."""
        own = [key for key in self._keys if key[0] != "existing"]
        places = [Place(method, self._cards[rung].n_params) for method, rung in own]
        shared = effects()[0]
        if self._prepared.rehearsal:
            start = prior(places, shared)
        else:
            told = [
                expected(method, self._cards[rung].n_params, self._nature, expectations())
                for method, rung in own
            ]
            means = [each.mean for each in told]
            start = prior(places, shared, means=means, wider=UNFITTED, guess=told[0].guess)
        return beside(start, len(self._keys) - len(own))

    def _measured(self) -> dict[int, Option]:
        """Options by number, as the advice reads them."""
        task, space = self._prepared.task, self._prepared.space
        dev = {example.item.id: example for example in task.splits.dev}
        machine = reference_machine(task.spec)
        found = self._store.measurements()
        options = belief.options(found, task.spec, dev, self._cards, machine, space)
        return {self._keys.index((each.method, each.rung)): each for each in options}

    def _usd(self, at: int, option: Option | None) -> float:
        if option is not None:
            return total_usd(option.price)
        method, rung = self._keys[at]
        if method == "existing":
            return math.inf  # its answers are not there yet
        spec = self._prepared.task.spec
        return expected_usd(method, self._cards[rung], self._situations[rung], spec)

    @cached_property
    def _nature(self) -> Nature:
        task = self._prepared.task
        return nature_of(
            task.spec.task_type,
            n_rows=len(task.splits.train),
            n_labels=len(task.labels) or None,
            answers_from="documents" if task.documents.passages else None,
        )
