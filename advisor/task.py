"""The question and its data, read, split and checked; needs no model."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

from advisor.prices import reference_machine
from advisor.records import DataSummary
from knowledge.errors import UserError
from probes.data import read_examples
from probes.documents import Documents, documents_of, read_documents
from probes.plan import Question, label_set
from probes.records import Json, Prediction, Splits
from probes.scoring import Scorer, make_scorer
from probes.spec import read_spec, spec_from_mapping
from probes.split import split_examples, splits_fingerprint
from probes.stats import minimum_detectable_difference
from probes.systems import read_systems
from probes.task import TaskSpec


@dataclass(frozen=True)
class Flags:
    """Fields of the spec that stand on the command line; None leaves the spec's own."""

    ladder: str | None = None
    target: float | None = None
    minutes: float | None = None
    until_sure: bool | None = None
    seed: int | None = None
    gpu: str | None = None
    usd_per_hour: float | None = None

    def applied(self, spec: TaskSpec) -> TaskSpec:
        """The spec with the flags that were given in place of its fields, checked like a file.

        Raises:
            UserError: E-SPEC-..., naming the field.
        """
        fields: Json = {"ladder": self.ladder, "target": self.target, "seed": self.seed}
        changes = {name: value for name, value in fields.items() if value is not None}
        hardware = {"gpu": self.gpu, "usd_per_hour": self.usd_per_hour}
        hardware = {name: value for name, value in hardware.items() if value is not None}
        if hardware:
            changes["hardware"] = spec.hardware.model_dump() | hardware
        budget = {"probe_minutes": self.minutes, "until_sure": self.until_sure}
        budget = {name: value for name, value in budget.items() if value is not None}
        if budget:
            changes["budget"] = spec.budget.model_dump() | budget
        return spec_from_mapping(spec.model_dump() | changes) if changes else spec


@dataclass(frozen=True)
class Task:
    """The question and its data; needs no model."""

    spec: TaskSpec
    path: Path
    splits: Splits
    fingerprint: str
    labels: tuple[str, ...]
    documents: Documents = field(default_factory=Documents)

    @property
    def question(self) -> Question:
        """What a plan needs of the task."""
        return Question(spec=self.spec, splits=self.splits, documents=self.documents)

    @property
    def scorer_files(self) -> list[str]:
        """SHA-256 of each file that the user's scorer command names."""
        paths = [self.path.parent / argument for argument in self.spec.scorer or []]
        return [hashlib.sha256(p.read_bytes()).hexdigest() for p in paths if p.is_file()]

    @property
    def summary(self) -> DataSummary:
        """The data as it was split, with what its size can show."""
        splits = self.splits
        return DataSummary(
            n_train=len(splits.train),
            n_dev=len(splits.dev),
            n_test=len(splits.test),
            labels=self.labels,
            notes=splits.notes,
            detectable_difference_dev=round(minimum_detectable_difference(len(splits.dev)), 4),
            detectable_difference_test=round(minimum_detectable_difference(len(splits.test)), 4),
            fingerprint=self.fingerprint,
        )


def read_task(spec_path: Path, flags: Flags | None = None) -> Task:
    """The spec, with the flags in place of its fields, and its data, split for good.

    Raises:
        UserError: anything wrong with the spec or the data; nothing has been written.
    """
    spec = read_spec(spec_path)
    if flags is not None:
        spec = flags.applied(spec)
    examples, test = read_examples(spec, spec_path)
    splits = split_examples(examples, test)
    documents = documents_of(read_documents(spec, spec_path), splits, spec.data)
    reference_machine(spec)
    scorer = make_scorer(spec, splits.train, spec_path.parent)
    _check_references(spec, splits, scorer, spec_path)
    read_systems(spec, spec_path, splits, scorer)  # faults are told now
    return Task(
        spec=spec,
        path=spec_path,
        splits=splits,
        fingerprint=splits_fingerprint(splits),
        labels=label_set(spec, splits.train),
        documents=documents,
    )


def _check_references(spec: TaskSpec, splits: Splits, scorer: Scorer, spec_path: Path) -> None:
    """Refuse references that the metric cannot read, and costs that no item has.

    Every reference of every split is scored as if a model had given it; only whether that can be
    done is looked at.
    """
    if spec.metric != "command":
        for side in (splits.dev, splits.test):
            scorer([Prediction(item_id=each.item.id, text=each.output) for each in side], side)
    for side in (splits.train, splits.dev, splits.test) if spec.needs.error_costs else ():
        labels = {each.output.strip() for each in side}
        unknown = sorted(set(spec.needs.error_costs) - labels)
        if side is splits.train and unknown:
            raise UserError(
                "E-SPEC-ERROR-COSTS",
                f"'{unknown[0][:60]}' is no label of the training data",
                place=f"{spec_path} needs.error_costs",
                hint=f"the labels are {', '.join(sorted(labels))[:120]}",
            )
        if not any(spec.needs.error_costs.get(label, 1.0) for label in labels):
            raise UserError(
                "E-SPEC-ERROR-COSTS",
                "every label costs 0",
                place=f"{spec_path} needs.error_costs",
                hint="give at least one label a cost",
            )
