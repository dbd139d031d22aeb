"""What the driver tells of a cell: started, how far it is, to be tried again, finished."""

from __future__ import annotations

from probes.executors.local import Progress
from probes.records import Cell, Event, Json, Measurement


def started(cell: Cell, key: str, attempt: int) -> Event:
    """A worker was asked for the cell."""
    payload: Json = {"id": key[:12], "attempt": attempt, **_described(cell)}
    return Event(kind="cell-started", payload=payload)


def progressed(rung: str, key: str, news: Progress) -> Event:
    """How far a cell is."""
    told = {"done": news.done, "total": news.total, "what": news.what}
    return Event(kind="progress", payload={"id": key[:12], "rung": rung, **told})


def tried_again(cell: Cell, key: str, cause: str) -> Event:
    """The request failed in which the cell came first; its cells are asked for once more."""
    payload: Json = {"id": key[:12], "cause": cause, "again": True, **_described(cell)}
    return Event(kind="cell-failed", payload=payload)


def finished(measurement: Measurement, *, cached: bool) -> Event:
    """The cell is measured, failed or pruned."""
    payload: Json = {
        "id": measurement.id,
        "status": measurement.status,
        "cause": measurement.cause,
        "cached": cached,
        "wall_s": measurement.cost.wall_s,
        **_described(measurement.cell),
    }
    for name in ("form", "content", "quality"):
        estimate = getattr(measurement, name)
        payload[name] = estimate.model_dump() if estimate is not None else None
    return Event(kind="cell-finished", payload=payload)


def _described(cell: Cell) -> Json:
    """The fields of a cell that events carry."""
    return {
        "rung": cell.rung,
        "method": cell.method,
        "role": cell.role,
        "split": cell.split,
        "params": cell.params,
        "n_train": cell.n_train,
        "n_eval": cell.n_eval,
        "seed": cell.seed,
    }
