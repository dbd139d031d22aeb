"""Reads the YAML files of this package into records."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TypeVar

from knowledge.errors import UserError
from knowledge.records import Fact, Ladder, Machine, ModelCard, Speed

HERE = Path(__file__).parent
F = TypeVar("F", bound=Fact)


def _read(path: Path, kind: type[F]) -> tuple[F, ...]:
    from ruamel.yaml import YAML

    rows = YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
    return tuple(kind.model_validate(row) for row in rows)


@cache
def model_cards() -> dict[str, ModelCard]:
    """Every model card by name."""
    files = sorted((HERE / "models").glob("*.yaml"))
    return {card.name: card for path in files for card in _read(path, ModelCard)}


@cache
def ladders() -> dict[str, Ladder]:
    """Every ladder by name."""
    return {row.name: row for row in _read(HERE / "ladders" / "ladders.yaml", Ladder)}


@cache
def machines() -> dict[str, Machine]:
    """Every priced machine by name."""
    return {row.name: row for row in _read(HERE / "hardware" / "machines.yaml", Machine)}


@cache
def speeds() -> dict[str, Speed]:
    """The constants of the cost model by device kind."""
    return {row.device: row for row in _read(HERE / "hardware" / "speeds.yaml", Speed)}


def ladder(name: str) -> Ladder:
    """The ladder of that name.

    Raises:
        UserError: E-LADDER-UNKNOWN, with the names that exist.
    """
    found = ladders().get(name)
    if found is None:
        raise UserError(
            "E-LADDER-UNKNOWN",
            f"no ladder is called '{name[:80]}'",
            place="ladder",
            hint=f"choose one of auto, {', '.join(ladders())}, or list Hub ids and folders",
        )
    return found
