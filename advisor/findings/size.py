"""Findings about size: does a larger model do what a smaller cannot, or do all stall together?"""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

from advisor.decide import percent
from advisor.findings.evidence import CLEAR, Contrast, Evidence, clear_contrasts, gain, ids
from advisor.findings.tuning import data_limited
from advisor.records import Finding, FindingKind, Option
from probes.mistakes import fisher_greater
from probes.readings import normalise
from probes.records import Measurement
from probes.task import TRAINED

PAYS = 0.10
"""Gain of the larger rung above which size is said to pay although neither meets the target."""
TOGETHER = 0.10
"""Upper end of the gain from size below which two rungs are said to stall together."""
AGREED = 0.5
"""Share of the items that both rungs miss on which they give the same answer, above which the
references are suspected rather than the inputs."""


def capacity_limited(evidence: Evidence) -> list[Finding]:
    """A smaller rung whose best option stays below the target while the next larger one's gains."""
    rising = {finding.rung for finding in data_limited(evidence)}
    pairs = {
        small.rung: (small, large)
        for small, large in pairwise(_tops(evidence))
        if small.p_meets < 1 - evidence.asked
    }
    contrasts = [
        Contrast(rung, evidence.runs[large.name], evidence.runs[small.name], large.name)
        for rung, (small, large) in pairs.items()
    ]
    found = []
    for contrast, test, p_value in clear_contrasts(evidence, contrasts, 0.0):
        small, large = pairs[contrast.rung]
        meets = large.p_meets >= evidence.asked
        if not meets and test.estimate.value < PAYS:
            continue
        also = "; its curve still rises, so more data may do as well" * (small.rung in rising)
        reach = "meets the target" if meets else "does better"
        found.append(
            Finding(
                kind="capacity-limited",
                rung=small.rung,
                text=f"{small.rung} stays below the target at its best ({small.name}) where"
                f" {large.name} {reach}: {gain(test, p_value)}{also}",
                evidence=(*small.evidence, *large.evidence),
            )
        )
    return found


def stalled_together(evidence: Evidence) -> list[Finding]:
    """The two largest rungs, tuned, miss the target by the same: more size will not help.

    Said only where they miss the same items more than by chance and nothing else reaches the
    target. Where they give the same wrong answers the references are suspect (label noise); where
    they differ, the input does not seem to determine the answer.
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
    rising = {finding.rung for finding in data_limited(evidence)}
    if not missed or gained.high > TOGETHER or rising & {small.rung, large.rung}:
        return []
    if _another_way(evidence, large) or not missed_together(runs[0][0], runs[1][0]):
        return []
    kind, why = _cause(evidence, large, runs[0][0], runs[1][0])
    return [
        Finding(
            kind=kind,
            text=f"{small.name} {percent(small.quality)} and {large.name} {percent(large.quality)}"
            f" stall together below {100 * evidence.spec.target:.0f} %: size gains"
            f" {100 * gained.value:+.0f} points [{100 * gained.low:.0f}, {100 * gained.high:.0f}],"
            f" and they miss the same items more than by chance; {why}",
            evidence=ids(*runs),
        )
    ]


def _another_way(evidence: Evidence, stalled: Option) -> bool:
    """Whether another option, or the oracle, shows that the references can be met."""
    better = [o for o in evidence.options if o.p_meets >= evidence.asked]
    oracle = evidence.diagnosis(stalled.rung, "oracle")
    if oracle is not None and oracle.quality is not None:
        return bool(better) or oracle.quality.low > stalled.quality.high
    return bool(better)


def _cause(
    evidence: Evidence, large: Option, small_run: Measurement, large_run: Measurement
) -> tuple[FindingKind, str]:
    """Suspect references, or inputs that do not determine the answer."""
    answers = {evidence.examples[s.item_id].output for s in large_run.scores}
    share = agreement_on_wrong(small_run, large_run)
    if large.quality.low <= most_frequent(evidence, large_run):
        return "task-ceiling", "neither beats the most frequent answer: the input may not tell"
    if len(answers) <= 2:
        return "task-ceiling", "with two answers, wrong references and a blind input look alike"
    told = f"{100 * share:.0f} % of what both miss they answer alike"
    if share >= AGREED:
        return "label-noise", f"{told}, so look at the references first"
    return "task-ceiling", f"only {told}, so the input may not determine the output"


def missed_together(a: Measurement, b: Measurement) -> bool:
    """Whether both miss the same items clearly more often than by chance (Fisher's exact test)."""
    theirs = {score.item_id: score.quality < 1 for score in b.scores}
    shared = [score for score in a.scores if score.item_id in theirs]
    missed = [score for score in shared if score.quality < 1]
    both = sum(theirs[score.item_id] for score in missed)
    n_theirs = sum(theirs[score.item_id] for score in shared)
    return fisher_greater(both, len(missed), n_theirs, len(shared)) < CLEAR


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
