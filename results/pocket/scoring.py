"""Score and fine-tune a pocket model with plain transformers and peft, apart from the product."""

import math
import os
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM, AutoTokenizer

from probes.pocket.corpus import Encoded, encode
from probes.pocket.turns import Document

IGNORED = -100


@dataclass(frozen=True)
class Loaded:
    """A model with its tokenizer."""

    model: Any
    tokenizer: Any


@dataclass(frozen=True)
class LoraSettings:
    """Rank, peak learning rate, passes and batch of one LoRA run."""

    epochs: int
    rank: int = 16
    learning_rate: float = 4e-3
    batch: int = 16


def load(folder: Path) -> Loaded:
    """Weights in fp32 and tokenizer from a local folder."""
    torch.set_num_threads(1)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, local_files_only=True)
    return Loaded(model.eval(), AutoTokenizer.from_pretrained(folder, local_files_only=True))


def _answer_start(weights: Sequence[float]) -> int:
    start = len(weights)
    while start > 0 and weights[start - 1] > 0:
        start -= 1
    return start


def _padded(rows: list[Encoded]) -> torch.Tensor:
    longest = max(len(ids) for ids, _ in rows)
    tokens = torch.zeros(len(rows), longest, dtype=torch.long)
    for index, (ids, _) in enumerate(rows):
        tokens[index, : len(ids)] = torch.tensor(ids)
    return tokens


def right(loaded: Loaded, documents: list[Document], batch: int = 50) -> list[bool]:
    """Whether the last answer of each document is what greedy decoding would write.

    Teacher-forced: every answer token, the end marker included, must be the argmax given the true
    tokens before it, which holds exactly when greedy decoding reproduces the answer.
    """
    rows = encode(loaded.tokenizer, documents)
    order = sorted(range(len(rows)), key=lambda i: len(rows[i][0]))
    verdicts = [False] * len(rows)
    loaded.model.eval()
    for first in range(0, len(order), batch):
        chosen = order[first : first + batch]
        tokens = _padded([rows[i] for i in chosen])
        with torch.no_grad():
            best = loaded.model(input_ids=tokens).logits.argmax(-1)
        for row, index in enumerate(chosen):
            start, end = _answer_start(rows[index][1]), len(rows[index][0])
            same = best[row, start - 1 : end - 1] == tokens[row, start:end]
            verdicts[index] = bool(same.all())
    return verdicts


def accuracy(loaded: Loaded, documents: list[Document]) -> float:
    """Share of last answers that greedy decoding reproduces."""
    verdicts = right(loaded, documents)
    return sum(verdicts) / len(verdicts)


def generate(
    loaded: Loaded, documents: list[Document], samples: int = 0, temperature: float = 0.8
) -> list[list[str]]:
    """Answers as text: one greedy answer, or so many samples, for each document."""
    torch.manual_seed(0)
    sampling: dict[str, Any] = {"do_sample": False}
    if samples:
        sampling = {
            "do_sample": True,
            "temperature": temperature,
            "top_k": 0,
            "num_return_sequences": samples,
        }
    answers: list[list[str]] = []
    for first in range(0, len(documents), 25):
        prompts = [
            loaded.tokenizer.apply_chat_template(
                [{"role": role, "content": text} for role, text in document[:-1]],
                tokenize=False,
                add_generation_prompt=True,
            )
            for document in documents[first : first + 25]
        ]
        batch = loaded.tokenizer(
            prompts, return_tensors="pt", padding=True, add_special_tokens=False
        )
        written = loaded.model.generate(**batch, max_new_tokens=64, **sampling)
        texts = loaded.tokenizer.batch_decode(
            written[:, batch["input_ids"].shape[1] :], skip_special_tokens=True
        )
        each = max(1, samples)
        answers += [texts[i : i + each] for i in range(0, len(texts), each)]
    return answers


def check_equal_to_greedy(loaded: Loaded, documents: list[Document]) -> None:
    """Assert that teacher-forced verdicts equal those of real greedy generation."""
    forced = right(loaded, documents)
    written = [texts[0] for texts in generate(loaded, documents)]
    greedy = [text == document[-1][1] for text, document in zip(written, documents, strict=True)]
    differing = [i for i, (a, b) in enumerate(zip(forced, greedy, strict=True)) if a != b]
    assert not differing, [(written[i], documents[i][-1][1]) for i in differing]


def adapt(
    folder: Path, documents: list[Document], settings: LoraSettings, seed: int
) -> tuple[Loaded, float]:
    """A LoRA on all linear layers, trained on the answer tokens; returns it with CPU seconds."""
    loaded = load(folder)
    torch.manual_seed(seed)
    config = LoraConfig(
        r=settings.rank,
        lora_alpha=2 * settings.rank,
        target_modules="all-linear",
        task_type="CAUSAL_LM",
    )
    model = get_peft_model(loaded.model, config)
    rows = encode(loaded.tokenizer, documents)
    trained = [p for p in model.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(trained, lr=settings.learning_rate, weight_decay=0.0)
    shuffle = random.Random(seed)
    steps = math.ceil(len(rows) / settings.batch) * settings.epochs
    started, step = time.process_time(), 0
    model.train()
    for _ in range(settings.epochs):
        order = shuffle.sample(range(len(rows)), len(rows))
        for first in range(0, len(order), settings.batch):
            _lora_step(model, [rows[i] for i in order[first : first + settings.batch]])
            torch.nn.utils.clip_grad_norm_(trained, 1.0)
            rate = min(1.0, (step + 1) / 10) * 0.5 * (1 + math.cos(math.pi * step / steps))
            for group in optimiser.param_groups:
                group["lr"] = settings.learning_rate * rate
            optimiser.step()
            optimiser.zero_grad()
            step += 1
    return Loaded(model.eval(), loaded.tokenizer), time.process_time() - started


def _lora_step(model: Any, rows: list[Encoded]) -> None:
    tokens = _padded(rows)
    targets = torch.full_like(tokens, IGNORED)
    for index, (ids, weights) in enumerate(rows):
        scored = torch.tensor(weights) > 0
        targets[index, : len(ids)] = torch.where(scored, tokens[index, : len(ids)], IGNORED)
    logits = model(input_ids=tokens).logits[:, :-1]
    loss = torch.nn.functional.cross_entropy(
        logits.reshape(-1, logits.shape[-1]), targets[:, 1:].reshape(-1), ignore_index=IGNORED
    )
    loss.backward()
