"""Whether a model's folder may be loaded: nothing in it may run code or be a pickle."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from knowledge.errors import UserError

CONFIG_BYTES = 64 << 20
"""Largest JSON file that is read: tokenizers reach tens of megabytes."""


def check_folder(folder: Path, name: str) -> None:
    """Refuse a folder whose loading could run code, read a pickle or leave the folder.

    `auto_map` names Python files to be run; a nested `trust_remote_code` was honoured by
    transformers before 5.3 (CVE-2026-5241); a weight map may point outside (CVE-2026-69112).

    Raises:
        UserError: E-MODEL-..., with the file.
    """
    if not (folder / "config.json").is_file():
        raise UserError(
            "E-MODEL-NOTFOUND",
            "no config.json in the model's folder",
            place=f"{name} ({folder})",
            hint="give the folder that `save_pretrained` wrote",
        )
    if not any(folder.glob("*.safetensors")):
        raise UserError(
            "E-MODEL-NO-SAFETENSORS",
            "no .safetensors weights (pickled weights are never read)",
            place=f"{name} ({folder})",
            hint="save the model with `save_pretrained`, which writes safetensors",
        )
    for path in sorted(folder.glob("*.json")):
        for key, value in _pairs(_read(path, name)):
            if key in ("auto_map", "trust_remote_code") and any(_leaves(value)):
                raise UserError(
                    "E-MODEL-REMOTE-CODE",
                    f"the model asks for its own code to be run (`{key}`)",
                    place=f"{name} ({path})",
                    hint="choose a model whose architecture is part of transformers",
                )
    _check_weight_map(folder, name)


def _read(path: Path, name: str) -> Any:
    try:
        if path.stat().st_size > CONFIG_BYTES:
            raise ValueError(f"{path.stat().st_size} bytes")
        return json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError, RecursionError) as error:
        raise UserError(
            "E-MODEL-CONFIG",
            f"not a readable JSON file: {type(error).__name__}",
            place=f"{name} ({path})",
            hint="download or save the model again",
        ) from None


def _pairs(value: Any) -> Iterator[tuple[str, Any]]:
    """Every key with its value, at any depth; no recursion, whatever the depth."""
    rest = [value]
    while rest:
        at = rest.pop()
        if isinstance(at, dict):
            yield from at.items()
            rest.extend(at.values())
        elif isinstance(at, list):
            rest.extend(at)


def _leaves(value: Any) -> Iterator[Any]:
    """What a value holds at its ends: an `auto_map` of nulls alone names no code."""
    rest = [value]
    while rest:
        at = rest.pop()
        if isinstance(at, dict):
            rest.extend(at.values())
        elif isinstance(at, list):
            rest.extend(at)
        else:
            yield at


def _check_weight_map(folder: Path, name: str) -> None:
    index = folder / "model.safetensors.index.json"
    if not index.is_file():
        return
    files = {str(file) for file in dict(_read(index, name).get("weight_map", {})).values()}
    for file in sorted(files):
        if "/" in file or "\\" in file or not (folder / file).is_file():
            raise UserError(
                "E-MODEL-WEIGHT-MAP",
                f"the weight map names '{file[:80]}', which is no file of the folder",
                place=f"{name} ({index})",
                hint="download or save the model again",
            )
