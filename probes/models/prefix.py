"""What the prompts of a call begin with, read once, and a cache that goes on from there."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from transformers import Cache, DynamicCache
from transformers.cache_utils import DynamicLayer


def shared_prefix(prompts: Sequence[Sequence[int]]) -> int:
    """Length of the longest common prefix that leaves each prompt at least one token."""
    rows = [tuple(prompt) for prompt in prompts]
    first, last = min(rows), max(rows)  # these two differ first, whatever lies between
    limit = min(len(row) for row in rows) - 1
    for at in range(limit):
        if first[at] != last[at]:
            return at
    return limit


@dataclass(frozen=True)
class Prefix:
    """The tokens that all prompts begin with, and what the model keeps of them."""

    ids: tuple[int, ...]
    cache: DynamicCache
    """Empty where there are no `ids`."""

    @classmethod
    @torch.inference_mode()
    def of(cls, model: Any, prompts: Sequence[Sequence[int]]) -> Prefix:
        """Send what the prompts share through the model; nothing where that is no use."""
        cache = DynamicCache(config=model.config)
        shared = shared_prefix(prompts) if len(prompts) > 1 and _can_share(cache) else 0
        if shared:
            device = next(model.parameters()).device
            head = torch.tensor([list(prompts[0][:shared])], device=device)
            model(input_ids=head, past_key_values=cache, use_cache=True, logits_to_keep=1)
        return cls(tuple(prompts[0][:shared]), cache)

    def rows(self, n_rows: int, room: int) -> Cache:
        """A cache of its own for so many rows, with room for so many tokens each."""
        if not _can_share(self.cache):
            return copy.deepcopy(self.cache)
        starts = [layer if self.ids else None for layer in self.cache.layers]
        return Cache(layers=[RoomyLayer(start, n_rows, room) for start in starts])


def selected(cache: Cache, rows: torch.Tensor) -> Cache:
    """A cache of its own that holds those rows, in that order; `cache` stays as it is."""
    if all(type(layer) is RoomyLayer for layer in cache.layers):
        own = Cache(layers=[copy.copy(layer) for layer in cache.layers])
    else:  # recurrent layers write into their states in place
        own = copy.deepcopy(cache)
    own.reorder_cache(rows)
    return own


def _can_share(cache: DynamicCache) -> bool:
    """Whether every layer attends to all that came before.

    Not so for sliding windows and recurrent layers: padding behind a shared prefix would count.
    """
    return all(type(layer) is DynamicLayer for layer in cache.layers)


class RoomyLayer(DynamicLayer):
    """Keys and values of one layer, (B, heads, room, D), written in place as tokens come."""

    def __init__(self, start: DynamicLayer | None, n_rows: int, room: int) -> None:
        """`start` holds what all rows begin with, for one row; None where that is nothing."""
        super().__init__()
        self.n_rows, self.room, self.length = n_rows, room, 0
        if start is not None:
            self.lazy_initialization(start.keys, start.values)
            self.length = start.get_seq_length()
            self.keys[:, :, : self.length] = start.keys
            self.values[:, :, : self.length] = start.values

    def lazy_initialization(self, key_states: torch.Tensor, value_states: torch.Tensor) -> None:
        """Make the room, once the shapes are known."""
        self.dtype, self.device = key_states.dtype, key_states.device
        self.keys = _room(key_states, self.n_rows, self.room)
        self.values = _room(value_states, self.n_rows, self.room)
        self.is_initialized = True

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: Any, **kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Write the new tokens' keys and values; all of them so far, (B, heads, length, D)."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        end = self.length + key_states.shape[-2]
        self.keys[:, :, self.length : end] = key_states
        self.values[:, :, self.length : end] = value_states
        self.length = end
        return self.keys[:, :, :end], self.values[:, :, :end]

    def get_seq_length(self) -> int:
        """Tokens that are there."""
        return self.length


def _room(like: torch.Tensor, n_rows: int, room: int) -> torch.Tensor:
    return like.new_empty((n_rows, like.shape[1], room, like.shape[3]))
