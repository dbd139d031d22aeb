"""From a run on disk to its Report; a pure function of what is stored."""

from __future__ import annotations

import platform
import subprocess
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import advisor
from advisor import belief, choice, decide
from advisor.advice import advise
from advisor.chosen import chosen_runs
from advisor.findings import Evidence, findings
from advisor.mistakes import mistakes_of
from advisor.needs import STALE
from advisor.records import Comparison, DataSummary, Option, Provenance, Report
from advisor.report.inputs import Inputs, dev_measurements
from advisor.report.ledger import ledger
from knowledge.errors import UserError
from probes.methods import METHODS, wanted
from probes.records import Cost, Example, Measurement
from probes.stats import minimum_detectable_difference
from probes.store import canonical_json
from probes.summary import is_item_mean
from probes.task import TaskSpec


def _options(inputs: Inputs, dev: Sequence[Measurement]) -> list[Option]:
    found = belief.options(
        dev, inputs.spec, inputs.examples, inputs.cards, inputs.priced_machine, inputs.space
    )
    if not found:
        causes = [measured.cause for measured in inputs.measurements if measured.cause]
        raise UserError(
            "E-RUN-NOTHING-MEASURED",
            f"no cell has a figure: {causes[0] if causes else 'none was run'}",
            place=inputs.run,
            hint="mend the cause, then start the probe again with --retry-failed",
        )
    return found


def _evidence(
    inputs: Inputs,
    options: Sequence[Option],
    runs: Mapping[str, Sequence[Measurement]],
    dev: Sequence[Measurement],
) -> Evidence:
    return Evidence(
        inputs.spec,
        options,
        runs,
        dev,
        inputs.examples,
        inputs.documents,
        n_train=len(inputs.splits.train),
        n_dev=min(len(inputs.splits.dev), inputs.plan.battery.max_dev),
    )


@dataclass(frozen=True)
class _Read:
    """What is read from the measurements."""

    options: list[Option]
    chosen: Option
    runs: Mapping[str, Sequence[Measurement]]
    """On dev, by option."""
    evidence: Evidence
    comparisons: list[Comparison]


def _read(inputs: Inputs) -> _Read:
    spec = inputs.spec
    examples = inputs.examples
    dev = dev_measurements(inputs.measurements)
    options = _options(inputs, dev)
    test = [found for found in inputs.measurements if found.cell.split == "test"]
    runs = {o.name: chosen_runs(dev, o.rung, o.method)[0] for o in options}
    finals = {o.name: _finals(o, test) for o in options}
    options = [_with_test(option, finals[option.name], spec, examples) for option in options]
    _, chosen = choice.choose(options, spec)
    comparisons = [
        *decide.compare(chosen, options, runs, examples, "dev"),
        *decide.compare(chosen, options, finals, examples, "test"),
    ]
    return _Read(options, chosen, runs, _evidence(inputs, options, runs, dev), comparisons)


def build_report(inputs: Inputs, *, finished: str) -> Report:
    """The report of a run.

    Raises:
        UserError: E-RUN-NOTHING-MEASURED, with the first cause.
    """
    spec, examples, dev = inputs.spec, inputs.examples, dev_measurements(inputs.measurements)
    read = _read(inputs)
    told = findings(read.evidence)
    rehearsal, suspects = bool(inputs.origin["rehearsal"]), read.evidence.suspects
    return Report(
        status="complete" if _tested(read.options, inputs.finalists) else "partial",
        run=inputs.run,
        rehearsal=rehearsal,
        spec=spec,
        data=_data(inputs),
        advice=advise(read.options, spec, read.comparisons, told, rehearsal=rehearsal),
        options=tuple(read.options),
        diagnoses=tuple(belief.diagnoses(dev, inputs.cards, inputs.documents)),
        comparisons=tuple(_named(row, spec) for row in read.comparisons),
        findings=tuple(told),
        mistakes=mistakes_of(
            read.chosen, read.runs, examples, inputs.documents, inputs.labels, suspects
        ),
        retrieval=inputs.health,
        audit=inputs.audit,
        curves=tuple(belief.curves(dev, spec, examples)),
        test_openings=tuple(inputs.test_openings),
        planned_seconds=inputs.plan.seconds,
        cost=_total(inputs.measurements),
        ledger=tuple(ledger(inputs.measurements, inputs.plan, inputs.cards)),
        cells=dict(sorted(Counter(found.status for found in inputs.measurements).items())),
        not_run=tuple(_not_run(inputs)),
        provenance=_provenance(inputs, finished),
    )


def _named(row: Comparison, spec: TaskSpec) -> Comparison:
    """Say where differences are of the mean over items while the task's figure is another."""
    if is_item_mean(spec):
        return row
    return row.model_copy(update={"test": f"{row.test}, of the mean over items"})


def _data(inputs: Inputs) -> DataSummary:
    """The data with what can be shown on the items that were used, not on all that there are."""
    summary = DataSummary.model_validate_json(canonical_json(inputs.origin["data"]))
    battery = inputs.plan.battery
    used = {
        "detectable_difference_dev": min(summary.n_dev, battery.max_dev),
        "detectable_difference_test": min(summary.n_test, battery.max_test),
    }
    return summary.model_copy(
        update={name: round(minimum_detectable_difference(n), 4) for name, n in used.items()}
    )


def _not_run(inputs: Inputs) -> Iterator[str]:
    """What was not measured, and why."""
    spec, battery = inputs.spec, inputs.plan.battery
    yield "preference tuning (DPO): not a method of this version"
    if not inputs.documents.passages:
        yield "retrieval (RAG): the spec names no documents"
    elif inputs.documents.kind == "none":
        yield "the oracle arm of retrieval: it is not known which passages answer the items"
    yield from inputs.left_out
    tried = {found.cell.method for found in inputs.measurements}
    if spec.methods:
        left_out = [name for name in METHODS if name not in wanted(spec.methods)]
        if left_out:
            yield f"{', '.join(left_out)}: not in the spec's `methods`"
    elif "vote" not in tried and spec.task_type != "classification":
        yield "voting: this battery leaves it out"
    if "full" not in tried and "full" in wanted(spec.methods):
        why = "this battery leaves it out" if not battery.full_trials else "it does not fit"
        yield f"full fine-tuning: {why}"
    needs = spec.needs
    if needs.max_latency_s is not None and spec.hardware.gpu is not None:
        yield "needs.max_latency_s: times are of the machine that measured, not of hardware.gpu"
    if needs.knowledge_changes in STALE and not inputs.documents.passages:
        yield (
            f"needs.knowledge_changes: {needs.knowledge_changes}, and there are no documents to"
            " search: every answer here rests on weights that do not change"
        )


def _finals(option: Option, test: Sequence[Measurement]) -> list[Measurement]:
    found = [
        run
        for run in test
        if run.status == "ok"
        and run.cell.rung == option.rung
        and run.cell.method == option.method
        and run.cell.params == option.params
    ]
    return sorted(found, key=lambda run: run.cell.seed)


def _with_test(
    option: Option,
    finals: Sequence[Measurement],
    spec: TaskSpec,
    examples: Mapping[str, Example],
) -> Option:
    if not finals:
        return option
    clusters = belief.groups(finals[0], examples)
    return option.model_copy(
        update={
            "test": belief.quality_of(finals, spec, clusters),
            "p_meets_on_test": belief.p_meets(finals, spec, spec.target, clusters),
            "test_evidence": tuple(run.id for run in finals),
        }
    )


def _tested(options: Sequence[Option], finalists: Sequence[str]) -> bool:
    """Whether the test split was opened for all finalists that could be tested.

    A system that a user brought may have answered too few of its items.
    """
    waiting = [
        option.name
        for option in options
        if option.name in finalists and option.test is None and option.method != "existing"
    ]
    return bool(finalists) and not waiting


def _total(measurements: Sequence[Measurement]) -> Cost:
    costs = [found.cost for found in measurements]
    return Cost(
        wall_s=round(sum(cost.wall_s for cost in costs), 1),
        cpu_s=round(sum(cost.cpu_s for cost in costs), 1),
        input_tokens=sum(cost.input_tokens for cost in costs),
        output_tokens=sum(cost.output_tokens for cost in costs),
        train_tokens=sum(cost.train_tokens for cost in costs),
        peak_memory_bytes=max((cost.peak_memory_bytes for cost in costs), default=0),
    )


def _provenance(inputs: Inputs, finished: str) -> Provenance:
    origin = inputs.origin
    return Provenance(
        advisor_version=advisor.__version__,
        commit=_commit(),
        versions=origin["engine"]["versions"],
        machine=origin["machine"],
        python=platform.python_version(),
        seed=inputs.spec.seed,
        argv=tuple(origin["argv"]),
        started=origin["started"],
        finished=finished,
    )


def _commit() -> str | None:
    """The commit of the source tree that runs, None for an installed package."""
    root = Path(advisor.__file__).parents[1]
    if not (root / ".git").exists():
        return None
    try:
        done = subprocess.run(
            ["git", "-C", str(root), "rev-parse", "HEAD"],
            capture_output=True, text=True, timeout=5, check=True,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
