"""Methods that could hardly change the decision are left out; a resumed run leaves out the same."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from advisor.prepare import Prepared, prepare
from advisor.session import _situations, open_run
from advisor.stages import left_out
from advisor.task import Flags, read_task
from advisor.until_sure import UntilSure
from probes.methods import METHODS
from probes.records import Measurement
from probes.store import RunStore

RUNGS = ("pocket-xs", "pocket-s", "pocket-m")
Make = Callable[..., Measurement]


@pytest.fixture
def run(task_folder: Callable[..., Path], tmp_path: Path) -> tuple[Prepared, RunStore]:
    spec = task_folder(ladder="pocket", budget={"probe_minutes": 60, "until_sure": True})
    prepared = prepare(read_task(spec))
    return prepared, open_run(prepared, tmp_path / "run")


def stages(run: tuple[Prepared, RunStore]) -> UntilSure:
    return UntilSure(run[0], run[1], _situations(run[0]))


def test_the_flag_stands_above_the_spec(task_folder: Callable[..., Path]) -> None:
    spec = task_folder(ladder="pocket", budget={"probe_minutes": 7})
    told = read_task(spec, Flags(until_sure=True)).spec.budget
    assert (told.until_sure, told.probe_minutes) == (True, 7)
    assert not read_task(spec).spec.budget.until_sure


def test_the_smallest_rung_goes_first(run: tuple[Prepared, RunStore]) -> None:
    assert tuple(_situations(run[0])) == RUNGS


def test_before_anything_is_measured_the_first_method_runs(
    run: tuple[Prepared, RunStore],
) -> None:
    assert stages(run).asks("pocket-xs", "zero_shot")
    assert left_out(run[1], RUNGS) == []


def test_where_the_cheapest_option_surely_does_all_else_is_left_out(
    run: tuple[Prepared, RunStore], measurement: Make
) -> None:
    asks = stages(run).asks
    assert asks("pocket-xs", "zero_shot")
    run[1].publish(measurement([1.0] * 400, rung="pocket-xs"))
    assert not asks("pocket-s", "zero_shot")
    assert not asks("pocket-m", "lora")
    (first, second) = left_out(run[1], RUNGS)
    assert first.startswith("zero-shot @ pocket-s: zero-shot @ pocket-xs is right")
    assert second.startswith("lora @ pocket-m: ")


def test_where_it_fails_the_others_run(run: tuple[Prepared, RunStore], measurement: Make) -> None:
    asks = stages(run).asks
    run[1].publish(measurement([0.0] * 400, rung="pocket-xs"))
    assert asks("pocket-xs", "lora")
    assert asks("pocket-s", "lora")


def test_a_resumed_run_asks_for_the_same(run: tuple[Prepared, RunStore], measurement: Make) -> None:
    assert stages(run).asks("pocket-m", "lora")
    run[1].publish(measurement([1.0] * 400, rung="pocket-xs"))
    assert stages(run).asks("pocket-m", "lora")
    assert not stages(run).asks("pocket-m", "few_shot")


def test_what_a_method_does_not_do_here_is_its_own_affair(
    run: tuple[Prepared, RunStore], measurement: Make
) -> None:
    """No documents: retrieval proposes nothing, and is not told of as left out."""
    run[1].publish(measurement([1.0] * 400, rung="pocket-xs"))
    for method in METHODS:
        stages(run).asks("pocket-m", method)
    assert not any("rag @" in line for line in left_out(run[1], RUNGS))
