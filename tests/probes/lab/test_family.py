"""Families: the project's own draw the same rows each time, and splits keep groups whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from knowledge.errors import UserError
from probes.lab.family import N_DEV, N_TRUTH, Family, Row, drawn, sides
from results.lab.families import NAMES, checker, family, rows
from tests.lab_tables import family as made_family


@pytest.mark.parametrize("name", NAMES)
def test_a_family_draws_the_same_rows_for_a_seed_and_is_what_the_product_takes(
    name: str, tmp_path: Path
) -> None:
    asked, told = family(name), rows(name)
    assert rows(name) == told
    assert rows(name, seed=1) != told
    data = drawn(asked, told, tmp_path, tmp_path)
    assert len(data.splits.train) == asked.n_train
    assert (len(data.splits.dev), len(data.splits.test)) == (N_DEV, N_TRUTH)
    splits = (data.splits.train, data.splits.dev, data.splits.test)
    sides_of = [{each.group for each in side if each.group} for side in splits]
    assert not sides_of[0] & sides_of[1] and not (sides_of[0] | sides_of[1]) & sides_of[2]
    gold = [each for each in data.splits.test if each.gold_passages]
    assert len(gold) in (0, N_TRUTH)


@pytest.mark.parametrize("name", [n for n in NAMES if family(n).metric == "command"])
def test_a_checker_takes_its_own_references_and_nothing_empty(name: str) -> None:
    feasible = checker(name)
    for row in rows(name)[:50]:
        assert feasible(row.input, row.output) == (True, 1.0)
        assert feasible(row.input, "") == (False, 0.0)
        assert feasible(row.input, "Xyzzy 7 plugh")[1] == 0.0


def test_every_task_type_is_claimed_under_three_ceilings_or_more() -> None:
    claims: dict[str, set[str]] = {}
    for name in NAMES:
        claims.setdefault(family(name).task_type, set()).add(family(name).claim)
    assert min(len(some) for some in claims.values()) >= 3


def _rows(n: int, groups: int = 0) -> list[Row]:
    return [
        Row(input=f"in {at}", output="out", group=f"g{at % groups}" if groups else "")
        for at in range(n)
    ]


def test_sides_have_their_numbers_whatever_the_groups() -> None:
    family_, told = made_family(n_train=40), _rows(720, groups=90)
    ordered = sides(told, family_)
    assert len(ordered) == family_.n_rows
    train, rest = ordered[:40], ordered[40:]
    assert not {row.group for row in train} & {row.group for row in rest}
    assert sides(list(reversed(told)), family_) != []


@pytest.mark.parametrize("told", [_rows(100), [*_rows(700), _rows(1)[0]]], ids=["few", "twice"])
def test_rows_that_are_too_few_or_come_twice_are_refused(told: list[Row]) -> None:
    with pytest.raises(UserError, match="E-LAB-ROWS"):
        sides(told, made_family(n_train=40))


def test_settings_are_tried_on_the_train_split_alone(tmp_path: Path) -> None:
    data = drawn(made_family(n_train=64), _rows(700), tmp_path, tmp_path)
    tuning = data.for_tuning
    assert (len(tuning.train), len(tuning.dev)) == (48, 16)
    assert {*tuning.train, *tuning.dev} == set(data.splits.train)


def test_a_family_is_frozen() -> None:
    with pytest.raises(ValueError, match="frozen"):
        made_family().target = 0.1  # type: ignore[misc]
    assert isinstance(made_family(), Family)
