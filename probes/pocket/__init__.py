"""The pocket ladder: tiny Qwen2 models pre-trained by the project on a synthetic world."""

from pathlib import Path

RUNGS: tuple[str, ...] = ("pocket-xs", "pocket-s", "pocket-m")


def weights_folder(rung: str) -> Path:
    """Folder with the shipped weights and tokenizer of one rung."""
    if rung not in RUNGS:
        raise ValueError(f"unknown pocket rung {rung!r}; choose one of {', '.join(RUNGS)}")
    return Path(__file__).parent / "weights" / rung
