"""The table: what is kept of a cell comes back, lines are only added, a torn one is cut off."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from knowledge.errors import UserError
from probes.lab.menu import TRIALS, at_fraction, everything, tuning_cells
from probes.lab.packing import SCALE, packed, unpacked
from probes.lab.table import Table, cell_id, line_of, restored
from probes.pocket import RUNGS
from tests.lab_tables import N_DEV, made_table, measurement, situation


@given(st.lists(st.sampled_from([0.0, 1.0]), min_size=0, max_size=40))
def test_right_and_wrong_are_kept_as_bits(values: list[float]) -> None:
    assert unpacked(packed(values)) == values


@given(st.lists(st.integers(0, SCALE), min_size=1, max_size=40))
def test_shares_are_kept_to_their_scale(parts: list[int]) -> None:
    values = [part / SCALE for part in parts]
    assert unpacked(packed(values)) == values


def test_other_text_is_no_score() -> None:
    with pytest.raises(ValueError, match="not packed"):
        unpacked("hex:00")


def test_a_cell_comes_back_with_its_scores_tokens_and_price(tmp_path: Path) -> None:
    table = made_table(tmp_path / "made.jsonl", fractions=(1.0,))
    assert table.header is not None
    cell = situation(RUNGS[1]).cell("zero_shot", "baseline", params={"decoding": "generate"})
    told = measurement(cell, 0.7)
    back = restored(line_of(told), table.header)
    assert [score.quality for score in back.scores] == [score.quality for score in told.scores]
    assert sum(each.input_tokens for each in back.predictions) == told.cost.input_tokens
    assert sum(each.output_tokens for each in back.predictions) == told.cost.output_tokens
    assert back.cost == told.cost
    same = [a.text == b.text for a in back.predictions for b in back.predictions]
    assert same == [a.text == b.text for a in told.predictions for b in told.predictions]
    few = restored(line_of(told), table.header, 10)
    assert len(few.scores) == 10 and few.quality is not None and few.quality.n == 10


def test_reading_again_gives_the_same_table_and_a_torn_line_is_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "made.jsonl"
    table = made_table(path, fractions=(1.0,))
    whole = path.read_bytes()
    again = Table(path)
    assert (again.header, again.cells, again.truths) == (table.header, table.cells, table.truths)
    path.write_bytes(whole + b'{"kind":"cell","val')
    torn = Table(path)
    assert torn.cells == table.cells
    torn.begin(table.header, {"numbers": 1})  # type: ignore[arg-type]
    assert path.read_bytes().startswith(whole + b'{"kind":"engine"')
    with pytest.raises(ValueError, match="there already"):
        torn.add(next(iter(table.cells.values())))


def test_damage_in_the_middle_is_told_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "made.jsonl"
    made_table(path, fractions=(1.0,))
    lines = path.read_bytes().splitlines(keepends=True)
    lines[3] = b'{"kind":"cell","value":{"id":3}}\n'
    path.write_bytes(b"".join(lines))
    with pytest.raises(UserError, match=r"made.jsonl:4.*E-LAB-TABLE|E-LAB-TABLE"):
        Table(path)


def test_a_table_of_other_data_is_refused(tmp_path: Path) -> None:
    table = made_table(tmp_path / "made.jsonl", fractions=(1.0,))
    assert table.header is not None
    other = table.header.model_copy(update={"data": "1" * 64})
    with pytest.raises(UserError, match="E-LAB-CHANGED"):
        Table(table.path).begin(other, {})


def test_ids_tell_apart_what_can_differ_and_not_the_role() -> None:
    here = situation(RUNGS[0])
    cell = here.cell("lora", "repeat", params={"epochs": 8}, n_train=32, seed=1)
    assert cell_id(cell) == cell_id(cell.model_copy(update={"role": "curve"}))
    for change in ({"seed": 2}, {"n_train": 33}, {"rung": RUNGS[1]}, {"params": {"epochs": 9}}):
        assert cell_id(cell) != cell_id(cell.model_copy(update=change))


def test_the_menu_tunes_once_and_repeats_with_what_won(tmp_path: Path) -> None:
    table = made_table(tmp_path / "made.jsonl")
    tuned = [line for line in table.cells.values() if line.cell.role == "tune"]
    assert len(tuned) == sum(map(len, TRIALS.values()))
    assert all(line.cell.n_train == 48 and line.cell.n_eval == 16 for line in tuned)
    told = [line.cell for line in table.cells.values() if line.cell.method == "lora"]
    repeats = [cell for cell in told if cell.role == "repeat"]
    assert {cell.n_train for cell in repeats} == {8, 16, 32, 64}
    for rung in RUNGS:
        assert len({str(cell.params) for cell in repeats if cell.rung == rung}) == 1
    whole = situation(RUNGS[0])
    assert [cell.seed for cell in tuning_cells(whole)] == [0] * 3
    first = next(everything(at_fraction(whole, 0.25), whole))
    assert all(cell.n_eval == N_DEV for cell in first)
