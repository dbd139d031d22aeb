"""Traces the memory of a setting: the real modules on tensors without data, at two depths."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, cast
from unittest import mock

import torch
from torch._subclasses.fake_tensor import FakeTensorMode

from probes.footprint.deepen import BEFORE, BEHIND, FIRST, LAST, MIDDLE
from probes.footprint.modules import all_alike, constants, decoder_layers, fill, skeleton
from probes.footprint.preference import chunk_head, kernels_of_a_gpu, pair_loss
from probes.footprint.replay import Trace
from probes.footprint.settings import Architecture, Setting
from probes.footprint.tracker import StorageTracker


@dataclass(frozen=True)
class Traced:
    """One trace with what was counted on the way."""

    n_layers: int
    trace: Trace
    n_params: int
    n_trained: int


def traced(
    architecture: Architecture, setting: Setting, depth: int, *, primed: bool = False
) -> Traced:
    """The trace of a setting on so many layers; `primed` as for `train`."""
    vocabulary = int(architecture.config["vocab_size"])
    model = skeleton(architecture, setting, depth)
    fakes = FakeTensorMode(allow_non_fake_inputs=True)
    with fakes, _eyes_shut(setting.padded), kernels_of_a_gpu(setting):
        fill(model, setting, _fake)
        tracker = StorageTracker(vocabulary, setting.device)
        tracker.begin((0, "load", BEFORE))
        trained = [weight for weight in model.parameters() if weight.requires_grad]
        frozen = [weight for weight in model.parameters() if not weight.requires_grad]
        tracker.add([frozen, list(model.buffers()), constants(model)], "weights")
        tracker.add(trained, "adapters" if setting.adapted else "weights")
        for number, layer in enumerate(decoder_layers(model)):
            tracker.belong([*layer.parameters(), *layer.buffers(), *constants(layer)], number)
        with tracker:
            if setting.method == "inference":
                infer(model, setting, tracker, vocabulary)
            else:
                train(model, setting, tracker, vocabulary, primed=primed)
        counts = n_params(model), sum(weight.numel() for weight in trained)
        found = Traced(depth, tracker.trace, *counts)
        found.trace.events = list(found.trace.events)  # what dies from here on is not of the run
    return found


def n_params(model: Any) -> int:
    """Parameters without adapters; those in 4 bits count one by one."""
    held = {}
    for name, weight in model.named_parameters():
        if "lora_" not in name:
            state = getattr(weight, "quant_state", None)
            held[id(weight)] = weight.numel() if state is None else state.shape.numel()
    return sum(held.values())


def _fake(shape: tuple[int, ...], dtype: torch.dtype) -> torch.Tensor:
    return torch.empty(shape, dtype=dtype, device="cpu")


@contextlib.contextmanager
def _eyes_shut(padded: bool) -> Iterator[None]:
    """Keep transformers from taking tensors without data for a compiler's.

    It would build a mask for every batch, as it does where it cannot look whether one is padded;
    and it would look for the starts of packed sequences.
    """
    from transformers import masking_utils

    skips = masking_utils._ignore_causal_mask_sdpa

    def skip(padding_mask: Any, *args: Any, **kwargs: Any) -> bool:
        return not (padded and padding_mask is not None) and bool(skips(None, *args, **kwargs))

    with (
        mock.patch.object(masking_utils, "is_tracing", lambda *_, **__: False),
        mock.patch.object(masking_utils, "find_packed_sequence_indices", lambda _: None),
        mock.patch.object(masking_utils, "_ignore_causal_mask_sdpa", skip),
    ):
        yield


# ---------------------------------------------------------------- training


def train(
    model: Any,
    setting: Setting,
    tracker: StorageTracker | None,
    vocabulary: int,
    *,
    primed: bool = False,
) -> None:
    """Two optimiser steps as a training script takes them; the tracker is told where it is.

    The first makes the optimiser's states, the second runs beside them. With `primed` the first has
    gradients that nobody computed: its passes hold less than those of the second.
    """
    weights = [weight for weight in model.parameters() if weight.requires_grad]
    optimiser = optimiser_of(weights, setting)
    loss_of = loss_function(model, setting, vocabulary)
    place = _Places(model, tracker)
    for step in range(2):
        if primed and step == 0:
            place.at(step, "step", BEFORE)
            for weight in weights:
                weight.grad = torch.empty_like(weight)
            place.tag([weight.grad for weight in weights], "gradients")
        else:
            _passes(setting, loss_of, step, place)
            place.tag([weight.grad for weight in weights], "gradients")
        place.belong(optimiser)
        place.at(step, "step", BEFORE)
        if setting.clip:
            torch.nn.utils.clip_grad_norm_(weights, 1.0)
        optimiser.step()
        place.tag([list(held.values()) for held in optimiser.state.values()], "optimiser")
        place.belong(optimiser)
        optimiser.zero_grad(set_to_none=True)


def _passes(
    setting: Setting, loss_of: Callable[[], torch.Tensor], step: int, place: _Places
) -> None:
    """The forward and backward passes of one optimiser step."""
    for _ in range(min(setting.accumulation, 2)):  # later ones are as the second
        place.at(step, "forward", BEFORE)
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=setting.autocast):
            loss = loss_of()
        place.at(step, "backward", BEHIND)
        loss.backward()
        del loss


def loss_function(model: Any, setting: Setting, vocabulary: int) -> Callable[[], torch.Tensor]:
    """The loss of one forward pass, on a batch that is made here."""
    if setting.method == "dpo":
        return pair_loss(model, setting, vocabulary)
    ids = torch.randint(0, vocabulary, (setting.batch, setting.seq_len))
    batch: dict[str, Any] = {"input_ids": ids, "labels": ids.clone(), "use_cache": False}
    if setting.padded:
        batch["attention_mask"] = torch.ones_like(ids)
        batch["attention_mask"][0, 0] = 0
    if setting.loss == "chunked":
        chunk_head(model)
        batch["fused_lm_head"] = True
    return lambda: cast(torch.Tensor, model(**batch).loss)


def optimiser_of(weights: list[torch.Tensor], setting: Setting) -> torch.optim.Optimizer:
    """The optimiser of a setting, in the implementation it names."""
    if setting.optimiser == "sgd":
        return torch.optim.SGD(weights, lr=1e-4, fused=True)
    fused, foreach = setting.optimiser == "adamw_fused", setting.optimiser == "adamw_foreach"
    return torch.optim.AdamW(weights, lr=1e-4, fused=fused, foreach=foreach)


class _Places:
    """Tells a tracker which layer a run is in, on the way forward and on the way back."""

    def __init__(self, model: Any, tracker: StorageTracker | None) -> None:
        self._tracker = tracker
        self._step, self._phase = 0, "load"
        if tracker is None:
            return
        layers = decoder_layers(model)
        self._weights = [list(layer.parameters()) for layer in layers]
        for number, layer in enumerate(layers):
            name = FIRST if number == 0 else LAST if number == len(layers) - 1 else MIDDLE
            layer.register_forward_pre_hook(self._entered(name))
            layer.register_forward_hook(self._left(name))

    def at(self, step: int, phase: str, where: str) -> None:
        """From here on it is that phase."""
        self._step, self._phase = step, phase
        self._mark(where)

    def tag(self, held: Any, kind: str) -> None:
        """Say what tensors hold that are there already."""
        if self._tracker is not None:
            self._tracker.add(held, kind)

    def belong(self, optimiser: torch.optim.Optimizer) -> None:
        """Say to which layer gradients and the optimiser's states belong."""
        if self._tracker is not None:
            for number, weights in enumerate(self._weights):
                for weight in weights:
                    states = list(optimiser.state.get(weight, {}).values())
                    self._tracker.belong([weight.grad, *states], number)

    def _mark(self, where: str) -> None:
        if self._tracker is not None:
            self._tracker.begin((self._step, self._phase, where))

    def _entered(self, name: str) -> Callable[..., None]:
        def hook(_: Any, args: Any) -> None:
            if self._phase in ("forward", "decode"):  # not when it is computed again
                self._mark(name)
                if name == FIRST and args and args[0].requires_grad:
                    args[0].register_hook(self._returned(BEFORE))

        return hook

    def _left(self, name: str) -> Callable[..., None]:
        def hook(_: Any, args: Any, result: Any) -> None:
            if self._phase in ("forward", "decode"):
                if name == LAST:
                    self._mark(BEHIND)
                hidden = result[0] if isinstance(result, tuple) else result
                if hidden.requires_grad:
                    hidden.register_hook(self._returned(name))

        return hook

    def _returned(self, name: str) -> Callable[[torch.Tensor], None]:
        def hook(_: torch.Tensor) -> None:
            if self._phase == "backward":
                self._mark(name)

        return hook


# ---------------------------------------------------------------- inference


@torch.no_grad()
def infer(model: Any, setting: Setting, tracker: StorageTracker | None, vocabulary: int) -> None:
    """A prompt is read, then a token is written behind all others, as `generate` does it."""
    from transformers import DynamicCache

    place = _Places(model, tracker)
    ids = torch.randint(0, vocabulary, (setting.batch, setting.seq_len))
    cache = DynamicCache(config=model.config)
    place.at(0, "forward", BEFORE)
    mask = torch.ones_like(ids) if setting.padded else None
    _read(model, ids, mask, cache)
    place.tag(_held(cache), "cache")
    if not setting.new_tokens:
        return
    # The cache of the last token is put in place at once; on its way it grew token by token.
    for layer in cache.layers:
        for name in ("keys", "values"):
            old = getattr(layer, name)
            longer = setting.seq_len + setting.new_tokens - 1
            kept = old.shape[-2] if getattr(layer, "is_sliding", False) else longer
            setattr(layer, name, old.new_empty((*old.shape[:-2], kept, old.shape[-1])))
            del old
    place.tag(_held(cache), "cache")
    if tracker is not None:
        for number, layer in enumerate(cache.layers):
            tracker.belong([layer.keys, layer.values], number)
    place.at(0, "decode", BEFORE)
    mask = torch.ones((setting.batch, longer + 1), dtype=torch.long) if setting.padded else None
    _read(model, ids[:, :1], mask, cache)
    place.tag(_held(cache), "cache")


def _read(model: Any, ids: torch.Tensor, mask: torch.Tensor | None, cache: Any) -> None:
    told = {} if mask is None else {"attention_mask": mask}
    logits = model(
        input_ids=ids, past_key_values=cache, use_cache=True, logits_to_keep=1, **told
    ).logits
    logits[:, -1].to(dtype=torch.float32, copy=True).argmax(-1)


def _held(cache: Any) -> list[torch.Tensor]:
    return [each for layer in cache.layers for each in (layer.keys, layer.values)]


def depths(architecture: Architecture) -> tuple[int, ...]:
    """How many layers to trace: two and three where all are alike, else all of them."""
    if architecture.n_layers <= 3 or not all_alike(architecture):
        return (architecture.n_layers,)
    return (2, 3)
