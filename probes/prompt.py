"""How an item is put to a model: instruction, examples, input."""

from __future__ import annotations

from collections.abc import Sequence

from probes.records import Example, Item, Turn
from probes.task import TaskType

MAX_LISTED_LABELS = 50
ASKING: frozenset[TaskType] = frozenset({"qa", "reasoning", "generation"})
"""Task types whose input is a question, and is called so behind the passages."""


def with_labels(instruction: str, labels: Sequence[str]) -> str:
    """The instruction with the sentence that lists the labels, so that none need be guessed."""
    listed = f"Answer with one of: {', '.join(labels)}."
    return f"{instruction}\n{listed}" if instruction else listed


def with_context(item: Item, passages: Sequence[str], task_type: TaskType) -> Item:
    """The item with passages before its last turn: `Context: …`, then `Question: …`."""
    if not passages:
        return item
    *before, last = item.turns
    name = "Question" if task_type in ASKING else "Input"
    content = f"Context: {' '.join(passages)}\n{name}: {last.content}"
    return item.model_copy(
        update={"turns": (*before, last.model_copy(update={"content": content}))}
    )


def with_trigger(item: Item, trigger: str) -> Item:
    """The item with a sentence behind its last turn, such as `Think step by step.`"""
    *before, last = item.turns
    content = f"{last.content} {trigger}"
    return item.model_copy(
        update={"turns": (*before, last.model_copy(update={"content": content}))}
    )


def conversation(instruction: str, item: Item, shots: Sequence[Example] = ()) -> list[Turn]:
    """Turns for a chat template: the shots as earlier turns, then the item.

    The instruction stands once, at the head of the first user turn, so that templates without a
    system role work as well. System turns that the data have stay at the head; those of the shots
    are left out, since templates want one at most.
    """
    turns = [turn for turn in item.turns if turn.role == "system"]
    for shot in shots:
        turns.extend(turn for turn in shot.item.turns if turn.role != "system")
        turns.append(Turn(role="assistant", content=shot.output))
    turns.extend(turn for turn in item.turns if turn.role != "system")
    if not instruction:
        return turns
    for at, turn in enumerate(turns):
        if turn.role == "user":
            turns[at] = Turn(role="user", content=f"{instruction}\n{turn.content}")
            break
    return turns
