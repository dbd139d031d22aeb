"""Training examples as tokens, the batches that they are cut into, and the logits of answers."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from probes.asking import put
from probes.failures import PromptTooLong
from probes.methods import Request
from probes.models import Conversation
from probes.models.hf import HfModel

WARM_UP_SHARE = 0.1
MEGA_BATCHES = 8
"""Batches are cut from runs of this many batches of like length: little padding, and still another
order each epoch."""


@dataclass(frozen=True)
class TokenisedExample:
    """One training example as tokens."""

    ids: tuple[int, ...]
    n_answer: int
    """How many of the last tokens are the answer, end of turn included."""


def encode_example(model: HfModel, turns: Conversation, output: str) -> TokenisedExample:
    """Prompt and answer as tokens, however long."""
    prompt = model.encode(turns)
    answer = model.encode_answer(output)
    return TokenisedExample(ids=(*prompt, *answer), n_answer=len(answer))


def fitting_examples(model: HfModel, request: Request) -> tuple[list[TokenisedExample], int]:
    """The training examples as tokens, and how many were left out for their length.

    Raises:
        PromptTooLong: none fits the context.
    """
    asked = put(request, [example.item for example in request.train])
    tokenised = [
        encode_example(model, each.turns, example.output)
        for each, example in zip(asked, request.train, strict=True)
    ]
    fitting = [example for example in tokenised if len(example.ids) <= model.context_tokens]
    if not fitting:
        shortest = min(len(example.ids) for example in tokenised)
        raise PromptTooLong(shortest, model.context_tokens)
    return fitting, len(tokenised) - len(fitting)


@dataclass(frozen=True)
class Steps:
    """The schedule of one run."""

    n_examples: int
    batch_size: int
    epochs: int

    @property
    def total(self) -> int:
        """Optimiser steps of the whole run."""
        return math.ceil(self.n_examples / self.batch_size) * self.epochs

    def rate_factor(self, step: int) -> float:
        """Share of the peak learning rate at `step`: linear warm-up, then linear to zero."""
        warm_up = max(1, round(self.total * WARM_UP_SHARE))
        if step < warm_up:
            return (step + 1) / warm_up
        return max(0.0, (self.total - step) / max(1, self.total - warm_up))


# ---------------------------------------------------------------- batches


@dataclass(frozen=True)
class LengthClass:
    """Examples of like length; batches are cut inside, and all are padded to the longest."""

    examples: tuple[TokenisedExample, ...]
    width: int
    batch_size: int

    @property
    def n_batches(self) -> int:
        """Batches of one epoch, the last one smaller."""
        return math.ceil(len(self.examples) / self.batch_size)

    def cut(self, order: random.Random) -> list[tuple[TokenisedExample, ...]]:
        """The batches of one epoch, in an order drawn from `order`."""
        drawn = list(self.examples)
        order.shuffle(drawn)
        size = self.batch_size
        return [tuple(drawn[at : at + size]) for at in range(0, len(drawn), size)]


def length_classes(examples: Sequence[TokenisedExample], batch_size: int) -> list[LengthClass]:
    """The examples by length in runs of MEGA_BATCHES batches.

    Widths depend on the data alone, so that what an adapter meets does not depend on the seeds of
    its companions.
    """
    ranked = sorted(examples, key=lambda example: (len(example.ids), example.ids))
    window = batch_size * MEGA_BATCHES
    runs = [tuple(ranked[at : at + window]) for at in range(0, len(ranked), window)]
    return [LengthClass(run, max(len(e.ids) for e in run), batch_size) for run in runs]


def batch_order(classes: Sequence[LengthClass], epoch: int) -> list[tuple[int, int]]:
    """(class, batch inside) of each step of an epoch: shuffled, and the same for all adapters."""
    order = [(at, batch) for at, one in enumerate(classes) for batch in range(one.n_batches)]
    random.Random(f"batches-{epoch}").shuffle(order)
    return order


# ---------------------------------------------------------------- logits


def answer_logits(
    model: Any, batch: Sequence[TokenisedExample], width: int
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Logits (answers, V) where answer tokens are predicted, those tokens, and their rows.

    The examples are padded on the right to `width`; no token sees what comes after it, so padding
    needs no mask. The output head runs at answer positions only, unless the architecture does
    something between the head and the loss (soft-capping, scaling); then its own forward pass is
    used.
    """
    base = model.get_base_model() if hasattr(model, "get_base_model") else model
    device = next(base.parameters()).device
    ids = torch.zeros((len(batch), width), dtype=torch.long)
    predicts = torch.zeros((len(batch), width), dtype=torch.bool)
    for row, example in enumerate(batch):
        length = len(example.ids)
        ids[row, :length] = torch.tensor(example.ids)
        predicts[row, length - example.n_answer - 1 : length - 1] = True
    targets = ids.roll(-1, dims=1)[predicts].to(device)
    owner = predicts.nonzero()[:, 0].to(device)
    inputs = {"input_ids": ids.to(device), "use_cache": False}
    if _head_is_plain(base.config):
        hidden = base.get_decoder()(**inputs).last_hidden_state  # (B, T, H)
        logits = base.get_output_embeddings()(hidden[predicts.to(device)])
    else:
        logits = base(**inputs).logits[predicts.to(device)]
    return logits, targets, owner


def _head_is_plain(config: Any) -> bool:
    special = ("final_logit_softcapping", "logits_scaling", "logit_scale", "lm_head_multiplier")
    return not any(getattr(config, name, None) for name in special)
