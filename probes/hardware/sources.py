"""Where readings come from: files, programs, environment; tests put others in their place."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

TIMEOUT_S = 10
"""For a program that is asked; nvidia-smi takes seconds where the driver has to wake up."""


def answer_of(command: Sequence[str]) -> str:
    """What a program prints.

    Raises:
        OSError: it is not there, does not answer in TIMEOUT_S, or ends with an error.
    """
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", timeout=TIMEOUT_S
        )
    except FileNotFoundError:
        raise OSError(f"{command[0]} is not on the PATH") from None
    except subprocess.TimeoutExpired:
        raise OSError(f"{command[0]} did not answer in {TIMEOUT_S} s") from None
    if done.returncode:
        said = f"{done.stdout}\n{done.stderr}".strip().splitlines() or [""]
        raise OSError(f"{command[0]} ended with {done.returncode}: {said[0][:200]}")
    return done.stdout


def fields_of(text: str) -> dict[str, str]:
    """`key: value` lines, as /proc has them; of a key that comes again the last value."""
    pairs = (line.split(":", 1) for line in text.splitlines() if ":" in line)
    return {key.strip(): value.strip() for key, value in pairs}


def whole_number(text: str) -> int | None:
    """The number that decimal digits write; None of anything else, superscripts too."""
    return int(text) if text.isdecimal() else None


def nvml_module() -> Any | None:
    """The module `pynvml` of nvidia-ml-py; None where it is not installed."""
    try:
        return import_module("pynvml")
    except ImportError:
        return None


def _affinity() -> int | None:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None


def _psutil_memory() -> tuple[int, int]:
    import psutil

    memory = psutil.virtual_memory()
    return int(memory.total), int(memory.available)


@dataclass(frozen=True)
class Sources:
    """All that is asked of the machine."""

    root: Path = Path("/")
    """Above `proc` and `sys`."""
    system: str = field(default_factory=platform.system)
    release: str = field(default_factory=platform.release)
    architecture: str = field(default_factory=platform.machine)
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    folder: Path = field(default_factory=Path.cwd)
    home: Path = field(default_factory=lambda: Path(os.path.expanduser("~")))
    answer_of: Callable[[Sequence[str]], str] = answer_of
    nvml: Any | None = field(default_factory=nvml_module)
    n_cores: Callable[[], int | None] = os.cpu_count
    affinity: Callable[[], int | None] = _affinity
    memory: Callable[[], tuple[int, int]] = _psutil_memory
    """Total and available, where there is no /proc/meminfo."""

    @property
    def is_apple(self) -> bool:
        """Whether this is a Mac with a chip of Apple's."""
        return self.system == "Darwin" and self.architecture == "arm64"

    def text(self, path: str) -> str:
        """Content of a file under the root.

        Raises:
            OSError: it is not there or not to be read.
        """
        return (self.root / path).read_text(encoding="utf-8", errors="replace")
