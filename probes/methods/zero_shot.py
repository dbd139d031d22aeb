"""Zero-shot: the instruction and the input, nothing else."""

from __future__ import annotations

from probes.asking import ask, put
from probes.methods import Answers, Known, Proposals, Request, Situation
from probes.prompt import MAX_LISTED_LABELS
from probes.records import Json


def propose(situation: Situation, known: Known) -> Proposals:
    """The ways of asking: labels listed or not, free or constrained to the labels."""
    yield [situation.cell("zero_shot", "baseline", params=params) for params in variants(situation)]


def variants(situation: Situation) -> list[Json]:
    """Prompt settings worth trying for the task: one for free text, up to four for labels."""
    plain: Json = {"decoding": "generate", "list_labels": False}
    if not situation.labels:
        return [plain]
    named = all(label in situation.instruction for label in situation.labels)
    listings = [False] if named or len(situation.labels) > MAX_LISTED_LABELS else [False, True]
    return [
        {"decoding": decoding, "list_labels": listing}
        for listing in listings
        for decoding in ("generate", "choices")
    ]


def answer(request: Request) -> Answers:
    """Each item asked on its own."""
    return ask(request, put(request, request.items))
