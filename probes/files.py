"""Opening the files that a user names: regular files only, without blocking."""

from __future__ import annotations

import difflib
import os
import stat
from pathlib import Path
from typing import BinaryIO, Literal

from knowledge.errors import UserError
from probes.sinks import file_name, one_line


def open_regular(path: Path, prefix: Literal["SPEC", "DATA"]) -> BinaryIO:
    """The file, opened for reading bytes; never blocks on a FIFO, never reads a device or /proc.

    Raises UserError with a code that begins with `E-<prefix>-`.
    """

    def refuse(code: str, what: str, hint: str) -> UserError:
        return UserError(f"E-{prefix}-{code}", what, place=file_name(path), hint=hint)

    try:
        what = _kind(os.stat(path).st_mode)
        if what is None and os.path.realpath(path).startswith(("/proc/", "/sys/")):
            what = "a file of the kernel"
        if what is not None:
            raise refuse("NOT-A-FILE", f"not a regular file but {what}", "give a file")
        # Opened without blocking, and looked at again: the path may have been swapped meanwhile.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except (FileNotFoundError, NotADirectoryError):
        raise refuse("NOTFOUND", "there is no such file", _near(path)) from None
    except PermissionError:
        raise refuse("UNREADABLE", "it may not be read", "change its permissions") from None
    except (OSError, ValueError) as error:
        reason = (isinstance(error, OSError) and error.strerror) or "not a usable path"
        raise refuse("UNREADABLE", reason, "check the path") from None
    file = os.fdopen(descriptor, "rb")
    if _kind(os.fstat(descriptor).st_mode) is not None:
        file.close()
        raise refuse("NOT-A-FILE", "not a regular file", "give a file")
    return file


def _kind(mode: int) -> str | None:
    """What a path is, or None for a regular file."""
    if stat.S_ISREG(mode):
        return None
    kinds = {stat.S_IFDIR: "a folder", stat.S_IFIFO: "a FIFO", stat.S_IFSOCK: "a socket"}
    return kinds.get(stat.S_IFMT(mode), "a device")


def _near(path: Path) -> str:
    """Hint for a missing file: a name like it in the same folder."""
    try:
        names = [entry.name for entry in os.scandir(path.parent)][:1000]
    except (OSError, ValueError):
        return "check the folder's name"
    near = difflib.get_close_matches(path.name, names, n=1)
    return f"did you mean {one_line(near[0], 60)}?" if near else "check the name"
