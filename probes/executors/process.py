"""A worker's process: started with its sentinel, and ended with all its children."""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import re
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Literal

logger = logging.getLogger(__name__)

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
PIPE_BYTES = 1 << 20
UNKILLABLE_S = 10.0

_sentinel_pipes: set[int] = set()
"""Write ends in this process; a fork without exec must not keep them open."""


def _close_in_fork() -> None:
    for fd in _sentinel_pipes:
        with contextlib.suppress(OSError):
            os.close(fd)
    _sentinel_pipes.clear()


os.register_at_fork(after_in_child=_close_in_fork)


def open_sentinel_pipe() -> tuple[int, int]:
    """The end that sentinels read, numbered 10 or more, and the end that keeps them waiting."""
    low_fd, alive_fd = os.pipe()  # close-on-exec, both ends
    sentinel_fd = fcntl.fcntl(low_fd, fcntl.F_DUPFD_CLOEXEC, 10)
    os.close(low_fd)
    _sentinel_pipes.add(alive_fd)
    return sentinel_fd, alive_fd


def close_sentinel_pipe(sentinel_fd: int, alive_fd: int) -> None:
    """Close both ends; every sentinel that is left kills its group."""
    os.close(sentinel_fd)
    _sentinel_pipes.discard(alive_fd)
    os.close(alive_fd)


def launch(command: list[str], env: Mapping[str, str], sentinel_fd: int) -> subprocess.Popen[bytes]:
    """Start a worker, and its sentinel, in a process group of its own."""
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


def open_pipes(process: subprocess.Popen[bytes]) -> dict[Stream, IO[bytes]]:
    """Our ends of a process's pipes, none of which blocks."""
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
                fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
    return pipes


def kill_group(pid: int) -> None:
    """Kill a process group, where there is one left."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def end(process: subprocess.Popen[bytes]) -> None:
    """Kill what is left of a worker's process group.

    The sentinel outlives the worker, so the group's number cannot have been reused.
    """
    kill_group(process.pid)
    try:
        process.wait(UNKILLABLE_S)
    except subprocess.TimeoutExpired:
        logger.warning("process %d cannot be killed; leaving it", process.pid)


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
