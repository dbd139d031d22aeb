"""Everything that a report is made from, as it stands in a run's store."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from advisor.prices import reference_machine
from advisor.room import Space, space_for
from advisor.stages import left_out
from knowledge.records import Machine, ModelCard
from probes.audit.records import Audit
from probes.documents import Documents
from probes.plan import Plan, label_set
from probes.record import Record
from probes.records import Example, Json, Measurement, Splits
from probes.retrieval_health import RetrievalHealth
from probes.store import RunStore, canonical_json
from probes.task import TaskSpec

R = TypeVar("R", bound=Record)

HEALTH, AUDIT = "retrieval-health", "audit"
"""Under which the documents' health and the data audit are kept with a run."""


@dataclass(frozen=True)
class Inputs:
    """Everything that a report is made from."""

    run: str
    spec: TaskSpec
    splits: Splits
    documents: Documents
    plan: Plan
    origin: Json
    cards: Mapping[str, ModelCard]
    priced_machine: Machine
    measurements: Sequence[Measurement]
    finalists: Sequence[str]
    """Options declared for the test split; none before that."""
    test_openings: Sequence[Json]
    health: RetrievalHealth | None = None
    """How well the documents can be searched; None where there are none, or before the end."""
    audit: Audit | None = None
    """None in runs from before it was kept."""
    left_out: Sequence[str] = ()
    """Methods that could hardly have changed the decision, each with the reason."""

    @classmethod
    def of(cls, store: RunStore) -> Inputs:
        """Read them from a run's store.

        Raises:
            UserError: a frozen input is missing or damaged.
        """
        spec = _frozen(store, "spec", TaskSpec)
        origin = store.frozen("origin") or {}
        documents = _frozen(store, "documents", Documents)
        cards = [ModelCard.model_validate(card) for card in origin["cards"]]
        return cls(
            run=store.folder.name,
            spec=spec,
            splits=_frozen(store, "splits", Splits),
            documents=documents,
            plan=_frozen(store, "plan", Plan),
            origin=origin,
            cards={card.name: card for card in cards},
            priced_machine=reference_machine(spec),
            measurements=store.measurements(),
            finalists=(store.frozen("finalists") or {}).get("options", []),
            test_openings=store.test_openings(),
            health=_kept(store, HEALTH, RetrievalHealth),
            audit=_kept(store, AUDIT, Audit),
            left_out=left_out(store, [card.name for card in cards]),
        )

    @property
    def space(self) -> Space | None:
        """The CUDA card that an option is to run on: the spec's, else the one that measured."""
        machine, gpu = self.origin["machine"], self.origin["engine"].get("device")
        on_it = gpu is not None and gpu == machine.get("gpu")
        return space_for(self.spec, gpu if on_it else None, machine.get("gpu_bytes"))

    @property
    def labels(self) -> tuple[str, ...]:
        """The label set of a classification task, else nothing."""
        return label_set(self.spec, self.splits.train)

    @property
    def examples(self) -> dict[str, Example]:
        """Dev and test examples by item id."""
        return {example.item.id: example for example in (*self.splits.dev, *self.splits.test)}


def _frozen(store: RunStore, name: str, kind: type[R]) -> R:
    return kind.model_validate_json(canonical_json(store.frozen(name) or {}))


def dev_measurements(measurements: Iterable[Measurement]) -> list[Measurement]:
    """What may be decided from, in an order that does not depend on when it was measured."""
    return sorted(
        (found for found in measurements if found.cell.split == "dev"),
        key=lambda found: (canonical_json(found.cell.model_dump(mode="json")), found.key),
    )


def _kept(store: RunStore, name: str, kind: type[R]) -> R | None:
    return None if store.frozen(name) is None else _frozen(store, name, kind)
