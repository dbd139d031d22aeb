"""Zero-shot: the instruction and the input, nothing else."""

from __future__ import annotations

from collections.abc import Sequence

from probes.methods import Answers, Proposals, Request, Situation
from probes.models import Conversation
from probes.prompt import MAX_LISTED_LABELS, conversation, with_labels
from probes.records import Json, Prediction


def propose(situation: Situation) -> Proposals:
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
    instruction = instruction_of(request)
    conversations = [conversation(instruction, item) for item in request.items]
    return Answers(predictions=ask(request, conversations))


def instruction_of(request: Request) -> str:
    """The spec's instruction, with the labels listed where the cell says so."""
    if request.cell.params.get("list_labels"):
        return with_labels(request.instruction, request.labels)
    return request.instruction


def ask(request: Request, conversations: Sequence[Conversation]) -> list[Prediction]:
    """Predictions by the decoding that the cell names: `generate` or `choices`."""
    ids = [item.id for item in request.items]
    if request.cell.params["decoding"] == "choices":
        return request.model.choose(conversations, ids, request.labels, progress=request.progress)
    return request.model.generate(
        conversations, ids, max_new_tokens=request.max_new_tokens, progress=request.progress
    )
