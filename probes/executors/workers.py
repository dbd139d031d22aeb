"""A worker as the supervisor sees it: its job, its log, and how the job ends."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import selectors
import signal
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from probes.executors.child import one_line
from probes.executors.process import Stream
from probes.executors.records import Kind, Outcome, Progress, Request
from probes.records import Json

TAIL_BYTES = 4096
TAIL_LINES = 4


class Log:
    """A rung's log on disk, never much larger than its cap, and its last bytes in memory."""

    def __init__(self, path: Path, limit_bytes: int) -> None:
        self.path, self.limit_bytes = path, limit_bytes
        self.file: IO[bytes] = open(path, "ab", buffering=0)  # noqa: SIM115 - closed by close()
        self.tail = b""

    def write(self, data: bytes) -> None:
        """Add to the log; what a full disk refuses is dropped."""
        self.tail = (self.tail + data)[-TAIL_BYTES:]
        with contextlib.suppress(OSError):  # a full disk must not end the run because of a log
            if self.file.tell() + len(data) > self.limit_bytes:
                os.replace(self.path, f"{self.path}.1")
                self.close()
                self.file = open(self.path, "ab", buffering=0)  # noqa: SIM115
            self.file.write(data[-self.limit_bytes :])

    def last_lines(self) -> str:
        """The end of the log in one printable line."""
        lines = [line for line in self.tail.decode(errors="replace").splitlines() if line.strip()]
        return one_line(" | ".join(lines[-TAIL_LINES:]), 500)

    def close(self) -> None:
        """Close the file."""
        self.file.close()


@dataclass
class Job:
    """A request on its way."""

    request: Request
    line: bytes
    attempt: str
    result: Path
    begun_s: float = 0.0
    """Monotonic, like every time here: when the worker had it and was ready."""
    heard_s: float = 0.0
    last: Progress | None = None
    oom_kills: int = 0


@dataclass
class Worker:
    """A living worker; `selector` watches its pipes."""

    rung: str
    process: subprocess.Popen[bytes]
    pipes: dict[Stream, IO[bytes]]
    log: Log
    selector: selectors.BaseSelector
    started_s: float
    ready: bool = False
    spent: bool = False
    """True where it answered but cannot be trusted with another request."""
    job: Job | None = None
    received: bytes = b""
    unsent: memoryview = field(default_factory=lambda: memoryview(b""))
    used_s: float = 0.0


def settle(
    worker: Worker, job: Job, kind: Kind, cause: str = "", body: Json | None = None
) -> Outcome:
    """Take the job off its worker and give it its outcome."""
    worker.job, worker.used_s = None, time.monotonic()
    remove_results(job)
    return Outcome(
        key=job.request.key,
        status="ok" if kind == "result" else "failed",
        cause=cause,
        kind=kind,
        body=body,
        wall_s=worker.used_s - job.begun_s,
    )


def classify(code: int, worker: Worker, *, oom_killed: bool) -> tuple[Kind, str]:
    """What the exit of a worker in the middle of a request means."""
    if code >= 0:
        when = "in the middle of a request" if worker.ready else "before it was ready"
        return "crash", _with_log(f"the worker exited with code {code} {when}", worker)
    if oom_killed:
        return "oom-kill", _with_log("killed: host out of memory", worker)
    try:
        name = f" ({signal.Signals(-code).name})"
    except ValueError:
        name = ""
    return "crash", _with_log(f"killed by signal {-code}{name}", worker)


def overdue(worker: Worker, job: Job, start_s: float) -> tuple[Kind, str] | None:
    """How the job of a worker that takes too long ends; None where it has time left."""
    now_s, request, last = time.monotonic(), job.request, ""
    if not worker.ready:
        if now_s - worker.started_s <= start_s:
            return None
        return "no-progress", _with_log(f"the worker was not ready after {start_s:g} s", worker)
    if job.last is not None:
        last = f"; last heard: {job.last.done:g} of {job.last.total:g} {job.last.what}".rstrip()
    if now_s - job.begun_s > request.time_limit_s:
        cause = f"over the time limit of {request.time_limit_s:g} s{last}"
        return "time-limit", _with_log(cause, worker)
    if now_s - job.heard_s > request.no_progress_s:
        cause = f"no progress for {request.no_progress_s:g} s{last}"
        return "no-progress", _with_log(cause, worker)
    return None


def _with_log(cause: str, worker: Worker) -> str:
    lines = worker.log.last_lines()
    return one_line(f"{cause}; log ends: {lines}" if lines else cause)


def remove_results(job: Job) -> None:
    """Remove what a worker may have left of its result."""
    for leftover in (job.result, Path(f"{job.result}.part")):
        with contextlib.suppress(OSError):
            leftover.unlink(missing_ok=True)


def log_name(rung: str) -> str:
    """The file name of a rung's log: the rung itself where it is plain."""
    plain = re.sub(r"[^a-z0-9._-]", "_", rung.lower())[:60].lstrip(".")
    if plain == rung:
        return f"{plain}.log"
    return f"{plain}-{hashlib.sha256(rung.encode()).hexdigest()[:8]}.log"
