"""Models that answer: the contract, without the weights."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from probes.record import Record
from probes.records import Prediction, Turn

Progress = Callable[[float, float, str], None]
"""Called with (done, total, what) while something long runs."""

Conversation = Sequence[Turn]
"""Turns that end with the user's."""


class Sampling(Record):
    """How several answers to a prompt are drawn."""

    n: int
    """Answers to each prompt."""
    temperature: float
    seed: int


class LanguageModel(Protocol):
    """What a method may ask of a model; implemented by `probes.models.hf.HfModel`."""

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Number of tokens of each text, without special tokens."""
        ...

    def generate(
        self,
        conversations: Sequence[Conversation],
        item_ids: Sequence[str],
        *,
        max_new_tokens: int,
        progress: Progress,
    ) -> list[Prediction]:
        """Greedy answers, in the order of `conversations`."""
        ...

    def sample(
        self,
        conversations: Sequence[Conversation],
        item_ids: Sequence[str],
        sampling: Sampling,
        *,
        max_new_tokens: int,
        progress: Progress,
    ) -> list[list[Prediction]]:
        """For each conversation `sampling.n` answers."""
        ...

    def choose(
        self,
        conversations: Sequence[Conversation],
        item_ids: Sequence[str],
        choices: Sequence[str],
        *,
        progress: Progress,
    ) -> list[Prediction]:
        """For each conversation the choice with the highest likelihood as the whole answer."""
        ...

    def log_likelihoods(
        self, conversations: Sequence[Conversation], answers: Sequence[str]
    ) -> list[float]:
        """Mean log-likelihood a token of each answer after its conversation, in nats."""
        ...
