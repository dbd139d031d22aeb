"""What is free on this machine now, and which cells of a plan there is room for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from knowledge.errors import UserError
from probes.hardware.host import read_ram
from probes.hardware.reading import read_gpus
from probes.hardware.records import Failure
from probes.hardware.sources import Sources
from probes.plan import Plan, Rung, wall_seconds
from probes.record import Record
from probes.work import PlannedCell

LITTLE = 0.5
"""Share of the total below which what is free is worth a note."""


class Free(Record):
    """Memory of the device that a run would use; None for what could not be read."""

    free_bytes: int | None = None
    """Left by everything that runs now, and by the control group's limit."""
    total_bytes: int | None = None

    def for_each(self, workers: int) -> float | None:
        """Bytes that one of so many workers may take."""
        room = self.total_bytes if self.free_bytes is None else self.free_bytes
        return None if room is None else room / workers


def free_on(device: str, sources: Sources | None = None) -> Free:
    """The first card's memory on `cuda`, else the main memory."""
    sources, failures = sources or Sources(), list[Failure]()
    ram = read_ram(sources, failures)
    if device != "cuda":
        return Free(free_bytes=ram.usable_now_bytes, total_bytes=ram.usable_bytes)
    gpus = read_gpus(sources, ram, failures)
    if not gpus:
        return Free()
    return Free(free_bytes=gpus[0].free_bytes, total_bytes=gpus[0].total_bytes)


def no_room(row: PlannedCell, free: Free, workers: int) -> str:
    """Why there is too little memory for a cell, trained without company; empty where there is
    enough, or where nothing could be read."""
    room = free.for_each(workers)
    if room is None or row.alone_bytes <= room:
        return ""
    each = f" for each of {workers} workers" if workers > 1 else ""
    return f"needs about {row.alone_bytes / 1e9:.1f} GB, {room / 1e9:.1f} GB are free{each}"


def together_within(row: PlannedCell, size: int, free: Free, workers: int) -> int:
    """How many of `size` adapters like the cell's there is room to train together; at least 1."""
    room = free.for_each(workers)
    if size < 2 or room is None or row.memory_bytes <= room:
        return size
    another = (row.memory_bytes - row.alone_bytes) / (size - 1)
    return max(1, min(size, 1 + int((room - row.alone_bytes) // max(1.0, another))))


def with_room(plan: Plan, rungs: Sequence[Rung], free: Free, device: str) -> Plan:
    """The plan without the cells that are too large for what is free, and notes on that.

    The battery and the rungs stay, so that a run goes on as itself when more is free again.

    Raises:
        UserError: E-HARDWARE-MEMORY, there is no room for any cell.
    """
    room = free.for_each(plan.workers)
    if room is None:
        return plan
    kept = [row for row in plan.cells if not no_room(row, free, plan.workers)]
    if all(row.cell.role == "final" for row in kept):
        least = min(plan.cells, key=lambda row: row.alone_bytes)
        raise UserError(
            "E-HARDWARE-MEMORY",
            f"the smallest cell {no_room(least, free, plan.workers)}",
            place="ladder",
            hint="free some memory, or list smaller models",
        )
    cells = [
        row.model_copy(update={"memory_bytes": min(row.memory_bytes, int(room))}) for row in kept
    ]
    return plan.model_copy(
        update={
            "cells": tuple(cells),
            "seconds": round(wall_seconds(cells, rungs, plan.workers, device), 1),
            "notes": (*plan.notes, *_notes(plan, free)),
        }
    )


def _notes(plan: Plan, free: Free) -> Iterator[str]:
    if free.free_bytes is not None and free.free_bytes < LITTLE * (free.total_bytes or 0):
        of_all = f"{free.free_bytes / 1e9:.1f} GB of {(free.total_bytes or 0) / 1e9:.1f} GB"
        yield f"{of_all} of memory are free now"
    out = [row for row in plan.cells if no_room(row, free, plan.workers)]
    for rung in dict.fromkeys(row.cell.rung for row in out):
        mine = [row for row in out if row.cell.rung == rung]
        largest = max(mine, key=lambda row: row.alone_bytes)
        methods = ", ".join(dict.fromkeys(row.cell.method for row in mine))
        yield (
            f"{rung}: {len(mine)} cells are left out ({methods}):"
            f" the largest {no_room(largest, free, plan.workers)}"
        )
