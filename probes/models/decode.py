"""Answers written token by token; what the prompts share is read once, and who has ended leaves.

Greedy answers are those of `generate` of transformers, token for token (tested, and asserted in
benchmarks/decoding.py): without its bookkeeping at every step, without copying the cache at every
step, and without reading the common start of the prompts once for each of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from probes.models.prefix import Prefix

LEAVING_SHARE = 0.25
"""Rows that have ended are dropped from the batch once they are this share of it: dropping copies
the cache of all the others."""


@dataclass(frozen=True)
class Drawing:
    """How several answers are drawn: from the whole distribution at a temperature above 0."""

    n: int
    temperature: float
    generator: torch.Generator


@torch.inference_mode()
def decode(
    model: Any,
    prefix: Prefix,
    prompts: Sequence[Sequence[int]],
    *,
    max_new_tokens: int,
    stop_ids: Sequence[int],
    drawing: Drawing | None = None,
) -> list[list[int]]:
    """Answers as tokens, without the one that ends them: one a prompt, or `drawing.n` in a row.

    Args:
        model: a causal language model of transformers.
        prefix: what every prompt begins with; each goes on for at least one token.
        prompts: P prompts as token ids, prefix included.
        stop_ids: tokens that end an answer.
        drawing: how to draw; None takes the likeliest token each time.
    """
    batch = _Batch(model, prefix, prompts, max_new_tokens)
    logits = batch.read()
    if drawing is not None:
        logits = logits.repeat_interleave(drawing.n, dim=0)
        batch.select(torch.arange(len(prompts)).repeat_interleave(drawing.n))
    answers: list[list[int]] = [[] for _ in range(logits.shape[0])]
    owners = list(range(len(answers)))
    stops = frozenset(stop_ids)
    ended: set[int] = set()
    for step in range(1, max_new_tokens + 1):
        tokens = _next(logits, drawing)
        for owner, token in zip(owners, tokens.tolist(), strict=True):
            if token in stops:
                ended.add(owner)
            elif owner not in ended:
                answers[owner].append(token)
        going = [row for row, owner in enumerate(owners) if owner not in ended]
        if not going or step == max_new_tokens:
            break
        if len(going) <= (1 - LEAVING_SHARE) * len(owners):
            rows = torch.tensor(going)
            batch.select(rows)
            owners, tokens = [owners[row] for row in going], tokens[rows]
        logits = batch.step(tokens)
    return answers


def _next(logits: torch.Tensor, drawing: Drawing | None) -> torch.Tensor:
    """The next token of each row, on the CPU."""
    if drawing is None:
        return logits.argmax(-1).cpu()
    likely = (logits.float() / drawing.temperature).softmax(-1).cpu()
    return torch.multinomial(likely, 1, generator=drawing.generator)[:, 0]


class _Batch:
    """Prompts under way: the prefix, each prompt's rest padded on the left, then its answer."""

    def __init__(
        self, model: Any, prefix: Prefix, prompts: Sequence[Sequence[int]], max_new_tokens: int
    ) -> None:
        start = len(prefix.ids)
        rests = [list(prompt[start:]) for prompt in prompts]
        width = max(len(rest) for rest in rests)
        room = start + width + max_new_tokens
        self.model, self.device = model, next(model.parameters()).device
        self.at, self.end = start, start + width
        self.ids = torch.zeros((len(prompts), width), dtype=torch.long)
        self.seen = torch.ones((len(prompts), room), dtype=torch.bool)  # padding is not seen
        for row, rest in enumerate(rests):
            self.ids[row, width - len(rest) :] = torch.tensor(rest)
            self.seen[row, start : start + width - len(rest)] = False
        self.padding = width - torch.tensor([len(rest) for rest in rests])  # (B,)
        self.cache = prefix.rows(len(prompts), room)

    def read(self) -> torch.Tensor:
        """Send the rests of the prompts through the model; the logits (B, V) after them."""
        positions = torch.arange(self.at, self.end) - self.padding[:, None]
        return self._forward(self.ids, positions.clamp(min=0))

    def step(self, tokens: torch.Tensor) -> torch.Tensor:
        """Add one token (B,) to each row; the logits (B, V) after it."""
        self.at, self.end = self.end, self.end + 1
        return self._forward(tokens[:, None], self.at - self.padding[:, None])

    def select(self, rows: torch.Tensor) -> None:
        """Go on with those rows, in that order."""
        self.seen, self.padding = self.seen[rows], self.padding[rows]
        self.cache.reorder_cache(rows.to(self.device))

    def _forward(self, ids: torch.Tensor, positions: torch.Tensor) -> torch.Tensor:
        # Without padding the model's own causal mask serves, which is the faster way.
        seen = self.seen[:, : self.end].to(self.device) if self.padding.any() else None
        out = self.model(
            input_ids=ids.to(self.device),
            attention_mask=seen,
            position_ids=positions.to(self.device),
            past_key_values=self.cache,
            use_cache=True,
            logits_to_keep=1,
        )
        logits: torch.Tensor = out.logits[:, -1]
        return logits
