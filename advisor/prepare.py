"""From a task to its plan: everything that can be known before a model is loaded."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime

from advisor.room import Space, space_for
from advisor.task import Task
from knowledge.errors import UserError
from probes.cards import card_of
from probes.free_memory import Free, free_on, with_room
from probes.ladder import fingerprint, resolve_ladder
from probes.machine import Machine, package_versions, this_machine
from probes.plan import Plan, Rung, make_plan
from probes.records import Cell, Json, Measurement
from probes.scoring import make_scorer
from probes.store import canonical_json, cell_key
from probes.systems import read_systems
from probes.work import BATCH_TOKENS

NUMBERS = 8
"""Raised whenever a change to the code could change a measured number."""


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
    free: Free = field(default_factory=Free)
    """When this was prepared."""

    @property
    def space(self) -> Space | None:
        """The CUDA card that an option is to run on: the spec's, else the one here."""
        gpu = self.machine.gpu if self.device == "cuda" else None
        return space_for(self.task.spec, gpu, self.machine.gpu_bytes)

    @property
    def memory_bytes(self) -> int:
        """Memory that training all weights may use; 0 on a GPU, where they are not in fp32."""
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
    plan, free = _plan(task, rungs, machine, device), free_on(device)
    return Prepared(
        task=task,
        machine=machine,
        device=device,
        rungs=tuple(rungs[: plan.n_rungs]),
        weights={rung.ref.name: fingerprint(rung.ref) for rung in rungs[: plan.n_rungs]},
        rehearsal=any(rung.ref.source == "pocket" for rung in rungs),
        plan=with_room(plan, rungs[: plan.n_rungs], free, device),
        free=free,
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
    """Refuse what can never fit this machine's main memory; see `with_room` for what is free."""
    needed = plan.workers * max(cell.alone_bytes for cell in plan.cells)
    if device == "cpu" and needed > machine.memory_bytes:
        raise UserError(
            "E-HARDWARE-MEMORY",
            f"about {needed / 1e9:.0f} GB are needed of {machine.memory_bytes / 1e9:.0f} GB",
            place="ladder",
            hint="list smaller models, or free some memory",
        )


def now() -> str:
    """The time in UTC, ISO 8601, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")
