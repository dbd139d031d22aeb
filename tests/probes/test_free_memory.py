"""What there is room for; how it is read: test_machine_readings.py."""

from __future__ import annotations

import pytest

from probes.free_memory import Free, no_room, together_within
from probes.records import Cell
from probes.work import PlannedCell

GB = 10**9


def row(memory_bytes: int, alone_bytes: int) -> PlannedCell:
    cell = Cell(rung="r", method="lora", split="dev", n_eval=1, role="tune")
    return PlannedCell(
        cell=cell, seconds=1, tokens=1, memory_bytes=memory_bytes, alone_bytes=alone_bytes
    )


@pytest.mark.parametrize(
    ("free", "workers", "alone_gb", "says"),
    [
        (Free(free_bytes=5 * GB, total_bytes=8 * GB), 1, 5, ""),
        (Free(free_bytes=5 * GB, total_bytes=8 * GB), 1, 6, "needs about 6.0 GB, 5.0 GB are free"),
        (
            Free(free_bytes=6 * GB, total_bytes=8 * GB), 2, 4,
            "needs about 4.0 GB, 3.0 GB are free for each of 2 workers",
        ),
        (Free(total_bytes=8 * GB), 1, 9, "needs about 9.0 GB, 8.0 GB are free"),
        (Free(), 1, 900, ""),
    ],
)  # fmt: skip
def test_room_is_what_is_free_for_a_worker(
    free: Free, workers: int, alone_gb: int, says: str
) -> None:
    assert no_room(row(10 * alone_gb * GB, alone_gb * GB), free, workers) == says


@pytest.mark.parametrize(
    ("free_gb", "together"), [(100, 8), (17, 8), (16.9, 7), (5, 2), (3, 1), (1, 1)]
)
def test_company_is_cut_to_what_there_is_room_for(free_gb: float, together: int) -> None:
    """Weights of 1 GB, 2 GB an adapter: 17 GB for eight."""
    free = Free(free_bytes=int(free_gb * GB), total_bytes=200 * GB)
    assert together_within(row(17 * GB, 3 * GB), 8, free, workers=1) == together
