"""LoRA and QLoRA on a model of Qwen2.5-0.5B's shape with random weights: minutes, so slow."""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from knowledge.load import model_cards
from probes.methods import Request
from probes.methods.lora import answer
from probes.models.load import load_model
from probes.records import Cell, Example
from probes.task import ModelRef


@pytest.fixture(scope="module")
def half_billion(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> Path:
    """Random weights in the published shape, with the tiny tokenizer beside them."""
    import torch
    from transformers import Qwen2Config, Qwen2ForCausalLM

    card = model_cards()["Qwen2.5-0.5B-Instruct"]
    torch.manual_seed(0)
    model = Qwen2ForCausalLM(
        Qwen2Config(
            vocab_size=card.vocab_size,
            hidden_size=card.hidden_size,
            num_hidden_layers=card.n_layers,
            num_attention_heads=card.n_heads,
            num_key_value_heads=card.n_kv_heads,
            intermediate_size=card.intermediate_size,
            max_position_embeddings=1024,
            tie_word_embeddings=True,
            bos_token_id=None,
            eos_token_id=1,
            pad_token_id=0,
        )
    )
    assert sum(p.numel() for p in model.parameters()) == card.n_params
    folder = tmp_path_factory.mktemp("models") / "half-billion"
    model.to(torch.bfloat16).save_pretrained(folder)
    for path in tiny_model.iterdir():
        if path.name.startswith("tokenizer") or path.suffix == ".jinja":
            shutil.copy(path, folder)
    return folder


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("quantization", ["none", "nf4"])
def test_a_pass_at_full_size(
    half_billion: Path, example: Callable[..., Example], quantization: str
) -> None:
    ref = ModelRef.model_validate(
        {
            "name": "half-billion",
            "source": "local",
            "location": str(half_billion),
            "quantization": quantization,
        }
    )
    model = load_model(ref)
    if quantization == "nf4":
        kinds = {type(module).__name__ for module in model.model.modules()}
        assert "Linear4bit" in kinds
    train = [example(f"row {at}", "yes" if at % 2 else "no", row=at) for at in range(8)]
    params = {
        "learning_rate": 1e-3, "rank": 16, "epochs": 2, "alpha": 32, "batch_size": 4,
        "decoding": "generate", "list_labels": False,
    }  # fmt: skip
    cell = Cell(
        rung="half-billion", method="lora", role="repeat", split="dev", n_eval=2, n_train=8,
        params=params,
    )  # fmt: skip
    found = answer(
        Request(
            model=model,
            cell=cell,
            task_type="classification",
            instruction="",
            labels=("no", "yes"),
            train=train,
            items=[row.item for row in train[:2]],
            max_new_tokens=4,
            progress=lambda done, total, what: None,
        )
    )
    assert len(found.predictions) == 2
    assert all(math.isfinite(record["loss"]) for record in found.history)
    assert found.history[-1]["loss"] < found.history[0]["loss"]
