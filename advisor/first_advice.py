"""The decision with no measurement: the same choice as after probes, on the prior alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

from advisor import first_words as words
from advisor.nature import Nature
from advisor.records import Candidate, Reason, Verdict
from advisor.weighing import Ground, chosen_of, weigh
from probes.record import Record
from probes.task import TaskSpec

CHANGED = 0.03
"""Least change of an option's own chance for which more rows or documents are named."""


class Step(Record):
    """A probe that would settle the question, and what it would tell."""

    option: str
    why: str


class FirstAdvice(Record):
    """Advice before any probe; a published, versioned contract."""

    schema_version: Literal[1] = 1
    verdict: Verdict
    """`use`: start with this, it is as likely as not to be enough; `nothing-is-enough`: published
    results make the target unlikely for every option; `not-enough-evidence`: in between."""
    headline: str
    option: str
    """Name of the candidate to start with, or of the one that comes nearest."""
    p_meets: float
    """Probability that it meets the target, from the prior."""
    target: float
    reasons: tuple[Reason, ...]
    """Each with the ids of the claims that it rests on."""
    beside: tuple[Reason, ...] = ()
    """What should be done whatever option is taken."""
    probes: tuple[Step, ...]
    """What would settle it, the least effort first."""
    what_would_change_it: tuple[str, ...]
    """Computed by asking again."""
    assumptions: tuple[str, ...]
    evidence: str
    """How much there is of it, and how old it is."""
    options: tuple[Candidate, ...]
    """By price; below ALIKE_USD a year by the work that they take."""
    nature: Nature


def first_advice(spec: TaskSpec, nature: Nature, ground: Ground) -> FirstAdvice:
    """The advice before any probe.

    Args:
        spec: target, needs, budget and machine; its instruction is not read.
        nature: what is known of the task.
        ground: models, machines, what was published, and today's date.

    Raises:
        ValueError: there is no model card.
    """
    weighed = weigh(spec, nature, ground)
    options = [each.candidate for each in weighed]
    verdict, chosen = chosen_of(options, spec)
    reasons = tuple(words.reasons(verdict, chosen, weighed))
    beside = tuple(words.beside(chosen, spec, nature, ground.cards))
    cited = {c for reason in (*reasons, *beside) for c in reason.evidence} | set(chosen.evidence)
    steps = () if chosen.barred else words.steps(chosen, options, nature)
    return FirstAdvice(
        verdict=verdict,
        headline=words.headline(verdict, chosen, spec),
        option=chosen.name,
        p_meets=chosen.p_meets,
        target=spec.target,
        reasons=reasons,
        beside=beside,
        probes=tuple(Step(option=option, why=why) for option, why in steps),
        what_would_change_it=tuple(_changes(chosen, options, spec, nature, ground)),
        assumptions=tuple(words.assumptions(spec, nature, ground)),
        evidence=words.age([ground.claims[name] for name in sorted(cited)], ground.today),
        options=tuple(options),
        nature=nature,
    )


def _changes(
    chosen: Candidate,
    options: Sequence[Candidate],
    spec: TaskSpec,
    nature: Nature,
    ground: Ground,
) -> Iterator[str]:
    """Other questions that would get another answer, found by asking them."""
    now = {option.name: option.p_meets for option in options}
    for text, other_spec, other in _variations(spec, nature):
        found_options = [each.candidate for each in weigh(other_spec, other, ground)]
        _, found = chosen_of(found_options, other_spec)
        same_chance = abs(found.p_meets - now.get(found.name, 0.0)) < CHANGED
        if found.name == chosen.name or found.barred or (other is not nature and same_chance):
            continue
        yield f"{text}: {found.name}, {100 * found.p_meets:.0f} % likely"


def _variations(spec: TaskSpec, nature: Nature) -> Iterator[tuple[str, TaskSpec, Nature]]:
    def asked(**update: object) -> TaskSpec:
        return spec.model_copy(update=update)

    def natured(**update: object) -> Nature:
        return nature.model_copy(update=update)

    for target in (spec.target - 0.1, spec.target + 0.05):
        if 0 < target < 1:
            yield f"at a target of {100 * target:.0f} %", asked(target=round(target, 4)), nature
    for rows in (4 * nature.n_rows, 16 * nature.n_rows) if nature.n_rows else (1000,):
        yield f"with {rows:,} examples to learn from", spec, natured(n_rows=rows)
    if nature.answers_from == "memory":
        yield "with documents that hold the answers", spec, natured(answers_from="documents")
    if not spec.needs.high_stakes:
        careful = spec.needs.model_copy(update={"high_stakes": True})
        yield "at high stakes", asked(needs=careful), nature
    if spec.hardware.quantization == "none" and spec.hardware.gpu is not None:
        smaller = spec.hardware.model_copy(update={"quantization": "nf4"})
        yield "with weights in 4 bits", asked(hardware=smaller), nature
