"""The lock of a run folder: one driver at a time, and what dead drivers left is removed."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from knowledge.errors import UserError
from probes.durable import remove_temps, user_errors

LOCK = "lock"
SCRATCH = "scratch"


@contextlib.contextmanager
def hold(run: Path, folders: Sequence[str]) -> Iterator[None]:
    """Be the one driver of a run, and clean up its `folders` after dead ones.

    UserError `E-RUN-LOCKED`, which names the process, where another one is.
    """
    path = run / LOCK
    with user_errors(path):
        fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)  # not inherited by workers
    try:
        with user_errors(path):
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise _locked(run, os.pread(fd, 32, 0)) from None
            os.ftruncate(fd, 0)
            _clean(run, folders)  # first, as it may make room on a full disk
            os.pwrite(fd, str(os.getpid()).encode(), 0)
        yield
        with contextlib.suppress(OSError):
            os.ftruncate(fd, 0)
    finally:
        os.close(fd)


def _locked(run: Path, content: bytes) -> UserError:
    pid = content.decode(errors="replace").strip()
    who, how = (f"process {pid}", f"`kill {pid}`") if pid.isdigit() else ("another", "its end")
    what = f"{who} is working on this run"
    hint = f"wait for it or end it ({how}), then start the same command again"
    return UserError("E-RUN-LOCKED", what, place=str(run), hint=hint)


def _clean(run: Path, folders: Sequence[str]) -> None:
    """Remove what dead writers left: nothing that has been published."""
    for folder in (run, *(run / name for name in folders)):
        folder.mkdir(exist_ok=True)
        remove_temps(folder)
    for path in (run / SCRATCH).iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
