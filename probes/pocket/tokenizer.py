"""The pocket tokenizer: byte-level BPE with single digits and one-token chat markers."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

from probes.pocket import templates, vocabulary

VOCABULARY_SIZE = 1280
MARKERS: tuple[str, ...] = ("<|pad|>", "<|end|>", "<|user|>", "<|assistant|>", "<|system|>")
PAD_ID, END_ID = 0, 1
CHAT_TEMPLATE = (
    "{% for m in messages %}<|{{ m['role'] }}|>{{ m['content'] }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
OPENS_QUOTE = r"(?<=[\s{\[(:])"
"""What may stand before an opening quote; a space goes in behind it so that the quoted word is the
same token as the word in running text, and decoding takes it out again."""
PIECES = r" ?[A-Za-z]+|\d| ?[^\sA-Za-z\d]+|\s+(?!\S)|\s"
PROMPT_WORDS: tuple[str, ...] = (
    *("Context:", "Question:", "Text:", "Answer:", "Table:", "unknown", "boss"),
    *("Repeat:", "Reverse:", "First of:", "Last"),
)
JSON_SAMPLE = '{"name": "Mi", "item": "lamp", "count": "34"}'


def _training_text() -> Iterator[str]:
    """Syllables, words, common names and pre-training wordings, so often that each gets a token."""
    for syllable in vocabulary.SYLLABLES:
        yield from [syllable.capitalize(), f"0{syllable}"] * 1000
    words = vocabulary.WORDS + vocabulary.CITIES + vocabulary.LABEL_WORDS
    yield from [*words, *vocabulary.CATEGORIES, *vocabulary.ATTRIBUTES, "unknown"] * 20
    yield from vocabulary.COMMON_NAMES * 25
    wordings = [*templates.FILLER, *templates.STEPS, *PROMPT_WORDS]
    for bank in templates.BANKS.values():
        wordings += bank[0]
    seen = {word for wording in wordings for word in re.sub(r"{\w+}", "0", wording).split()}
    yield from sorted(seen) * 30
    yield from [JSON_SAMPLE] * 150


def train_tokenizer() -> Tokenizer:
    """Train the BPE on pre-training text only; the same seed gives the same merges."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.Sequence(
        [
            normalizers.Prepend(" "),
            normalizers.Replace(Regex(r"\n(?=[A-Za-z0-9])"), "\n "),
            normalizers.Replace(Regex(OPENS_QUOTE + '"(?=[A-Za-z0-9])'), '" '),
        ]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(PIECES), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.Sequence(
        [
            decoders.ByteLevel(),
            decoders.Replace(Regex(r"\n (?=[A-Za-z0-9])"), "\n"),
            decoders.Replace(Regex(OPENS_QUOTE + '" (?=[A-Za-z0-9])'), '"'),
            decoders.Strip(" ", 1, 0),
        ]
    )
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY_SIZE,
        special_tokens=list(MARKERS),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(_training_text(), trainer)
    return tokenizer


def pocket_tokenizer() -> Any:
    """The tokenizer as transformers loads it, with chat template and left padding."""
    from transformers import PreTrainedTokenizerFast

    return PreTrainedTokenizerFast(
        tokenizer_object=train_tokenizer(),
        pad_token="<|pad|>",
        eos_token="<|end|>",
        chat_template=CHAT_TEMPLATE,
        padding_side="left",
        clean_up_tokenization_spaces=False,
        model_max_length=1024,
        model_input_names=["input_ids", "attention_mask"],
    )


def save_tokenizer(tokenizer: Any, folder: Path) -> None:
    """Save so that AutoTokenizer keeps this normaliser.

    transformers 5 replaces every qwen2 folder's tokenizer class by its own Qwen2Tokenizer, which
    has another normaliser, unless `auto_map` names a class; an empty one selects tokenizer.json.
    """
    tokenizer.save_pretrained(folder)
    path = folder / "tokenizer_config.json"
    config = json.loads(path.read_text())
    config |= {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "auto_map": {"AutoTokenizer": [None, None]},
    }
    path.write_text(json.dumps(config, indent=2) + "\n")
