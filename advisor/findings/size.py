"""Findings about size: does a larger model do what a smaller cannot, or do all stall together?"""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

from advisor.decide import percent
from advisor.findings.evidence import CLEAR, Evidence, ids
from advisor.findings.tuning import data_limited
from advisor.records import Finding, Option
from probes.methods import TRAINED
from probes.readings import normalise
from probes.records import Measurement

PAYS = 0.10
"""Gain of the larger rung above which size is said to pay although neither meets the target."""
TOGETHER = 0.10
"""Upper end of the gain from size below which two rungs are said to stall together."""
AGREED = 0.5
"""Share of the items that both rungs miss on which they give the same answer, above which the
references are suspected rather than the inputs."""


def capacity_limited(evidence: Evidence) -> list[Finding]:
    """A smaller rung whose best option stays below the target while the next larger one's gains."""
    found = []
    rising = {finding.rung for finding in data_limited(evidence)}
    for small, large in pairwise(_tops(evidence)):
        if small.p_meets >= 1 - evidence.asked:
            continue
        test = evidence.difference(evidence.runs[large.name], evidence.runs[small.name])
        meets = large.p_meets >= evidence.asked
        if test.p_value >= CLEAR or test.estimate.value < (0 if meets else PAYS):
            continue
        also = "; its curve still rises, so more data may do as well" * (small.rung in rising)
        reach = "meets the target" if meets else "does better"
        found.append(
            Finding(
                kind="capacity-limited",
                rung=small.rung,
                text=f"{small.rung} stays below the target at its best ({small.name}) where"
                f" {large.name} {reach}: {100 * test.estimate.value:+.0f} points"
                f" [{100 * test.estimate.low:.0f}, {100 * test.estimate.high:.0f}] on the same"
                f" items{also}",
                evidence=(*small.evidence, *large.evidence),
            )
        )
    return found


def stalled_together(evidence: Evidence) -> list[Finding]:
    """The two largest rungs, tuned, miss the target by the same: more size will not help.

    Where they give the same wrong answers the references are suspect (label noise); where they
    differ, the input does not seem to determine the answer.
    """
    tuned = [
        option
        for rung in evidence.rungs
        if (option := evidence.best_option(rung, sorted(TRAINED))) is not None
    ]
    if len(tuned) < 2:
        return []
    small, large = tuned[-2:]
    runs = evidence.runs[small.name], evidence.runs[large.name]
    gained = evidence.difference(runs[1], runs[0]).estimate
    missed = max(small.quality.high, large.quality.high) < evidence.spec.target
    if not missed or gained.high > TOGETHER or large.rung in _rising(evidence):
        return []
    share = agreement_on_wrong(runs[0][0], runs[1][0])
    noise = share >= AGREED and large.quality.low > most_frequent(evidence, runs[1][0])
    why = (
        "and mostly with the same answer, so look at the references first"
        if noise
        else "with different answers, so the input may not determine the output"
    )
    return [
        Finding(
            kind="label-noise" if noise else "task-ceiling",
            text=f"{small.name} {percent(small.quality)} and {large.name} {percent(large.quality)}"
            f" stall together below {evidence.spec.target:.0%}: size gains"
            f" {100 * gained.value:+.0f} points [{100 * gained.low:.0f}, {100 * gained.high:.0f}];"
            f" both miss the same items {why} ({share:.0%} of the items that both miss)",
            evidence=ids(*runs),
        )
    ]


def agreement_on_wrong(a: Measurement, b: Measurement) -> float:
    """Of the items that both answer wrongly, the share on which they give the same answer."""
    given = {each.item_id: normalise(each.text) for each in b.predictions}
    missed = {score.item_id for score in b.scores if score.quality < 1}
    wrong = {score.item_id for score in a.scores if score.quality < 1} & missed
    same = [normalise(p.text) == given[p.item_id] for p in a.predictions if p.item_id in wrong]
    return sum(same) / len(same) if same else 0.0


def most_frequent(evidence: Evidence, run: Measurement) -> float:
    """What always giving the most frequent reference would reach on the items of a run."""
    wanted = Counter(
        evidence.examples[score.item_id].output
        for score in run.scores
        if score.item_id in evidence.examples
    )
    return max(wanted.values(), default=0) / max(1, len(run.scores))


def _rising(evidence: Evidence) -> set[str | None]:
    return {finding.rung for finding in data_limited(evidence)}


def _tops(evidence: Evidence) -> list[Option]:
    return [option for rung in evidence.rungs if (option := evidence.best_option(rung)) is not None]


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
