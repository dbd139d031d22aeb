"""Plans: the battery that the budget buys, and costs that follow from the work."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from advisor.commands.narrate import plan_text
from advisor.plan_summary import plan_summary
from advisor.prepare import Prepared, prepare
from advisor.room import Space
from advisor.task import read_task
from knowledge.errors import UserError
from knowledge.load import model_cards
from probes.batteries import BATTERIES
from probes.free_memory import Free
from probes.machine import this_machine
from probes.plan import Rung, imagined_cells, situation_of, situations, threads_and_workers
from probes.task import ModelRef
from probes.work import group_size, planned, work_of

SpecMaker = Callable[..., Path]


def prepared(spec: Path) -> Prepared:
    return prepare(read_task(spec))


def rung(n_params: int) -> Rung:
    card = model_cards()["pocket-s"].model_copy(update={"n_params": n_params})
    return Rung(
        ref=ModelRef(name="r", source="pocket", location="pocket-s", n_params=n_params), card=card
    )


@pytest.mark.parametrize(
    ("sizes", "cores", "asked", "device", "expected"),
    [
        ([10**5, 10**6], 2, None, "cpu", (1, 2)),
        ([10**5], 8, None, "cpu", (1, 1)),
        ([10**6] * 3, 2, None, "cpu", (1, 2)),
        ([10**8], 4, None, "cpu", (4, 1)),
        ([10**5, 10**8], 4, None, "cpu", (4, 1)),
        ([10**8], 4, 2, "cpu", (2, 1)),
        ([10**8] * 3, 16, None, "cuda", (1, 1)),
    ],
)
def test_tiny_models_share_the_cores(
    sizes: list[int], cores: int, asked: int | None, device: str, expected: tuple[int, int]
) -> None:
    assert threads_and_workers([rung(n) for n in sizes], cores, asked, device) == expected


def test_a_larger_budget_buys_a_larger_battery(task_folder: SpecMaker) -> None:
    small = prepared(task_folder(folder="a", ladder="pocket-s", budget={"probe_minutes": 0.5}))
    large = prepared(task_folder(folder="b", ladder="pocket-s", budget={"probe_minutes": 60}))
    order = [battery.name for battery in BATTERIES]
    assert order.index(large.plan.battery.name) < order.index(small.plan.battery.name)
    assert small.plan.seconds <= 30
    assert large.plan.seconds > small.plan.seconds


def test_too_small_a_budget_is_told(task_folder: SpecMaker) -> None:
    with pytest.raises(UserError, match="E-BUDGET-MINUTES"):
        prepared(task_folder(ladder="pocket", budget={"probe_minutes": 0.01}))


def test_the_plan_holds_every_method_on_every_rung(task_folder: SpecMaker) -> None:
    plan = prepared(task_folder(ladder="pocket")).plan
    asked = {(row.cell.rung, row.cell.method) for row in plan.cells}
    methods = ("zero_shot", "steps", "few_shot", "lora", "lora_steps", "full")
    assert asked == {(r, m) for r in ("pocket-xs", "pocket-s", "pocket-m") for m in methods}
    assert all(row.seconds > 0 and row.tokens > 0 for row in plan.cells)


def test_work_grows_with_data_and_epochs(task_folder: SpecMaker) -> None:
    task = read_task(task_folder(ladder="pocket-s"))
    situation = situation_of(task.question, rung(10**6), BATTERIES[1], 10**9)
    cells = [c for c in imagined_cells(situation) if c.role == "curve"]
    few, many = min(cells, key=lambda c: c.n_train), max(cells, key=lambda c: c.n_train)
    assert work_of(many, situation).train_tokens > work_of(few, situation).train_tokens > 0
    longer = few.model_copy(update={"params": few.params | {"epochs": 20}})
    assert work_of(longer, situation).train_steps > work_of(few, situation).train_steps


def test_the_run_id_changes_with_what_determines_the_run(task_folder: SpecMaker) -> None:
    first = prepared(task_folder(folder="a", ladder="pocket-s"))
    same = prepared(task_folder(folder="b", ladder="pocket-s"))
    other = prepared(task_folder(folder="c", ladder="pocket-s", target=0.8))
    assert first.run_id == same.run_id != other.run_id


def test_keys_hold_all_that_can_change_a_number(task_folder: SpecMaker) -> None:
    base = prepared(task_folder(folder="a", ladder="pocket"))
    cell = base.plan.cells[0].cell
    key = base.key(cell)
    assert base.key(cell.model_copy(update={"role": "repeat"})) == key
    for change in ({"seed": 9}, {"n_eval": 1}, {"split": "test"}, {"params": {"x": 1}}):
        assert base.key(cell.model_copy(update=change)) != key
    told_otherwise = prepared(task_folder(folder="b", ladder="pocket", instruction="Say it."))
    assert told_otherwise.key(cell) != key
    more_data = prepared(task_folder(folder="c", ladder="pocket", n=160))
    assert more_data.key(cell) != key
    other_target = prepared(task_folder(folder="d", ladder="pocket", target=0.8))
    assert other_target.key(cell) == key


def has_free(monkeypatch: pytest.MonkeyPatch, free_gb: float, total_gb: float) -> None:
    """A machine with so much memory left."""
    free = Free(free_bytes=int(free_gb * 1e9), total_bytes=int(total_gb * 1e9))
    monkeypatch.setattr("advisor.prepare.free_on", lambda device: free)


def on_the_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    """A CPU machine that reaches the Hub."""
    machine = this_machine().model_copy(update={"hub": True, "device": "cpu", "gpu": None})
    monkeypatch.setattr("advisor.prepare.this_machine", lambda: machine)
    has_free(monkeypatch, 64.0, 64.0)


def test_auto_takes_as_many_rungs_as_the_budget_pays(
    task_folder: SpecMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_the_hub(monkeypatch)
    poor = prepared(task_folder(folder="a", budget={"probe_minutes": 6}))
    assert [rung.ref.name for rung in poor.rungs] == ["SmolLM2-135M-Instruct"]
    assert any("SmolLM2-1.7B-Instruct is left out" in note for note in poor.plan.notes)
    rich = prepared(task_folder(folder="b", budget={"probe_minutes": 5000}))
    assert len(rich.rungs) == 3
    assert rich.plan.notes == ()


def test_a_ladder_that_is_written_out_is_never_cut(
    task_folder: SpecMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_the_hub(monkeypatch)
    with pytest.raises(UserError, match="E-BUDGET-MINUTES"):
        prepared(task_folder(ladder="smollm2", budget={"probe_minutes": 20}))


def test_what_exceeds_the_memory_is_refused(
    task_folder: SpecMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine = this_machine().model_copy(update={"memory_bytes": 10**6})
    monkeypatch.setattr("advisor.prepare.this_machine", lambda: machine)
    with pytest.raises(UserError, match="E-HARDWARE-MEMORY"):
        prepared(task_folder(ladder="pocket"))


def test_what_is_free_leaves_out_cells_and_changes_no_run(
    task_folder: SpecMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = task_folder(ladder="pocket")
    has_free(monkeypatch, 64, 64)
    whole = prepared(spec)
    assert not any("free" in note for note in whole.plan.notes)
    sizes = sorted(row.alone_bytes for row in whole.plan.cells)
    each_gb = sizes[len(sizes) // 2] / 1e9
    has_free(monkeypatch, each_gb * whole.plan.workers, 64)
    less = prepared(spec)
    assert less.run_id == whole.run_id
    assert less.plan.battery == whole.plan.battery
    assert 0 < len(less.plan.cells) < len(whole.plan.cells)
    assert less.plan.seconds < whole.plan.seconds
    assert all(row.memory_bytes <= 1e9 * each_gb for row in less.plan.cells)
    text = plan_text(plan_summary(less))
    assert "of 64.0 GB of memory are free now" in text
    assert "cells are left out" in text
    has_free(monkeypatch, 1e-6, 64)
    with pytest.raises(UserError, match="E-HARDWARE-MEMORY"):
        prepared(spec)


def test_the_plan_says_what_fits_the_card_that_the_spec_names(
    task_folder: SpecMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_the_hub(monkeypatch)
    asked = {"ladder": "smollm2", "budget": {"probe_minutes": 5000}}
    large = prepared(task_folder(folder="a", hardware={"gpu": "l4"}, **asked))
    text = plan_text(plan_summary(large))
    assert "the largest rung on l4 (24.2 GB): LoRA in bf16 with checkpointing needs " in text
    assert text.count("FITS") == 2
    none = prepared(task_folder(folder="b", **asked))
    assert none.space is None
    assert "FITS" not in plan_text(plan_summary(none))
    mac = {"gpu": "apple-m3-max", "usd_per_hour": 0}
    apple = prepared(task_folder(folder="c", hardware=mac, **asked))
    assert apple.space is None
    tiny = Space("tiny", 3 * 10**9)
    monkeypatch.setattr("advisor.prepare.space_for", lambda *_: tiny)
    text = plan_text(plan_summary(large))
    assert "SmolLM2-1.7B-Instruct on tiny (3.0 GB): serving in bf16 needs" in text
    assert "DOES NOT FIT" in text
    assert "135M-Instruct on tiny" not in text


def test_the_card_here_is_taken_where_it_measures(
    task_folder: SpecMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = {"device": "cuda", "gpu": "NVIDIA L4", "gpu_bytes": 24 * 10**9}
    machine = this_machine().model_copy(update=card)
    monkeypatch.setattr("advisor.prepare.this_machine", lambda: machine)
    has_free(monkeypatch, 23, 24)
    assert prepared(task_folder(ladder="pocket")).space == Space("NVIDIA L4", 24 * 10**9)
    on_cpu = prepared(task_folder(folder="b", ladder="pocket", hardware={"device": "cpu"}))
    assert on_cpu.space is None


def test_only_the_smallest_rung_is_the_smallest(task_folder: SpecMaker) -> None:
    task = read_task(task_folder(ladder="pocket"))
    found = situations(task.question, [rung(10**6), rung(10**5), rung(10**7)], BATTERIES[2], 10**9)
    assert [situation.smallest for situation in found] == [False, True, False]


def test_adapters_in_company_share_the_weights_alone(task_folder: SpecMaker) -> None:
    task = read_task(task_folder(ladder="pocket"))
    situation = situation_of(task.question, rung(10**6), BATTERIES[2], 10**9)
    cell = situation.cell(
        "lora", "tune", params={"rank": 8, "epochs": 1, "batch_size": 1}, n_train=9
    )
    single = cell.model_copy(update={"params": cell.params | {"batch_size": 10_000}})
    assert group_size(cell, situation, "cpu") > 1 == group_size(single, situation, "cpu")
    card = rung(10**6).card
    together, alone = (
        planned(each, situation, card, "cpu", 1).memory_bytes for each in (cell, single)
    )
    assert alone < together < group_size(cell, situation, "cpu") * alone
