"""Fixtures that several tests share: a tiny model on disk, and makers of records."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from probes.records import Cell, Cost, Estimate, Example, Item, Measurement, Prediction, Score, Turn

CHAT_TEMPLATE = (
    "{% for m in messages %}<|{{ m['role'] }}|>{{ m['content'] }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Qwen2 of 60,000 random weights with a byte-level tokenizer, saved as Hub models are."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast, Qwen2Config, Qwen2ForCausalLM

    special = ["<|pad|>", "<|end|>", "<|user|>", "<|assistant|>", "<|system|>"]
    symbols = special + sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE(vocab={s: i for i, s in enumerate(symbols)}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(special)
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<|pad|>", eos_token="<|end|>"
    )
    fast.chat_template = CHAT_TEMPLATE
    torch.manual_seed(0)
    model = Qwen2ForCausalLM(
        Qwen2Config(
            vocab_size=len(symbols),
            hidden_size=48,
            num_hidden_layers=2,
            num_attention_heads=4,
            num_key_value_heads=2,
            intermediate_size=64,
            max_position_embeddings=256,
            tie_word_embeddings=True,
            bos_token_id=None,
            eos_token_id=1,
            pad_token_id=0,
        )
    )
    folder = tmp_path_factory.mktemp("models") / "tiny"
    model.save_pretrained(folder)
    fast.save_pretrained(folder)
    return folder


@pytest.fixture
def example() -> Callable[..., Example]:
    """A maker of examples: `example("text", "label")`."""

    def make(text: str, output: str, *, row: int = 1, group: str | None = None) -> Example:
        item = Item(
            id=f"{abs(hash((text, row))) % 16**16:016x}", turns=(Turn(role="user", content=text),)
        )
        return Example(item=item, output=output, row=row, group=group)

    return make


@pytest.fixture
def measurement() -> Callable[..., Measurement]:
    """A maker of measurements from a list of 0/1 qualities."""

    def make(qualities: list[float], *, form: float = 1.0, **cell: object) -> Measurement:
        from probes.stats import estimate_mean

        fields = {
            "rung": "small",
            "method": "zero_shot",
            "role": "baseline",
            "split": "dev",
            "n_eval": len(qualities),
            "params": {"decoding": "generate", "list_labels": False},
        } | cell
        made = Cell.model_validate(fields)
        content = [max(quality, 1.0 - form) for quality in qualities]
        return Measurement(
            key=f"{abs(hash(made.model_dump_json())):x}".zfill(64)[:64],
            cell=made,
            status="ok",
            form=estimate_mean([form] * len(qualities))
            if form in (0, 1)
            else _flat(form, len(qualities)),
            content=estimate_mean(content),
            quality=estimate_mean(qualities),
            scores=tuple(
                Score(item_id=f"i{at}", form=form == 1.0 or quality > 0, content=c, quality=quality)
                for at, (quality, c) in enumerate(zip(qualities, content, strict=True))
            ),
            predictions=tuple(
                Prediction(item_id=f"i{at}", text="x", input_tokens=10, output_tokens=2)
                for at in range(len(qualities))
            ),
            cost=Cost(input_tokens=10 * len(qualities), output_tokens=2 * len(qualities)),
        )

    return make


def _flat(value: float, n: int) -> Estimate:
    return Estimate(
        value=value, low=max(0.0, value - 0.05), high=min(1.0, value + 0.05), n=n, basis="test"
    )


@pytest.fixture
def task_folder(tmp_path: Path) -> Callable[..., Path]:
    """A maker of a small task on disk; returns the path of its spec."""

    def make(*, n: int = 150, folder: str = "task", **fields: object) -> Path:
        home = tmp_path / folder
        home.mkdir()
        rows = [
            {
                "input": f"item {at} {'alpha' if at % 2 else 'beta'}",
                "output": "a" if at % 2 else "b",
            }
            for at in range(n)
        ]
        (home / "data.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        spec = {
            "version": 1,
            "name": "letters",
            "task_type": "classification",
            "instruction": "Name the letter.",
            "data": {"train": "data.jsonl"},
            "target": 0.9,
        } | fields
        (home / "spec.yaml").write_text(json.dumps(spec))  # JSON is YAML
        return home / "spec.yaml"

    return make
