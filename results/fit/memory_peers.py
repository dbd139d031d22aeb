"""What `canifinetune` and `fitcheck-llm` say of a run; run by a Python that has them.

    PYTHON -m results.fit.memory_peers < RUNS.jsonl

A JSON line a run in, a JSON line out: tool -> GB of 1e9 bytes, or null where the tool has no such
run. Called by `results.fit.memory_backtest`; imports nothing of this project. Where a tool lacks a
choice it gets the nearest one it has: 4 bits of any packing are its NF4, 8 bits its int8. Widths
between and mixtures of experts (`known` false) are not asked.
"""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Callable
from typing import Any

GIB, MIB = 1024**3, 1024**2
Run = dict[str, Any]
SCOPES = {7: "all_linear", 4: "attention", 2: "conservative"}
"""Modules of a layer with an adapter -> canifinetune's name of such a choice; of three it has none,
and gets all."""


def canifinetune(run: Run) -> float | None:
    """Its total without the margin, which it reports apart; None for inference."""
    tool = importlib.import_module("canifinetune.estimator")
    if run["method"] == "inference" or run["bits"] == 8 or not run["known"]:
        return None
    config = run["config"]
    asked = tool.EstimateRequest(
        model_id="row",
        method="qlora" if run["bits"] == 4 else run["method"],
        seq_len=run["seq_len"],
        micro_batch_size=run["batch"],
        base_dtype="bf16",
        quantization="nf4" if run["bits"] == 4 else "none",
        lora_rank=run["rank"],
        lora_target_scope=SCOPES.get(len(run["targets"]), "all_linear"),
        optimizer="adamw_torch",
        gradient_checkpointing=run["checkpointing"],
        attention_implementation="sdpa",
        gpu_vram_gb=run["gpu_gib"],
        use_network=False,
        override={
            **config,
            "family": config["model_type"],
            "total_params": run["n_params"],
        },
    )
    memory = tool.estimate(asked).memory
    return float(memory.total_estimated_gb * GIB - 0.05 * run["gpu_gib"] * GIB) / 1e9


def fitcheck(run: Run) -> float | None:
    """Its point estimate, without the reserve for the verdict; it refuses mixtures of experts."""
    if not run["known"]:
        return None
    tool = importlib.import_module("fitcheck")
    config = run["config"]
    heads = config["num_attention_heads"]
    model = tool.ModelConfig(
        name="row",
        num_params=run["n_params"],
        hidden_size=config["hidden_size"],
        num_layers=config["num_hidden_layers"],
        num_attention_heads=heads,
        num_kv_heads=config["num_key_value_heads"],
        intermediate_size=config["intermediate_size"],
        vocab_size=config["vocab_size"],
        head_dim=config.get("head_dim") or config["hidden_size"] // heads,
        tie_word_embeddings=bool(config["tie_word_embeddings"]),
    )
    card = tool.get_gpu(vram_mib=int(run["gpu_gib"] * 1024))
    quantised = {16: "none", 8: "int8", 4: "nf4"}[run["bits"]]
    if run["method"] == "inference":
        asked = tool.ServingConfig(
            precision="bf16",
            quantization=quantised,
            seq_len=run["seq_len"] + run["new_tokens"],
            num_concurrent=run["batch"],
        )
        return float(tool.estimate_inference(model, asked, card).total_mib * MIB) / 1e9
    training = tool.TrainingConfig(
        precision="bf16",
        quantization=quantised,
        batch_size=run["batch"],
        seq_len=run["seq_len"],
        lora_rank=None if run["method"] == "full" else run["rank"],
        lora_targets=run["targets"],
        grad_checkpoint=run["checkpointing"],
        flash_attn=True,
    )
    return float(tool.estimate(model, training, card).total_mib * MIB) / 1e9


TOOLS: dict[str, Callable[[Run], float | None]] = {
    "canifinetune": canifinetune,
    "fitcheck-llm": fitcheck,
}


def main() -> None:
    """Answers line by line; a tool that is not there is named once."""
    there = {name: tool for name, tool in TOOLS.items() if _importable(name)}
    for line in sys.stdin:
        run = json.loads(line)
        print(json.dumps({name: tool(run) for name, tool in there.items()}))


def _importable(name: str) -> bool:
    try:
        importlib.import_module({"fitcheck-llm": "fitcheck"}.get(name, name))
    except ImportError:
        print(f"{name} is not installed here", file=sys.stderr)
        return False
    return True


if __name__ == "__main__":
    main()
