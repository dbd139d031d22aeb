"""Asks a child process for footprints and keeps them: the same question is traced once."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from knowledge.errors import UserError
from probes.durable import replace
from probes.footprint.settings import Architecture, Footprint, Setting
from probes.machine import package_versions
from probes.sinks import one_line
from probes.user_cache import cache_folder

LIMIT_S = 300.0
"""For all settings of one call; a trace takes seconds, a first import on a slow disk a minute."""
_EXTRAS = {"bitsandbytes": "nf4", "trl": "dpo"}


def footprint(
    architecture: Architecture, setting: Setting, *, whole: bool = False, limit_s: float = LIMIT_S
) -> Footprint:
    """The memory that a setting takes; from the cache where it was traced before.

    Raises:
        UserError: E-FOOTPRINT-..., the model cannot be traced, or not in time.
    """
    return footprints(architecture, [setting], whole=whole, limit_s=limit_s)[0]


def footprints(
    architecture: Architecture,
    settings: Sequence[Setting],
    *,
    whole: bool = False,
    limit_s: float = LIMIT_S,
) -> list[Footprint]:
    """The memory of several settings of one model, traced in one process.

    Those before the first that fails are kept.

    Raises:
        UserError: E-FOOTPRINT-..., the model cannot be traced, or not in time.
    """
    places = [_place(architecture, setting, whole) for setting in settings]
    found = [_kept(place) for place in places]
    open_numbers = [number for number, kept in enumerate(found) if kept is None]
    if open_numbers:
        lines = _traced(architecture, [settings[number] for number in open_numbers], whole, limit_s)
        for number, line in zip(open_numbers, lines, strict=False):
            found[number] = _read(line, architecture)
            _keep(places[number], line)
    done = [each for each in found if each is not None]
    if len(done) < len(settings):
        raise _failed(architecture, f"the tracing process ended after {len(done)} settings")
    return done


# ---------------------------------------------------------------- the cache


@functools.cache
def _own_code() -> str:
    """Digest of this package: what another version of it traced is not taken over."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _place(architecture: Architecture, setting: Setting, whole: bool) -> Path:
    asked = [
        architecture.model_dump(mode="json"),
        setting.model_dump(mode="json"),
        whole,
        package_versions(),
        _trl_version(),
        _own_code(),
    ]
    key = hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()
    return cache_folder() / "footprints" / f"{key[:32]}.json"


def _trl_version() -> str:
    """Not one of the packages that enter a cell's key: no cell uses it."""
    try:
        return metadata.version("trl")
    except metadata.PackageNotFoundError:
        return ""


def _kept(place: Path) -> Footprint | None:
    """What was kept there; None where nothing is, or nothing that can be read."""
    try:
        return Footprint.model_validate_json(place.read_bytes())
    except (OSError, ValidationError):
        return None


def _keep(place: Path, line: str) -> None:
    """Keep an answer; without a cache it is traced again next time."""
    with contextlib.suppress(OSError):
        place.parent.mkdir(parents=True, exist_ok=True)
        replace(place, line.encode())


# ---------------------------------------------------------------- the child


def _traced(
    architecture: Architecture, settings: Sequence[Setting], whole: bool, limit_s: float
) -> list[str]:
    """The child's lines; UserError where it is not done in time."""
    request = {
        "architecture": architecture.model_dump(mode="json"),
        "settings": [setting.model_dump(mode="json") for setting in settings],
        "whole": whole,
    }
    child = subprocess.Popen(
        [sys.executable, "-m", "probes.footprint.child"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=_environment(),
        start_new_session=True,
    )
    try:
        told, log = child.communicate(json.dumps(request).encode(), timeout=limit_s)
    except subprocess.TimeoutExpired:
        raise UserError(
            "E-FOOTPRINT-TIME",
            f"tracing took longer than {limit_s:g} s",
            place=architecture.name,
            hint="give it more time, or ask for fewer settings at once",
        ) from None
    finally:
        if child.poll() is None:
            os.killpg(child.pid, signal.SIGKILL)
            child.communicate()
    if child.returncode:
        last = log.decode(errors="replace").strip().splitlines()[-1:]
        raise _failed(architecture, one_line(" ".join(last), 200) or "the tracing process died")
    return told.decode().splitlines()


def _environment() -> dict[str, str]:
    """No GPU is touched, nothing is fetched, and this project is found where it is running."""
    root = str(Path(__file__).parents[2])
    paths = [root, *filter(None, [os.environ.get("PYTHONPATH")])]
    quiet = {"CUDA_VISIBLE_DEVICES": "", "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
    return {**os.environ, **quiet, "PYTHONPATH": os.pathsep.join(paths)}


def _read(line: str, architecture: Architecture) -> Footprint:
    told: dict[str, Any] = json.loads(line)
    if "failed" not in told:
        return Footprint.model_validate_json(line)
    extra = _EXTRAS.get(told["missing"] or "")
    if extra is None:
        raise _failed(architecture, told["failed"])
    raise UserError(
        "E-FOOTPRINT-PACKAGE",
        f"the package {told['missing']} is not installed",
        place=architecture.name,
        hint=f"run: pip install 'llm-advisor[{extra}]'",
    )


def _failed(architecture: Architecture, what: str) -> UserError:
    return UserError(
        "E-FOOTPRINT-TRACE",
        f"the model cannot be traced: {what}",
        place=architecture.name,
        hint="give the config.json of a decoder that transformers knows",
    )
