"""Findings about tuning: does it help, does more data, and what did it cost?"""

from __future__ import annotations

from advisor.findings.evidence import (
    CLEAR,
    UNTRAINED,
    Contrast,
    Evidence,
    clear_contrasts,
    gain,
    ids,
)
from advisor.promise import Promise, promise
from advisor.records import Finding
from probes.records import Measurement
from probes.stats import holm
from probes.task import TRAINED

RISING = 0.01
"""Gain from the last doubling of data below which a curve is not called rising."""
LOST = 0.10
"""Loss of written steps under an adapter below which no ability is called lost."""


def tuning(evidence: Evidence) -> list[Finding]:
    """Rung by rung, the best tuned option against the best untuned one on the same items."""
    pairs = []
    for rung in evidence.rungs:
        tuned = evidence.best_option(rung, sorted(TRAINED))
        plain = evidence.best_option(rung, UNTRAINED)
        if tuned is not None and plain is not None:
            pairs.append((tuned, plain))
    tests = [
        evidence.difference(evidence.runs[tuned.name], evidence.runs[plain.name])
        for tuned, plain in pairs
    ]
    adjusted = holm([test.p_value for test in tests])
    return [
        Finding(
            kind="tuning-helps" if test.estimate.value > 0 else "tuning-hurts",
            rung=tuned.rung,
            text=f"{tuned.name} against {plain.name}: {gain(test, p_value)}",
            evidence=(*tuned.evidence, *plain.evidence),
        )
        for (tuned, plain), test, p_value in zip(pairs, tests, adjusted, strict=True)
        if p_value < CLEAR
    ]


def lost_ability(evidence: Evidence) -> list[Finding]:
    """Rungs whose adapter has unlearned the written steps that the bare model had."""
    contrasts = []
    for rung in evidence.rungs:
        steps, tuned = evidence.option(rung, "steps"), evidence.diagnosis(rung, "lora_steps")
        if steps is not None and tuned is not None:
            runs = evidence.runs[steps.name]
            contrasts.append(Contrast(rung, runs, [tuned], f"{steps.name} with its adapter"))
    return [
        Finding(
            kind="lost-ability",
            rung=contrast.rung,
            text=f"tuning took an ability away: with LoRA's adapter on, written steps on"
            f" {contrast.rung} lose {gain(test, p_value).lstrip('+')}; keep steps in the training"
            " data, or serve the bare model where they are needed",
            evidence=ids(contrast.better, contrast.worse),
        )
        for contrast, test, p_value in clear_contrasts(evidence, contrasts, LOST)
    ]


def data_limited(evidence: Evidence) -> list[Finding]:
    """Rungs that miss the target and whose learning curve still rises clearly at its end."""
    contrasts, curves = [], {}
    for rung in evidence.rungs:
        option, points = evidence.option(rung, "lora"), curve(evidence, rung)
        if option is not None and option.p_meets < evidence.asked and len(points) > 1:
            *_, half, full = sorted(points)
            curves[rung] = points
            what = f"from {half} to {full} examples"
            contrasts.append(Contrast(rung, points[full], points[half], what))
    found = []
    for contrast, test, p_value in clear_contrasts(evidence, contrasts, RISING):
        promised = promise(curves[contrast.rung], evidence.spec.target)
        found.append(
            Finding(
                kind="data-limited",
                rung=contrast.rung,
                text=f"lora @ {contrast.rung} still gains with data: {gain(test, p_value)}"
                f" {contrast.what}{_told(promised)}",
                evidence=ids(contrast.worse, contrast.better),
                enough=_enough(promised, max(curves[contrast.rung]), evidence.n_train),
            )
        )
    return found


def curve(evidence: Evidence, rung: str) -> dict[int, list[Measurement]]:
    """Dev runs of LoRA by number of training examples, at the chosen setting."""
    points: dict[int, list[Measurement]] = {}
    for run in evidence.dev:
        cell = run.cell
        mine = cell.rung == rung and cell.method == "lora" and run.status == "ok"
        if mine and cell.role in ("curve", "repeat"):
            points.setdefault(cell.n_train, []).append(run)
    return points


def _told(promised: Promise | None) -> str:
    if promised is None:
        return ""
    return (
        f"; the curve promises {100 * promised.value:.0f} % [{100 * promised.low:.0f},"
        f" {100 * promised.high:.0f}] at {promised.n_train:,}"
    )


def _enough(promised: Promise | None, n_used: int, n_there: int) -> str:
    """How many examples would do: those that are there and unused first, then new labels."""
    if promised is None or not promised.reaches:
        return f"more than {16 * n_used:,} examples, if any number is: beyond what can be promised"
    if promised.n_train <= n_there:
        return (
            f"about {promised.n_train:,} of the {n_there:,} training rows that are there:"
            f" {n_used:,} were used, raise budget.probe_minutes"
        )
    return f"about {promised.n_train - max(n_used, n_there):,} more labelled examples"
