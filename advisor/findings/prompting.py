"""Findings about prompts: enough, lost to form, helped by steps, lost in sampling."""

from __future__ import annotations

import math

from advisor.decide import percent
from advisor.findings.evidence import (
    PROMPTS,
    UNTRAINED,
    Contrast,
    Evidence,
    clear_contrasts,
    gain,
    ids,
)
from advisor.records import Finding, Option
from probes.records import Measurement

FORM_GAP = 0.05
"""Share of answers that are right on a lenient reading and lost to their form."""
STEPS_GAIN = 0.05
FEW_ANSWERS = 2
"""Distinct answers a sample, up to which a right one among the samples may be luck."""
SAMPLING_GAP = 0.10
"""Gain of some sample being right over the chosen one below which nothing is said of sampling."""


def solved_by_prompting(evidence: Evidence) -> list[Finding]:
    """The smallest rung on which a prompt alone meets the target."""
    for rung in evidence.rungs:
        for method in PROMPTS:
            option = evidence.option(rung, method)
            if option is not None and option.p_meets >= evidence.asked:
                text = f"a prompt is enough on {rung}: {option.name} reaches"
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
            and cell.cell.role != "screen"
            and cell.cell.params.get("decoding") == "generate"
            and cell.content is not None
        ]
        if not free:
            continue
        top = max(free, key=_content)
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


def _content(cell: Measurement) -> float:
    return cell.content.value if cell.content else 0.0


def steps_help(evidence: Evidence) -> list[Finding]:
    """Rungs on which writing steps first clearly beats the best direct prompt."""
    contrasts = []
    for rung in evidence.rungs:
        steps, direct = evidence.option(rung, "steps"), evidence.best_option(rung, PROMPTS)
        if steps is not None and direct is not None:
            better, worse = evidence.runs[steps.name], evidence.runs[direct.name]
            contrasts.append(Contrast(rung, better, worse, f"{steps.name} over {direct.name}"))
    return [
        Finding(
            kind="steps-help",
            rung=contrast.rung,
            text=f"written steps help: {contrast.what} {gain(test, p_value)}",
            evidence=ids(contrast.better, contrast.worse),
        )
        for contrast, test, p_value in clear_contrasts(evidence, contrasts, STEPS_GAIN)
    ]


def sampling_limited(evidence: Evidence) -> list[Finding]:
    """Rungs where the right answer is often among the samples and not the one that is chosen.

    pass@k less the best option of the rung, tuned ones too: what a perfect chooser would gain.
    """
    found = []
    for rung in evidence.rungs:
        vote = evidence.option(rung, "vote")
        if vote is None or vote.p_meets >= evidence.asked:
            continue
        (run, *_) = evidence.runs[vote.name]
        names = sorted((name for name in run.figures if name.startswith("pass@")), key=_depth)
        if len(names) < 2:
            continue
        single = evidence.best_option(rung)
        assert single is not None  # the vote at least
        most = run.figures[names[-1]]
        if _distinct_answers(evidence) <= FEW_ANSWERS * _depth(names[-1]):
            continue  # among few answers some sample is right by chance
        if most.low - single.quality.high >= 0 and (
            most.value - single.quality.value >= SAMPLING_GAP
        ):
            found.append(
                Finding(
                    kind="sampling-limited",
                    rung=rung,
                    text=f"{rung}: a right answer is among {_depth(names[-1])} samples for"
                    f" {percent(most)} of the items, while {single.name} reaches"
                    f" {percent(single.quality)}; a checker that picks it would gain the rest",
                    evidence=ids([run], evidence.runs[single.name]),
                )
            )
    return found


def compute_or_size(evidence: Evidence) -> list[Finding]:
    """Voting beside greedy decoding of the same rung, and beside a larger rung at its price.

    The larger rung's option is the best untrained one that costs no more to serve than the vote.
    """
    found = []
    for rung in evidence.rungs:
        vote = evidence.option(rung, "vote")
        greedy = evidence.best_option(rung, ("zero_shot", "steps", "rag"))
        if vote is None or greedy is None:
            continue
        test = evidence.difference(evidence.runs[vote.name], evidence.runs[greedy.name])
        rivals = [
            option
            for option in evidence.options
            if option.n_params > vote.n_params
            and option.method in UNTRAINED
            and _monthly(option) <= _monthly(vote)
        ]
        rival = max(rivals, key=lambda option: option.quality.value, default=None)
        beside = (
            f"; for the same money {rival.name} serves {percent(rival.quality)}"
            if rival is not None
            else ""
        )
        found.append(
            Finding(
                kind="compute-or-size",
                rung=rung,
                text=f"{vote.name} against greedy {greedy.name}: {gain(test)}, at"
                f" {_monthly(vote) / max(1e-12, _monthly(greedy)):.1f} times the serving price"
                f"{beside}",
                evidence=ids(
                    evidence.runs[vote.name],
                    evidence.runs[greedy.name],
                    evidence.runs[rival.name] if rival else (),
                ),
            )
        )
    return found


def _distinct_answers(evidence: Evidence) -> int:
    return len({example.output for example in evidence.examples.values()})


def _monthly(option: Option) -> float:
    price = option.price.serving_usd_per_month
    return math.inf if price is None else price


def _depth(name: str) -> int:
    return int(name.partition("@")[2])
