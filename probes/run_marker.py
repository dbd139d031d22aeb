"""The file that makes a folder a run: written last, read first."""

from __future__ import annotations

import json
from pathlib import Path

from knowledge.errors import UserError
from probes import durable
from probes.sealed import SCHEMA_VERSION, canonical_json

KIND = "llm-advisor-run"
MARKER = "run.json"


def put_marker(folder: Path) -> None:
    """Make the folder a run; UserError `E-RUN-EXISTS` where another process was first."""
    marker = {"kind": KIND, "schema_version": SCHEMA_VERSION}
    if not durable.publish(folder / MARKER, canonical_json(marker).encode() + b"\n"):
        raise exists(folder)


def check_marker(folder: Path) -> None:
    """UserError where the folder is missing, not a run of ours, or of a newer program."""
    with durable.user_errors(folder):
        try:
            marker = json.loads((folder / MARKER).read_bytes())
        except (FileNotFoundError, NotADirectoryError):
            if folder.is_dir():
                raise foreign(folder) from None
            what, hint = "no such run folder", "check the name"
            raise UserError("E-RUN-NOT-FOUND", what, place=str(folder), hint=hint) from None
        except (ValueError, RecursionError):
            marker = None
    version = marker.get("schema_version") if isinstance(marker, dict) else None
    if not isinstance(marker, dict) or marker.get("kind") != KIND or type(version) is not int:
        raise foreign(folder)
    if version > SCHEMA_VERSION:
        what = f"written by a newer version (schema {version}; this one knows {SCHEMA_VERSION})"
        hint = "update llm-advisor, or start a new run"
        raise UserError("E-RUN-NEWER", what, place=str(folder), hint=hint)


def exists(folder: Path) -> UserError:
    """The folder is a run already."""
    hint = "resume it, or choose another folder"
    return UserError("E-RUN-EXISTS", "is a run already", place=str(folder), hint=hint)


def foreign(folder: Path) -> UserError:
    """The folder holds something else than a run of ours."""
    what = "not a run folder of llm-advisor, and not empty"
    return UserError("E-RUN-FOREIGN", what, place=str(folder), hint="choose another folder")
