"""The nouns of advising: options, findings, advice, report."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from probes.audit.records import Audit
from probes.mistakes import Cluster, Confusion, Topic
from probes.record import Record
from probes.records import Cost, Estimate, Json, Latency
from probes.retrieval_health import RetrievalHealth
from probes.task import TaskSpec

SCHEMA_VERSION = 1

Verdict = Literal["use", "nothing-is-enough", "not-enough-evidence"]
FindingKind = Literal[
    "solved-by-prompting",
    "form-limited",
    "knowledge-limited",
    "retrieval-limited",
    "reader-limited",
    "steps-help",
    "sampling-limited",
    "compute-or-size",
    "data-limited",
    "capacity-limited",
    "label-noise",
    "task-ceiling",
    "tuning-helps",
    "tuning-hurts",
    "lost-ability",
    "suspect-labels",
    "ruled-out",
    "not-enough-evidence",
    "measurement-failed",
    "one-rung-only",
]


class Price(Record):
    """What an option costs."""

    training_usd: float
    """Once: training with the chosen settings on the reference machine."""
    serving_usd_per_month: float | None
    """At the spec's request volume, the machine shared by the second; None where it is unknown."""
    seconds_per_request: float | None = None
    """In batches; only in reports from before latency was measured for each option."""
    machine: str
    """The machine that the prices are for, and their date."""


class Takes(Record):
    """The memory that training or serving an option takes on a card, by a closed form."""

    work: Literal["training", "serving"]
    way: str
    """`LoRA in bf16 with checkpointing`: the cheapest usual one, one row or request at a time."""
    tokens: int
    """Of the row, or of the request with its answer."""
    card: str
    card_bytes: int
    """All of the card's memory."""
    expected_bytes: int
    safe_bytes: int
    """With which it may be expected to run; see `advisor fit`."""
    verdict: Literal["fits", "tight", "does-not-fit"]


class Candidate(Record):
    """A method on a rung: what one could choose, by what is believed of it."""

    name: str
    """`lora @ pocket-s`."""
    rung: str
    method: str
    n_params: int
    quality: Estimate
    """On the dev split, over `n_runs` seeds; of the prior, before any probe, where n is 0."""
    optimism: float = 0.0
    """Expected gain from having chosen the best of `n_tried` on the same items."""
    p_meets: float
    """Probability that the true quality reaches the target."""
    price: Price
    barred: tuple[str, ...] = ()
    """Why the spec's needs rule it out; empty for an option that may be chosen."""
    evidence: tuple[str, ...]
    """Ids of the measurements behind it, or of claims where there are none."""


class Option(Candidate):
    """A candidate that was measured, in its best setting."""

    params: Json
    form: Estimate
    content: Estimate
    n_runs: int
    n_tried: int
    """Settings compared on dev before this one was chosen."""
    test: Estimate | None = None
    """On the test split; None unless the option was a finalist."""
    p_meets_on_test: float | None = None
    test_evidence: tuple[str, ...] = ()
    """Ids of the test measurements."""
    latency: Latency | None = None
    """On the machine that measured, of its first run."""
    figures: dict[str, Estimate] = Field(default_factory=dict)
    """Further figures of its first run: `recall@3`, `pass@8`."""
    memory: tuple[Takes, ...] = ()
    """On the card that the spec names, else on the one that measured; none without a CUDA card."""


class Diagnosis(Record):
    """A measurement that tells ceilings apart and can never be served: the oracle, for one."""

    name: str
    """`oracle @ pocket-s`."""
    rung: str
    method: str
    quality: Estimate
    """On the dev split."""
    evidence: tuple[str, ...]


class Comparison(Record):
    """Two options on the same items."""

    split: Literal["dev", "test"]
    better: str
    worse: str
    difference: Estimate
    p_value: float
    """Adjusted over the comparisons on the same split (Holm, 1979)."""
    test: str


class Finding(Record):
    """One thing that the measurements say about this task."""

    kind: FindingKind
    rung: str | None = None
    text: str
    evidence: tuple[str, ...] = ()
    """Ids of measurements."""
    enough: str = ""
    """For missing evidence: what would be enough."""


class Reason(Record):
    """One sentence of the advice with what it rests on."""

    text: str
    evidence: tuple[str, ...]


class Advice(Record):
    """What to do."""

    verdict: Verdict
    headline: str
    option: str | None = None
    """Name of the recommended Option, or of the best one where none is enough."""
    confidence: float = Field(ge=0, le=1)
    """Probability that the option meets the target, from dev measurements, not yet calibrated."""
    confirmed_on_test: bool | None = None
    """True where the test split, asked by itself, gives the same verdict; False where its interval
    lies wholly on the other side of the target; None in between, or where it was not opened."""
    reasons: tuple[Reason, ...] = ()
    why_not_cheaper: str = ""
    why_not_bigger: str = ""
    ceilings: tuple[FindingKind, ...] = ()
    """The findings that bind, the first one most: why nothing cheaper is enough, or why nothing
    is."""
    runners_up: tuple[str, ...] = ()
    """Names of the next best options that may be chosen."""
    data_work: tuple[str, ...] = ()
    """What labelling or cleaning would be worth, where the measurements say."""
    next_step: str = ""
    what_would_change_it: tuple[str, ...] = ()
    domain: str = ""
    """The domain in which the verdict holds."""


class CurvePoint(Record):
    """One point of a learning curve: mean over seeds at so many training examples."""

    rung: str
    n_train: int
    quality: Estimate
    evidence: tuple[str, ...]


class DataSummary(Record):
    """The data as it was split."""

    n_train: int
    n_dev: int
    n_test: int
    labels: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    detectable_difference_dev: float
    """Smallest paired difference found with 80 % power on the dev items used, if 20 % differ."""
    detectable_difference_test: float
    fingerprint: str


class Provenance(Record):
    """What would be needed to get the same figures again. Times are UTC, ISO 8601."""

    advisor_version: str
    commit: str | None
    versions: dict[str, str]
    machine: Json
    python: str
    seed: int
    argv: tuple[str, ...]
    started: str
    finished: str


class Mistakes(Record):
    """The wrong answers of one option on dev: counts and ids; texts lie beside the report."""

    option: str
    n_wrong: int
    clusters: tuple[Cluster, ...]
    """By kind, largest first; without the examples' texts."""
    topics: tuple[Topic, ...] = ()
    """Words and labels that go with clearly more errors."""
    confusions: tuple[Confusion, ...] = ()
    """Pairs of labels that are taken for one another."""
    suspects: tuple[str, ...] = ()
    """Ids of items whose reference several options contradict with one and the same answer."""


class LedgerRow(Record):
    """What a method took on a rung."""

    rung: str
    method: str
    """`final` for the finalists' answers to the test split."""
    n_cells: int
    planned_s: float
    """Wall seconds in one worker that the plan predicted for this method's cells."""
    wall_s: float
    cpu_s: float
    train_tokens: int
    input_tokens: int
    output_tokens: int
    flops: float
    """Estimated from the tokens by the closed forms of `knowledge.cost`, every prompt whole."""
    peak_memory_bytes: int


class Report(Record):
    """Everything that a run found; a published, versioned contract."""

    schema_version: Literal[1] = 1
    status: Literal["complete", "partial"]
    """`partial` until the test split was opened: made by `advisor report` of an unfinished run."""
    run: str
    rehearsal: bool
    """True on the pocket ladder: the verdict says nothing about real models."""
    spec: TaskSpec
    data: DataSummary
    advice: Advice
    options: tuple[Option, ...]
    """Cheapest first."""
    diagnoses: tuple[Diagnosis, ...] = ()
    comparisons: tuple[Comparison, ...]
    findings: tuple[Finding, ...]
    mistakes: Mistakes | None = None
    retrieval: RetrievalHealth | None = None
    """How well the documents can be searched, whatever the questions."""
    audit: Audit | None = None
    """What the data allow, without details; none in reports from before it was kept."""
    curves: tuple[CurvePoint, ...]
    test_openings: tuple[Json, ...]
    """Each time that test answers were used: when, and for which options."""
    planned_seconds: float
    cost: Cost
    """Sum over all cells measured."""
    ledger: tuple[LedgerRow, ...] = ()
    """The same by rung and method; none in reports from before it was kept."""
    cells: dict[str, int]
    """Number of cells by status."""
    not_run: tuple[str, ...] = ()
    provenance: Provenance
