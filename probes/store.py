"""The run folder: every measurement published once and for good, whatever is killed when."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import re
import uuid
from collections.abc import Mapping
from pathlib import Path

from knowledge.errors import UserError
from probes import durable
from probes.records import Event, Json, Measurement
from probes.run_lock import LOCK, SCRATCH, hold
from probes.run_marker import MARKER, check_marker, exists, foreign, put_marker
from probes.sealed import (
    canonical_json,
    cell_key,
    checked_key,
    is_key,
    seal,
    seal_line,
    unseal,
    unseal_line,
)

__all__ = ["RunStore", "canonical_json", "cell_key"]

logger = logging.getLogger(__name__)

FOLDERS = ("cells", "attempts", "frozen", "adapters", "quarantine", SCRATCH, "logs")
EVENTS, OPENINGS = "events.jsonl", "test_openings.jsonl"


class RunStore:
    """One run on disk. Made by `create` or `open`; one driver at a time writes, under `lock`.

    Every method raises UserError `E-RUN-...` where the disk is full, read-only, out of bounds or
    failing; an operation that raised has left either nothing or the whole.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.scratch = folder / SCRATCH
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
        with durable.user_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
            names = {path.name for path in folder.iterdir()}
            if MARKER in names:
                raise exists(folder)
            if any(n not in FOLDERS and not n.startswith(durable.TEMP_PREFIX) for n in names):
                raise foreign(folder)
            for name in FOLDERS:
                (folder / name).mkdir(exist_ok=True)
            for name, value in {**(frozen or {}), "spec": spec_json}.items():
                durable.replace(store._place("frozen", name), seal(value))
            durable.sync_folder(folder)
            put_marker(folder)
            durable.sync_folder(folder.parent)
        return store

    @classmethod
    def open(cls, folder: Path) -> RunStore:
        """An existing run; UserError where it is missing, not ours, or of a newer program."""
        check_marker(folder)
        return cls(folder)

    # ------------------------------------------------------------ measurements

    def measurement(self, key: str) -> Measurement | None:
        """The published measurement of a cell; a bad file is put in quarantine and gives None."""
        path = self._cell(key)
        with durable.user_errors(path):
            try:
                value = unseal(path.read_bytes())
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
        data = seal(measurement.model_dump())  # mode="json" would turn NaN into null
        with durable.user_errors(path):
            return durable.publish(path, data)

    def measurements(self) -> list[Measurement]:
        """All published measurements, by key."""
        with durable.user_errors(self.folder / "cells"):
            names = sorted(os.listdir(self.folder / "cells"))
        keys = [
            name.removesuffix(".json") for name in names if not name.startswith(durable.TEMP_PREFIX)
        ]
        found = (self.measurement(key) for key in keys if is_key(key))
        return [measurement for measurement in found if measurement is not None]

    def retire_failed(self) -> int:
        """Put failed measurements in quarantine, so that they are measured again; how many."""
        failed = [found.key for found in self.measurements() if found.status == "failed"]
        for key in failed:
            self._quarantine(self._cell(key), "it failed and is to be tried again")
            self._place("attempts", key).unlink(missing_ok=True)
        return len(failed)

    def begin_attempt(self, key: str) -> int:
        """Count an attempt, durably, before it is made; returns its number, from 1."""
        number = self.attempts(key) + 1
        path = self._place("attempts", key)
        with durable.user_errors(path):
            durable.replace(path, seal({"attempts": number}))
        return number

    def attempts(self, key: str) -> int:
        """How many attempts at a cell were begun."""
        path = self._place("attempts", key)
        with durable.user_errors(path):
            try:
                number = unseal(path.read_bytes())["attempts"]
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
        with durable.user_errors(path):
            durable.append(path, line, sync=False)

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
        path, line = self.folder / OPENINGS, seal_line(record)
        with durable.user_errors(path):
            durable.append(path, line, sync=True)

    def test_openings(self) -> list[Json]:
        """All openings; a damaged line still counts as one, as `{"damaged_line": number}`."""
        found: list[Json] = []
        for number, line in self._lines(OPENINGS):
            try:
                found.append(unseal_line(line))
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
        with durable.user_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            durable.replace(path, text.encode())

    def write_json(self, name: str, value: Json) -> None:
        """As `write_text`; ValueError too where a number is NaN or infinite."""
        text = json.dumps(value, indent=2, allow_nan=False, ensure_ascii=False)
        self.write_text(name, text + "\n")

    def freeze(self, name: str, value: Json) -> bool:
        """Keep a value with the run for good; False where one of that name was there."""
        path = self._place("frozen", name)
        with durable.user_errors(path):
            return durable.publish(path, seal(value))

    def frozen(self, name: str) -> Json | None:
        """A frozen value, None where there is none; UserError where it was damaged or changed."""
        path = self._place("frozen", name)
        with durable.user_errors(path):
            try:
                return unseal(path.read_bytes())
            except FileNotFoundError:
                return None
            except ValueError as error:
                hint = "restore the file, or start a new run"
                raise UserError("E-RUN-DAMAGED", str(error), place=str(path), hint=hint) from None

    def adapter_folder(self, key: str) -> Path | None:
        """The folder of a published adapter, None where there is none."""
        path = self.folder / "adapters" / checked_key(key)
        return path if path.is_dir() else None

    def publish_adapter(self, temp_folder: Path, key: str) -> bool:
        """Publish a complete folder, made under `scratch`, by renaming it.

        The first writer wins: False where the adapter was there, and `temp_folder` is removed.
        """
        final = self.folder / "adapters" / checked_key(key)
        with durable.user_errors(final):
            return durable.publish_folder(temp_folder, final)

    def lock(self) -> contextlib.AbstractContextManager[None]:
        """Be the run's one driver, and clean up after dead ones.

        UserError `E-RUN-LOCKED`, which names the process, where another one is.
        """
        return hold(self.folder, FOLDERS)

    # ------------------------------------------------------------ inside

    def _cell(self, key: str) -> Path:
        return self._place("cells", checked_key(key))

    def _place(self, folder: str, name: str) -> Path:
        if not re.fullmatch(r"\w[\w.-]{0,99}", name):
            raise ValueError(f"not a name: {name!r}")
        return self.folder / folder / f"{name}.json"

    def _lines(self, name: str) -> list[tuple[int, bytes]]:
        path = self.folder / name
        with durable.user_errors(path):
            return durable.whole_lines(path)

    def _quarantine(self, path: Path, why: str) -> None:
        place = (
            self.folder / "quarantine" / f"{path.parent.name}-{path.name}.{uuid.uuid4().hex[:8]}"
        )
        logger.warning("%s is damaged (%s); moved to %s", path, why.partition("\n")[0], place)
        with contextlib.suppress(FileNotFoundError):
            os.rename(path, place)
            durable.sync_folder(place.parent)
            durable.sync_folder(path.parent)
