"""From a spec file to everything that can be known before a model is loaded."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from advisor.records import DataSummary
from knowledge.errors import UserError
from knowledge.load import machines
from knowledge.records import Machine as PricedMachine
from probes.cards import card_of
from probes.data import read_examples
from probes.documents import Documents, documents_of, read_documents
from probes.ladder import fingerprint, resolve_ladder
from probes.machine import Machine, package_versions, this_machine
from probes.plan import Plan, Question, Rung, label_set, make_plan
from probes.records import Cell, Json, Measurement, Prediction, Splits
from probes.scoring import Scorer, make_scorer
from probes.spec import read_spec, spec_from_mapping
from probes.split import split_examples, splits_fingerprint
from probes.stats import minimum_detectable_difference
from probes.store import canonical_json, cell_key
from probes.systems import read_systems
from probes.task import TaskSpec
from probes.work import BATCH_TOKENS

NUMBERS = 6
"""Raised whenever a change to the code could change a measured number."""


@dataclass(frozen=True)
class Flags:
    """Fields of the spec that stand on the command line; None leaves the spec's own."""

    ladder: str | None = None
    target: float | None = None
    minutes: float | None = None
    seed: int | None = None

    def applied(self, spec: TaskSpec) -> TaskSpec:
        """The spec with the flags that were given in place of its fields, checked like a file.

        Raises:
            UserError: E-SPEC-..., naming the field.
        """
        fields: Json = {"ladder": self.ladder, "target": self.target, "seed": self.seed}
        changes = {name: value for name, value in fields.items() if value is not None}
        if self.minutes is not None:
            changes["budget"] = spec.budget.model_dump() | {"probe_minutes": self.minutes}
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


@dataclass(frozen=True)
class Prepared:
    """A task with its rungs and its plan: all that a run is determined by."""

    task: Task
    machine: Machine
    device: str
    rungs: tuple[Rung, ...]
    weights: dict[str, str]
    """What identifies each rung's weights."""
    rehearsal: bool
    plan: Plan
    systems: tuple[Measurement, ...] = ()
    """What the user's own systems answered of the dev and test items that rungs answer."""

    @property
    def memory_bytes(self) -> int:
        """Memory that training may use; 0 on a GPU, whose memory is not read by this version."""
        return self.machine.memory_bytes if self.device == "cpu" else 0

    @property
    def run_id(self) -> str:
        """Eight digits that change with anything that the run is determined by."""
        whole = {
            "spec": self.task.spec.model_dump(mode="json"),
            "data": self.task.fingerprint,
            "documents": self.task.documents.fingerprint,
            "systems": sorted(found.key for found in self.systems),
            "weights": self.weights,
            "engine": self.engine,
        }
        return hashlib.sha256(canonical_json(whole).encode()).hexdigest()[:8]

    @property
    def engine(self) -> Json:
        """What else can change a number: versions, kernels, threads, batch size."""
        return {
            "numbers": NUMBERS,
            "versions": package_versions(),
            "cpu": self.machine.cpu,
            "device": self.machine.gpu if self.device == "cuda" else self.device,
            "threads": self.plan.threads,
            "batch_tokens": BATCH_TOKENS,
        }

    def key(self, cell: Cell) -> str:
        """SHA-256 of everything that can change the cell's numbers."""
        spec = self.task.spec
        ref = next(rung.ref for rung in self.rungs if rung.ref.name == cell.rung)
        return cell_key(
            {
                "task": spec.model_dump(
                    mode="json",
                    include={"task_type", "instruction", "metric", "scorer"},
                )
                | {"error_costs": spec.needs.error_costs, "scorer_files": self.task.scorer_files},
                "data": self.task.fingerprint,
                "documents": self.task.documents.fingerprint if "context" in cell.params else "",
                "weights": self.weights[cell.rung],
                "loading": {"dtype": ref.dtype, "quantization": ref.quantization},
                "cell": cell.model_dump(mode="json", exclude={"role"}),
                "engine": self.engine,
            }
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


def prepare(task: Task) -> Prepared:
    """Choose the rungs and plan the cells; loads no model.

    Raises:
        NoModel: `ladder: auto` finds nothing that can be loaded here.
        UserError: an unknown rung, or a budget that is too small.
    """
    machine = this_machine()
    spec = task.spec
    device = machine.device if spec.hardware.device == "auto" else spec.hardware.device
    if device == "cuda" and machine.gpu is None:
        raise UserError(
            "E-HARDWARE-NO-GPU",
            "`device: cuda`, but no NVIDIA GPU is visible",
            place="hardware.device",
            hint="write `device: auto`, or check the driver with `advisor doctor`",
        )
    rungs = _rungs(task, machine, device)
    taken = {system.name for system in spec.systems} & {rung.ref.name for rung in rungs}
    if taken:
        raise UserError(
            "E-SYSTEM-NAME",
            f"a rung of the ladder is called '{min(taken)}' too",
            place="systems",
            hint="give the system another name",
        )
    plan = _plan(task, rungs, machine, device)
    return Prepared(
        task=task,
        machine=machine,
        device=device,
        rungs=tuple(rungs[: plan.n_rungs]),
        weights={rung.ref.name: fingerprint(rung.ref) for rung in rungs[: plan.n_rungs]},
        rehearsal=any(rung.ref.source == "pocket" for rung in rungs),
        plan=plan,
        systems=_systems(task, plan),
    )


def _rungs(task: Task, machine: Machine, device: str) -> list[Rung]:
    """The rungs of the spec's ladder with their architectures, smallest first."""
    spec = task.spec
    rungs = []
    for ref in resolve_ladder(spec, task.path.parent, machine):
        card = card_of(ref)
        if card is None:
            raise UserError(
                "E-LADDER-NO-CARD",
                f"nothing is known of the architecture of {ref.location}",
                place="ladder",
                hint="download it and list the folder instead",
            )
        loading = {
            "n_params": card.n_params,
            "dtype": "bfloat16" if device == "cuda" else "float32",
            "quantization": spec.hardware.quantization,
        }
        rungs.append(Rung(ref=ref.model_copy(update=loading), card=card))
    rungs.sort(key=lambda rung: rung.card.n_params)
    return rungs


def _systems(task: Task, plan: Plan) -> tuple[Measurement, ...]:
    """The answers of the user's systems to the items that the plan asks of every option."""
    if not task.spec.systems:
        return ()
    cut = {
        "dev": task.splits.dev[: plan.battery.max_dev],
        "test": task.splits.test[: plan.battery.max_test],
    }
    scorer = make_scorer(task.spec, task.splits.train, task.path.parent)
    splits = task.splits.model_copy(update=cut)
    return tuple(read_systems(task.spec, task.path, splits, scorer))


def _plan(task: Task, rungs: list[Rung], machine: Machine, device: str) -> Plan:
    """The plan for all rungs; with `ladder: auto` for as many, from the smallest, as can be paid.

    Raises:
        UserError: E-BUDGET-MINUTES or E-HARDWARE-MEMORY, where what the spec lists does not fit.
    """
    notes: list[str] = []
    for n_rungs in range(len(rungs), 0, -1):
        try:
            plan = make_plan(task.question, rungs[:n_rungs], machine, device)
            _check_memory(plan, machine, device)
        except UserError as error:
            if task.spec.ladder != "auto" or n_rungs == 1:
                raise
            notes.append(f"{rungs[n_rungs - 1].ref.name} is left out: {error.what}")
            continue
        return plan.model_copy(update={"notes": tuple(notes)})
    raise AssertionError("a ladder without rungs")


def _check_memory(plan: Plan, machine: Machine, device: str) -> None:
    """Refuse what cannot fit this machine's memory; a GPU's memory is not read by this version."""
    needed = plan.workers * max(cell.memory_bytes for cell in plan.cells)
    if device == "cpu" and needed > machine.memory_bytes:
        raise UserError(
            "E-HARDWARE-MEMORY",
            f"about {needed / 1e9:.0f} GB are needed of {machine.memory_bytes / 1e9:.0f} GB",
            place="ladder",
            hint="list smaller models, or free some memory",
        )


def reference_machine(spec: TaskSpec) -> PricedMachine:
    """The priced machine that the spec names, or the usual one.

    Raises:
        UserError: E-HARDWARE-UNKNOWN, with the names that exist.
    """
    from advisor.prices import REFERENCE_MACHINE

    name = spec.hardware.gpu or REFERENCE_MACHINE
    found = machines().get(name)
    if found is None:
        raise UserError(
            "E-HARDWARE-UNKNOWN",
            f"no machine is called '{name[:80]}'",
            place="hardware.gpu",
            hint=f"choose one of {', '.join(machines())}",
        )
    return found


def now() -> str:
    """The time in UTC, ISO 8601, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")
