"""Rows that were collected by hand: which are left out, and the others in columns of `Measured`."""

from __future__ import annotations

import re

from knowledge.load import machines
from results.fit.shapes import Row, shape_of

STACKS = (
    ("QwenLM/Qwen README", "qwen-v1-2023"),
    ("litgpt tutorials", "litgpt-2023"),
    ("litgpt config_hub", "litgpt-2024"),
    ("peft method_comparison", "peft-l40s-2026"),
    ("peft docs/source/package_reference", "peft-velora-2026"),
    ("peft docs", "peft-sharded-2024"),
    ("fsdp_qlora", "fsdp-qlora-2024"),
    ("mlx-lm", "mlx-2025"),
    ("Qwen3 docs", "transformers-2025"),
    ("llama-factory", "llamafactory-2024"),
    ("peft README", "peft-2023"),
    ("unsloth.ai/docs", "unsloth-2025"),
    ("unsloth/pull", "unsloth-2024"),
    ("trl", "trl-2025"),
    ("mlcommons", "mlperf-2025"),
    ("nemo", "nemo-2024"),
    ("torchtitan", "torchtitan-2025"),
)
"""Piece of the source -> stack; the first that fits."""
KINDS = {
    "qwen-v1-2023": "device",
    "litgpt-2023": "allocated",
    "litgpt-2024": "allocated",
    "peft-l40s-2026": "reserved",
    "fsdp-qlora-2024": "reserved",
    "mlx-2025": "allocated",
    "transformers-2024": "allocated",
    "transformers-2025": "allocated",
    "unsloth-2024": "reserved",
    "unsloth-2025": "device",
    "trl-2025": "reserved",
    "torchtitan-2025": "reserved",
}
"""What the memory of a stack's rows is; not known of the others."""
QUALITY = {"Q1-logged-exact": "logged", "Q5-capacity-bound": "capacity"}
MEAN_TOKENS = {"peft-l40s-2026": 210}
"""4,198,051 tokens of 20,000 rows, as its result files log (`train total tokens`)."""
GPUS = {
    "A100-SXM4-80GB": "a100-80gb",
    "A100-SXM4-40GB": "a100-40gb",
    "A100-40GB-SXM": "a100-40gb",
    "A10G-24GB": "a10g",
    "H20-96GB": "h20",
    "H100 (DGX)": "h100-80gb",
    "H100-80GB-SXM": "h100-80gb",
    "H100-96GB-500W": "h100-96gb-500w",
    "H200-SXM-141GB": "h200",
    "H200-141GB": "h200",
    "B200": "b200",
    "B200 (HGX)": "b200",
    "B200-SXM-180GB": "b200",
    "MI300X": "mi300x",
    "MI325X": "mi325x",
    "Tesla T4": "t4",
    "Apple M4 Max 64GB": "apple-m4-max",
    "Apple M1 Max 32GB": "apple-m1-max",
    "L40S": "l40s",
    "RTX 3090": "rtx-3090",
    "RTX 4090": "rtx-4090",
    "RTX A5000": "rtx-a5000",
    "RTX 6000 Ada": "rtx-6000-ada",
}
"""Device in the source -> its machine in `knowledge/hardware/machines.yaml`; what is not here stays
as the source has it, and is no known device."""


def stack_of(source: str) -> str:
    """The stack that a source's rows belong to."""
    return next(stack for piece, stack in STACKS if piece in source)


def why_not(row: Row) -> str:
    """Why a row is left out; empty where it is kept."""
    tag = row["note"].split(";")[0]
    if tag == "Q9-suspect":
        return "suspect: below what weights, gradients and moments take"
    if tag == "Q3-rounded-or-approx":
        return "rounded or approximate, settings partly not stated"
    if not row["params_b"]:
        return "the model is not named"
    if tag == "Q0-OOM":
        return ""
    if not (row["peak_mem_gb"] or row["tokens_per_s"] or row["s_per_step"]):
        return "neither memory nor speed"
    if row["method"] != "inference" and not row["seq_len"]:
        return "sequence length or batch not stated"
    return ""


def cleaned(row: Row) -> Row:
    """One collected row in the columns of `Measured`."""
    stack, note = stack_of(row["source_url_or_repo_path"]), row["note"]
    return {
        "model": row["model"],
        **_shape(row),
        **_setting(row),
        **_sequence(row, stack),
        "gpu": GPUS.get(row["gpu"], row["gpu"]),
        "n_gpu": str(n_gpu_of(row)),
        "parallel": parallel_of(row),
        **_memory(row, stack),
        **_speed(row, stack),
        "stack": stack,
        "quality": QUALITY.get(note.split(";")[0], "table"),
        "source": row["source_url_or_repo_path"],
    }


def _shape(row: Row) -> Row:
    shape = shape_of(row["model"], row["params_b"])
    if shape:
        return shape.columns()
    n_params = str(round(float(row["params_b"]) * 1e9))
    return {"n_params": n_params, "n_active": n_params}


def _setting(row: Row) -> Row:
    accumulation = re.search(r"grad accumulation (\d+)", row["note"])
    tells = {"True": "full", "False": "none", "selective": "selective"}
    return {
        "method": row["method"],
        "quantisation": row["quant"] or "none",
        "dtype": {"bfloat16": "bf16"}.get(row["dtype"], row["dtype"].split(" ")[0]),
        "rank": whole(row["rank"]),
        "targets": row["target_modules"].split("+")[0],
        "micro_batch": whole(row["micro_batch"]) or ("1" if "MLPerf" in row["note"] else ""),
        "accumulation": accumulation[1] if accumulation else "",
        "checkpointing": tells.get(row["grad_ckpt"], "unknown"),
        "optimiser": row["optimizer"].lower(),
        "variant": variant_of(row),
    }


def _sequence(row: Row, stack: str) -> Row:
    """Lengths in tokens; those of prompt and answer are told in the note."""
    note = row["note"]
    both = re.search(r"input (\d+) \+ generate (\d+)", note)
    made = re.search(r"(?:generate|generation \() ?(\d+) tok", note)
    prompt = "2048" if _reading(note) else ""
    new = made[1] if made and row["method"] == "inference" else ""
    return {
        "seq_len": whole(row["seq_len"]),
        "mean_tokens": str(MEAN_TOKENS.get(stack, "")),
        "prompt_tokens": both[1] if both else prompt,
        "new_tokens": both[2] if both else new,
    }


def _memory(row: Row, stack: str) -> Row:
    """Memory of one GPU in 1e9 bytes; where it ran out, what the GPU has."""
    note, gb, bound = row["note"], float(row["peak_mem_gb"] or 0), "equal"
    if stack == "qwen-v1-2023":
        gb /= n_gpu_of(row)
    if "Q0-OOM" in note:
        gb, bound = machines()[GPUS[row["gpu"]]].memory_bytes / 1e9, "above"
    if "Q5-" in note:
        bound = "within"
    kind = KINDS.get(stack, "") if gb else ""
    return {"memory_gb": f"{gb:.4g}" if gb else "", "memory_kind": kind, "bound": bound}


def _speed(row: Row, stack: str) -> Row:
    """Tokens a second over all GPUs, or seconds a step."""
    note = row["note"]
    per_gpu = "per gpu" in note.lower() and "all GPUs" not in note
    speed = float(row["tokens_per_s"] or 0) * (n_gpu_of(row) if per_gpu else 1)
    return {
        "tokens_per_s": f"{speed:g}" if speed else "",
        "counted": _counted(stack, row["method"] == "inference") if speed else "",
        "prompt_tokens_per_s": _reading(note),
        # MLPerf's is derived from the same speed
        "seconds_per_step": "" if "MLPerf" in note else row["s_per_step"],
    }


def _reading(note: str) -> str:
    """Tokens of the prompt that are read a second."""
    found = re.search(r"tok at ([\d.]+) tok/s", note)
    return found[1] if found else ""


def _counted(stack: str, inference: bool) -> str:
    if not inference:
        return "trained"
    return "all" if stack == "transformers-2025" else "generated"


def variant_of(row: Row) -> str:
    """What else sets a row apart, from its note, in fixed words."""
    note = row["note"].lower()
    marks = {
        "embeddings trained": "fully trained" in row["target_modules"],
        "compile": "compile" in note,
        "liger": "liger" in note and "no liger" not in note,
        "activations offloaded": "activation offloading" in note,
        "weights offloaded": "cpu offload" in note and "no cpu" not in note,
        "int8 cache": "int8 kv" in note,
        "dora": "use_dora" in note,
        "bdlora": "use_bdlora" in note,
        "deepspeed": "deepspeed" in note,
        "hf": "hf+fa2" in note,
        "tensor parallel": "tensor parallel" in note,
    }
    return ", ".join(name for name, holds in marks.items() if holds)


def parallel_of(row: Row) -> str:
    """How the model is spread over several GPUs."""
    note = row["note"]
    if n_gpu_of(row) == 1:
        return "none"
    if "DDP" in note:
        return "ddp"
    if re.search(r"CP[2-9]|multinode|2 nodes|PP4|TP[24] ", note + " "):
        return "spread"
    if "torchtitan" in row["source_url_or_repo_path"]:
        return "fsdp-nvlink"
    if "TP1 PP1" in note or "MLPerf" in note:
        return "nvlink"
    if row["method"] == "inference":
        return "spread"
    return "sharded"


def n_gpu_of(row: Row) -> int:
    """GPUs of the row; one where it names none."""
    return int(float(row["n_gpu"] or 1))


def whole(text: str) -> str:
    """`64.0` -> `64`."""
    return str(int(float(text))) if text else ""
