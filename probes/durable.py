"""Files that are on the disk whole or not at all, whatever is killed when."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

from knowledge.errors import UserError

TEMP_PREFIX = ".tmp-"
TEMP_MAX_AGE_S = 86_400.0
BLOCK_BYTES = 1 << 16

_NOTHING_LOST = "then start the same command again: nothing that was measured is lost"
_OTHER_DISK = "use a folder on a local disk"
_DISK_ERRORS: dict[int, tuple[str, str, str]] = {
    errno.ENOSPC: ("E-RUN-DISK-FULL", "the disk is full", f"free some space, {_NOTHING_LOST}"),
    errno.EDQUOT: ("E-RUN-DISK-FULL", "the disk quota is used up", f"free some, {_NOTHING_LOST}"),
    errno.EIO: ("E-RUN-DISK-ERROR", "the disk reports an error", f"check it, {_NOTHING_LOST}"),
    errno.EACCES: ("E-RUN-NO-ACCESS", "permission denied", "give this user access, or use another"),
    errno.EROFS: ("E-RUN-READ-ONLY", "the file system is read-only", "use a folder elsewhere"),
    errno.EPERM: (
        "E-RUN-FILESYSTEM",
        "the file system does not permit it (no hard links?)",
        _OTHER_DISK,
    ),
    errno.ENOTSUP: ("E-RUN-FILESYSTEM", "the file system lacks what is needed", _OTHER_DISK),
    errno.ENOLCK: ("E-RUN-FILESYSTEM", "the file system has no locks", _OTHER_DISK),
}


@contextlib.contextmanager
def user_errors(place: Path) -> Iterator[None]:
    """Turn what the user can mend about a disk into a UserError; the rest is a bug."""
    try:
        yield
    except OSError as error:
        if error.errno not in _DISK_ERRORS:
            raise
        code, what, hint = _DISK_ERRORS[error.errno]
        raise UserError(code, what, place=str(place), hint=hint) from error


def publish(path: Path, data: bytes) -> bool:
    """Give `data` its final name in one step, or return False where the name is taken."""
    temp = _temp_beside(path)
    try:
        _write_new(temp, data)
        os.link(temp, path)
    except FileExistsError:
        return False
    finally:
        with contextlib.suppress(OSError):
            os.unlink(temp)
    sync_folder(path.parent)
    return True


def replace(path: Path, data: bytes) -> None:
    """Give `data` the name in one step, whatever had it before."""
    temp = _temp_beside(path)
    try:
        _write_new(temp, data)
        os.replace(temp, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temp)
        raise
    sync_folder(path.parent)


def publish_folder(temp: Path, path: Path) -> bool:
    """Rename a folder, made durable first; where the name is taken remove it and return False."""
    for parent, _, names in os.walk(temp, topdown=False):
        for name in names:
            _sync_file(Path(parent) / name)
        sync_folder(Path(parent))
    try:
        os.rename(temp, path)
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise
        shutil.rmtree(temp, ignore_errors=True)
        return False
    sync_folder(path.parent)
    return True


def append(path: Path, line: str, *, sync: bool) -> None:
    """Add a line after the last whole one; `sync` makes it durable."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o666)
    try:
        _cut_torn_line(fd)
        _write_all(fd, line.encode() + b"\n")
        if sync:
            os.fsync(fd)
    finally:
        os.close(fd)
    if sync:
        sync_folder(path.parent)


def sync_folder(path: Path) -> None:
    """Make the names in a folder durable, where the file system can."""
    try:
        _sync_file(path)
    except OSError as error:
        if error.errno != errno.EINVAL:  # a file system that cannot sync a folder
            raise


def whole_lines(path: Path) -> list[tuple[int, bytes]]:
    """The numbered lines of a file, [] where there is none; a torn last line is left out."""
    data = path.read_bytes() if path.exists() else b""
    return list(enumerate(data.split(b"\n")[:-1], 1))


def remove_temps(folder: Path) -> None:
    """Remove from a folder what dead writers left unpublished."""
    for path in folder.iterdir():
        if path.name.startswith(TEMP_PREFIX) and not _writer_lives(path):
            path.unlink(missing_ok=True)


def _write_new(path: Path, data: bytes) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    try:
        _write_all(fd, data)
        os.fsync(fd)
    finally:
        os.close(fd)


def _write_all(fd: int, data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[os.write(fd, left) :]


def _cut_torn_line(fd: int) -> None:
    """Cut off what follows the last line end: a write that did not come to its end."""
    end = keep = os.fstat(fd).st_size
    while keep:
        start = max(0, keep - BLOCK_BYTES)
        at = os.pread(fd, keep - start, start).rfind(b"\n")
        if at >= 0:
            keep = start + at + 1
            break
        keep = start
    if keep < end:
        os.ftruncate(fd, keep)


def _sync_file(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _temp_beside(path: Path) -> Path:
    return path.parent / f"{TEMP_PREFIX}{os.getpid()}-{uuid.uuid4().hex}"


def _writer_lives(temp: Path) -> bool:
    """Whether a process other than us may still be writing `temp`."""
    pid = temp.name.removeprefix(TEMP_PREFIX).partition("-")[0]
    if not pid.isdigit() or int(pid) == os.getpid():
        return False
    try:
        os.kill(int(pid), 0)
        return time.time() - temp.stat().st_mtime < TEMP_MAX_AGE_S
    except (ProcessLookupError, FileNotFoundError):
        return False
    except (PermissionError, OverflowError):
        return True
