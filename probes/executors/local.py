"""The supervisor: one warm worker process a rung; whatever a worker does becomes an outcome."""

from __future__ import annotations

import json
import logging
import os
import selectors
import signal
import time
import uuid
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Self

from probes.executors.child import one_line
from probes.executors.dialogue import begin, hang_up, hear, read_log, send, watch
from probes.executors.process import (
    close_sentinel_pipe,
    end,
    kill_group,
    launch,
    oom_kills,
    open_pipes,
    open_sentinel_pipe,
)
from probes.executors.records import Limits, Outcome, Progress, Request
from probes.executors.workers import (
    Job,
    Log,
    Worker,
    classify,
    log_name,
    overdue,
    remove_results,
    settle,
)

__all__ = ["Limits", "LocalExecutor", "Outcome", "Progress", "Request", "oom_kills"]

logger = logging.getLogger(__name__)

TICK_S = 0.1
"""Longest sleep while a worker is alive: bounds how late an exit or a limit is seen."""


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
        self._workers: dict[str, Worker] = {}
        self._queues: dict[str, deque[Job]] = {}
        self._logs: dict[str, Log] = {}
        self._news: list[Progress | Outcome] = []
        self._selector = selectors.DefaultSelector()
        self._sentinel_fd, self._alive_fd = open_sentinel_pipe()
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
        self._queues.setdefault(rung, deque()).append(Job(request, line, attempt, result))

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
            kill_group(worker.process.pid)
        for worker in list(self._workers.values()):
            self._drop(worker)
        for log in self._logs.values():
            log.close()
        self._selector.close()
        close_sentinel_pipe(self._sentinel_fd, self._alive_fd)

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

    def _start(self, rung: str, queue: deque[Job]) -> Worker | None:
        """A new worker, or None after giving the first job of the queue its outcome."""
        try:
            if rung not in self._logs:
                path = self._log_folder / log_name(rung)
                self._logs[rung] = Log(path, self._limits.log_bytes)
            process = launch(self._command(rung), self._env, self._sentinel_fd)
        except OSError as error:
            cause = one_line(f"the worker could not be started: {error}")
            key = queue.popleft().request.key
            self._news.append(Outcome(key=key, status="failed", cause=cause, kind="crash"))
            return None
        log, selector = self._logs[rung], self._selector
        worker = Worker(rung, process, open_pipes(process), log, selector, time.monotonic())
        worker.log.tail = b""
        watch(worker)
        self._workers[rung] = worker
        return worker

    def _dispatch(self, worker: Worker, job: Job) -> None:
        worker.job = job
        job.begun_s = time.monotonic()
        job.oom_kills = oom_kills()
        if worker.ready:
            begin(worker, job)

    # ------------------------------------------------------------ listening

    def _turn(self, wait_s: float) -> None:
        """Move bytes for up to `wait_s` seconds, then look at exits and limits."""
        for key, _ in self._selector.select(wait_s):
            worker, name = key.data
            if name == "requests":
                send(worker)
            elif name == "log":
                read_log(worker)
            else:
                self._hear(worker)
        for worker in list(self._workers.values()):
            self._check(worker)

    def _hear(self, worker: Worker) -> None:
        self._news.extend(hear(worker, self._limits.result_bytes))

    # ------------------------------------------------------------ ending

    def _check(self, worker: Worker) -> None:
        """Give the request of a dead or overdue worker its outcome."""
        code = worker.process.poll()
        if code is not None:
            self._drain(worker)  # it may have answered before it died
            if (job := worker.job) is not None:
                oom_killed = code == -signal.SIGKILL and oom_kills() > job.oom_kills
                ending = classify(code, worker, oom_killed=oom_killed)
                self._news.append(settle(worker, job, *ending))
            self._drop(worker)
        elif worker.spent:
            self._drop(worker)
        elif (job := worker.job) and (late := overdue(worker, job, self._limits.start_s)):
            kill_group(worker.process.pid)
            self._news.append(settle(worker, job, *late))
            self._drop(worker)

    def _drain(self, worker: Worker) -> None:
        self._hear(worker)
        read_log(worker)

    def _ask_to_exit(self, worker: Worker) -> None:
        """An idle worker sees the end of its stdin; a busy one gets SIGTERM."""
        if worker.job is not None:
            worker.process.terminate()
        worker.unsent = memoryview(b"")
        hang_up(worker, "requests")

    def _wait_for_exit(self, workers: list[Worker]) -> None:
        end_s = time.monotonic() + self._limits.close_s
        while any(w.process.poll() is None for w in workers) and time.monotonic() < end_s:
            for worker in workers:
                self._drain(worker)  # a worker that waits for room in a pipe cannot exit
            time.sleep(0.005)

    def _drop(self, worker: Worker) -> None:
        """End a worker and forget it."""
        end(worker.process)
        self._drain(worker)
        if worker.job is not None:
            remove_results(worker.job)
        for name in worker.pipes:
            hang_up(worker, name)
        self._workers.pop(worker.rung, None)
