"""What is said between the supervisor and one worker: requests out, log and news in."""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import time
from collections.abc import Iterator
from typing import IO, Any

from probes.executors.child import load_result, one_line
from probes.executors.process import Stream
from probes.executors.records import Outcome, Progress
from probes.executors.workers import Job, Worker, settle
from probes.records import Json

CHUNK_BYTES = 1 << 16
TURN_CHUNKS = 64
LINE_BYTES = 1 << 20
"""Longest line of the protocol; a longer one is noise."""


def begin(worker: Worker, job: Job) -> None:
    """Send the request of a worker that is ready, so that the log from here on is its own."""
    read_log(worker)
    worker.log.tail = b""
    worker.unsent = memoryview(job.line)
    job.begun_s = job.heard_s = time.monotonic()
    send(worker)


def send(worker: Worker) -> None:
    """Write what the worker takes now; a worker that takes nothing must not block us."""
    pipe = worker.pipes["requests"]
    try:
        while worker.unsent:
            sent = os.write(pipe.fileno(), worker.unsent[:CHUNK_BYTES])
            worker.unsent = worker.unsent[sent:]
    except BlockingIOError:
        if pipe not in worker.selector.get_map():
            worker.selector.register(pipe, selectors.EVENT_WRITE, (worker, "requests"))
        return
    except BrokenPipeError:
        worker.unsent = memoryview(b"")  # its exit tells what happened
    _unwatch(worker, pipe)


def watch(worker: Worker) -> None:
    """Have the selector tell when the worker says something."""
    names: tuple[Stream, ...] = ("messages", "log")
    for name in names:
        worker.selector.register(worker.pipes[name], selectors.EVENT_READ, (worker, name))


def hang_up(worker: Worker, name: Stream) -> None:
    """Close one of the worker's pipes; safe to call twice."""
    _unwatch(worker, worker.pipes[name])
    worker.pipes[name].close()


def read_log(worker: Worker) -> None:
    """Move to the log what the worker and its libraries printed."""
    for data in _chunks(worker, "log"):
        worker.log.write(data)


def hear(worker: Worker, result_bytes: int) -> Iterator[Progress | Outcome]:
    """Act on the worker's messages, as they are taken from here."""
    for data in _chunks(worker, "messages"):
        *lines, worker.received = (worker.received + data).split(b"\n")
        if len(worker.received) > LINE_BYTES:
            worker.received = b""
        for line in filter(None, lines):
            yield from _message(worker, line, result_bytes)


def _chunks(worker: Worker, name: Stream) -> Iterator[bytes]:
    """What one stream holds, until it is empty for now, or so much that limits want a look."""
    pipe = worker.pipes[name]
    for _ in range(TURN_CHUNKS):
        try:
            data = os.read(pipe.fileno(), CHUNK_BYTES)
        except BlockingIOError:
            return
        if not data:
            _unwatch(worker, pipe)
            return
        yield data


def _unwatch(worker: Worker, pipe: IO[bytes]) -> None:
    with contextlib.suppress(KeyError, ValueError):  # not registered; closed
        worker.selector.unregister(pipe)


def _message(worker: Worker, line: bytes, result_bytes: int) -> Iterator[Progress | Outcome]:
    """Act on a line from a worker; what is not of the protocol goes to the log."""
    job, now_s = worker.job, time.monotonic()
    try:
        message: Any = json.loads(line)
        event = message["event"]
        if event == "ready":
            if job is not None and not worker.ready:
                begin(worker, job)
            worker.ready = True
        elif job is None or message["attempt"] != job.attempt:
            return
        elif event == "progress":
            fields = {name: message[name] for name in ("done", "total", "what")}
            job.last = Progress(key=job.request.key, **fields)
            job.heard_s = now_s
            yield job.last
        elif event == "result":
            yield _accept(worker, job, result_bytes)
        elif event == "bad-result":
            yield settle(worker, job, "bad-result", one_line(str(message["message"])))
        elif event == "exception":
            yield _exception(worker, job, message)
            worker.spent = bool(message["replace"])
    except (ValueError, KeyError, TypeError, RecursionError):
        worker.log.write(line + b"\n")


def _exception(worker: Worker, job: Job, message: Json) -> Outcome:
    memory = "out of memory: " if message["out_of_memory"] else ""
    cause = one_line(f"{memory}{message['type']}: {message['message']}")
    return settle(worker, job, "exception", cause)


def _accept(worker: Worker, job: Job, result_bytes: int) -> Outcome:
    try:
        body = load_result(str(job.result), result_bytes)
    except ValueError as error:
        return settle(worker, job, "bad-result", one_line(str(error)))
    return settle(worker, job, "result", body=body)
