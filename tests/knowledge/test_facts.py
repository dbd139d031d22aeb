"""Every fact file loads, is sourced, and agrees with itself."""

from __future__ import annotations

from datetime import date

import pytest

from knowledge.cost import (
    Work,
    cell_seconds,
    inference_flops,
    serving_usd_per_month,
    training_flops,
)
from knowledge.errors import UserError
from knowledge.load import ladder, ladders, machines, model_cards, speeds
from knowledge.memory import inference_peak_bytes, training_peak_bytes
from knowledge.records import ModelCard

CARDS = model_cards()


@pytest.mark.parametrize("card", CARDS.values(), ids=CARDS.keys())
def test_parameters_follow_from_the_architecture(card: ModelCard) -> None:
    """Embedding, attention with grouped heads, gated MLP: within 2 % of the stated number."""
    head = card.hidden_size // card.n_heads
    attention = card.hidden_size * head * (2 * card.n_heads + 2 * card.n_kv_heads)
    per_layer = attention + 3 * card.hidden_size * card.intermediate_size + 2 * card.hidden_size
    tied = card.n_layers * per_layer + card.vocab_size * card.hidden_size
    untied = tied + card.vocab_size * card.hidden_size
    assert min(abs(card.n_params / tied - 1), abs(card.n_params / untied - 1)) < 0.02


@pytest.mark.parametrize("card", CARDS.values(), ids=CARDS.keys())
def test_cards_are_dated_and_hub_models_pinned(card: ModelCard) -> None:
    assert date.fromisoformat(card.evidence.checked) <= date.today()
    if card.source == "hub":
        assert card.revision is not None
        assert len(card.revision) == 40
        assert set(card.revision) <= set("0123456789abcdef")


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


def test_memory_grows_with_tokens_and_holds_the_weights() -> None:
    card = CARDS["Qwen2.5-0.5B-Instruct"]
    short = training_peak_bytes(card, rank=16, tokens=512, answer_tokens=64, bytes_per_param=4)
    long = training_peak_bytes(card, rank=16, tokens=2048, answer_tokens=64, bytes_per_param=4)
    assert long > short > 4 * card.n_params
    assert inference_peak_bytes(card, tokens=10, bytes_per_param=2) > 2 * card.n_params
