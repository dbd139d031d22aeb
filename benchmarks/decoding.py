"""Answers and scored candidates with the prompts' common start read once, beside `generate`.

    python -m benchmarks.decoding

32 prompts of 256 shared and 32 own tokens. Every row first asserts that both sides give the same
tokens, or log-likelihoods within 1e-4.
"""

from __future__ import annotations

import random
import warnings
from typing import Any

import torch

from benchmarks.models import random_model
from benchmarks.pairing import Ratio, paired, write
from probes.models.decode import decode
from probes.models.likelihood import choice_log_likelihoods
from probes.models.prefix import Prefix

SHARED, OWN, N_PROMPTS, BATCH, ANSWER, N_CHOICES = 256, 32, 32, 16, 4, 8
END = 1


def prompts_of(vocabulary: int) -> tuple[list[list[int]], list[list[int]]]:
    """The prompts, and eight candidates of one token."""
    rng = random.Random(0)
    start = rng.choices(range(5, vocabulary), k=SHARED)
    prompts = [start + rng.choices(range(5, vocabulary), k=OWN) for _ in range(N_PROMPTS)]
    return prompts, [[token] for token in rng.sample(range(5, vocabulary), N_CHOICES)]


def batches(prompts: list[list[int]], size: int = BATCH) -> list[list[list[int]]]:
    """The prompts in batches."""
    return [prompts[at : at + size] for at in range(0, len(prompts), size)]


def decoded(model: Any, prompts: list[list[int]], size: int) -> list[list[int]]:
    """Ours: greedy answers."""
    prefix = Prefix.of(model, prompts)
    return [
        answer
        for batch in batches(prompts, size)
        for answer in decode(model, prefix, batch, max_new_tokens=ANSWER, stop_ids=[END])
    ]


@torch.inference_mode()
def generated(model: Any, prompts: list[list[int]]) -> list[list[int]]:
    """transformers' greedy answers."""
    found = []
    for batch in batches(prompts):
        ids = torch.tensor(batch)
        out = model.generate(
            input_ids=ids, attention_mask=torch.ones_like(ids), max_new_tokens=ANSWER,
            do_sample=False, pad_token_id=0, eos_token_id=[END],
        )[:, ids.shape[1] :].tolist()  # fmt: skip
        found += [row[: row.index(END)] if END in row else row for row in out]
    return found


def scored(model: Any, prompts: list[list[int]], choices: list[list[int]], size: int) -> Any:
    """Ours: log-likelihoods (prompts, choices)."""
    prefix = Prefix.of(model, prompts)
    return torch.cat(
        [
            choice_log_likelihoods(model, prefix, batch, choices, 6144)
            for batch in batches(prompts, size)
        ]
    )


@torch.inference_mode()
def scored_apart(model: Any, prompts: list[list[int]], choices: list[list[int]]) -> Any:
    """One forward pass for each batch and choice, as lm-evaluation-harness does by default."""
    rows = []
    for batch in batches(prompts):
        columns = []
        for choice in choices:
            ids = torch.tensor([prompt + choice for prompt in batch])
            logits = model(input_ids=ids[:, :-1], use_cache=False).logits
            start = ids.shape[1] - len(choice)
            likely = logits[:, start - 1 :].log_softmax(-1)
            columns.append(likely.gather(2, ids[:, start:, None]).sum(dim=(1, 2)))
        rows.append(torch.stack(columns, dim=1))
    return torch.cat(rows)


def compared(name: str) -> list[Ratio]:
    """All rows of one model."""
    model = random_model(name)
    prompts, choices = prompts_of(model.config.vocab_size)
    whole = [[*choice, END] for choice in choices]
    assert decoded(model, prompts, N_PROMPTS) == generated(model, prompts)
    assert decoded(model, prompts, BATCH) == generated(model, prompts)
    for some in (choices, whole):
        found, wanted = scored(model, prompts, some, N_PROMPTS), scored_apart(model, prompts, some)
        torch.testing.assert_close(found, wanted, atol=1e-4, rtol=1e-4)

    def score(some: list[list[int]], size: int) -> Any:
        return lambda: scored(model, prompts, some, size)

    def generate() -> object:
        return generated(model, prompts)

    def apart() -> object:
        return scored_apart(model, prompts, choices)

    def apart_whole() -> object:
        return scored_apart(model, prompts, whole)

    own = f"{name}, {ANSWER} tokens"
    one = f"{name}, {N_CHOICES} choices of 1 token"
    two = f"{name}, {N_CHOICES} choices of 1 token and the end"
    passes = "one pass a choice"
    return [
        paired(f"{own}, batches of {BATCH}", lambda: decoded(model, prompts, BATCH), generate,
               alternative="generate", goal=10),
        paired(f"{own}, one batch", lambda: decoded(model, prompts, N_PROMPTS), generate,
               alternative="generate", goal=10),
        paired(one, score(choices, N_PROMPTS), generate, alternative="generate", goal=18),
        paired(one, score(choices, N_PROMPTS), apart, alternative=passes, goal=46),
        paired(two, score(whole, N_PROMPTS), generate, alternative="generate"),
        paired(two, score(whole, N_PROMPTS), apart_whole, alternative=passes),
    ]  # fmt: skip


def main() -> None:
    """Both models; results/benchmarks/decoding.md."""
    warnings.filterwarnings("ignore")
    torch.set_num_threads(1)
    found = [ratio for name in ("0.3M", "3M") for ratio in compared(name)]
    write(
        "decoding",
        "Decoding and scoring with the prompts' common start read once",
        "python -m benchmarks.decoding",
        found,
        f"{N_PROMPTS} prompts of {SHARED} shared and {OWN} own tokens, random weights. Greedy"
        " tokens were the same and log-likelihoods within 1e-4 before anything was timed.",
    )


if __name__ == "__main__":
    main()
