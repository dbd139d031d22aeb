"""Reads this package's records, from the one file that `knowledge.compile` makes of the YAML."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from knowledge.curves import LossCurves, QualityCurves
from knowledge.effects import Effects
from knowledge.errors import UserError
from knowledge.expectations import Expectations
from knowledge.laws import Throughput
from knowledge.records import Fact, Ladder, Machine, MemoryForm, ModelCard, Speed
from knowledge.stack_memory import MemoryLaw
from knowledge.statements import Claim, Coverage, FailureMode, MethodCard, Symptom

HERE = Path(__file__).parent
COMPILED = HERE / "compiled.json"
KINDS: dict[str, tuple[str, type[Fact]]] = {
    "models": ("models/*.yaml", ModelCard),
    "ladders": ("ladders/*.yaml", Ladder),
    "machines": ("hardware/machines.yaml", Machine),
    "speeds": ("hardware/speeds.yaml", Speed),
    "claims": ("claims/*.yaml", Claim),
    "methods": ("methods/methods.yaml", MethodCard),
    "failures": ("methods/failures.yaml", FailureMode),
    "symptoms": ("symptoms/*.yaml", Symptom),
    "memory_forms": ("memory_forms/memory_forms.yaml", MemoryForm),
    "memory_stacks": ("memory_stacks/memory_stacks.yaml", MemoryLaw),
    "prior": ("prior/prior.yaml", Expectations),
    "effects": ("prior/effects.yaml", Effects),
    "coverage": ("claims/coverage/*.yaml", Coverage),
    "throughput": ("throughput/throughput.yaml", Throughput),
    "quality_curves": ("curves/quality.yaml", QualityCurves),
    "loss_curves": ("curves/loss.yaml", LossCurves),
}
"""Name -> (YAML files, what each of their rows is)."""
F = TypeVar("F", bound=Fact)


@cache
def _content() -> dict[str, list[Any]]:
    content: dict[str, list[Any]] = json.loads(COMPILED.read_text(encoding="utf-8"))
    return content


def _read(name: str, kind: type[F]) -> tuple[F, ...]:
    return tuple(kind.model_validate(row) for row in _content()[name])


@cache
def model_cards() -> dict[str, ModelCard]:
    """Every model card by name."""
    return {card.name: card for card in _read("models", ModelCard)}


@cache
def ladders() -> dict[str, Ladder]:
    """Every ladder by name."""
    return {row.name: row for row in _read("ladders", Ladder)}


@cache
def machines() -> dict[str, Machine]:
    """Every machine by name."""
    return {row.name: row for row in _read("machines", Machine)}


@cache
def speeds() -> dict[str, Speed]:
    """The constants of the cost model by device kind."""
    return {row.device: row for row in _read("speeds", Speed)}


@cache
def claims() -> dict[str, Claim]:
    """Every claim by id."""
    return {row.id: row for row in _read("claims", Claim)}


@cache
def methods() -> dict[str, MethodCard]:
    """Every method by id."""
    return {row.id: row for row in _read("methods", MethodCard)}


@cache
def failures() -> dict[str, FailureMode]:
    """Every failure mode by id."""
    return {row.id: row for row in _read("failures", FailureMode)}


@cache
def symptoms() -> dict[str, Symptom]:
    """Every symptom by id."""
    return {row.id: row for row in _read("symptoms", Symptom)}


@cache
def expectations() -> Expectations:
    """What published results let one expect before any probe."""
    return _read("prior", Expectations)[0]


@cache
def effects() -> tuple[Effects, ...]:
    """What options of one task share, one a domain."""
    return _read("effects", Effects)


@cache
def throughput() -> Throughput:
    """What times of training and of answers are computed from."""
    return _read("throughput", Throughput)[0]


@cache
def quality_curves() -> QualityCurves:
    """What published learning curves of bounded metrics let one expect."""
    return _read("quality_curves", QualityCurves)[0]


@cache
def loss_curves() -> LossCurves:
    """The same of losses."""
    return _read("loss_curves", LossCurves)[0]


@cache
def coverage() -> tuple[Coverage, ...]:
    """What became of each statement of the five documents, in their order."""
    return _read("coverage", Coverage)


@cache
def memory_forms() -> tuple[MemoryForm, ...]:
    """The closed forms of memory, one a group of settings."""
    return _read("memory_forms", MemoryForm)


@cache
def memory_stacks() -> tuple[MemoryLaw, ...]:
    """What stacks take beyond the closed forms: training and inference."""
    return _read("memory_stacks", MemoryLaw)


def unpinned(row: Ladder) -> tuple[ModelCard, ...]:
    """The ladder's Hub models whose commit is not known, which no probe may load as they are."""
    cards = (model_cards()[name] for name in row.models)
    return tuple(card for card in cards if card.source == "hub" and card.revision is None)


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
