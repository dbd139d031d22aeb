"""What a spec must hold to beyond the types of its fields: secrets, version, keys, fit, names."""

from __future__ import annotations

import difflib
import re
from typing import Any, get_args, get_origin

from probes.record import Record
from probes.scoring import METRICS, fits
from probes.sinks import one_line
from probes.spec_words import brief, known_names
from probes.task import MetricName, TaskSpec, TaskType
from probes.yaml_text import MAX_DEPTH, Loc, Origin

_SECRET_KEY = re.compile(
    r"(^|.*_)(api_?key|key|token|secret|password|passwd|credentials?|bearer|auth)"
)
_SECRET_VALUE = re.compile(r"\b(sk-[\w-]{20,}|hf_\w{30,}|gh[pousr]_\w{30,}|AKIA[0-9A-Z]{16})\b")
_HUB_PART = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9_])?")
_REVISION = re.compile(r"[0-9a-f]{40}")
_LADDER_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")


def check_rules(value: dict[str, Any], origin: Origin) -> None:
    """Raises UserError for the first rule that the values of a spec break."""
    _check_secrets(value, (), origin)
    _check_version(value, origin)
    _check_keys(value, TaskSpec, (), origin)
    _check_task(value, origin)
    _check_ladder(value.get("ladder", "auto"), origin)
    _check_systems(value.get("systems"), origin)


def _check_secrets(value: Any, loc: Loc, origin: Origin) -> None:
    if len(loc) > MAX_DEPTH:
        hint = "check the brackets"
        raise origin.error("DEPTH", f"nested deeper than {MAX_DEPTH}", loc[:3], hint=hint)
    labels = loc == ("needs", "error_costs")
    parts = value.items() if isinstance(value, dict) else enumerate(value)
    for key, part in parts:
        here = (*loc, key)
        bare = str(key).lower().replace("-", "_")
        named = isinstance(value, dict) and not labels and _SECRET_KEY.fullmatch(bare)
        if named or (isinstance(part, str) and _SECRET_VALUE.search(part)):
            hint = "remove it and rotate that secret; keys come from the environment"
            raise origin.error("SECRET", "a secret in a spec", here, hint=hint)
        if isinstance(part, dict | list):
            _check_secrets(part, here, origin)


def _check_version(value: dict[str, Any], origin: Origin) -> None:
    if "version" not in value:
        raise origin.error("VERSION", "`version` is missing", hint="add `version: 1`")
    version = value["version"]
    # Before the keys are looked at: those of a newer format are not unknown but new.
    if type(version) is int and version == 1:
        return
    shown = one_line(origin.written.get(("version",), repr(version)), 40)
    newer = type(version) is int and version > 1
    hint = "install a newer llm-advisor" if newer else "write `version: 1`"
    what = f"version {shown} is not known here, only 1 is"
    raise origin.error("VERSION", what, ("version",), hint=hint)


def _check_keys(value: dict[str, Any], record: type[Record], loc: Loc, origin: Origin) -> None:
    names = list(record.model_fields)
    for key, part in value.items():
        here = (*loc, key)
        if not isinstance(key, str):
            what = f"the key {one_line(repr(key), 40)} is not text"
            raise origin.error("KEY", what, loc, hint="quote it")
        if key not in names:
            near = difflib.get_close_matches(key, names, n=1)
            hint = f"did you mean `{near[0]}`?" if near else f"known: {', '.join(names)}"
            raise origin.error("UNKNOWN-KEY", "unknown key", here, hint=hint)
        kind = record.model_fields[key].annotation
        places: list[tuple[Loc, Any]] = [(here, part)]
        if get_origin(kind) is list:
            kind = get_args(kind)[0]
            listed = part if isinstance(part, list) else []
            places = [((*here, index), each) for index, each in enumerate(listed)]
        if isinstance(kind, type) and issubclass(kind, Record):
            for place, each in places:
                if isinstance(each, dict):
                    _check_keys(each, kind, place, origin)


def _check_task(value: dict[str, Any], origin: Origin) -> None:
    task: Any = value.get("task_type")
    metric = value.get("metric")
    if isinstance(task, str) and task not in get_args(TaskType):
        hint = known_names(task, get_args(TaskType))
        raise origin.error(
            "TASK-TYPE", f"no such task type: {brief(task)}", ("task_type",), hint=hint
        )
    if not isinstance(metric, str):
        return
    if metric not in get_args(MetricName):
        hint = known_names(metric, get_args(MetricName))
        raise origin.error("METRIC", f"no such metric: {brief(metric)}", ("metric",), hint=hint)
    fitting = [name for name in METRICS if fits(name, task)]
    if fitting and metric not in fitting:
        what = f"{metric} does not fit {task}"
        raise origin.error("METRIC", what, ("metric",), hint=f"one of: {', '.join(fitting)}")


def _check_ladder(ladder: Any, origin: Origin) -> None:
    loc: Loc = ("ladder",)
    hint = "`auto`, the name of a ladder, or a list of owner/name@revision and ./folder"
    if isinstance(ladder, str) and not _LADDER_NAME.fullmatch(ladder) and _ladder_fault(ladder):
        raise origin.error("LADDER", f"{brief(ladder)} is not a ladder's name", loc, hint=hint)
    if not isinstance(ladder, list):
        return  # not text either: pydantic says so
    if not ladder:
        raise origin.error("LADDER", "the list is empty", loc, hint=hint)
    seen: set[str] = set()
    for index, entry in enumerate(ladder):
        here = (*loc, index)
        if not isinstance(entry, str):
            raise origin.error("LADDER", f"{brief(entry)} is not text", here, hint="quote it")
        fault = _ladder_fault(entry)
        if fault:
            raise origin.error("LADDER", f"{brief(entry)}: {fault[0]}", here, hint=fault[1])
        bare = entry.split("@")[0].rstrip("/").removeprefix("./").lower()
        if bare in seen:
            what = f"{brief(entry)} is there twice"
            raise origin.error("LADDER", what, here, hint="keep one of them")
        seen.add(bare)


def _check_systems(systems: Any, origin: Origin) -> None:
    seen: set[str] = set()
    for index, system in enumerate(systems if isinstance(systems, list) else []):
        name = system.get("name") if isinstance(system, dict) else None
        if not isinstance(name, str):
            continue  # pydantic says so
        if name in seen:
            what, hint = f"{brief(name)} is there twice", "give each system a name of its own"
            raise origin.error("SYSTEM", what, ("systems", index, "name"), hint=hint)
        seen.add(name)


def _ladder_fault(entry: str) -> tuple[str, str] | None:
    """What is wrong with a rung as written, and what to do; None where nothing is."""
    if entry.startswith(("./", "/")):
        if ".." in entry.split("/") or len(entry) > 1000 or one_line(entry, None) != entry:
            return "not a plain path", "give ./folder or /folder, without .."
        return None
    name, at, revision = entry.partition("@")
    parts = name.split("/")
    if len(name) > 96:
        return "longer than 96 characters", "check the id on the Hub"
    if len(parts) > 2 or not all(_HUB_PART.fullmatch(part) for part in parts):
        return "not an id", "write owner/name@revision, or ./folder for a folder"
    if ".." in name or "--" in name:
        return "`..` or `--` in an id", "check the id on the Hub"
    if at and not _REVISION.fullmatch(revision):
        return "the revision is not 40 hexadecimal digits", "pin the full commit hash"
    return None
