"""A pocket document as turns, as scored text segments, and the way an instruction opens it."""

from collections.abc import Sequence
from random import Random
from typing import Literal

Turn = tuple[str, str]
"""(role, text); the role `plain` marks running text outside any chat."""
Document = list[Turn]
Scoring = Literal["prompt", "answer", "plain"]


def plain(text: str) -> Document:
    """A document of running text."""
    return [("plain", text)]


def segments(document: Document) -> list[tuple[str, Scoring]]:
    """Text pieces with markers, and how the loss counts them (`answer` whole, `plain` less)."""
    pieces: list[tuple[str, Scoring]] = []
    for role, text in document:
        if role == "plain":
            pieces.append((f"{text}<|end|>", "plain"))
        elif role == "assistant":
            pieces.append((f"<|assistant|>{text}<|end|>", "answer"))
        else:
            pieces.append((f"<|{role}|>{text}<|end|>", "prompt"))
    return pieces


def episode(
    r: Random, pairs: Sequence[tuple[str, str]], instruction: str, chance: float = 1.0
) -> Document:
    """Input and output turns as the product prompts them: an instruction opens the first one.

    With probability 1 - `chance` the instruction is left out; one time in twelve it is a system
    turn instead.
    """
    turns: Document = []
    stated = bool(instruction) and r.random() < chance
    as_system = stated and r.random() < 1 / 12
    if as_system:
        turns.append(("system", instruction))
    for index, (question, answer) in enumerate(pairs):
        opening = f"{instruction}\n" if stated and not as_system and index == 0 else ""
        turns += [("user", opening + question), ("assistant", answer)]
    return turns
