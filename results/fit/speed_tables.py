"""Tables of the speed of Qwen's models in their own documents."""

from __future__ import annotations

import re
from collections.abc import Iterator

from results.fit.shapes import Row, shape_of

GIB = 1.073741824
BITS = {
    "BF16": "none",
    "FP8": "fp8",
    "GPTQ-Int8": "gptq-int8",
    "GPTQ-Int4": "gptq-int4",
    "GPTQ-INT4": "gptq-int4",
    "AWQ": "awq-int4",
    "AWQ-INT4": "awq-int4",
}


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


def served(runtime: str, cells: list[str], qwen3: bool) -> Row | None:
    """One row of those documents in the columns of `Measured`; None where it has no speed."""
    name, length, quantisation, n_gpu, speed, *rest = cells
    shape = shape_of(name)
    if shape is None or not re.fullmatch(r"[\d.]+", speed):
        return None
    memory = float(rest[0]) * GIB if runtime == "transformer" and rest[0] else 0.0
    stack = {"transformer": "transformers-2024", "vllm": "vllm-2024", "sglang": "sglang-2025"}
    source = (
        "github:QwenLM/Qwen3 docs/source/getting_started/speed_benchmark.md"
        if qwen3
        else "github:QwenLM/Qwen2.5 docs/source/benchmark/speed_benchmark.rst"
    )
    return {
        "model": name,
        **shape.columns(),
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
