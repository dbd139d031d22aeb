from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from knowledge.load import model_cards
from probes.footprint.settings import Architecture, Setting


@pytest.mark.parametrize(
    "told",
    [
        {"method": "full", "four_bit": True},
        {"method": "lora", "new_tokens": 5},
        {"method": "lora", "kbit_casts": True},
        {"method": "lora", "seq_len": 0},
        {"method": "prefix"},
    ],
)
def test_what_contradicts_itself_is_refused(told: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Setting(**{"seq_len": 8, **told})


def test_qlora_is_in_four_bits_and_dpo_has_an_adapter() -> None:
    assert Setting(method="qlora", seq_len=8).quantised
    assert Setting(method="dpo", seq_len=8).adapted
    assert not Setting(method="full", seq_len=8).adapted


def test_a_card_of_a_known_family() -> None:
    found = Architecture.of_card(model_cards()["Qwen2.5-0.5B-Instruct"])
    assert found.config["model_type"] == "qwen2"
    assert found.config["tie_word_embeddings"] is True
    assert found.n_layers == 24


def test_embeddings_are_taken_for_untied_where_the_parameters_say_so() -> None:
    found = Architecture.of_card(model_cards()["Qwen2.5-7B-Instruct"])
    assert found.config["tie_word_embeddings"] is False


def test_a_card_of_an_unknown_family_says_so() -> None:
    card = model_cards()["Qwen2.5-0.5B-Instruct"].model_copy(
        update={"name": "Novel-1B", "family": ""}
    )
    found = Architecture.of_card(card)
    assert found.config["model_type"] == "llama"
    assert "unknown family" in found.basis


def test_a_config_keeps_what_shapes_the_layers() -> None:
    config = {"model_type": "llama", "num_hidden_layers": 2, "hidden_size": 8, "vocab_size": 9}
    found = Architecture.of_config("m", {**config, "torch_dtype": "float16", "auto_map": {}})
    assert found.config == config
    with pytest.raises(ValueError, match="vocab_size"):
        Architecture.of_config(
            "m", {"model_type": "llama", "num_hidden_layers": 2, "hidden_size": 8}
        )


def test_a_mistral_card_has_no_window() -> None:
    """The default of transformers is a window of 4,096 tokens, which only the first version had."""
    found = Architecture.of_card(model_cards()["Mistral-7B-Instruct-v0.3"])
    assert found.config["model_type"] == "mistral"
    assert found.config["sliding_window"] is None
