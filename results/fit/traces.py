"""Random settings with the bytes of every place of the run at two depths, a JSON line each.

    python -m results.fit.traces OUT.jsonl --n 60 --seed 0

`--n` settings for every group of `probes.footprint.closed_form`; a file that is there is added to.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from knowledge.load import model_cards
from probes.footprint.closed_form import TRACED_ROW, TRACED_TOKENS, group_of, is_fitted
from probes.footprint.depth import at_depth
from probes.footprint.settings import Architecture, Setting

SMALLEST = 100_000_000
"""Parameters from which on known models are drawn."""


def architecture(rng: random.Random) -> Architecture:
    """That of a known model, or one with widths of its own."""
    cards = [card for card in model_cards().values() if card.n_params > SMALLEST]
    if rng.random() < 0.5:
        return rng.choice([known for known in map(Architecture.of_card, cards) if is_fitted(known)])
    head = rng.choice((64, 128))
    heads = rng.choice((8, 12, 16, 24, 32, 40, 48))
    groups = rng.choice([g for g in (1, 2, 4, 8) if heads % g == 0])
    hidden = head * heads
    config: dict[str, Any] = {
        "model_type": rng.choice(("llama", "qwen2", "qwen3", "mistral")),
        "num_hidden_layers": rng.randint(8, 60),
        "hidden_size": hidden,
        "intermediate_size": 64 * round(hidden * rng.uniform(2.4, 5.5) / 64),
        "num_attention_heads": heads,
        "num_key_value_heads": heads // groups,
        "vocab_size": rng.choice((32_000, 49_152, 100_352, 128_256, 151_936, 152_064)),
        "max_position_embeddings": TRACED_TOKENS,
        "tie_word_embeddings": rng.random() < 0.5,
        "head_dim": head,
        "sliding_window": None,
    }
    return Architecture(name="random", config=config, basis="drawn")


def groups() -> Iterator[dict[str, Any]]:
    """The fields that tell groups apart."""
    for checkpointing in (False, True):
        for dtype in ("bfloat16", "float32"):
            for kept in ("float32", "base") if dtype == "bfloat16" else ("float32",):
                yield {"method": "lora", "dtype": dtype, "checkpointing": checkpointing,
                       "adapter_dtype": kept}  # fmt: skip
            for optimiser in ("adamw_fused", "adamw_foreach"):
                yield {"method": "full", "dtype": dtype, "checkpointing": checkpointing,
                       "optimiser": optimiser}  # fmt: skip
        for casts in (False, True):
            yield {"method": "qlora", "checkpointing": checkpointing, "kbit_casts": casts}
        for four_bit in (False, True):
            yield {"method": "dpo", "checkpointing": checkpointing, "four_bit": four_bit}
    yield {"method": "inference", "dtype": "bfloat16"}
    yield {"method": "inference", "dtype": "float32"}
    yield {"method": "inference", "four_bit": True}


def drawn(fixed: dict[str, Any], rng: random.Random) -> Setting:
    """One setting of a group."""
    seq_len = 64 * round(2 ** rng.uniform(1, math.log2(TRACED_ROW / 64)))
    batch = min(2 ** rng.randint(0, 4), max(1, TRACED_TOKENS // seq_len))
    fields: dict[str, Any] = {"seq_len": seq_len, "batch": batch, "padded": rng.random() < 0.3}
    if fixed["method"] == "inference":
        fields["new_tokens"] = rng.choice((0, 64, 512))
    else:
        fields["loss"] = "chunked" if rng.random() < 0.25 else "plain"
    if fixed["method"] in ("lora", "qlora", "dpo"):
        fields["rank"] = rng.choice((4, 8, 16, 32, 64, 128))
        fields["targets"] = rng.choice(
            (("all-linear",), ("all-linear",), ("q_proj", "v_proj"),
             ("q_proj", "k_proj", "v_proj", "o_proj"))
        )  # fmt: skip
        fields["dropout"] = rng.choice((0.0, 0.0, 0.05))
    return Setting.model_validate({**fixed, **fields})


def row(found: Architecture, setting: Setting) -> dict[str, Any]:
    """The bytes at each place with two layers and with three, and what the allocator held."""
    from probes.footprint.predict import held, peaks_of, runs_of

    runs = runs_of(found, setting, (2, 3))
    at = peaks_of(runs, setting)
    peak = max(at_depth(at, found.n_layers).values(), key=lambda each: each.total)
    return {
        "architecture": found.model_dump(mode="json"),
        "setting": setting.model_dump(mode="json"),
        "places": {
            " ".join(map(str, place)): [at[2][place].total, at[3][place].total]
            for place in sorted(set(at[2]) & set(at[3]))
        },
        "held": held(runs, peak, found.n_layers)[0],
    }


def main() -> None:
    """Traces and writes."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--n", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    rng = random.Random(arguments.seed)
    start_s = time.time()
    with arguments.out.open("a", encoding="utf-8") as file:
        for at in range(arguments.n):
            for fixed in groups():
                found, setting = architecture(rng), drawn(fixed, rng)
                try:
                    file.write(json.dumps(row(found, setting)) + "\n")
                except Exception as error:
                    print(f"{group_of(setting)}: {type(error).__name__} {error}"[:200], flush=True)
                file.flush()
            print(f"{at + 1} of each group, {time.time() - start_s:.0f} s", flush=True)


if __name__ == "__main__":
    main()
