"""Fetches a pinned commit of a Hub model: safetensors and text, never pickles, never code."""

from __future__ import annotations

from pathlib import Path

from knowledge.errors import UserError
from probes.task import ModelRef

SAFE_FILES = ("*.safetensors", "*.json", "*.txt", "*.model", "*.jinja", "LICENSE*")


def snapshot(ref: ModelRef) -> Path:
    """The local folder of the model at its pinned commit; downloads what is not there.

    The driver calls this before any worker starts, so that no time limit runs during a download;
    the worker's own call then finds everything in the cache.

    Raises:
        UserError: E-MODEL-HUB, it cannot be fetched.
    """
    from huggingface_hub import snapshot_download

    try:
        return Path(
            snapshot_download(ref.location, revision=ref.revision, allow_patterns=list(SAFE_FILES))
        )
    except Exception as error:  # the client has no common base for offline, gated and missing
        raise _out_of_reach(ref, error) from error


def hub_file(ref: ModelRef, name: str) -> Path:
    """One file of the model at its pinned commit, such as `config.json`.

    Raises:
        UserError: E-MODEL-HUB, it cannot be fetched.
    """
    from huggingface_hub import hf_hub_download

    try:
        return Path(hf_hub_download(ref.location, name, revision=ref.revision))
    except Exception as error:
        raise _out_of_reach(ref, error) from error


def _out_of_reach(ref: ModelRef, error: Exception) -> UserError:
    return UserError(
        "E-MODEL-HUB",
        f"could not fetch the model: {type(error).__name__}",
        place=f"{ref.location}@{ref.revision or 'main'}",
        hint="check the id, the network and your token, or list a local folder in `ladder:`",
    )
