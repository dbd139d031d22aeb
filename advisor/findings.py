"""From measurements to findings: what limits this task, each with the measurements behind it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from advisor.belief import paired
from advisor.decide import items_to_settle, percent, threshold
from advisor.records import Finding, Option
from probes.records import Example, Measurement
from probes.stats import holm
from probes.task import TaskSpec

CLEAR = 0.05
"""Adjusted p-value below which a difference is called clear."""
FORM_GAP = 0.05
"""Share of answers that are right on a lenient reading and lost to their form."""
RISING = 0.01
"""Gain from the last doubling of data below which a curve is not called rising."""
PROMPTS = ("zero_shot", "few_shot")


@dataclass(frozen=True)
class Evidence:
    """What the findings are read from."""

    spec: TaskSpec
    options: Sequence[Option]
    runs: Mapping[str, Sequence[Measurement]]
    """Dev measurements of each option by its name."""
    dev: Sequence[Measurement]
    """Everything measured on dev."""
    examples: Mapping[str, Example]
    """Examples by item id, for their groups."""

    def option(self, rung: str, method: str) -> Option | None:
        """The option of that method on that rung, None where it was not measured."""
        found = (o for o in self.options if o.rung == rung and o.method == method)
        return next(found, None)

    @property
    def rungs(self) -> list[str]:
        """Rungs by size, smallest first."""
        by_size = sorted(self.options, key=lambda option: option.n_params)
        return list(dict.fromkeys(option.rung for option in by_size))


def findings(evidence: Evidence) -> list[Finding]:
    """All findings, in the order of the readers below."""
    return [finding for reader in READERS for finding in reader(evidence)]


def solved_by_prompting(evidence: Evidence) -> list[Finding]:
    """The smallest rung on which a prompt alone meets the target."""
    enough = threshold(evidence.spec)
    for rung in evidence.rungs:
        for method in PROMPTS:
            option = evidence.option(rung, method)
            if option is not None and option.p_meets >= enough:
                text = f"a prompt is enough from {rung} up: {option.name} reaches"
                return [
                    Finding(
                        kind="solved-by-prompting",
                        rung=rung,
                        text=f"{text} {percent(option.quality)}",
                        evidence=option.evidence,
                    )
                ]
    return []


def form_limited(evidence: Evidence) -> list[Finding]:
    """Prompts whose answers are often right in content and lost to their form."""
    found = []
    for rung in evidence.rungs:
        free = [
            cell
            for cell in evidence.dev
            if cell.cell.rung == rung
            and cell.cell.method in PROMPTS
            and cell.cell.params.get("decoding") == "generate"
            and cell.content is not None
        ]
        if not free:
            continue
        top = max(free, key=lambda cell: cell.content.value if cell.content else 0.0)
        if top.content is None or top.quality is None or top.form is None:
            continue
        gap = top.content.value - top.quality.value
        if gap >= FORM_GAP and top.form.high < 0.95:
            found.append(
                Finding(
                    kind="form-limited",
                    rung=rung,
                    text=f"{rung}, {top.cell.method.replace('_', '-')}: {100 * gap:.0f} points are"
                    f" lost to form alone (well-formed {percent(top.form)}); constrain the answer"
                    " or tune before calling the model unable",
                    evidence=(top.id,),
                )
            )
    return found


def tuning(evidence: Evidence) -> list[Finding]:
    """Rung by rung, tuning against the best prompt on the same items."""
    pairs = []
    for rung in evidence.rungs:
        lora = evidence.option(rung, "lora")
        prompts = [
            option for method in PROMPTS if (option := evidence.option(rung, method)) is not None
        ]
        if lora is not None and prompts:
            pairs.append((lora, max(prompts, key=lambda option: option.quality.value)))
    tests = [
        paired(evidence.runs[lora.name], evidence.runs[prompt.name], evidence.examples)
        for lora, prompt in pairs
    ]
    adjusted = holm([test.p_value for test in tests])
    found = []
    for (lora, prompt), test, p_value in zip(pairs, tests, adjusted, strict=True):
        if p_value >= CLEAR:
            continue
        helps = test.estimate.value > 0
        found.append(
            Finding(
                kind="tuning-helps" if helps else "tuning-hurts",
                rung=lora.rung,
                text=f"{lora.name} is {100 * abs(test.estimate.value):.0f} points"
                f" [{100 * test.estimate.low:.0f}, {100 * test.estimate.high:.0f}]"
                f" {'above' if helps else 'below'} {prompt.name} on the same items"
                f" (adjusted p = {p_value:.3f})",
                evidence=(*lora.evidence, *prompt.evidence),
            )
        )
    return found


def data_limited(evidence: Evidence) -> list[Finding]:
    """Rungs that miss the target and whose learning curve still rises clearly at its end."""
    found = []
    for rung in evidence.rungs:
        option = evidence.option(rung, "lora")
        if option is None or option.p_meets >= threshold(evidence.spec):
            continue
        points: dict[int, list[Measurement]] = {}
        for run in evidence.dev:
            cell = run.cell
            mine = cell.rung == rung and cell.method == "lora" and run.status == "ok"
            if mine and cell.role in ("curve", "repeat"):
                points.setdefault(cell.n_train, []).append(run)
        if len(points) < 2:
            continue
        *_, half, full = sorted(points)
        test = paired(points[full], points[half], evidence.examples)
        if test.p_value < CLEAR and test.estimate.value >= RISING:
            found.append(
                Finding(
                    kind="data-limited",
                    rung=rung,
                    text=f"lora @ {rung} still gains with data:"
                    f" {100 * test.estimate.value:+.1f} points"
                    f" [{100 * test.estimate.low:.1f}, {100 * test.estimate.high:.1f}]"
                    f" from {half} to {full} examples; labelling more should pay",
                    evidence=tuple(run.id for n in (half, full) for run in points[n]),
                )
            )
    return found


def capacity_limited(evidence: Evidence) -> list[Finding]:
    """A smaller tuned rung that stays below the target where a larger one meets it."""
    enough = threshold(evidence.spec)
    tuned = [o for rung in evidence.rungs if (o := evidence.option(rung, "lora")) is not None]
    found = []
    for small, large in pairwise(tuned):
        if small.p_meets >= 1 - enough or large.p_meets < enough:
            continue
        test = paired(evidence.runs[large.name], evidence.runs[small.name], evidence.examples)
        if test.p_value >= CLEAR:
            continue
        rising = [f for f in data_limited(evidence) if f.rung == small.rung]
        also = "; its curve still rises, so more data may do instead of size" if rising else ""
        found.append(
            Finding(
                kind="capacity-limited",
                rung=small.rung,
                text=f"{small.name} stays below the target where {large.name} meets it"
                f" ({100 * test.estimate.value:+.0f} points on the same items){also}",
                evidence=(*small.evidence, *large.evidence),
            )
        )
    return found


def undecided(evidence: Evidence) -> list[Finding]:
    """Options whose probability of meeting the target is neither high nor low."""
    enough = threshold(evidence.spec)
    open_options = [o for o in evidence.options if 1 - enough < o.p_meets < enough]
    return [
        Finding(
            kind="not-enough-evidence",
            rung=option.rung,
            text=f"{option.name}: {percent(option.quality)} leaves open whether"
            f" {evidence.spec.target:.0%} is met (P = {option.p_meets:.2f})",
            evidence=option.evidence,
            enough=f"about {items_to_settle(option, evidence.spec.target):,} items",
        )
        for option in open_options
    ]


def failed(evidence: Evidence) -> list[Finding]:
    """Cells without a figure, one finding for each cause."""
    by_cause: dict[str, list[Measurement]] = {}
    for run in evidence.dev:
        if run.status == "failed":
            by_cause.setdefault(run.cause, []).append(run)
    return [
        Finding(
            kind="measurement-failed",
            text=f"{len(runs)} cell(s) have no figure: {cause}",
            evidence=tuple(run.id for run in runs),
        )
        for cause, runs in by_cause.items()
    ]


def too_long(evidence: Evidence) -> list[Finding]:
    """Options with items that do not fit the model's context: those count as wrong."""
    found = []
    for option in evidence.options:
        runs = evidence.runs[option.name]
        counts = [
            row["items_too_long"] for run in runs for row in run.history if "items_too_long" in row
        ]
        if counts:
            found.append(
                Finding(
                    kind="measurement-failed",
                    rung=option.rung,
                    text=f"{max(counts)} item(s) do not fit the context of {option.rung} with"
                    f" {option.method.replace('_', '-')}; they count as wrong",
                    evidence=option.evidence,
                )
            )
    return found


def one_rung_only(evidence: Evidence) -> list[Finding]:
    """With a single size nothing can be said of capacity."""
    if len(evidence.rungs) != 1:
        return []
    return [
        Finding(
            kind="one-rung-only",
            rung=evidence.rungs[0],
            text="only one size was measured, so whether capacity limits the task cannot be judged",
            enough="a second rung in `ladder:`",
        )
    ]


READERS: tuple[Callable[[Evidence], list[Finding]], ...] = (
    solved_by_prompting,
    form_limited,
    tuning,
    data_limited,
    capacity_limited,
    undecided,
    one_rung_only,
    too_long,
    failed,
)
"""Each a readable function from evidence to findings."""
