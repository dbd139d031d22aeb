"""What is known of a model's architecture: from `knowledge/`, its folder, or its Hub commit."""

from __future__ import annotations

import json
import re
from datetime import date
from pathlib import Path
from typing import Any

from knowledge.errors import UserError
from knowledge.load import model_cards
from knowledge.records import ModelCard, Source
from probes.models.folder import check_folder
from probes.models.hub import hub_file
from probes.task import ModelRef


def card_of_folder(folder: Path) -> ModelCard:
    """Architecture of a local model, from its config.json and the headers of its safetensors.

    Raises:
        UserError: E-MODEL-..., it cannot be read or may not be loaded.
    """
    check_folder(folder, folder.name)
    config = folder / "config.json"
    try:
        raw = json.loads(config.read_text(encoding="utf-8"))
        name = re.sub(r"[^\w.-]+", "-", folder.name).strip("-.") or "model"
        return _card(name, "local", str(folder), raw, n_params=max(1, _count_params(folder)))
    except (ValueError, KeyError, TypeError, UnicodeDecodeError) as error:
        raise _bad_config(error, str(config)) from error


def card_of_hub(ref: ModelRef) -> ModelCard:
    """Architecture of a Hub model from the config.json of its pinned commit; fetches that file.

    Raises:
        UserError: E-MODEL-HUB or E-MODEL-CONFIG.
    """
    raw = json.loads(hub_file(ref, "config.json").read_text(encoding="utf-8"))
    try:
        card = _card(ref.name, "hub", ref.location, raw, n_params=1)
    except (ValueError, KeyError, TypeError) as error:
        raise _bad_config(error, f"{ref.location}@{ref.revision}") from error
    return card.model_copy(
        update={
            "revision": ref.revision,
            "n_params": counted(card),
        }
    )


def counted(card: ModelCard) -> int:
    """Parameters that the architecture implies: embeddings, grouped attention, gated MLP, norms."""
    heads = 2 * card.n_heads + 2 * card.n_kv_heads
    attention = card.hidden_size * card.head_columns * heads
    layer = attention + 3 * card.hidden_size * card.intermediate_size + 2 * card.hidden_size
    embeddings = (1 if card.tied_embeddings else 2) * card.vocab_size * card.hidden_size
    return card.n_layers * layer + embeddings


def _card(name: str, source: str, location: str, raw: dict[str, Any], n_params: int) -> ModelCard:
    return ModelCard(
        name=name,
        source=source,
        location=location,
        n_params=n_params,
        n_layers=raw["num_hidden_layers"],
        hidden_size=raw["hidden_size"],
        intermediate_size=raw["intermediate_size"],
        n_heads=raw["num_attention_heads"],
        n_kv_heads=raw.get("num_key_value_heads") or raw["num_attention_heads"],
        head_size=raw.get("head_dim"),
        vocab_size=raw["vocab_size"],
        context_tokens=raw.get("max_position_embeddings", 2048),
        tied_embeddings=bool(raw.get("tie_word_embeddings")),
        licence="not verified",
        evidence=Source(title=f"{name}/config.json", checked=date.today().isoformat()),
    )


def _bad_config(error: Exception, place: str) -> UserError:
    return UserError(
        "E-MODEL-CONFIG",
        f"config.json cannot be read: {type(error).__name__} {str(error)[:60]}",
        place=place,
        hint="give a decoder-only transformers model",
    )


def _count_params(folder: Path) -> int:
    """Number of stored parameters, from the safetensors headers (8 bytes length, then JSON)."""
    total = 0
    for path in sorted(folder.glob("*.safetensors")):
        with path.open("rb") as file:
            size = int.from_bytes(file.read(8), "little")
            if size > 100_000_000:
                raise ValueError(f"{path.name} has a header of {size} bytes")
            header = json.loads(file.read(size))
        for name, tensor in header.items():
            if name != "__metadata__":
                count = 1
                for width in tensor["shape"]:
                    count *= width
                total += count
    return total


def card_of(ref: ModelRef) -> ModelCard | None:
    """The card of a rung: the one in `knowledge/`, or read from the folder; None for other ids."""
    if ref.source == "local":
        return card_of_folder(Path(ref.location)).model_copy(update={"name": ref.name})
    for known in model_cards().values():
        if (known.location, known.revision) == (ref.location, ref.revision):
            return known.model_copy(update={"name": ref.name})
    return card_of_hub(ref) if ref.source == "hub" else None
