"""The run folder: every measurement published once and for good, whatever is killed when."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import json
import logging
import os
import re
import shutil
import time
import uuid
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from knowledge.errors import UserError
from probes.records import Event, Json, Measurement

logger = logging.getLogger(__name__)

SCHEMA_VERSION = 1
KIND = "llm-advisor-run"
MARKER = "run.json"
FOLDERS = ("cells", "attempts", "frozen", "adapters", "quarantine", "scratch", "logs")
EVENTS, OPENINGS, LOCK = "events.jsonl", "test_openings.jsonl", "lock"
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


def canonical_json(value: Json) -> str:
    """The one text of `value`: sorted keys, no whitespace, no escapes but the necessary ones.

    Unicode is not normalised: two spellings of one letter are two values. ValueError where a
    number is NaN or infinite; TypeError where something is not JSON.
    """
    return json.dumps(
        value, sort_keys=True, separators=(",", ":"), allow_nan=False, ensure_ascii=False
    )


def cell_key(context: Json) -> str:
    """SHA-256, in hexadecimal, of everything that can change a cell's numbers.

    ValueError or TypeError as `canonical_json`; ValueError too for text that is not Unicode.
    """
    return hashlib.sha256(canonical_json(context).encode()).hexdigest()


class RunStore:
    """One run on disk. Made by `create` or `open`; one driver at a time writes, under `lock`.

    Every method raises UserError `E-RUN-...` where the disk is full, read-only, out of bounds or
    failing; an operation that raised has left either nothing or the whole.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.scratch = folder / "scratch"
        """For what is in the making, on the same file system; emptied when the run is locked."""
        self.logs = folder / "logs"
        """For the workers' logs; kept."""

    @classmethod
    def create(
        cls, folder: Path, spec_json: Json, *, frozen: Mapping[str, Json] | None = None
    ) -> RunStore:
        """Make a run folder with `frozen("spec")` and what else `frozen` names.

        The marker is written last: a folder without it, as a kill leaves it, is made anew.
        UserError where the folder is a run already or holds other files.
        """
        store = cls(folder)
        with _user_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
            names = {path.name for path in folder.iterdir()}
            if MARKER in names:
                raise _exists(folder)
            if any(n not in FOLDERS and not n.startswith(TEMP_PREFIX) for n in names):
                raise _foreign(folder)
            for name in FOLDERS:
                (folder / name).mkdir(exist_ok=True)
            for name, value in {**(frozen or {}), "spec": spec_json}.items():
                _replace(store._place("frozen", name), _seal(value))
            _sync_folder(folder)
            marker = {"kind": KIND, "schema_version": SCHEMA_VERSION}
            if not _publish(folder / MARKER, canonical_json(marker).encode() + b"\n"):
                raise _exists(folder)
            _sync_folder(folder.parent)
        return store

    @classmethod
    def open(cls, folder: Path) -> RunStore:
        """An existing run; UserError where it is missing, not ours, or of a newer program."""
        with _user_errors(folder):
            try:
                marker = json.loads((folder / MARKER).read_bytes())
            except (FileNotFoundError, NotADirectoryError):
                if folder.is_dir():
                    raise _foreign(folder) from None
                what, hint = "no such run folder", "check the name"
                raise UserError("E-RUN-NOT-FOUND", what, place=str(folder), hint=hint) from None
            except (ValueError, RecursionError):
                marker = None
        version = marker.get("schema_version") if isinstance(marker, dict) else None
        if not isinstance(marker, dict) or marker.get("kind") != KIND or type(version) is not int:
            raise _foreign(folder)
        if version > SCHEMA_VERSION:
            what = f"written by a newer version (schema {version}; this one knows {SCHEMA_VERSION})"
            hint = "update llm-advisor, or start a new run"
            raise UserError("E-RUN-NEWER", what, place=str(folder), hint=hint)
        return cls(folder)

    # ------------------------------------------------------------ measurements

    def measurement(self, key: str) -> Measurement | None:
        """The published measurement of a cell; a bad file is put in quarantine and gives None."""
        path = self._cell(key)
        with _user_errors(path):
            try:
                value = _unseal(path.read_bytes())
                found = Measurement.model_validate_json(canonical_json(value))
                if found.key != key:
                    raise ValueError("it is the measurement of another cell")
            except FileNotFoundError:
                return None
            except ValueError as error:
                self._quarantine(path, str(error))
                return None
        return found

    def publish(self, measurement: Measurement) -> bool:
        """Make a measurement durable; the first writer wins, False where the cell was there.

        ValueError where a number in it is NaN or infinite.
        """
        path = self._cell(measurement.key)
        data = _seal(measurement.model_dump())  # mode="json" would turn NaN into null
        with _user_errors(path):
            return _publish(path, data)

    def measurements(self) -> list[Measurement]:
        """All published measurements, by key."""
        with _user_errors(self.folder / "cells"):
            names = sorted(os.listdir(self.folder / "cells"))
        keys = [name.removesuffix(".json") for name in names if not name.startswith(TEMP_PREFIX)]
        found = (self.measurement(key) for key in keys if _is_key(key))
        return [measurement for measurement in found if measurement is not None]

    def begin_attempt(self, key: str) -> int:
        """Count an attempt, durably, before it is made; returns its number, from 1."""
        number = self.attempts(key) + 1
        path = self._place("attempts", key)
        with _user_errors(path):
            _replace(path, _seal({"attempts": number}))
        return number

    def attempts(self, key: str) -> int:
        """How many attempts at a cell were begun."""
        path = self._place("attempts", key)
        with _user_errors(path):
            try:
                number = _unseal(path.read_bytes())["attempts"]
                return int(number)
            except FileNotFoundError:
                return 0
            except (ValueError, TypeError, KeyError) as error:
                self._quarantine(path, str(error))
                return 0

    # ------------------------------------------------------------ what happened

    def append_event(self, event: Event, time: str) -> None:
        """Add a line to `events.jsonl`; `time` is UTC in ISO 8601. Not synced: narration only."""
        path = self.folder / EVENTS
        line = canonical_json({"time": time, **event.model_dump()})
        with _user_errors(path):
            _append(path, line, sync=False)

    def events(self) -> list[tuple[str, Event]]:
        """All events with their times; damaged lines are left out with a warning."""
        found = []
        for number, line in self._lines(EVENTS):
            try:
                value = json.loads(line)
                found.append((str(value.pop("time")), Event.model_validate(value)))
            except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
                logger.warning("%s:%d: not an event; left out", self.folder / EVENTS, number)
        return found

    def log_test_opening(self, record: Json) -> None:
        """Write down, durably, that the test split is about to be opened; nothing removes it."""
        path, text = self.folder / OPENINGS, canonical_json(record)
        with _user_errors(path):
            _append(path, f"{zlib.crc32(text.encode()):08x} {text}", sync=True)

    def test_openings(self) -> list[Json]:
        """All openings; a damaged line still counts as one, as `{"damaged_line": number}`."""
        found: list[Json] = []
        for number, line in self._lines(OPENINGS):
            try:
                crc, _, text = line.decode().partition(" ")
                if int(crc, 16) != zlib.crc32(text.encode()):
                    raise ValueError("wrong checksum")
                found.append(dict(json.loads(text)))
            except (ValueError, TypeError, RecursionError):
                logger.warning("%s:%d: a damaged line", self.folder / OPENINGS, number)
                found.append({"damaged_line": number})
        return found

    # ------------------------------------------------------------ other files

    def write_text(self, name: str, text: str) -> None:
        """Write or replace a file such as `report.md` or `recipes/lora.yaml`, atomically.

        ValueError where the name leaves the folder or is the store's own.
        """
        parts = name.split("/")
        own = (*FOLDERS, MARKER, EVENTS, OPENINGS, LOCK)
        if parts[0] in own or not all(re.fullmatch(r"\w[\w.-]{0,119}", part) for part in parts):
            raise ValueError(f"not a name for a file of a run: {name!r}")
        path = self.folder / name
        with _user_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            _replace(path, text.encode())

    def write_json(self, name: str, value: Json) -> None:
        """As `write_text`; ValueError too where a number is NaN or infinite."""
        text = json.dumps(value, indent=2, allow_nan=False, ensure_ascii=False)
        self.write_text(name, text + "\n")

    def freeze(self, name: str, value: Json) -> bool:
        """Keep a value with the run for good; False where one of that name was there."""
        path = self._place("frozen", name)
        with _user_errors(path):
            return _publish(path, _seal(value))

    def frozen(self, name: str) -> Json | None:
        """A frozen value, None where there is none; UserError where it was damaged or changed."""
        path = self._place("frozen", name)
        with _user_errors(path):
            try:
                return _unseal(path.read_bytes())
            except FileNotFoundError:
                return None
            except ValueError as error:
                hint = "restore the file, or start a new run"
                raise UserError("E-RUN-DAMAGED", str(error), place=str(path), hint=hint) from None

    def adapter_folder(self, key: str) -> Path | None:
        """The folder of a published adapter, None where there is none."""
        path = self.folder / "adapters" / _checked_key(key)
        return path if path.is_dir() else None

    def publish_adapter(self, temp_folder: Path, key: str) -> bool:
        """Publish a complete folder, made under `scratch`, by renaming it.

        The first writer wins: False where the adapter was there, and `temp_folder` is removed.
        """
        final = self.folder / "adapters" / _checked_key(key)
        with _user_errors(final):
            for parent, _, names in os.walk(temp_folder, topdown=False):
                for name in names:
                    _sync_file(Path(parent) / name)
                _sync_folder(Path(parent))
            try:
                os.rename(temp_folder, final)
            except OSError as error:
                if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                    raise
                shutil.rmtree(temp_folder, ignore_errors=True)
                return False
            _sync_folder(final.parent)
        return True

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Be the run's one driver, and clean up after dead ones.

        UserError `E-RUN-LOCKED`, which names the process, where another one is.
        """
        path = self.folder / LOCK
        with _user_errors(path):
            fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)  # not inherited by workers
        try:
            with _user_errors(path):
                try:
                    fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    raise self._locked(os.pread(fd, 32, 0)) from None
                os.ftruncate(fd, 0)
                self._clean()  # first, as it may make room on a full disk
                os.pwrite(fd, str(os.getpid()).encode(), 0)
            yield
            with contextlib.suppress(OSError):
                os.ftruncate(fd, 0)
        finally:
            os.close(fd)

    # ------------------------------------------------------------ inside

    def _cell(self, key: str) -> Path:
        return self._place("cells", _checked_key(key))

    def _place(self, folder: str, name: str) -> Path:
        if not re.fullmatch(r"\w[\w.-]{0,99}", name):
            raise ValueError(f"not a name: {name!r}")
        return self.folder / folder / f"{name}.json"

    def _lines(self, name: str) -> list[tuple[int, bytes]]:
        path = self.folder / name
        with _user_errors(path):
            data = path.read_bytes() if path.exists() else b""
        return list(enumerate(data.split(b"\n")[:-1], 1))  # a torn last line is not there yet

    def _quarantine(self, path: Path, why: str) -> None:
        place = (
            self.folder / "quarantine" / f"{path.parent.name}-{path.name}.{uuid.uuid4().hex[:8]}"
        )
        logger.warning("%s is damaged (%s); moved to %s", path, why.partition("\n")[0], place)
        with contextlib.suppress(FileNotFoundError):
            os.rename(path, place)
            _sync_folder(place.parent)
            _sync_folder(path.parent)

    def _locked(self, content: bytes) -> UserError:
        pid = content.decode(errors="replace").strip()
        who, how = (f"process {pid}", f"`kill {pid}`") if pid.isdigit() else ("another", "its end")
        what = f"{who} is working on this run"
        hint = f"wait for it or end it ({how}), then start the same command again"
        return UserError("E-RUN-LOCKED", what, place=str(self.folder), hint=hint)

    def _clean(self) -> None:
        """Remove what dead writers left: nothing that has been published."""
        for folder in (self.folder, *(self.folder / name for name in FOLDERS)):
            folder.mkdir(exist_ok=True)
            for path in folder.iterdir():
                if path.name.startswith(TEMP_PREFIX) and not _writer_lives(path):
                    path.unlink(missing_ok=True)
        for path in self.scratch.iterdir():
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)


# ---------------------------------------------------------------- files


@contextlib.contextmanager
def _user_errors(place: Path) -> Iterator[None]:
    """Turn what the user can mend about a disk into a UserError; the rest is a bug."""
    try:
        yield
    except OSError as error:
        if error.errno not in _DISK_ERRORS:
            raise
        code, what, hint = _DISK_ERRORS[error.errno]
        raise UserError(code, what, place=str(place), hint=hint) from error


def _exists(folder: Path) -> UserError:
    hint = "resume it, or choose another folder"
    return UserError("E-RUN-EXISTS", "is a run already", place=str(folder), hint=hint)


def _foreign(folder: Path) -> UserError:
    what = "not a run folder of llm-advisor, and not empty"
    return UserError("E-RUN-FOREIGN", what, place=str(folder), hint="choose another folder")


def _is_key(key: str) -> bool:
    return re.fullmatch(r"[0-9a-f]{64}", key) is not None


def _checked_key(key: str) -> str:
    if not _is_key(key):
        raise ValueError(f"not a cell's key: {key!r}")
    return key


def _seal(value: Json) -> bytes:
    text = canonical_json(value)
    digest = hashlib.sha256(text.encode()).hexdigest()
    return f'{{"schema_version":{SCHEMA_VERSION},"sha256":"{digest}","value":{text}}}\n'.encode()


def _unseal(data: bytes) -> Json:
    """The value that `_seal` was given; ValueError says what is wrong with `data`."""
    try:
        sealed: Any = json.loads(data)
        if not isinstance(sealed, dict) or sealed.get("schema_version") != SCHEMA_VERSION:
            raise ValueError("not of this schema")
        value = sealed.get("value")
        if not isinstance(value, dict):
            raise ValueError("without a value")
        digest = hashlib.sha256(canonical_json(value).encode()).hexdigest()
    except RecursionError:
        raise ValueError("nested too deep") from None
    if digest != sealed.get("sha256"):
        raise ValueError("wrong checksum")
    return value


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


def _publish(path: Path, data: bytes) -> bool:
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
    _sync_folder(path.parent)
    return True


def _replace(path: Path, data: bytes) -> None:
    temp = _temp_beside(path)
    try:
        _write_new(temp, data)
        os.replace(temp, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temp)
        raise
    _sync_folder(path.parent)


def _append(path: Path, line: str, *, sync: bool) -> None:
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o666)
    try:
        _cut_torn_line(fd)
        _write_all(fd, line.encode() + b"\n")
        if sync:
            os.fsync(fd)
    finally:
        os.close(fd)
    if sync:
        _sync_folder(path.parent)


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


def _sync_folder(path: Path) -> None:
    try:
        _sync_file(path)
    except OSError as error:
        if error.errno != errno.EINVAL:  # a file system that cannot sync a folder
            raise


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
