"""How far a run is: what was predicted and will not come is no longer waited for."""

from __future__ import annotations

from typing import get_args

import pytest

from advisor.pace import ROLES, Pace
from probes.records import Cell, Event

PLAN = [
    *[["small", "few_shot", "screen", 1.0]] * 4,
    *[["small", "few_shot", "search", 5.0]] * 4,
    ["small", "few_shot", "repeat", 5.0],
    *[["small", "lora", "tune", 10.0]] * 2,
    ["small", "lora", "repeat", 10.0],
    ["small", "lora", "final", 3.0],
    ["large", "few_shot", "search", 50.0],
    ["large", "lora", "final", 30.0],
]
TOTAL = sum(row[3] for row in PLAN)


@pytest.fixture
def pace() -> Pace:
    made = Pace()
    made.event(Event(kind="plan", payload={"seconds_by_cell": PLAN}))
    return made


def tell(pace: Pace, kind: str, name: str, *place: str) -> None:
    rung, method, role = place
    told = {"id": name, "rung": rung, "method": method, "role": role, "params": {}, "n_train": 0}
    told |= {"split": "test" if role == "final" else "dev", "cached": False, "again": True}
    pace.event(Event(kind=kind, payload=told))


def run(pace: Pace, name: str, *place: str) -> None:
    tell(pace, "cell-started", name, *place)
    tell(pace, "cell-finished", name, *place)


def test_settings_that_a_screening_drops_are_not_waited_for(pace: Pace) -> None:
    for at in range(4):
        run(pace, f"screen {at}", "small", "few_shot", "screen")
    run(pace, "search", "small", "few_shot", "search")
    assert pace.total == TOTAL  # three more may come
    tell(pace, "cell-started", "repeat", "small", "few_shot", "repeat")
    assert pace.total == TOTAL - 3 * 5
    assert pace.done == pytest.approx((4 * 1 + 5) / pace.total)


def test_a_later_method_ends_the_earlier_ones_of_its_rung_alone(pace: Pace) -> None:
    run(pace, "tune", "small", "lora", "tune")
    assert pace.total == TOTAL - 4 * 1 - 4 * 5 - 5
    assert pace.predicted["small", "lora", "tune"] == [10.0]
    assert pace.predicted["small", "lora", "final"] == [3.0]
    assert pace.predicted["large", "few_shot", "search"] == [50.0]


def test_the_test_split_ends_all_that_came_before_on_every_rung(pace: Pace) -> None:
    tell(pace, "cell-started", "final", "small", "few_shot", "final")
    assert pace.total == 3 + 30
    run(pace, "other", "small", "lora", "final")
    run(pace, "last", "large", "lora", "final")
    assert pace.done == 1


def test_what_is_tried_again_is_still_to_come(pace: Pace) -> None:
    tell(pace, "cell-started", "a", "small", "lora", "repeat")
    total = pace.total
    tell(pace, "cell-failed", "a", "small", "lora", "repeat")
    run(pace, "a", "small", "lora", "repeat")
    assert pace.total == total
    assert pace.finished == 10


def test_every_role_has_its_place() -> None:
    assert {*ROLES, "final"} == set(get_args(Cell.model_fields["role"].annotation))
