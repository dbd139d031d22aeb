"""The worker's side of the supervisor: requests by stdin, results by file, all else to the log."""

from __future__ import annotations

import faulthandler
import json
import math
import os
import signal
import stat
import sys
import threading
import time
import traceback
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # at run time this module is standard library only, so that workers start fast
    from collections.abc import Callable

    from probes.records import Json

PROGRESS_INTERVAL_S = 0.05
"""Progress that comes faster than this is thinned out; the last step is always told."""
MESSAGE_CHARS = 2000
OUT_OF_MEMORY = frozenset({"MemoryError", "OutOfMemoryError"})
"""Class names; torch's own is recognised without importing torch."""
POISONED = frozenset({"AcceleratorError"})
"""Errors after which a device context is of no more use to this process."""


def serve(handle: Callable[[Json, Callable[[float, float, str], None]], Json]) -> None:
    """Answer requests until stdin ends, then exit with 0; SIGTERM exits with 143 at once.

    `handle(body, progress)` returns a JSON object with finite numbers; it calls
    `progress(done, total, what)` at least once in the request's no-progress limit. What it raises
    is told to the parent, with the traceback in the log. SIGINT is ignored: the parent decides.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: os._exit(143))
    requests_fd, say = _take_streams()
    faulthandler.enable()
    say({"event": "ready"})
    with open(requests_fd, "rb") as requests:
        for line in requests:
            if not line.endswith(b"\n"):  # the parent died while it wrote
                break
            request: Json = json.loads(line)
            answer = _answer(handle, request, _progress(say, request["attempt"]))
            sys.stdout.flush()
            sys.stderr.flush()
            say({**answer, "attempt": request["attempt"]})
    sys.exit(0)


def write_result(path: str, result: Json) -> None:
    """Write a result so that it is whole or absent.

    Raises ValueError, which names the place, where it is not a JSON object of finite numbers;
    OSError where the disk refuses.
    """
    if not isinstance(result, dict):
        raise ValueError(f"the result is a {type(result).__name__}, not a JSON object")
    try:
        data = json.dumps(result, allow_nan=False, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise ValueError("the result has text that is not valid Unicode") from None
    except (TypeError, RecursionError) as error:
        raise ValueError(f"the result is not JSON: {error}") from None
    except ValueError as error:
        place = _not_finite(result, "") if "Out of range" in str(error) else ""
        raise ValueError(f"the result is not JSON: {place or error}") from None
    with open(f"{path}.part", "wb") as file:
        file.write(data)
    os.replace(f"{path}.part", path)


def load_result(path: str, limit_bytes: int) -> Json:
    """Read a result that a worker wrote and trust nothing about it.

    Raises ValueError where it is missing, no regular file, larger than `limit_bytes`, or not a
    JSON object of finite numbers.
    """
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        raise ValueError(f"the result cannot be read: {error.strerror}") from None
    with open(fd, "rb") as file:
        info = os.fstat(fd)
        if not stat.S_ISREG(info.st_mode):
            raise ValueError("the result is not a regular file")
        if info.st_size > limit_bytes:
            raise ValueError(
                f"the result has {info.st_size} bytes; the limit is {limit_bytes} bytes"
            )
        data = file.read(limit_bytes + 1)
    try:
        value = json.loads(data, parse_constant=_finite, parse_float=_finite)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"the result is not JSON: {error}") from None
    if not isinstance(value, dict):
        raise ValueError(f"the result is a {type(value).__name__}, not a JSON object")
    return value


def one_line(text: str, limit: int = MESSAGE_CHARS) -> str:
    """`text` in one printable line of at most `limit` characters; what is cut is its middle."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    if len(line) <= limit:
        return line
    half = (limit - 5) // 2
    return f"{line[:half]} ... {line[-half:]}"


def _take_streams() -> tuple[int, Callable[[Json], None]]:
    """Keep the pipes to the parent for us alone: stdin becomes empty, stdout goes to the log."""
    requests_fd, announce_fd = os.dup(0), os.dup(1)  # not inheritable
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    os.dup2(2, 1)
    lock = threading.Lock()
    os.write(announce_fd, b"\n")  # ends a line that a library may have begun before us

    def say(message: Json) -> None:
        data = json.dumps(message, allow_nan=False).encode() + b"\n"
        with lock:
            try:
                while data:
                    data = data[os.write(announce_fd, data) :]
            except BrokenPipeError:  # nobody is left to work for
                os._exit(1)

    return requests_fd, say


def _progress(say: Callable[[Json], None], attempt: str) -> Callable[[float, float, str], None]:
    last_s = -math.inf

    def progress(done: float, total: float, what: str = "") -> None:
        nonlocal last_s
        now_s = time.monotonic()
        if now_s - last_s < PROGRESS_INTERVAL_S and done < total:
            return
        last_s = now_s
        message = {"done": float(done), "total": float(total), "what": one_line(what, 200)}
        say({"event": "progress", "attempt": attempt, **message})

    return progress


def _answer(
    handle: Callable[[Json, Callable[[float, float, str], None]], Json],
    request: Json,
    progress: Callable[[float, float, str], None],
) -> Json:
    try:
        result = handle(request["body"], progress)
    except Exception as error:
        return _failure(error)
    try:
        write_result(request["result"], result)
    except ValueError as error:
        return {"event": "bad-result", "message": one_line(str(error))}
    except Exception as error:
        return _failure(error)
    return {"event": "result"}


def _failure(error: Exception) -> Json:
    traceback.print_exception(error)
    name = type(error).__name__
    message = one_line(str(error))
    out_of_memory = name in OUT_OF_MEMORY
    poisoned = out_of_memory or name in POISONED or "CUDA error" in message
    return {
        "event": "exception",
        "type": name,
        "message": message,
        "out_of_memory": out_of_memory,
        "replace": poisoned,
    }


def _not_finite(value: Any, path: str) -> str:
    """Where the first NaN or infinity lies, such as `nan at history[3].loss`; "" for none."""
    if isinstance(value, float) and not math.isfinite(value):
        return f"{value} at {path.lstrip('.')}"
    inner: list[tuple[Any, str]] = []
    if isinstance(value, dict):
        inner = [(item, f"{path}.{key}") for key, item in value.items()]
    elif isinstance(value, list | tuple):
        inner = [(item, f"{path}[{index}]") for index, item in enumerate(value)]
    return next((found for item, at in inner if (found := _not_finite(item, at))), "")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"not a finite number: {text}")
    return number
