"""Writes `knowledge/published/measured.csv` from the collected published rows.

    python -m results.fit.published ../shared/data/measured \
        --qwen2.5 speed_benchmark.rst --qwen3 speed_benchmark.md

The folder holds `measured.csv`, collected by hand with a note on each row. The two documents are
docs/source/benchmark/speed_benchmark.rst of QwenLM/Qwen2.5 (at 010c37c3) and
docs/source/getting_started/speed_benchmark.md of QwenLM/Qwen3 (at 7a2f61ff): of the second only the
SGLang tables are read, as the others are among the collected rows. Figures are kept with their
source, prose is not. Prints how many rows were left out and why.
"""

from __future__ import annotations

import argparse
import csv
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from knowledge.load import machines, model_cards
from knowledge.measured import FOLDER, Measured

Row = dict[str, str]
GIB = 1.073741824


@dataclass(frozen=True)
class Shape:
    """What the speed of a model depends on."""

    n_params: int
    n_layers: int
    hidden_size: int
    kv_columns: int
    vocab_size: int
    tied: bool
    n_active: int = 0


SHAPES = {
    # config.json of the models on the Hub; 72B by way of Qwen/Qwen-72B at main
    "Qwen-1.8B": Shape(1_836_828_672, 24, 2048, 2048, 151936, False),
    "Qwen-7B": Shape(7_721_324_544, 32, 4096, 4096, 151936, False),
    "Qwen-14B": Shape(14_167_290_880, 40, 5120, 5120, 152064, False),
    "Qwen-72B": Shape(72_287_920_128, 80, 8192, 8192, 152064, False),
    # the model card of Qwen3-30B-A3B: 30.5e9 in all, 3.3e9 active
    "Qwen3-30B-A3B": Shape(30_500_000_000, 48, 2048, 512, 151936, False, 3_300_000_000),
    # litgpt/config.py of Lightning-AI/litgpt
    "phi-1.5": Shape(1_418_270_720, 24, 2048, 2048, 51200, False),
    "StableLM Alpha": Shape(3_638_525_952, 16, 4096, 4096, 50688, False),
    "Llama-2-7B": Shape(6_738_415_616, 32, 4096, 4096, 32000, False),
    "Llama-2-13B": Shape(13_015_864_320, 40, 5120, 5120, 32000, False),
    "Llama-2-70B": Shape(68_976_648_192, 80, 8192, 1024, 32000, False),
    "CodeLlama-34B": Shape(33_743_970_304, 48, 8192, 1024, 32000, False),
    "Mistral-7B": Shape(7_241_732_096, 32, 4096, 1024, 32000, False),
    "Falcon-40B": Shape(41_303_293_952, 60, 8192, 512, 65024, True),
}
"""Shapes of older models that have no card here. Parameters follow from them, as in the tests of
the cards, where the architecture is Llama's or Qwen's."""
NAMES = {
    ("Llama 2", "7.0"): "Llama-2-7B",
    ("Llama 2", "13.0"): "Llama-2-13B",
    ("Llama 2", "70.0"): "Llama-2-70B",
    ("Llama-2-70b-chat", "69.0"): "Llama-2-70B",
    ("llama-2-7b", "6.74"): "Llama-2-7B",
    ("CodeLlama", "34.0"): "CodeLlama-34B",
    ("Falcon", "40.0"): "Falcon-40B",
    ("mistral-7b", "7.24"): "Mistral-7B",
    ("mistral-7b-v0.2", "7.24"): "Mistral-7B",
    ("Mistral-7B-v0.2", "7.24"): "Mistral-7B",
    ("Qwen3-30B-A3B-Instruct-2507", "30.5"): "Qwen3-30B-A3B",
}
"""Name and size in the source -> name in SHAPES."""
CARDS = {
    "Llama-3.1-8B": "Llama-3.1-8B-Instruct",
    "llama-3.1-8b": "Llama-3.1-8B-Instruct",
    "llama-3-8b": "Llama-3.1-8B-Instruct",
    "Llama-3.2-3B": "Llama-3.2-3B-Instruct",
    "llama-3.2-3b": "Llama-3.2-3B-Instruct",
    "llama-3.2-1b": "Llama-3.2-1B-Instruct",
    "unsloth/qwen3-14b-unsloth-bnb-4bit": "Qwen3-14B",
}
"""Name in the source -> the card of the same shape."""
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


def shape_of(row: Row) -> Shape | None:
    """The shape of the row's model, from the table or from a card."""
    name = NAMES.get((row["model"], row["params_b"]), row["model"])
    name = re.sub(r"-Chat(-Int\d)?$", "", name)
    if name in SHAPES:
        return SHAPES[name]
    card = model_cards().get(CARDS.get(name, name)) or model_cards().get(f"{name}-Instruct")
    if card is None:
        return None
    kv = card.n_kv_heads * card.head_columns
    tied = bool(card.tied_embeddings)
    return Shape(card.n_params, card.n_layers, card.hidden_size, kv, card.vocab_size, tied)


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
    note, n_gpu = row["note"], float(row["n_gpu"] or 1)
    if n_gpu == 1:
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


def whole(text: str) -> str:
    """`64.0` -> `64`."""
    return str(int(float(text))) if text else ""


def cleaned(row: Row) -> Row:
    """One collected row in the columns of `Measured`."""
    source, note, shape = row["source_url_or_repo_path"], row["note"], shape_of(row)
    stack, n_gpu = stack_of(source), int(float(row["n_gpu"] or 1))
    params = shape.n_params if shape else round(float(row["params_b"]) * 1e9)
    prompt = re.search(r"input (\d+) \+ generate (\d+)", note)
    made = re.search(r"(?:generate|generation \() ?(\d+) tok", note)
    per_gpu = "per gpu" in note.lower() and "all GPUs" not in note
    memory, bound = float(row["peak_mem_gb"] or 0), "equal"
    if stack == "qwen-v1-2023":
        memory /= n_gpu
    gpu = GPUS.get(row["gpu"], row["gpu"])
    if "Q0-OOM" in note:
        memory, bound = machines()[gpu].memory_bytes / 1e9, "above"
    if "Q5-" in note:
        bound = "within"
    speed = float(row["tokens_per_s"] or 0) * (n_gpu if per_gpu else 1)
    accumulation = re.search(r"grad accumulation (\d+)", note)
    inference = row["method"] == "inference"
    reading = re.search(r"tok at ([\d.]+) tok/s", note)
    tells = {"True": "full", "False": "none", "selective": "selective"}
    new: dict[str, Any] = {
        "model": row["model"],
        "n_params": params,
        "n_active": (shape.n_active if shape else 0) or params,
        "n_layers": shape.n_layers if shape else "",
        "hidden_size": shape.hidden_size if shape else "",
        "kv_columns": shape.kv_columns if shape else "",
        "vocab_size": shape.vocab_size if shape else "",
        "tied_embeddings": shape.tied if shape else "",
        "method": row["method"],
        "quantisation": row["quant"] or "none",
        "dtype": {"bfloat16": "bf16"}.get(row["dtype"], row["dtype"].split(" ")[0]),
        "rank": whole(row["rank"]),
        "targets": row["target_modules"].split("+")[0],
        "seq_len": whole(row["seq_len"]),
        "mean_tokens": MEAN_TOKENS.get(stack, ""),
        "prompt_tokens": prompt[1] if prompt else "2048" if reading else "",
        "new_tokens": prompt[2] if prompt else made[1] if made and inference else "",
        "micro_batch": whole(row["micro_batch"]) or ("1" if "MLPerf" in note else ""),
        "accumulation": accumulation[1] if accumulation else "",
        "checkpointing": tells.get(row["grad_ckpt"], "unknown"),
        "optimiser": row["optimizer"].lower(),
        "variant": variant_of(row),
        "gpu": gpu,
        "n_gpu": n_gpu,
        "parallel": parallel_of(row),
        "memory_gb": f"{memory:.4g}" if memory else "",
        "memory_kind": KINDS.get(stack, "") if memory else "",
        "bound": bound,
        "tokens_per_s": f"{speed:g}" if speed else "",
        "counted": _counted(stack, inference) if speed else "",
        "prompt_tokens_per_s": reading[1] if reading else "",
        # MLPerf's is derived from the same speed
        "seconds_per_step": "" if "MLPerf" in note else row["s_per_step"],
        "stack": stack,
        "quality": QUALITY.get(note.split(";")[0], "table"),
        "source": source,
    }
    return {key: str(value) for key, value in new.items()}


def _counted(stack: str, inference: bool) -> str:
    if not inference:
        return "trained"
    return "all" if stack == "transformers-2025" else "generated"


def tables_2_5(text: str) -> Iterator[tuple[str, list[str]]]:
    """(runtime, cells) of each row of the document on Qwen2.5, blanks filled from above."""
    for section in re.split(r"^- +(?=[\d.]+B \()", text, flags=re.MULTILINE)[1:]:
        runtime = section[section.index("(") + 1 : section.index(")")].lower()
        above = ["", ""]
        for line in section.splitlines():
            if line.startswith("|") and "Quantization" not in line:
                cells = [cell.strip() for cell in line.split("|")[1:-1]]
                above = [new or old for new, old in zip(cells[:2], above, strict=True)]
                yield runtime, [*above, *cells[2:]]


def tables_3(text: str) -> Iterator[tuple[str, list[str]]]:
    """The same of the SGLang tables of the document on Qwen3."""
    for section in re.split(r"^### ", text, flags=re.MULTILINE)[1:]:
        model, kind, *_ = section.split()
        if kind != "(SGLang)":
            continue
        length = ""
        for block in re.findall(r"<tr>(.*?)</tr>", section, flags=re.DOTALL):
            cells = re.findall(r"<td[^>]*>(.*?)</td>", block, flags=re.DOTALL)
            kept = [cell.strip() for cell in cells if cell.strip() != model]
            if kept and kept[0].isdigit():
                length = kept.pop(0)
            if kept:
                yield "sglang", [model, length, *kept]


BITS = {
    "BF16": "none",
    "FP8": "fp8",
    "GPTQ-Int8": "gptq-int8",
    "GPTQ-Int4": "gptq-int4",
    "GPTQ-INT4": "gptq-int4",
    "AWQ": "awq-int4",
    "AWQ-INT4": "awq-int4",
}


def served(runtime: str, cells: list[str], qwen3: bool) -> Row | None:
    """One row of those documents in the columns of `Measured`; None where it has no speed."""
    name, length, quantisation, n_gpu, speed, *rest = cells
    shape = shape_of({"model": name, "params_b": ""})
    if shape is None or not re.fullmatch(r"[\d.]+", speed):
        return None
    memory = float(rest[0]) * GIB if runtime == "transformer" and rest[0] else 0.0
    stack = {"transformer": "transformers-2024", "vllm": "vllm-2024", "sglang": "sglang-2025"}
    source = (
        "github:QwenLM/Qwen3 docs/source/getting_started/speed_benchmark.md"
        if qwen3
        else "github:QwenLM/Qwen2.5 docs/source/benchmark/speed_benchmark.rst"
    )
    params = shape.n_active or shape.n_params
    return {
        "model": name,
        "n_params": str(shape.n_params),
        "n_active": str(params),
        "n_layers": str(shape.n_layers),
        "hidden_size": str(shape.hidden_size),
        "kv_columns": str(shape.kv_columns),
        "vocab_size": str(shape.vocab_size),
        "tied_embeddings": str(shape.tied),
        "method": "inference",
        "quantisation": BITS[quantisation],
        "dtype": "bf16",
        "seq_len": str(int(length) + 2048),
        "prompt_tokens": length,
        "new_tokens": "2048",
        "micro_batch": "1",
        "gpu": "h20" if qwen3 else "a100-80gb",
        "n_gpu": n_gpu,
        "parallel": "none" if n_gpu == "1" else "spread",
        "memory_gb": f"{memory:.4g}" if memory else "",
        "bound": "equal",
        "tokens_per_s": speed,
        "counted": "all" if qwen3 else "generated",
        "stack": stack[runtime],
        "quality": "table",
        "source": source,
    }


def write(path: Path, rows: list[Row], columns: list[str]) -> None:
    """A CSV file with those columns."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n", restval="")
        writer.writeheader()
        writer.writerows(rows)
    print(f"wrote {len(rows)} rows to {path}")


def main() -> None:
    """Cleans, writes and tells what was left out."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--qwen2.5", dest="qwen2", type=Path, required=True)
    parser.add_argument("--qwen3", type=Path, required=True)
    asked = parser.parse_args()
    kept: list[Row] = []
    left: Counter[tuple[str, str]] = Counter()
    for row in csv.DictReader((asked.folder / "measured.csv").open(encoding="utf-8", newline="")):
        reason = why_not(row)
        if reason:
            left[reason, stack_of(row["source_url_or_repo_path"])] += 1
        else:
            kept.append(cleaned(row))
    found = [(*pair, False) for pair in tables_2_5(asked.qwen2.read_text(encoding="utf-8"))]
    found += [(*pair, True) for pair in tables_3(asked.qwen3.read_text(encoding="utf-8"))]
    for runtime, cells, qwen3 in found:
        line = served(runtime, cells, qwen3)
        if line is None:
            left["no speed, or no card of the model", runtime] += 1
        else:
            kept.append(line)
    print("| left out because | stack | rows |\n|---|---|---|")
    for (reason, stack), n in sorted(left.items()):
        print(f"| {reason} | {stack} | {n} |")
    for line in kept:
        Measured.model_validate({key: value for key, value in line.items() if value != ""})
    write(FOLDER / "measured.csv", kept, list(Measured.model_fields))


if __name__ == "__main__":
    main()
