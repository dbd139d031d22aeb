"""Likelihood of answers that are known beforehand: what prompts share is computed once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from transformers import Cache

from probes.models.prefix import Prefix, selected

CACHE_BATCHES = 4
"""Evaluation batches of keys and values that scoring candidates may hold at once."""


def padded(
    rows: Sequence[Sequence[int]], *, left: bool, pad: int = 0
) -> tuple[torch.Tensor, torch.Tensor]:
    """Token ids and mask, each of shape (rows, longest), padded on one side."""
    width = max(len(row) for row in rows)
    ids = torch.full((len(rows), width), pad, dtype=torch.long)
    mask = torch.zeros((len(rows), width), dtype=torch.long)
    for at, row in enumerate(rows):
        place = slice(width - len(row), width) if left else slice(0, len(row))
        ids[at, place] = torch.tensor(row, dtype=torch.long)
        mask[at, place] = 1
    return ids, mask


@torch.inference_mode()
def choice_log_likelihoods(
    model: Any,
    prefix: Prefix,
    prompts: Sequence[Sequence[int]],
    answers: Sequence[Sequence[int]],
    batch_tokens: int,
) -> torch.Tensor:
    """Log-likelihood of every answer after every prompt, in nats.

    The rest of each prompt goes through the model once, and only the answers' own tokens once for
    each pair.

    Args:
        model: a causal language model of transformers.
        prefix: what every prompt begins with.
        prompts: P prompts as token ids.
        answers: C answers as token ids, each with the token that ends a turn.
        batch_tokens: tokens of one forward pass over answers, padding counted.

    Returns:
        float32 tensor of shape (P, C), on the CPU.
    """
    device = next(model.parameters()).device
    shared, width = len(prefix.ids), max(len(answer) for answer in answers)
    rest, rest_mask = padded([prompt[shared:] for prompt in prompts], left=True)
    cache = prefix.rows(len(prompts), shared + rest.shape[1] + width)
    mask = torch.cat([torch.ones((len(prompts), shared), dtype=torch.long), rest_mask], dim=1)
    logits = model(
        input_ids=rest.to(device),
        attention_mask=mask.to(device),
        position_ids=_positions(mask)[:, shared:].to(device),
        past_key_values=cache,
        use_cache=True,
        logits_to_keep=1,
    ).logits[:, -1]
    first = logits.float().log_softmax(-1).cpu()  # (P, V)
    # Each candidate holds a copy of the prompts' keys and values while it is scored.
    held = len(prompts) * (mask.shape[1] + width)
    fed = len(prompts) * max(1, width - 1)
    per_call = max(1, min(CACHE_BATCHES * batch_tokens // held, batch_tokens // fed))
    scores = [
        _answers_after(model, cache, mask, first, answers[at : at + per_call])
        for at in range(0, len(answers), per_call)
    ]
    return torch.cat(scores, dim=1)


@torch.inference_mode()
def answer_log_likelihoods(
    model: Any,
    prefix: Prefix,
    prompts: Sequence[Sequence[int]],
    answers: Sequence[Sequence[int]],
) -> list[float]:
    """Log-likelihood of each answer after its own prompt, in nats, in one forward pass.

    Every prompt begins with `prefix`.
    """
    device, shared = next(model.parameters()).device, len(prefix.ids)
    rows = [[*prompt[shared:], *end] for prompt, end in zip(prompts, answers, strict=True)]
    ids, rest_mask = padded(rows, left=True)  # (P, T): answers end together
    mask = torch.cat([torch.ones((len(rows), shared), dtype=torch.long), rest_mask], dim=1)
    width = max(len(answer) for answer in answers)
    logits = model(
        input_ids=ids.to(device),
        attention_mask=mask.to(device),
        position_ids=_positions(mask)[:, shared:].to(device),
        past_key_values=prefix.rows(len(rows), mask.shape[1]),
        use_cache=True,
        logits_to_keep=width + 1,
    ).logits[:, :-1]  # (P, w, V)
    log_probs = logits.float().log_softmax(-1).cpu()
    taken = log_probs.gather(2, ids[:, -width:, None]).squeeze(2)  # (P, w)
    return [
        float(row[width - len(answer) :].sum()) for row, answer in zip(taken, answers, strict=True)
    ]


def _positions(mask: torch.Tensor) -> torch.Tensor:
    return (mask.cumsum(dim=1) - 1).clamp(min=0)


def _answers_after(
    model: Any,
    cache: Cache,
    mask: torch.Tensor,
    first: torch.Tensor,
    answers: Sequence[Sequence[int]],
) -> torch.Tensor:
    """Log-likelihoods (P, c) of `answers` after the P prompts whose keys `cache` holds."""
    n_prompts, n_answers = mask.shape[0], len(answers)
    device = next(model.parameters()).device
    ids, answer_mask = padded(answers, left=False)  # (c, w)
    score = first[:, ids[:, 0]]  # (P, c)
    if ids.shape[1] == 1:
        return score
    own = selected(cache, torch.arange(n_prompts).repeat_interleave(n_answers).to(device))
    tokens = ids.repeat(n_prompts, 1)  # (P*c, w), prompt-major like the cache
    token_mask = answer_mask.repeat(n_prompts, 1)
    full_mask = torch.cat([mask.repeat_interleave(n_answers, dim=0), token_mask[:, :-1]], dim=1)
    logits = model(
        input_ids=tokens[:, :-1].to(device),
        attention_mask=full_mask.to(device),
        position_ids=_positions(full_mask)[:, mask.shape[1] :].to(device),
        past_key_values=own,
        use_cache=True,
    ).logits
    log_probs = logits.float().log_softmax(-1).cpu()  # (P*c, w-1, V)
    taken = log_probs.gather(2, tokens[:, 1:, None]).squeeze(2) * token_mask[:, 1:]
    return score + taken.sum(dim=1).view(n_prompts, n_answers)
