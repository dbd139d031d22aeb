"""Findings about knowledge: is it missing, not found, or not read?

Closed book, retrieved and oracle are answered on the same items, so that the three come apart.
"""

from __future__ import annotations

from advisor.decide import percent
from advisor.findings.evidence import PROMPTS, Contrast, Evidence, clear_contrasts, gain, ids
from advisor.records import Finding
from probes.records import Measurement

FOUND = 0.95
"""Recall above which search is not blamed for what is lost."""
WORTH = 0.05
"""Gain from passages below which knowledge is not called missing, and loss below which search is
not called failing."""


def knowledge_limited(evidence: Evidence) -> list[Finding]:
    """Rungs whose closed-book answers clearly gain from the passage that holds the answer.

    Asked of prompts and, where both were tuned, of adapters: a base that cannot use a passage yet
    may learn to. Without known gold passages the retrieved ones stand in, which can only understate
    the gain.
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
        both, alone = evidence.option(rung, "lora_rag"), evidence.option(rung, "lora")
        if both is not None and alone is not None and alone.p_meets < evidence.asked:
            runs = evidence.runs[both.name], evidence.runs[alone.name]
            contrasts.append(Contrast(rung, *runs, f"{both.name} over {alone.name}"))
    found: dict[str, Finding] = {}
    for contrast, test, p_value in clear_contrasts(evidence, contrasts, WORTH):
        text = (
            f"{contrast.rung} lacks facts that the documents hold: {contrast.what}"
            f" {gain(test, p_value)}"
        )
        finding = Finding(
            kind="knowledge-limited",
            rung=contrast.rung,
            text=text,
            evidence=ids(contrast.better, contrast.worse),
        )
        found.setdefault(contrast.rung, finding)
    return list(found.values())


def retrieval_limited(evidence: Evidence) -> list[Finding]:
    """Rungs that read the right passage better than what search brings them.

    Where search does bring it and the answer is lost all the same, the other passages distract:
    that is the reader's limit, not the search's.
    """
    contrasts = []
    for rung in evidence.rungs:
        oracle, rag = _oracle(evidence, rung), evidence.option(rung, "rag")
        searched = rag is not None and rag.params.get("context") == "retrieved"
        if oracle and rag is not None and searched and rag.p_meets < evidence.asked:
            worse = evidence.runs[rag.name]
            contrasts.append(Contrast(rung, oracle, worse, f"the oracle over {rag.name}"))
    found = []
    for contrast, test, p_value in clear_contrasts(evidence, contrasts, WORTH):
        lost = _search_fails(contrast.worse[0])
        what = (
            f"search loses what {contrast.rung} could read"
            if lost
            else f"search finds the passage, but others beside it distract {contrast.rung}"
        )
        found.append(
            Finding(
                kind="retrieval-limited" if lost else "reader-limited",
                rung=contrast.rung,
                text=f"{what}: {contrast.what} {gain(test, p_value)}{_recall(contrast.worse[0])}"
                f"{_silver(evidence)}",
                evidence=ids(contrast.better, contrast.worse),
            )
        )
    return found


def _search_fails(run: Measurement) -> bool:
    """Whether recall is clearly short of 1; where it is unknown, the loss is put down to search."""
    known = [f for name, f in run.figures.items() if name.startswith("recall@")]
    deepest = max(known, key=lambda figure: figure.value, default=None)
    return deepest is None or (deepest.value <= FOUND and deepest.high < 1)


def _silver(evidence: Evidence) -> str:
    guessed = evidence.documents.kind == "silver"
    return "; which passages are right was guessed from the answers" if guessed else ""


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
                    f" it: better search alone will not do{_silver(evidence)}",
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
