"""Failures that belong to one cell: recorded with their cause, and the run goes on."""

from __future__ import annotations


class CellFailure(Exception):
    """A cell cannot be measured; the message is its recorded cause, in one line."""

    train_tokens: int = 0
    """What was trained on before it failed."""


class PromptTooLong(CellFailure):
    """A prompt with its answer does not fit the model's context."""

    def __init__(self, tokens: int, context_tokens: int) -> None:
        super().__init__(f"a prompt needs {tokens} tokens, the context holds {context_tokens}")


class TrainingDiverged(CellFailure):
    """The loss became NaN or infinite."""

    def __init__(self, step: int, train_tokens: int = 0) -> None:
        super().__init__(f"the training loss is not finite at step {step}")
        self.train_tokens = train_tokens
