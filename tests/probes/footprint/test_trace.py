"""Traces of a tiny Llama against bytes that can be counted by hand."""

from __future__ import annotations

import functools
import importlib.util
from typing import Any

import pytest

from probes.footprint.deepen import deepened
from probes.footprint.predict import predict
from probes.footprint.replay import peaks
from probes.footprint.settings import Architecture, Footprint, Setting
from probes.footprint.trace import depths, traced
from tests.probes.footprint.conftest import (
    HEADS,
    HIDDEN,
    KV_HEADS,
    LAYERS,
    MIDDLE,
    TINY,
    VOCABULARY,
)

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning")

KV_WIDTH = HIDDEN * KV_HEADS // HEADS
SHAPES = [(HIDDEN, HIDDEN)] * 2 + [(HIDDEN, KV_WIDTH)] * 2 + [(HIDDEN, MIDDLE)] * 3
N_LINEAR = LAYERS * sum(rows * columns for rows, columns in SHAPES)
N_PARAMS = N_LINEAR + 2 * HIDDEN * VOCABULARY + (2 * LAYERS + 1) * HIDDEN
N_ADAPTER = LAYERS * 16 * sum(rows + columns for rows, columns in SHAPES)
TOKENS = 2 * 128


@functools.cache
def footprint(method: Any, **more: Any) -> Footprint:
    told = {"dtype": "float32", "seq_len": 128, "batch": 2, "clip": False, **more}
    return predict(TINY, Setting(method=method, **told))


def near(found: int, counted: int, blocks: int) -> bool:
    """Whether it is what was counted, rounded up to 512 B in each of so many blocks."""
    return counted <= found <= counted + 512 * blocks


def test_weights_are_all_parameters_and_the_rotary_buffers() -> None:
    found = footprint("full")
    assert found.n_params == found.n_trained == N_PARAMS
    assert near(found.parts["weights"], 4 * N_PARAMS + 2 * 4 * HIDDEN // HEADS // 2, 70)


def test_the_optimiser_holds_two_moments() -> None:
    found = footprint("full")
    assert near(found.parts["optimiser"], 8 * N_PARAMS, 3 * 70)
    assert footprint("full", optimiser="sgd").parts["optimiser"] == 0


def test_full_training_ends_with_a_gradient_for_each_weight() -> None:
    found = footprint("full", seq_len=8, batch=1)
    assert near(found.phases["step"], 16 * N_PARAMS, 5 * 70)


def test_logits_are_three_times_fp32() -> None:
    """Log-probabilities and two gradients, where transformers computes the loss at once."""
    found = footprint("lora", checkpointing=True, seq_len=1024)
    assert found.peak_phase == "backward"
    assert near(found.parts["logits"], 3 * 4 * 2 * 1024 * VOCABULARY, 4)


def test_an_adapter_has_rank_times_both_widths() -> None:
    found = footprint("lora")
    assert found.n_trained == N_ADAPTER
    assert near(found.parts["adapters"], 4 * N_ADAPTER, 14 * LAYERS)
    assert near(found.parts["optimiser"], 8 * N_ADAPTER, 3 * 14 * LAYERS)


def test_an_adapter_stays_in_fp32_unless_told_otherwise() -> None:
    kept = footprint("lora", dtype="bfloat16")
    cast = footprint("lora", dtype="bfloat16", adapter_dtype="base")
    assert near(kept.parts["adapters"], 4 * N_ADAPTER, 14 * LAYERS)
    assert near(cast.parts["adapters"], 2 * N_ADAPTER, 14 * LAYERS)
    assert cast.allocated_bytes < kept.allocated_bytes


def test_four_bits_are_half_a_byte_and_their_scales() -> None:
    pytest.importorskip("bitsandbytes")
    found = footprint("qlora", dtype="bfloat16")
    rest = N_PARAMS - N_LINEAR
    blocks = N_LINEAR // 64
    counted = N_LINEAR // 2 + blocks + 4 * blocks // 256 + 2 * rest
    assert near(found.parts["weights"], counted, 5 * 7 * LAYERS + 20)
    assert found.parts["workspace"] == 0  # nothing is unpacked when the loss is at its peak
    assert found.n_params == N_PARAMS


def test_casts_for_four_bits_turn_the_rest_into_fp32() -> None:
    pytest.importorskip("bitsandbytes")
    bare = footprint("qlora", dtype="bfloat16")
    cast = footprint("qlora", dtype="bfloat16", kbit_casts=True)
    grown = cast.parts["weights"] - bare.parts["weights"]
    assert abs(grown - 2 * (N_PARAMS - N_LINEAR)) <= 512 * 20


def test_a_fourth_layer_adds_what_the_third_did() -> None:
    setting = Setting(method="lora", seq_len=128)
    two, three, four = (
        peaks(traced(TINY, setting, depth, primed=True).trace, 512) for depth in (2, 3, 4)
    )
    for moment in two:
        grown = three[moment].total - two[moment].total
        assert four[moment].total - three[moment].total == grown


@pytest.mark.parametrize(
    "told",
    [
        {"method": "lora"},
        {"method": "full", "optimiser": "adamw_foreach", "accumulation": 2},
        {"method": "inference", "new_tokens": 8},
    ],
)
def test_three_layers_made_deeper_are_the_deeper_trace(told: dict[str, Any]) -> None:
    setting = Setting(seq_len=64, clip=False, **told)  # its one vector has a norm a weight
    deeper = deepened(traced(TINY, setting, 3).trace, 5)
    own = traced(TINY, setting, 5).trace.events
    assert deeper is not None
    assert [size for _, size in deeper] == [size for _, size in own]


def test_the_line_ends_where_the_whole_model_is() -> None:
    deep = Architecture.of_config("deep", {**TINY.config, "num_hidden_layers": 5})
    setting = Setting(method="lora", seq_len=128, checkpointing=True)
    found, whole = predict(deep, setting), predict(deep, setting, whole=True)
    assert found.traced_layers == (2, 3)
    assert whole.traced_layers == (5,)
    assert found.parts == whole.parts
    assert found.phases == whole.phases
    assert found.n_params == whole.n_params
    assert found.reserved_bytes == whole.reserved_bytes
    assert "made as deep" in found.basis[-2]


def test_the_parts_are_the_peak() -> None:
    found = footprint("full")
    assert sum(found.parts.values()) == found.allocated_bytes == found.phases[found.peak_phase]
    assert found.safe_bytes > found.reserved_bytes + found.context_bytes > found.allocated_bytes


def test_checkpointing_lowers_the_peak() -> None:
    kept = footprint("lora", seq_len=512)
    computed_again = footprint("lora", seq_len=512, checkpointing=True)
    assert computed_again.parts["activations"] < kept.parts["activations"] / 2


def test_padding_dropout_and_a_second_pass_cost_memory() -> None:
    bare = footprint("full").allocated_bytes
    assert footprint("full", padded=True).allocated_bytes > bare
    assert footprint("full", accumulation=4).allocated_bytes > bare
    lora = footprint("lora").allocated_bytes
    assert footprint("lora", dropout=0.1).allocated_bytes > lora


def test_foreach_holds_a_copy_in_its_step() -> None:
    fused, foreach = (
        footprint("full", seq_len=8, optimiser=each).phases["step"]
        for each in ("adamw_fused", "adamw_foreach")
    )
    assert near(foreach - fused, 4 * N_PARAMS - 512 * 70, 140)


def test_a_cache_has_keys_and_values_for_every_token() -> None:
    found = footprint("inference", new_tokens=72)
    per_token = 2 * LAYERS * KV_WIDTH * 4
    decode = traced(TINY, found.setting, LAYERS).trace
    held = peaks(decode, 512)[0, "decode", "behind"].parts["cache"]
    assert near(held, per_token * 2 * 200, 2 * LAYERS)
    assert found.n_trained == 0
    assert set(found.phases) == {"load", "forward", "decode"}


def test_a_cpu_copies_the_head_for_each_prompt() -> None:
    workspace = {}
    for device in ("cpu", "cuda"):
        told = {"dtype": "bfloat16", "seq_len": 4, "batch": 3, "device": device}
        run = traced(TINY, Setting(method="inference", **told), 3).trace
        workspace[device] = sum(
            size
            for storage, size in run.events
            if run.kinds.get(storage) == "workspace" and size > 0
        )
    assert workspace == {"cpu": 3 * HIDDEN * VOCABULARY * 2, "cuda": 0}


def test_unlike_layers_are_all_traced() -> None:
    deep = {**TINY.config, "num_hidden_layers": 5}
    assert depths(Architecture.of_config("deep", deep)) == (2, 3)
    mixed = {**deep, "model_type": "qwen3", "head_dim": 16, "sliding_window": 16}
    kinds = ["sliding_attention", "full_attention"] * 2 + ["full_attention"]
    mixed |= {"layer_types": kinds, "use_sliding_window": True}
    assert depths(Architecture.of_config("mixed", mixed)) == (5,)


@pytest.mark.skipif(importlib.util.find_spec("trl") is None, reason="trl is an extra")
def test_pairs_are_scored_twice_without_whole_logits() -> None:
    found = footprint("dpo", dtype="bfloat16")
    assert found.parts["logits"] == 0
    assert found.n_trained == N_ADAPTER
