"""From names in a spec to rungs: what is pinned can be loaded, what is not is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from knowledge.errors import UserError
from knowledge.load import ladders, model_cards, unpinned
from probes.ladder import resolve_ladder
from probes.machine import Machine
from probes.spec import spec_from_mapping
from probes.task import ModelRef

COMMIT = "0123456789abcdef0123456789abcdef01234567"
MACHINE = Machine(device="cpu", cpu="", cores=1, memory_bytes=0, hub=True)


def rungs(ladder: str | list[str], folder: Path) -> tuple[ModelRef, ...]:
    raw: dict[str, Any] = {
        "version": 1,
        "name": "demo",
        "task_type": "classification",
        "data": {"train": "rows.csv"},
        "ladder": ladder,
    }
    return resolve_ladder(spec_from_mapping(raw), folder, MACHINE)


@pytest.mark.parametrize("name", [n for n, row in ladders().items() if not unpinned(row)])
def test_rungs_of_a_named_ladder_are_those_of_its_cards(name: str, tmp_path: Path) -> None:
    found = rungs(name, tmp_path)
    cards = [model_cards()[model] for model in ladders()[name].models]
    assert [(ref.location, ref.revision) for ref in found] == [
        (card.location, card.revision) for card in cards
    ]
    assert all(ref.revision for ref in found if ref.source == "hub")


@pytest.mark.parametrize(
    "ladder",
    ["granite4-nano", ["granite-4.0-1b"], ["ibm-granite/granite-4.0-1b"]],
    ids=["ladder", "card", "Hub id"],
)
def test_a_known_model_without_a_commit_is_refused(ladder: str | list[str], tmp_path: Path) -> None:
    with pytest.raises(UserError, match="E-LADDER-REVISION") as caught:
        rungs(ladder, tmp_path)
    assert "ibm-granite/granite-4.0-1b" in str(caught.value)
    assert "@<40-digit commit>" in caught.value.hint


def test_such_a_model_can_be_pinned_in_the_spec(tmp_path: Path) -> None:
    (ref,) = rungs([f"ibm-granite/granite-4.0-1b@{COMMIT}"], tmp_path)
    assert (ref.location, ref.revision) == ("ibm-granite/granite-4.0-1b", COMMIT)
