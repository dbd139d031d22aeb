"""A task spec, read strictly from YAML 1.2: every fault is one line with its place."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from knowledge.errors import UserError
from probes.files import open_regular
from probes.sinks import file_name, one_line
from probes.spec_rules import check_rules
from probes.spec_words import translated
from probes.task import TaskSpec
from probes.yaml_text import Origin, read_yaml

_URL = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*://|(?i:file|data|s3|gs|hf):")


def read_spec(path: Path) -> TaskSpec:
    """The spec in a YAML file.

    Raises UserError (`E-SPEC-…`) for the first thing that is wrong with the file or its content.
    """
    return _validated(*read_yaml(path))


def spec_from_mapping(mapping: Mapping[str, Any]) -> TaskSpec:
    """The spec that a wizard or flags have filled in; UserError names the field, not a file."""
    return _validated(dict(mapping), Origin())


def resolve(path_in_spec: str, spec_path: Path, *, folder: bool = False) -> Path:
    """The path of a file that a spec names: relative to the spec's folder, or absolute.

    With `folder`, a folder will do too. Raises UserError where it is a URL, does not exist, or is
    a FIFO, a device or a file of the kernel.
    """
    if _URL.match(path_in_spec) or not path_in_spec.strip():
        what = f"{one_line(path_in_spec)!r} is not a path"
        hint = "download it and give the path of the file"
        raise UserError("E-DATA-PATH", what, place=file_name(spec_path), hint=hint)
    path = spec_path.parent / path_in_spec
    try:
        if folder and stat.S_ISDIR(os.stat(path).st_mode):
            if os.path.realpath(path).startswith(("/proc", "/sys", "/dev")):
                what, hint = "a folder of the kernel", "give a folder of documents"
                raise UserError("E-DATA-NOT-A-FILE", what, place=file_name(path), hint=hint)
            return path
    except (OSError, ValueError):
        pass  # open_regular finds the same fault and words it
    open_regular(path, "DATA").close()
    return path


def _validated(value: Any, origin: Origin) -> TaskSpec:
    if not isinstance(value, dict):
        kind = "a list" if isinstance(value, list) else "a single value"
        hint = "begin with `version: 1`, `name: …`"
        raise origin.error("SHAPE", f"the spec is {kind}, a mapping is wanted", hint=hint)
    check_rules(value, origin)
    try:
        return TaskSpec.model_validate(value)
    except ValidationError as error:
        details = error.errors(include_url=False, include_context=True)[0]
        raise translated(dict(details), value, origin) from None
