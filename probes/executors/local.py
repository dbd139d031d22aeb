"""The supervisor: one warm worker process a rung; whatever a worker does becomes an outcome."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import logging
import os
import re
import selectors
import signal
import subprocess
import time
import uuid
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Literal, Self

from pydantic import Field

from probes.executors.child import load_result, one_line
from probes.records import Json, Record

logger = logging.getLogger(__name__)

Kind = Literal[
    "result", "exception", "crash", "oom-kill", "time-limit", "no-progress", "bad-result"
]
Stream = Literal["requests", "messages", "log"]

# Becomes the worker itself, so that its process id is known. Before that it leaves a sentinel in
# the worker's process group, which blocks on a pipe that only the parent can write to: when the
# parent is gone, however it went, the sentinel kills the group, stopped processes included.
# Fails closed: without the pipe no worker starts. $1 is 10 or more: dash has one-digit fds only.
LAUNCH = r"""
exec 3<"/dev/fd/$1" || exit 126
shift
(trap '' HUP INT QUIT TERM USR1 USR2 ALRM PIPE TSTP TTIN TTOU
while read -r _; do :; done; kill -KILL 0) <&3 >/dev/null 2>&1 &
{ echo 500 >/proc/self/oom_score_adj; } 2>/dev/null
exec "$@" 3<&-
"""
TICK_S = 0.1
"""Longest sleep while a worker is alive: bounds how late an exit or a limit is seen."""
CHUNK_BYTES = 1 << 16
TURN_CHUNKS = 64
LINE_BYTES = 1 << 20
"""Longest line of the protocol; a longer one is noise."""
TAIL_BYTES = 4096
TAIL_LINES = 4
UNKILLABLE_S = 10.0

_sentinel_pipes: set[int] = set()
"""Write ends in this process; a fork without exec must not keep them open."""


def _close_in_fork() -> None:
    for fd in _sentinel_pipes:
        with contextlib.suppress(OSError):
            os.close(fd)
    _sentinel_pipes.clear()


os.register_at_fork(after_in_child=_close_in_fork)


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


@dataclass
class _Job:
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
class _Worker:
    rung: str
    process: subprocess.Popen[bytes]
    pipes: dict[Stream, IO[bytes]]
    log: _Log
    started_s: float
    ready: bool = False
    spent: bool = False
    """True where it answered but cannot be trusted with another request."""
    job: _Job | None = None
    received: bytes = b""
    unsent: memoryview = field(default_factory=lambda: memoryview(b""))
    used_s: float = 0.0


class _Log:
    """A rung's log on disk, never much larger than its cap, and its last bytes in memory."""

    def __init__(self, path: Path, limit_bytes: int) -> None:
        self.path, self.limit_bytes = path, limit_bytes
        self.file: IO[bytes] = open(path, "ab", buffering=0)  # noqa: SIM115 - closed by close()
        self.tail = b""

    def write(self, data: bytes) -> None:
        self.tail = (self.tail + data)[-TAIL_BYTES:]
        with contextlib.suppress(OSError):  # a full disk must not end the run because of a log
            if self.file.tell() + len(data) > self.limit_bytes:
                os.replace(self.path, f"{self.path}.1")
                self.close()
                self.file = open(self.path, "ab", buffering=0)  # noqa: SIM115
            self.file.write(data[-self.limit_bytes :])

    def last_lines(self) -> str:
        lines = [line for line in self.tail.decode(errors="replace").splitlines() if line.strip()]
        return one_line(" | ".join(lines[-TAIL_LINES:]), 500)

    def close(self) -> None:
        self.file.close()


class LocalExecutor:
    """Workers of this process. Not for several threads; use it as a context manager.

    A rung's queue is worked off in order of submission before its worker gives way to another
    rung. After a crash, a limit or an out-of-memory error the worker's whole process group is
    killed, and the next request of the rung starts a new one. A process that leaves its group
    (setsid) is out of reach.
    """

    def __init__(
        self,
        worker_command: Callable[[str], list[str]],
        *,
        max_workers: int,
        limits: Limits | None = None,
        attempt_folder: Path,
        log_folder: Path | None = None,
        env: Mapping[str, str] | None = None,
    ) -> None:
        """Start nothing yet.

        `attempt_folder` takes results in transit, `log_folder` (by default the same) one
        `<rung>.log` each.
        `worker_command(rung)` gives the program and arguments of a process that calls
        `child.serve`. `env` replaces the environment. ValueError where `max_workers` < 1;
        OSError where a folder cannot be made.
        """
        if max_workers < 1:
            raise ValueError("max_workers must be at least 1")
        self._command, self._max_workers = worker_command, max_workers
        self._limits = limits or Limits()
        self._folder = attempt_folder.absolute()
        self._env = dict(os.environ if env is None else env)
        self._log_folder = (log_folder or attempt_folder).absolute()
        for folder in (self._folder, self._log_folder):
            folder.mkdir(parents=True, exist_ok=True)
        self._workers: dict[str, _Worker] = {}
        self._queues: dict[str, deque[_Job]] = {}
        self._logs: dict[str, _Log] = {}
        self._news: list[Progress | Outcome] = []
        self._selector = selectors.DefaultSelector()
        low_fd, self._alive_fd = os.pipe()  # close-on-exec, both ends
        self._sentinel_fd = fcntl.fcntl(low_fd, fcntl.F_DUPFD_CLOEXEC, 10)
        os.close(low_fd)
        _sentinel_pipes.add(self._alive_fd)
        self._closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is None:
            self.close()
        else:
            self.terminate_now()

    @property
    def pending(self) -> int:
        """Requests that have no outcome yet."""
        running = sum(worker.job is not None for worker in self._workers.values())
        return running + sum(map(len, self._queues.values()))

    def submit(self, rung: str, request: Request) -> None:
        """Queue a request; it starts in `poll`.

        ValueError or TypeError where its body is not JSON with finite numbers; RuntimeError
        after `close`.
        """
        if self._closed:
            raise RuntimeError("the executor is closed")
        attempt = uuid.uuid4().hex
        result = self._folder / f"{attempt}.json"
        message = {"attempt": attempt, "result": str(result), "body": request.body}
        line = json.dumps(message, allow_nan=False).encode() + b"\n"
        self._queues.setdefault(rung, deque()).append(_Job(request, line, attempt, result))

    def poll(self, timeout_s: float) -> list[Progress | Outcome]:
        """What has happened, oldest first; waits up to `timeout_s` seconds for the first news.

        Returns [] at once where nothing is queued or running. Call it often: limits are enforced
        and logs are emptied here only.
        """
        end_s = time.monotonic() + timeout_s
        while True:
            self._pump()
            left_s = end_s - time.monotonic()
            waits = not self._news and self.pending
            self._turn(max(0.0, min(left_s, TICK_S)) if waits else 0.0)
            if self._news or left_s <= 0 or not self.pending:
                self._pump()  # no worker idles while the caller digests the news
                news, self._news = self._news, []
                return news

    def close(self) -> None:
        """Ask every worker to exit, wait `limits.close_s`, kill the rest; drops what is queued."""
        self._queues.clear()
        for worker in self._workers.values():
            self._ask_to_exit(worker)
        self._wait_for_exit(list(self._workers.values()))
        self.terminate_now()

    def terminate_now(self) -> None:
        """Kill every worker's process group; safe to call twice."""
        if self._closed:
            return
        self._closed = True
        self._queues.clear()
        for worker in self._workers.values():  # all at once, then wait for each
            _kill_group(worker.process.pid)
        for worker in list(self._workers.values()):
            self._drop(worker)
        for log in self._logs.values():
            log.close()
        self._selector.close()
        os.close(self._sentinel_fd)
        _sentinel_pipes.discard(self._alive_fd)
        os.close(self._alive_fd)

    # ------------------------------------------------------------ starting

    def _pump(self) -> None:
        for rung in list(self._queues):
            queue = self._queues[rung]
            worker = self._workers.get(rung)
            if worker is not None and worker.job is None and worker.process.poll() is not None:
                logger.warning("the idle worker of %s is gone; starting another", rung)
                self._drop(worker)
                worker = None
            if worker is None and self._make_room():
                worker = self._start(rung, queue)
            if worker is not None and worker.job is None and queue:
                self._dispatch(worker, queue.popleft())
            if not queue:
                del self._queues[rung]

    def _make_room(self) -> bool:
        if len(self._workers) < self._max_workers:
            return True
        idle = [w for w in self._workers.values() if w.job is None and w.rung not in self._queues]
        if not idle:
            return False
        worker = min(idle, key=lambda w: w.used_s)
        self._ask_to_exit(worker)
        self._wait_for_exit([worker])
        self._drop(worker)
        return True

    def _start(self, rung: str, queue: deque[_Job]) -> _Worker | None:
        """A new worker, or None after giving the first job of the queue its outcome."""
        try:
            if rung not in self._logs:
                path = self._log_folder / _log_name(rung)
                self._logs[rung] = _Log(path, self._limits.log_bytes)
            process = _launch(self._command(rung), self._env, self._sentinel_fd)
        except OSError as error:
            cause = one_line(f"the worker could not be started: {error}")
            key = queue.popleft().request.key
            self._news.append(Outcome(key=key, status="failed", cause=cause, kind="crash"))
            return None
        worker = _Worker(rung, process, _pipes(process), self._logs[rung], time.monotonic())
        worker.log.tail = b""
        names: tuple[Stream, ...] = ("messages", "log")
        for name in names:
            self._selector.register(worker.pipes[name], selectors.EVENT_READ, (worker, name))
        self._workers[rung] = worker
        return worker

    def _dispatch(self, worker: _Worker, job: _Job) -> None:
        worker.job = job
        job.begun_s = time.monotonic()
        job.oom_kills = oom_kills()
        if worker.ready:
            self._begin(worker, job)

    def _begin(self, worker: _Worker, job: _Job) -> None:
        """Send the request of a worker that is ready, so that the log from here on is its own."""
        self._receive(worker, "log")
        worker.log.tail = b""
        worker.unsent = memoryview(job.line)
        job.begun_s = job.heard_s = time.monotonic()
        self._send(worker)

    # ------------------------------------------------------------ listening

    def _turn(self, wait_s: float) -> None:
        """Move bytes for up to `wait_s` seconds, then look at exits and limits."""
        for key, _ in self._selector.select(wait_s):
            worker, name = key.data
            if name == "requests":
                self._send(worker)
            else:
                self._receive(worker, name)
        for worker in list(self._workers.values()):
            self._check(worker)

    def _send(self, worker: _Worker) -> None:
        """Write what the worker takes now; a worker that takes nothing must not block us."""
        pipe = worker.pipes["requests"]
        try:
            while worker.unsent:
                sent = os.write(pipe.fileno(), worker.unsent[:CHUNK_BYTES])
                worker.unsent = worker.unsent[sent:]
        except BlockingIOError:
            if pipe not in self._selector.get_map():
                self._selector.register(pipe, selectors.EVENT_WRITE, (worker, "requests"))
            return
        except BrokenPipeError:
            worker.unsent = memoryview(b"")  # its exit is classified by _check
        self._unregister(pipe)

    def _receive(self, worker: _Worker, name: Stream) -> None:
        """Read one stream until it is empty for now, or so much that limits want a look."""
        pipe = worker.pipes[name]
        for _ in range(TURN_CHUNKS):
            try:
                data = os.read(pipe.fileno(), CHUNK_BYTES)
            except BlockingIOError:
                return
            if not data:
                self._unregister(pipe)
                return
            if name == "log":
                worker.log.write(data)
                continue
            *lines, worker.received = (worker.received + data).split(b"\n")
            if len(worker.received) > LINE_BYTES:
                worker.received = b""
            for line in filter(None, lines):
                self._message(worker, line)

    def _unregister(self, pipe: IO[bytes]) -> None:
        with contextlib.suppress(KeyError, ValueError):  # not registered; closed
            self._selector.unregister(pipe)

    def _message(self, worker: _Worker, line: bytes) -> None:
        """Act on a line from a worker; what is not of the protocol goes to the log."""
        job, now_s = worker.job, time.monotonic()
        try:
            message: Any = json.loads(line)
            event = message["event"]
            if event == "ready":
                if job is not None and not worker.ready:
                    self._begin(worker, job)
                worker.ready = True
            elif job is None or message["attempt"] != job.attempt:
                return
            elif event == "progress":
                fields = {name: message[name] for name in ("done", "total", "what")}
                job.last = Progress(key=job.request.key, **fields)
                job.heard_s = now_s
                self._news.append(job.last)
            elif event == "result":
                self._accept(worker, job)
            elif event == "bad-result":
                self._settle(worker, "bad-result", one_line(str(message["message"])))
            elif event == "exception":
                self._exception(worker, message)
        except (ValueError, KeyError, TypeError, RecursionError):
            worker.log.write(line + b"\n")

    def _exception(self, worker: _Worker, message: Json) -> None:
        memory = "out of memory: " if message["out_of_memory"] else ""
        self._settle(
            worker, "exception", one_line(f"{memory}{message['type']}: {message['message']}")
        )
        worker.spent = bool(message["replace"])

    def _accept(self, worker: _Worker, job: _Job) -> None:
        try:
            body = load_result(str(job.result), self._limits.result_bytes)
        except ValueError as error:
            self._settle(worker, "bad-result", one_line(str(error)))
        else:
            self._settle(worker, "result", "", body)

    # ------------------------------------------------------------ ending

    def _check(self, worker: _Worker) -> None:
        """Give the request of a dead or overdue worker its outcome."""
        code = worker.process.poll()
        if code is not None:
            self._drain(worker)  # it may have answered before it died
            self._settle(worker, *_classify(code, worker))
            self._drop(worker)
        elif worker.spent:
            self._drop(worker)
        elif worker.job is not None and (ending := self._overdue(worker, worker.job)):
            _kill_group(worker.process.pid)
            self._settle(worker, *ending)
            self._drop(worker)

    def _overdue(self, worker: _Worker, job: _Job) -> tuple[Kind, str] | None:
        now_s, request, last = time.monotonic(), job.request, ""
        if not worker.ready:
            limit_s = self._limits.start_s
            if now_s - worker.started_s <= limit_s:
                return None
            return "no-progress", _with_log(f"the worker was not ready after {limit_s:g} s", worker)
        if job.last is not None:
            last = f"; last heard: {job.last.done:g} of {job.last.total:g} {job.last.what}".rstrip()
        if now_s - job.begun_s > request.time_limit_s:
            cause = f"over the time limit of {request.time_limit_s:g} s{last}"
            return "time-limit", _with_log(cause, worker)
        if now_s - job.heard_s > request.no_progress_s:
            cause = f"no progress for {request.no_progress_s:g} s{last}"
            return "no-progress", _with_log(cause, worker)
        return None

    def _settle(self, worker: _Worker, kind: Kind, cause: str, body: Json | None = None) -> None:
        job = worker.job
        if job is None:
            return
        worker.job, worker.used_s = None, time.monotonic()
        _remove_results(job)
        self._news.append(
            Outcome(
                key=job.request.key,
                status="ok" if kind == "result" else "failed",
                cause=cause,
                kind=kind,
                body=body,
                wall_s=worker.used_s - job.begun_s,
            )
        )

    def _drain(self, worker: _Worker) -> None:
        names: tuple[Stream, ...] = ("messages", "log")
        for name in names:
            self._receive(worker, name)

    def _ask_to_exit(self, worker: _Worker) -> None:
        """An idle worker sees the end of its stdin; a busy one gets SIGTERM."""
        if worker.job is not None:
            worker.process.terminate()
        worker.unsent = memoryview(b"")
        self._unregister(worker.pipes["requests"])
        worker.pipes["requests"].close()

    def _wait_for_exit(self, workers: list[_Worker]) -> None:
        end_s = time.monotonic() + self._limits.close_s
        while any(w.process.poll() is None for w in workers) and time.monotonic() < end_s:
            for worker in workers:
                self._drain(worker)  # a worker that waits for room in a pipe cannot exit
            time.sleep(0.005)

    def _drop(self, worker: _Worker) -> None:
        """Kill what is left of a worker's process group and forget it.

        The sentinel outlives the worker, so the group's number cannot have been reused.
        """
        _kill_group(worker.process.pid)
        try:
            worker.process.wait(UNKILLABLE_S)
        except subprocess.TimeoutExpired:
            logger.warning("process %d cannot be killed; leaving it", worker.process.pid)
        self._drain(worker)
        if worker.job is not None:
            _remove_results(worker.job)
        for pipe in worker.pipes.values():
            self._unregister(pipe)
            pipe.close()
        self._workers.pop(worker.rung, None)


def oom_kills() -> int:
    """How many processes the kernel has killed for want of memory, as near to us as it tells.

    In our control group (cgroup v2), else on this host, else 0.
    """
    try:
        lines = Path("/proc/self/cgroup").read_text().splitlines()
        group = next(line[3:].lstrip("/") for line in lines if line.startswith("0::"))
        text = (Path("/sys/fs/cgroup") / group / "memory.events").read_text()
    except (OSError, StopIteration):
        try:
            text = Path("/proc/vmstat").read_text()
        except OSError:
            return 0
    found = re.search(r"^oom_kill (\d+)$", text, re.MULTILINE)
    return int(found[1]) if found else 0


def _classify(code: int, worker: _Worker) -> tuple[Kind, str]:
    """What the exit of a worker in the middle of a request means."""
    if code >= 0:
        when = "in the middle of a request" if worker.ready else "before it was ready"
        return "crash", _with_log(f"the worker exited with code {code} {when}", worker)
    if code == -signal.SIGKILL and worker.job and oom_kills() > worker.job.oom_kills:
        return "oom-kill", _with_log("killed: host out of memory", worker)
    try:
        name = f" ({signal.Signals(-code).name})"
    except ValueError:
        name = ""
    return "crash", _with_log(f"killed by signal {-code}{name}", worker)


def _with_log(cause: str, worker: _Worker) -> str:
    lines = worker.log.last_lines()
    return one_line(f"{cause}; log ends: {lines}" if lines else cause)


def _launch(
    command: list[str], env: Mapping[str, str], sentinel_fd: int
) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        ["/bin/sh", "-c", LAUNCH, "sh", str(sentinel_fd), *command],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        bufsize=0,
        env=env,
        start_new_session=True,
        pass_fds=[sentinel_fd],  # and no other: nobody inherits the write end
    )


def _pipes(process: subprocess.Popen[bytes]) -> dict[Stream, IO[bytes]]:
    if process.stdin is None or process.stdout is None or process.stderr is None:
        raise RuntimeError("the worker was started without pipes")
    pipes: dict[Stream, IO[bytes]] = {
        "requests": process.stdin,
        "messages": process.stdout,
        "log": process.stderr,
    }
    for pipe in pipes.values():
        os.set_blocking(pipe.fileno(), False)
        if hasattr(fcntl, "F_SETPIPE_SZ"):  # Linux: room for what comes while nobody polls
            with contextlib.suppress(OSError):
                fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, LINE_BYTES)
    return pipes


def _remove_results(job: _Job) -> None:
    for leftover in (job.result, Path(f"{job.result}.part")):
        with contextlib.suppress(OSError):
            leftover.unlink(missing_ok=True)


def _kill_group(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def _log_name(rung: str) -> str:
    plain = re.sub(r"[^a-z0-9._-]", "_", rung.lower())[:60].lstrip(".")
    if plain == rung:
        return f"{plain}.log"
    return f"{plain}-{hashlib.sha256(rung.encode()).hexdigest()[:8]}.log"
