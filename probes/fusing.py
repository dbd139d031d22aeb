"""How many trainees share one forward pass: settled by timing the first steps of their training."""

from __future__ import annotations

from collections.abc import Callable, Iterator, MutableMapping
from contextlib import contextmanager

Settled = MutableMapping[tuple[int, int], int]
"""Trainees that share a forward pass, by how many train together and the size of their batches."""


class Fusing:
    """All in one pass, half of them, or each alone: whichever took least time a token.

    The steps that are timed are steps of the training, and what is trained does not depend on how
    many share a pass. What was settled once on a model is not timed again.
    """

    def __init__(self, settled: Settled, n: int, tokens: int, now_s: Callable[[], float]) -> None:
        self._settled = settled
        self._now_s = now_s
        self._key = n, tokens.bit_length()
        """Batches of up to twice the tokens are taken to be of one size."""
        known = self._key in settled or n == 1
        self._size = settled.get(self._key, n)
        self._to_time = [] if known else [n, *dict.fromkeys((n, n // 2, 1))]
        """The first entry is a warm-up: its time gives way to that of the second."""
        self._took: dict[int, float] = {}

    @contextmanager
    def step(self, tokens: int) -> Iterator[int]:
        """How many share a pass in this step, which is timed while nothing is settled.

        Args:
            tokens: of all trainees in the step, padding counted.
        """
        if not self._to_time:
            yield self._size
            return
        size = self._to_time.pop(0)
        began_s = self._now_s()
        yield size
        self._took[size] = (self._now_s() - began_s) / tokens
        if not self._to_time:
            self._size = min(self._took, key=lambda each: self._took[each])
            self._settled[self._key] = self._size
