"""Families that others wrote: a folder with a specification and a generator, run as a child.

The generator is code that whoever adds it runs knowingly: it has all rights of who runs it. It gets
a time limit and no environment variable that looks like a secret, nothing more.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from knowledge.errors import UserError
from probes.lab.family import SPARE, Family, Row, sides, write_lines
from probes.sinks import one_line

GENERATOR, SPECIFICATION = "generate.py", "family.yaml"
LIMIT_S = 60.0
MAX_BYTES = 50_000_000
FAMILIES = "elsewhere"
_SECRETS = ("KEY", "TOKEN", "SECRET", "PASSWORD", "CREDENTIAL")


def add(folder: Path, lab: Path) -> tuple[Family, Path]:
    """Run the generator, check what it gives, and keep its rows below the laboratory's folder, with
    the files that lie beside it: a checker runs there.

    Raises:
        UserError: E-LAB-..., what is wrong with the folder, the specification, the generator or the
            rows; nothing has been written then.
    """
    family = read_family(folder)
    rows = generated(folder, family, seed=0)
    if rows != generated(folder, family, seed=0):
        raise UserError(
            "E-LAB-SEED",
            "the generator gives other rows when it is run again",
            place=str(folder / GENERATOR),
            hint="draw everything from random.Random(seed)",
        )
    sides(rows, family)
    kept = lab / FAMILIES / family.name
    if kept.exists() or (lab / "tables" / f"{family.name}.jsonl").exists():
        hint = "a family that changes is another family: give it a new name"
        raise UserError("E-LAB-THERE", f"there is a family '{family.name}'", hint=hint)
    kept.mkdir(parents=True)
    (kept / "family.json").write_text(family.model_dump_json(indent=2) + "\n")
    for path in sorted(folder.iterdir()):
        if path.is_file() and not path.name.startswith("."):
            shutil.copyfile(path, kept / path.name)
    write_lines(kept / "rows.jsonl", [row.model_dump(exclude_defaults=True) for row in rows])
    return family, kept


def kept_family(folder: Path) -> tuple[Family, list[Row]]:
    """A family that was added, with its rows.

    Raises:
        UserError: E-LAB-SPEC or E-LAB-ROWS, a file that `add` did not write.
    """
    try:
        family = Family.model_validate_json((folder / "family.json").read_text())
        lines = (folder / "rows.jsonl").read_text().splitlines()
        return family, [Row.model_validate_json(line) for line in lines]
    except (OSError, ValueError) as error:
        what = f"not a family that was added: {type(error).__name__}"
        raise UserError("E-LAB-SPEC", what, place=str(folder)) from None


def read_family(folder: Path) -> Family:
    """`family.yaml` of a folder.

    Raises:
        UserError: E-LAB-FOLDER or E-LAB-SPEC.
    """
    for name in (SPECIFICATION, GENERATOR):
        if not (folder / name).is_file():
            hint = "see docs/lab.md for what a family's folder holds"
            raise UserError("E-LAB-FOLDER", f"no {name}", place=str(folder), hint=hint)
    place = str(folder / SPECIFICATION)
    try:
        told = YAML(typ="safe", pure=True).load((folder / SPECIFICATION).read_text())
        family = Family.model_validate_json(json.dumps(told))
    except ValidationError as error:
        first = error.errors()[0]
        at = ".".join(map(str, first["loc"])) or "the whole"
        raise UserError("E-LAB-SPEC", f"{at}: {first['msg']}", place=place) from None
    except (YAMLError, OSError, ValueError, TypeError) as error:
        raise UserError("E-LAB-SPEC", one_line(str(error), 160), place=place) from None
    if family.metric == "macro_f1":
        what = f"`{family.metric}` is no mean over items"
        raise UserError("E-LAB-METRIC", what, place=place, hint="use accuracy")
    if (family.metric == "command") != bool(family.scorer):
        what = "`metric: command` and `scorer:` go together"
        raise UserError("E-LAB-SPEC", what, place=place)
    return family


def generated(folder: Path, family: Family, seed: int) -> list[Row]:
    """The rows of one run of `generate.py SEED COUNT`.

    Raises:
        UserError: E-LAB-GENERATOR, it failed, took too long or wrote what is no row.
    """
    place = str(folder / GENERATOR)
    lines = _run(folder, [str(seed), str(family.n_rows + SPARE)], place)
    rows: list[Row] = []
    for number, line in enumerate(lines, start=1):
        try:
            rows.append(Row.model_validate_json(line))
        except ValidationError:
            what = f"line {number} of its output is no row"
            hint = 'print {"input": "…", "output": "…"}, with "group" and "passages" where needed'
            raise UserError("E-LAB-GENERATOR", what, place=place, hint=hint) from None
    return rows


def _run(folder: Path, arguments: list[str], place: str) -> list[str]:
    env = {k: v for k, v in os.environ.items() if not any(w in k.upper() for w in _SECRETS)}
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        child = subprocess.Popen(
            [sys.executable, GENERATOR, *arguments],
            cwd=folder,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            start_new_session=True,
        )
        try:
            status = child.wait(timeout=LIMIT_S)
        except subprocess.TimeoutExpired:
            what = f"it took more than {LIMIT_S:g} s"
            raise UserError("E-LAB-GENERATOR", what, place=place) from None
        finally:
            _end_group(child)
        if status != 0:
            what = f"it ended with {status}: {_last_line(err)}"
            raise UserError("E-LAB-GENERATOR", what, place=place)
        size = out.seek(0, os.SEEK_END)
        if size > MAX_BYTES:
            raise UserError("E-LAB-GENERATOR", f"it wrote {size} bytes", place=place)
        out.seek(0)
        return [line for line in out.read().decode(errors="replace").splitlines() if line.strip()]


def _end_group(child: subprocess.Popen[bytes]) -> None:
    """End the generator and what it started."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()


def _last_line(file: Any) -> str:
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - 2000))
    lines = file.read().decode(errors="replace").strip().splitlines()
    return one_line(lines[-1], 160) if lines else "nothing on stderr"
