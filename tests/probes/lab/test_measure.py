"""Measuring: with a stand-in for the worker, each cell once, the trained on the truth as well."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from probes.lab.family import Row
from probes.lab.measure import Bench, pocket_rungs
from probes.lab.menu import EVERY, FRACTIONS, STAGES
from probes.lab.table import Table
from probes.records import Cell, Json
from tests.lab_tables import family, measurement


class Stand:
    """Answers as the worker does."""

    def __init__(self, asked: list[Cell], fails: str = "") -> None:
        self.asked, self.fails = asked, fails

    def handle(self, body: Json, progress: Callable[[float, float, str], None]) -> Json:
        cells = [Cell.model_validate_json(told["cell"]) for told in body["cells"]]
        if any(cell.method == self.fails for cell in cells):
            raise RuntimeError("out of luck")
        self.asked += cells
        return {"measurements": [measurement(cell, 0.5).model_dump() for cell in cells]}


def _bench(tmp_path: Path, asked: list[Cell], fails: str = "") -> Bench:
    told = [Row(input=f"{at} lamp", output=f"lamp {at % 7}") for at in range(700)]
    bench = Bench.of(
        family(n_train=64), told, tmp_path, tmp_path / "t" / "made.jsonl", tmp_path / "s"
    )
    bench._worker = lambda kind, rung: Stand(asked, fails)  # type: ignore[method-assign]
    return bench


def test_a_stage_is_measured_once_and_resumed(tmp_path: Path) -> None:
    asked: list[Cell] = []
    bench = _bench(tmp_path, asked)
    assert bench.measure("pocket-xs", 0) > 0
    n = len(asked)
    assert bench.measure("pocket-xs", 0) == 0
    again = _bench(tmp_path, asked)
    assert again.measure("pocket-xs", 0) == 0
    assert len(asked) == n
    assert again.measure("pocket-xs", 1) == 6  # three settings, three runs of the best
    trained = [cell for cell in asked if cell.method == "lora"]
    on_truth = [cell for cell in trained if cell.split == "test"]
    assert len(on_truth) == 3 and all(cell.adapter for cell in on_truth)
    table = Table(tmp_path / "t" / "made.jsonl")
    repeats = [line.id for line in table.cells.values() if line.cell.role == "repeat"]
    assert set(repeats) <= set(table.truths)


def test_what_fails_is_kept_as_a_failure_and_the_rest_goes_on(tmp_path: Path) -> None:
    asked: list[Cell] = []
    bench = _bench(tmp_path, asked, fails="steps")
    bench.measure("pocket-xs", 0)
    failed = [line for line in bench.table.cells.values() if line.status == "failed"]
    assert [line.cell.method for line in failed] == ["steps"]
    assert "out of luck" in failed[0].cause
    assert {line.cell.method for line in bench.table.cells.values()} > {"zero_shot", "steps"}


def test_stages_cover_every_share_and_rungs_are_in_order() -> None:
    assert {stage.fraction for stage in STAGES} == set(FRACTIONS)
    whole = [stage.fraction for stage in STAGES if stage.largest and stage.methods == EVERY]
    assert set(whole) == set(FRACTIONS)
    sizes = [rung.card.n_params for rung in pocket_rungs()]
    assert sizes == sorted(sizes) and len(sizes) == 3


@pytest.mark.parametrize("stage", range(2, len(STAGES)))
def test_smaller_shares_take_over_the_setting(tmp_path: Path, stage: int) -> None:
    asked: list[Cell] = []
    bench = _bench(tmp_path, asked)
    bench.measure("pocket-s", 1)
    tuned = sum(cell.role == "tune" for cell in asked)
    assert bench.measure("pocket-s", stage) > 0
    assert sum(cell.role == "tune" for cell in asked) == tuned == 3
    on_largest = bench.measure("pocket-m", stage)
    assert (on_largest > 0) == STAGES[stage].largest
