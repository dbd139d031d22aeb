"""How the items of a cell are put to a model, answered and timed: shared by all methods."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from probes.methods import Answers, Request
from probes.models import Progress
from probes.prompt import conversation, with_context, with_labels, with_trigger
from probes.records import Example, Item, Latency, Passage, Prediction, Turn

TIMED_ROLES = frozenset({"baseline", "search", "repeat", "diagnostic", "final"})
"""Cells that are timed request by request: the ones that may become an option."""
TIMED_REQUESTS = 12
TIMED_SHARE = 0.1
"""Share of the evaluation's own time that timing single requests may take; three are timed always,
one only where that takes LONG_S or more."""
LONG_S = 5.0
ANSWER_SIGNS = re.compile(r"\banswer\b\s*(?:is\b\s*:?|:)|####", re.IGNORECASE)
"""What stands before the answer behind written steps."""


@dataclass(frozen=True)
class Asked:
    """One item as it is put to the model."""

    item_id: str
    turns: list[Turn]
    passages: tuple[str, ...] = ()
    """Ids of the passages in the prompt, best first."""


def put(
    request: Request, items: Sequence[Item], shots: Sequence[Sequence[Example]] = ()
) -> list[Asked]:
    """The items as the cell's parameters say: labels listed, passages before, steps asked for.

    `shots` gives each item its examples.
    """
    params = request.cell.params
    instruction = request.instruction
    if params.get("list_labels"):
        instruction = with_labels(instruction, request.labels)
    asked = []
    for at, (item, passages) in enumerate(zip(items, contexts(request, items), strict=True)):
        texts = [passage.text for passage in passages]
        worded = with_context(item, texts, request.task_type)
        if "trigger" in params:
            worded = with_trigger(worded, str(params["trigger"]))
        turns = conversation(instruction, worded, shots[at] if shots else ())
        asked.append(Asked(item.id, turns, tuple(passage.id for passage in passages)))
    return asked


def contexts(request: Request, items: Sequence[Item]) -> list[list[Passage]]:
    """For each item the passages that the cell puts before it; nothing for a closed book."""
    params, library = request.cell.params, request.library
    context = params.get("context")
    if context is None or library is None:
        return [[] for _ in items]
    if context == "oracle":
        return [library.get(request.gold.get(item.id, ())) for item in items]
    if context == "all":
        return [list(library.passages)] * len(items)
    queries = [item.turns[-1].content for item in items]
    return library.search(queries, int(params["k"]), params["retriever"])


def ask(request: Request, asked: Sequence[Asked]) -> Answers:
    """Answers by the decoding that the cell names, `generate` or `choices`, with their latency."""

    def answer(some: Sequence[Asked], progress: Progress) -> list[Prediction]:
        return _answered(request, some, progress)

    return timed(request, asked, answer)


def timed(
    request: Request,
    asked: Sequence[Asked],
    answer: Callable[[Sequence[Asked], Progress], list[Prediction]],
) -> Answers:
    """All answers in batches; then, for cells that may become an option, some one by one."""
    began_s = time.monotonic()
    predictions = answer(asked, request.progress)
    took_s = time.monotonic() - began_s
    if request.cell.role not in TIMED_ROLES:
        return Answers(predictions=predictions)
    singles: list[float] = []
    for item, one in zip(request.items, asked[:TIMED_REQUESTS], strict=False):
        enough = 1 if sum(singles) > LONG_S else 3
        if len(singles) >= enough and sum(singles) > TIMED_SHARE * took_s:
            break
        start_s = time.monotonic()
        contexts(request, [item])  # what search takes; it stands in `asked` already
        answer([one], lambda *_: None)
        singles.append(time.monotonic() - start_s)
    n_tokens = sum(prediction.output_tokens for prediction in predictions)
    return Answers(predictions, latency=Latency.of(singles, n_tokens / max(1e-9, took_s)))


def _answered(request: Request, asked: Sequence[Asked], progress: Progress) -> list[Prediction]:
    turns, ids = [each.turns for each in asked], [each.item_id for each in asked]
    if request.cell.params["decoding"] == "choices":
        found = request.model.choose(turns, ids, request.labels, progress=progress)
    else:
        found = request.model.generate(
            turns, ids, max_new_tokens=answer_tokens(request), progress=progress
        )
    return [finished(request, each, answer) for each, answer in zip(asked, found, strict=True)]


def answer_tokens(request: Request) -> int:
    """How many tokens an answer may take, written steps included."""
    return request.max_new_tokens + int(request.cell.params.get("steps_tokens", 0))


def finished(request: Request, asked: Asked, prediction: Prediction) -> Prediction:
    """The prediction with its passages, and the final answer apart from the steps before it."""
    changes: dict[str, object] = {"passages": asked.passages}
    if "trigger" in request.cell.params:
        changes["reasoning"], changes["text"] = split_answer(prediction.text)
    return prediction.model_copy(update=changes)


def split_answer(text: str) -> tuple[str, str]:
    """(steps, final answer): what stands behind the last sign of an answer.

    Without a sign, or with nothing behind it, the whole text is the answer.
    """
    signs = list(ANSWER_SIGNS.finditer(text))
    if not signs:
        return "", text
    answer = text[signs[-1].end() :].strip()
    return (text[: signs[-1].start()].strip(), answer) if answer else ("", text)
