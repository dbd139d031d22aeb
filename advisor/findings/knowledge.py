"""Findings about knowledge: is it missing, not found, or not read?

Closed book, retrieved and oracle are answered on the same items, so that the three come apart.
"""

from __future__ import annotations

from advisor.decide import percent
from advisor.findings.evidence import PROMPTS, Contrast, Evidence, clear_contrasts, gain, ids
from advisor.records import Finding
from probes.records import Measurement

WORTH = 0.05
"""Gain from passages below which knowledge is not called missing, and loss below which search is
not called failing."""


def knowledge_limited(evidence: Evidence) -> list[Finding]:
    """Rungs whose closed-book answers clearly gain from the passage that holds the answer.

    Without known gold passages the retrieved ones stand in, which can only understate the gain.
    """
    contrasts = []
    for rung in evidence.rungs:
        closed = evidence.best_option(rung, PROMPTS)
        opened, name = _oracle(evidence, rung), "the oracle passage"
        if not opened:
            rag = evidence.option(rung, "rag")
            opened, name = (list(evidence.runs[rag.name]) if rag else []), "retrieved passages"
        if closed is not None and opened and closed.p_meets < evidence.asked:
            worse = evidence.runs[closed.name]
            contrasts.append(Contrast(rung, opened, worse, f"{name} over {closed.name}"))
    return [
        Finding(
            kind="knowledge-limited",
            rung=contrast.rung,
            text=f"{contrast.rung} lacks facts that the documents hold: {contrast.what}"
            f" {gain(test, p_value)}",
            evidence=ids(contrast.better, contrast.worse),
        )
        for contrast, test, p_value in clear_contrasts(evidence, contrasts, WORTH)
    ]


def retrieval_limited(evidence: Evidence) -> list[Finding]:
    """Rungs that read the right passage better than what search brings them."""
    contrasts = []
    for rung in evidence.rungs:
        oracle, rag = _oracle(evidence, rung), evidence.option(rung, "rag")
        if oracle and rag is not None and rag.p_meets < evidence.asked:
            worse = evidence.runs[rag.name]
            contrasts.append(Contrast(rung, oracle, worse, f"the oracle over {rag.name}"))
    return [
        Finding(
            kind="retrieval-limited",
            rung=contrast.rung,
            text=f"search loses what {contrast.rung} could read: {contrast.what}"
            f" {gain(test, p_value)}{_recall(contrast.worse[0])}",
            evidence=ids(contrast.better, contrast.worse),
        )
        for contrast, test, p_value in clear_contrasts(evidence, contrasts, WORTH)
    ]


def reader_limited(evidence: Evidence) -> list[Finding]:
    """Rungs that miss the target even with the right passage in the prompt."""
    found = []
    for rung in evidence.rungs:
        oracle = _oracle(evidence, rung)
        quality = oracle[0].quality if oracle else None
        if quality is not None and quality.high < evidence.spec.target:
            found.append(
                Finding(
                    kind="reader-limited",
                    rung=rung,
                    text=f"{rung} reaches {percent(quality)} even with the right passage before"
                    " it: better search alone will not do",
                    evidence=ids(oracle),
                )
            )
    return found


def _oracle(evidence: Evidence, rung: str) -> list[Measurement]:
    found = evidence.diagnosis(rung, "oracle")
    return [found] if found is not None else []


def _recall(run: Measurement) -> str:
    told = [
        f"{name} {percent(figure)}"
        for name, figure in run.figures.items()
        if name.startswith("recall@")
    ]
    return f"; {', '.join(told)}" if told else ""
