"""Pre-train the pocket ladder: `python -m probes.pocket.pretrain [--size xs|s|m] [--out DIR]`."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import argparse
import json
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from transformers import GenerationConfig, Qwen2ForCausalLM

from probes.pocket.architecture import SHAPES, grow, new_model, structured_init
from probes.pocket.corpus import TOKENS_PER_STEP, batches
from probes.pocket.optimiser import MuonAdamW, schedule
from probes.pocket.tokenizer import END_ID, PAD_ID, pocket_tokenizer, save_tokenizer
from probes.pocket.world import FULL_MIXTURE, IN_CONTEXT_MIXTURE, LAST_MIXTURE

WEIGHTS = Path(__file__).parent / "weights"


@dataclass(frozen=True)
class Stage:
    """One run over one mixture with its own schedule."""

    mixture: dict[str, float]
    million_tokens: float
    muon_rate: float
    adamw_rate: float
    decays: bool = True


@dataclass(frozen=True)
class Recipe:
    """How one rung is made: from structured random weights, or grown from a smaller rung."""

    stages: tuple[Stage, ...]
    grown_from: str | None = None
    bfloat16: bool = False


FROM_SCRATCH = (
    Stage(IN_CONTEXT_MIXTURE, 1.0, muon_rate=0.012, adamw_rate=3e-3),
    Stage(FULL_MIXTURE, 10.0, muon_rate=0.012, adamw_rate=3e-3),
)
RECIPES: dict[str, Recipe] = {
    "xs": Recipe(FROM_SCRATCH),
    "s": Recipe(FROM_SCRATCH),
    "m": Recipe(
        (
            Stage(FULL_MIXTURE, 1.024, muon_rate=0.008, adamw_rate=2e-3, decays=False),
            Stage(FULL_MIXTURE, 3.0, muon_rate=0.008, adamw_rate=2e-3),
            Stage(LAST_MIXTURE, 3.0, muon_rate=0.006, adamw_rate=1.5e-3),
        ),
        grown_from="s",
        bfloat16=True,
    ),
}


def start(size: str, weights: Path) -> Qwen2ForCausalLM:
    """The untrained model of a rung, or the rung below it, grown."""
    source = RECIPES[size].grown_from
    if source is None:
        return structured_init(new_model(SHAPES[size]))
    small = Qwen2ForCausalLM.from_pretrained(weights / f"pocket-{source}", dtype=torch.float32)
    return grow(small, SHAPES[size])


def answer_loss(
    model: Qwen2ForCausalLM, tokens: torch.Tensor, weights: torch.Tensor, bfloat16: bool
) -> torch.Tensor:
    """Weighted mean cross-entropy over the tokens that carry weight; logits for those only."""
    scored = weights[:, 1:].reshape(-1).nonzero()[:, 0]
    with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
        hidden = model.model(input_ids=tokens, use_cache=False).last_hidden_state[:, :-1]
        logits = model.lm_head(hidden.reshape(-1, hidden.shape[-1])[scored])  # (scored, V)
    targets = tokens[:, 1:].reshape(-1)[scored]
    losses = torch.nn.functional.cross_entropy(logits.float(), targets, reduction="none")
    share = weights[:, 1:].reshape(-1)[scored]
    return (losses * share).sum() / share.sum()


def run_stage(
    model: Qwen2ForCausalLM, tokenizer: Any, stage: Stage, seed: str, bfloat16: bool
) -> list[dict[str, float]]:
    """Train through one stage; returns and prints the loss every hundred steps."""
    optimiser = MuonAdamW(model, stage.muon_rate, stage.adamw_rate)
    steps = max(1, int(stage.million_tokens * 1e6) // TOKENS_PER_STEP)
    source = batches(tokenizer, stage.mixture, seed)
    log: list[dict[str, float]] = []
    total = 0.0
    for step in range(steps):
        tokens, weights = (torch.from_numpy(array) for array in next(source))
        loss = answer_loss(model, tokens, weights, bfloat16)
        loss.backward()
        optimiser.step(schedule(step / steps if stage.decays else 0.0, step))
        total += loss.item()
        if (step + 1) % 100 == 0 or step + 1 == steps:
            count = (step % 100) + 1
            entry = {
                "tokens": (step + 1) * TOKENS_PER_STEP,
                "cpu_s": round(time.process_time(), 1),
                "loss": round(total / count, 4),
            }
            log.append(entry)
            print(f"{seed} {json.dumps(entry)}", flush=True)
            total = 0.0
    return log


def ship(model: Qwen2ForCausalLM, tokenizer: Any, folder: Path) -> None:
    """Write the fp32 weights with tokenizer and greedy generation settings."""
    model.generation_config = GenerationConfig(
        do_sample=False, eos_token_id=END_ID, pad_token_id=PAD_ID, max_new_tokens=64
    )
    model.save_pretrained(folder)
    save_tokenizer(tokenizer, folder)


def pretrain(size: str, out: Path, tokens_scale: float = 1.0) -> Path:
    """Make one rung and ship it to `out/pocket-<size>`, with its training record beside it."""
    torch.set_num_threads(1)
    recipe = RECIPES[size]
    tokenizer = pocket_tokenizer()
    model = start(size, out)
    started = time.process_time()
    logs = {}
    for index, stage in enumerate(recipe.stages):
        scaled = replace(stage, million_tokens=stage.million_tokens * tokens_scale)
        seed = f"{size}/stage-{index}"
        logs[seed] = run_stage(model, tokenizer, scaled, seed, recipe.bfloat16)
    folder = out / f"pocket-{size}"
    ship(model, tokenizer, folder)
    record = {
        "size": size,
        "shape": asdict(SHAPES[size]),
        "parameters": sum(p.numel() for p in model.parameters()),
        "grown_from": recipe.grown_from,
        "tokens": sum(log[-1]["tokens"] for log in logs.values()),
        "cpu_s": round(time.process_time() - started, 1),
        "torch": torch.__version__,
        "log": logs,
    }
    (folder / "training.json").write_text(json.dumps(record, indent=1) + "\n")
    return folder


def main() -> None:
    """Train one rung, or all in order."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", choices=list(RECIPES), help="one rung (default: all, in order)")
    parser.add_argument("--out", type=Path, default=WEIGHTS, help="folder of the rungs")
    parser.add_argument("--tokens", type=float, default=1.0, help="share of the recipe's tokens")
    arguments = parser.parse_args()
    for size in [arguments.size] if arguments.size else list(RECIPES):
        print(pretrain(size, arguments.out, arguments.tokens), flush=True)


if __name__ == "__main__":
    main()
