"""Every fact file loads, is sourced, and agrees with itself."""

from __future__ import annotations

from datetime import date
from typing import Literal

import pytest

from knowledge.cost import (
    Work,
    cell_seconds,
    inference_flops,
    serving_usd_per_month,
    training_flops,
)
from knowledge.errors import UserError
from knowledge.load import ladder, ladders, machines, model_cards, speeds, unpinned
from knowledge.memory import inference_peak_bytes, training_peak_bytes
from knowledge.records import ModelCard
from probes.footprint.closed_form import places
from probes.footprint.settings import Architecture, Setting

CARDS = model_cards()


QKV_BIASES = {"pocket", "Qwen2.5"}
HEAD_NORMS = {"Qwen3", "Gemma 3"}
"""One over each head of queries, one over each head of keys; all heads of a layer share them."""
WIDE_NORMS = {"OLMo 2"}
"""One over all queries, one over all keys."""
FOUR_NORMS = {"Gemma 2", "Gemma 3"}


def implied(card: ModelCard) -> int:
    """Parameters of embeddings, grouped attention, gated MLP, norms and biases."""
    width, head = card.hidden_size, card.head_columns
    layer = 2 * width * head * (card.n_heads + card.n_kv_heads)
    layer += 3 * width * card.intermediate_size
    layer += (4 if card.family in FOUR_NORMS else 2) * width
    layer += head * (card.n_heads + 2 * card.n_kv_heads) * (card.family in QKV_BIASES)
    layer += 2 * head * (card.family in HEAD_NORMS)
    layer += head * (card.n_heads + card.n_kv_heads) * (card.family in WIDE_NORMS)
    embeddings = (1 if card.tied_embeddings else 2) * card.vocab_size * width
    return card.n_layers * layer + embeddings + width


@pytest.mark.parametrize("card", CARDS.values(), ids=CARDS.keys())
def test_parameters_follow_from_the_architecture(card: ModelCard) -> None:
    """To the last one, so that no width, head size or tying is wrong."""
    assert card.n_params == implied(card)


def test_parameters_are_those_that_the_hub_counts_in_the_weights() -> None:
    """Totals of the safetensors files, as public pages quote them."""
    totals = {
        "Qwen2.5-0.5B-Instruct": 494_032_768,
        "Qwen2.5-72B-Instruct": 72_706_203_648,
        "Qwen3-8B": 8_190_735_360,
        "Qwen3-32B": 32_762_123_264,
        "Llama-3.2-3B-Instruct": 3_212_749_824,
        "Llama-3.1-70B-Instruct": 70_553_706_496,
        "gemma-2-9b-it": 9_241_705_984,
        "gemma-2-27b-it": 27_227_128_320,
        "gemma-3-1b-it": 999_885_952,
        "granite-3.3-8b-instruct": 8_170_864_640,
        "Mistral-Nemo-Instruct-2407": 12_247_782_400,
        "Mistral-Small-24B-Instruct-2501": 23_572_403_200,
        "Phi-4-mini-instruct": 3_836_021_760,
        "phi-4": 14_659_507_200,
    }
    assert {name: CARDS[name].n_params for name in totals} == totals


@pytest.mark.parametrize("card", CARDS.values(), ids=CARDS.keys())
def test_cards_are_dated_whole_and_pinned_by_commits(card: ModelCard) -> None:
    assert date.fromisoformat(card.evidence.checked) <= date.today()
    assert card.family
    assert card.chat_template
    assert card.tied_embeddings is not None
    assert card.head_size is not None
    assert all(len(code) == 2 for code in card.languages)
    if card.revision is not None:
        assert card.source == "hub"
        assert len(card.revision) == 40
        assert set(card.revision) <= set("0123456789abcdef")


def test_there_are_many_models_and_no_location_twice() -> None:
    hub = [card.location for card in CARDS.values() if card.source == "hub"]
    assert len(hub) == len(set(hub)) >= 40


def test_the_ladders_that_auto_picks_are_pinned() -> None:
    assert {name for name, row in ladders().items() if unpinned(row)} == {"granite4-nano"}
    assert [card.name for card in unpinned(ladders()["granite4-nano"])] == [
        "granite-4.0-350m",
        "granite-4.0-1b",
    ]


def test_ladders_name_models_that_exist_smallest_first() -> None:
    for row in ladders().values():
        sizes = [CARDS[name].n_params for name in row.models]
        assert sizes == sorted(sizes)
    assert ladders()["pocket"].rehearsal
    assert not ladders()["qwen2.5"].rehearsal


def test_prices_are_dated() -> None:
    for machine in machines().values():
        assert (machine.usd_per_hour is None) == (machine.price is None)


def test_unknown_ladder_says_what_exists() -> None:
    with pytest.raises(UserError, match="E-LADDER-UNKNOWN") as caught:
        ladder("quen")
    assert "qwen2.5" in str(caught.value)


def test_costs_grow_with_work_and_size() -> None:
    speed = speeds()["cpu"]
    small = cell_seconds(Work(train_tokens=1000, train_steps=10), 1_000_000, speed)
    large = cell_seconds(Work(train_tokens=1000, train_steps=10), 100_000_000, speed)
    assert large > small > 10 * speed.step_overhead_s
    assert training_flops(10, 3) == 120
    assert inference_flops(10, 3) == 60


def test_serving_price_of_a_known_case() -> None:
    """1e9 requests of 100 tokens on 1e9 parameters: 2e20 operations at 25 % of 121e12 a second."""
    machine = machines()["l4"]
    hours = 1e9 * 100 * 2 * 1e9 / (121e12 * 0.25) / 3600
    assert serving_usd_per_month(10**9, 100, 10**9, machine) == pytest.approx(hours * 0.80)


@pytest.mark.parametrize(
    "name", ["SmolLM2-135M-Instruct", "Qwen2.5-0.5B-Instruct", "Qwen2.5-7B-Instruct"]
)
@pytest.mark.parametrize(("dtype", "bytes_per_param"), [("bfloat16", 2), ("float32", 4)])
def test_the_rough_form_is_near_the_fitted_one_where_both_apply(
    name: str, dtype: Literal["bfloat16", "float32"], bytes_per_param: float
) -> None:
    """Without logits: the fitted one has those of all tokens, or of none."""
    setting = Setting(method="lora", dtype=dtype, seq_len=4096, loss="chunked")
    fitted = max(places(Architecture.of_card(CARDS[name]), setting).values())
    rough = training_peak_bytes(
        CARDS[name], rank=16, tokens=4096, answer_tokens=0, bytes_per_param=bytes_per_param
    )
    assert 0.85 < rough / fitted < 1.15


def test_memory_grows_with_tokens_and_holds_the_weights() -> None:
    card = CARDS["Qwen2.5-0.5B-Instruct"]
    short = training_peak_bytes(card, rank=16, tokens=512, answer_tokens=64, bytes_per_param=4)
    long = training_peak_bytes(card, rank=16, tokens=2048, answer_tokens=64, bytes_per_param=4)
    assert long > short > 4 * card.n_params
    assert inference_peak_bytes(card, tokens=10, bytes_per_param=2) > 2 * card.n_params
