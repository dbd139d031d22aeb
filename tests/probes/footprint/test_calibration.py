"""The calibration by stack: its terms by hand, and stacks that it knows or does not."""

from __future__ import annotations

import math

import pytest

from knowledge.load import memory_stacks, model_cards
from knowledge.stack_memory import family_of, run_name
from probes.footprint.calibration import DEFAULT_STACK, by_stack, calibrated, terms_of
from probes.footprint.closed_form import form_of, places
from probes.footprint.settings import Architecture, Setting

LLAMA = Architecture.of_card(model_cards()["Llama-3.2-3B-Instruct"])
LORA = Setting(
    method="lora", seq_len=768, batch=4, rank=32, targets=("q_proj", "v_proj"), padded=True
)


def test_terms_are_those_of_the_widths() -> None:
    """Llama-3.2-3B: 28 layers, 3,072 wide, 8 key heads of 128, 128,256 entries."""
    tokens = 4 * 768
    assert terms_of(LLAMA, LORA, beyond=5.0, four_bit=False) == {
        "held": 5.0,
        "constant": 1e9,
        "tokens x vocabulary": tokens * 128_256,
        "tokens x hidden": 2 * 28 * tokens * 3072,
        "4-bit tokens x hidden": 0,
        "4-bit tables": 0,
    }
    kept = LORA.model_copy(update={"checkpointing": True})
    assert terms_of(LLAMA, kept, beyond=0, four_bit=True)["4-bit tokens x hidden"] == (
        2 * tokens * 3072
    )
    answer = Setting(method="inference", seq_len=1000, new_tokens=24)
    assert terms_of(LLAMA, answer, beyond=0, four_bit=False)["cache"] == 4 * 1024 * 28 * 1024


def test_today_s_stack_is_near_what_was_measured() -> None:
    """PEFT's benchmark held 22.29 GB with this setting on an L40S."""
    live = max(places(LLAMA, LORA).values())
    form = form_of(LORA)
    assert form is not None
    found = by_stack(live, live * form.held_median, LLAMA, LORA)
    assert found.median_bytes == pytest.approx(22.29e9, rel=0.03)
    assert found.low_bytes < 22.29e9 < found.high_bytes
    assert DEFAULT_STACK in found.basis


def test_what_was_not_measured_is_less_sure() -> None:
    """Another stack, and another kind of run of the same one."""
    law = next(law for law in memory_stacks() if law.kind == "training")
    kept = LORA.model_copy(update={"checkpointing": True})
    for found, half in (
        (by_stack(20e9, 21e9, LLAMA, LORA, stack="litgpt-2023"), law.known),
        (by_stack(20e9, 21e9, LLAMA, kept, stack="litgpt-2023"), law.new),
        (by_stack(20e9, 21e9, LLAMA, LORA, stack="axolotl-2026"), law.new),
    ):
        assert found.high_bytes / found.median_bytes == pytest.approx(math.exp(half))
        assert found.median_bytes / found.low_bytes == pytest.approx(math.exp(half))
    assert law.new > law.known


def test_our_own_stack_holds_at_least_what_is_live() -> None:
    """A loss in chunks has no logits to correct, and an allocator holds its live blocks."""
    chunked = LORA.model_copy(update={"loss": "chunked"})
    assert terms_of(LLAMA, chunked, beyond=0, four_bit=False)["tokens x vocabulary"] == 0
    assert by_stack(20e9, 20e9, LLAMA, LORA).low_bytes >= 20e9


def test_a_stack_of_known_code_has_its_family_s_factors() -> None:
    law = next(law for law in memory_stacks() if law.kind == "training")
    assert law.of("litgpt-2031") == (law.families["litgpt"], law.of("litgpt-2031")[1])
    assert law.of("nobody-2031")[0] == law.common
    assert family_of("peft-l40s-2026") == family_of("unsloth-2025 hf") == "transformers"
    assert run_name("lora", True) == "lora checkpointed"


def test_no_correction_takes_most_of_what_is_live() -> None:
    law = memory_stacks()[0].model_copy(update={"common": {"constant": -100.0}, "stacks": ()})
    found = calibrated(8e9, {"constant": 1e9}, law.model_copy(update={"families": {}}), "", "lora")
    assert found.median_bytes == 4e9
