"""What an executor is given and what it gives back."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from probes.record import Record
from probes.records import Json

Kind = Literal[
    "result", "exception", "crash", "oom-kill", "time-limit", "no-progress", "bad-result"
]


class Request(Record):
    """One piece of work for a worker."""

    key: str
    body: Json
    """What the worker's `handle` is given: finite numbers only."""
    time_limit_s: float = Field(gt=0)
    """Counted from when the worker has the request and is ready."""
    no_progress_s: float = Field(gt=0)
    """Longest time between two calls of `progress`."""


class Progress(Record):
    """How far a request has come."""

    key: str
    done: float
    total: float
    what: str


class Outcome(Record):
    """How a request ended; each request has exactly one."""

    key: str
    status: Literal["ok", "failed"]
    cause: str = ""
    """Why it failed, in one printable line, with the end of the worker's log after a crash."""
    kind: Kind
    body: Json | None = None
    """What `handle` returned; None unless `status` is `ok`."""
    wall_s: float = 0.0


class Limits(Record):
    """What a worker may take, whatever the request."""

    start_s: float = Field(default=120.0, gt=0)
    """Time from the start of a worker until it is ready: its imports."""
    close_s: float = Field(default=3.0, ge=0)
    """Time to exit by itself once asked."""
    result_bytes: int = Field(default=256 << 20, gt=0)
    log_bytes: int = Field(default=4 << 20, gt=0)
    """Size at which a rung's log is turned over to `.log.1`, whose predecessor is lost."""
