"""A task spec, read strictly from YAML 1.2: every fault is one line with its place."""

from __future__ import annotations

import difflib
import math
import os
import re
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args

from pydantic import ValidationError
from ruamel.yaml import YAML
from ruamel.yaml import events as ev
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from knowledge.errors import UserError
from probes.records import MetricName, Record, TaskSpec, TaskType
from probes.sinks import file_name, one_line
from probes.tables import open_regular

MAX_SPEC_BYTES = 1_000_000
MAX_DEPTH = 50

METRICS_FOR: dict[TaskType, tuple[MetricName, ...]] = {
    "classification": ("accuracy", "macro_f1", "exact_match"),
    "extraction": ("json_fields", "exact_match", "token_f1"),
    "qa": ("token_f1", "exact_match", "accuracy", "rouge_l", "numeric"),
    "generation": ("rouge_l", "token_f1", "exact_match"),
    "summarization": ("rouge_l", "token_f1"),
    "reasoning": ("numeric", "exact_match", "accuracy"),
    "function-calling": ("function_call", "json_fields", "exact_match"),
    "code": ("exact_match", "token_f1", "rouge_l"),
    "synthetic-data": ("rouge_l", "token_f1", "exact_match", "json_fields"),
}
"""Metrics that mean something for a task type; `command` fits every one."""

Loc = tuple[str | int, ...]

_INT = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_WORDS = {
    **dict.fromkeys(["", "~", "null", "Null", "NULL"]),
    **dict.fromkeys(["true", "True", "TRUE"], True),
    **dict.fromkeys(["false", "False", "FALSE"], False),
}
_SECRET_KEY = re.compile(
    r"(^|.*_)(api_?key|key|token|secret|password|passwd|credentials?|bearer|auth)"
)
_SECRET_VALUE = re.compile(r"\b(sk-[\w-]{20,}|hf_\w{30,}|gh[pousr]_\w{30,}|AKIA[0-9A-Z]{16})\b")
_URL = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*://|(?i:file|data|s3|gs|hf):")
_HUB_PART = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9_])?")
_REVISION = re.compile(r"[0-9a-f]{40}")
_LADDER_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")


@dataclass(frozen=True)
class _Origin:
    """Where a spec and its values were written, for messages."""

    file: str = ""
    marks: dict[Loc, tuple[int, int]] = field(default_factory=dict)
    """Line and column of each key or list entry, from 1."""
    written: dict[Loc, str] = field(default_factory=dict)
    """Values without quotes that YAML reads as something other than text, as they were written."""

    def error(
        self,
        code: str,
        what: str,
        loc: Loc = (),
        *,
        hint: str,
        mark: tuple[int, int] | None = None,
    ) -> UserError:
        ancestors = (loc[:end] for end in range(len(loc), 0, -1))
        mark = mark or next((self.marks[each] for each in ancestors if each in self.marks), None)
        place = self.file + (f":{mark[0]}:{mark[1]}" if mark and self.file else "")
        name = one_line(".".join(map(str, loc)), 60)
        return UserError(f"E-SPEC-{code}", what, place=f"{place} {name}".strip(), hint=hint)


def read_spec(path: Path) -> TaskSpec:
    """The spec in a YAML file.

    Raises UserError (`E-SPEC-…`) for the first thing that is wrong with the file or its content.
    """
    origin = _Origin(file=file_name(path))
    text = _read_text(path, origin)
    try:
        value = _Composer(text, origin).document()
    except MarkedYAMLError as error:
        # What is never closed is found at the end of the file; the place to mend is its beginning.
        unclosed = "stream" in str(error.problem)
        mark = (unclosed and error.context_mark) or error.problem_mark or error.context_mark
        what = ", ".join(filter(None, (error.problem, error.context)))
        raise origin.error(
            "YAML",
            one_line(what or "not YAML", 120),
            hint="check brackets, quotes and indentation",
            mark=(mark.line + 1, mark.column + 1) if mark else None,
        ) from None
    except (YAMLError, ValueError) as error:
        before = text[: getattr(error, "position", 0)].split("\n")
        mark = (len(before), len(before[-1]) + 1)
        what = one_line(str(error).split("\n")[0] or "not YAML")
        raise origin.error("YAML", what, hint="save it as plain text", mark=mark) from None
    return _validated(value, origin)


def spec_from_mapping(mapping: Mapping[str, Any]) -> TaskSpec:
    """The spec that a wizard or flags have filled in; UserError names the field, not a file."""
    return _validated(dict(mapping), _Origin())


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


def _read_text(path: Path, origin: _Origin) -> str:
    with open_regular(path, "SPEC") as file:
        raw = file.read(MAX_SPEC_BYTES + 1)
    if len(raw) > MAX_SPEC_BYTES:
        what = f"larger than {MAX_SPEC_BYTES} bytes"
        raise origin.error("TOO-BIG", what, hint="is it the data file? give the spec")
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise origin.error("ENCODING", "the text is UTF-16", hint="save as UTF-8")
    if b"\0" in raw:
        what = f"a NUL byte at byte {raw.index(0) + 1}"
        raise origin.error("ENCODING", what, hint="save as plain UTF-8 text")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        bom = 3 if raw.startswith(b"\xef\xbb\xbf") else 0
        what = f"byte {error.start + bom + 1} is not UTF-8"
        raise origin.error("ENCODING", what, hint="save as UTF-8") from None
    for number, line in enumerate(text.split("\n"), start=1):
        indent = line[: len(line) - len(line.lstrip())]
        if "\t" in indent and line.strip():
            mark = (number, indent.index("\t") + 1)
            what = "a tab in the indentation"
            raise origin.error("YAML", what, mark=mark, hint="indent with spaces")
    return text


class _Composer:
    """Builds plain values from YAML events, and refuses what a spec has no use for.

    Not ruamel's own constructor: that one follows aliases, resolves dates and recurses without end.
    """

    def __init__(self, text: str, origin: _Origin) -> None:
        self.origin = origin
        self.events: Iterator[Any] = YAML(typ="safe", pure=True).parse(text)

    def document(self) -> Any:
        """The value of the only document."""
        empty = self.origin.error(
            "EMPTY", "there is nothing in it", hint="see `advisor schema spec`"
        )
        next(self.events)
        start = next(self.events)
        if isinstance(start, ev.StreamEndEvent):
            raise empty
        if start.version not in (None, (1, 2)) or start.tags:
            raise self._error("YAML", "a % directive", start, (), "remove it; specs are YAML 1.2")
        value = self._node(next(self.events), ())
        next(self.events)
        after = next(self.events)
        if not isinstance(after, ev.StreamEndEvent):
            raise self._error("SHAPE", "a second document", after, (), "keep one, without `---`")
        if value is None:
            raise empty
        return value

    def _error(self, code: str, what: str, event: Any, loc: Loc, hint: str) -> UserError:
        mark = (event.start_mark.line + 1, event.start_mark.column + 1)
        return self.origin.error(code, what, loc, hint=hint, mark=mark)

    def _node(self, event: Any, loc: Loc) -> Any:
        if isinstance(event, ev.AliasEvent) or event.anchor:
            mark = "*" if isinstance(event, ev.AliasEvent) else "&"
            what = f"{one_line(mark + event.anchor, 40)} is an anchor or alias"
            raise self._error("ALIAS", what, event, loc, "write the value out, or quote the text")
        if event.tag is not None:
            tag = one_line(str(event.tag).replace("tag:yaml.org,2002:", "!!"), 60)
            raise self._error("TAG", f"the tag {tag!r}", event, loc, "remove it; tags are not read")
        if len(loc) > MAX_DEPTH:
            what = f"nested deeper than {MAX_DEPTH}"
            raise self._error("DEPTH", what, event, loc[:3], "check the brackets")
        if isinstance(event, ev.MappingStartEvent):
            return self._mapping(loc)
        if isinstance(event, ev.SequenceStartEvent):
            return self._sequence(loc)
        return self._scalar(event, loc)

    def _mapping(self, loc: Loc) -> dict[str, Any]:
        result: dict[str, Any] = {}
        while not isinstance(event := next(self.events), ev.MappingEndEvent):
            mark = (event.start_mark.line + 1, event.start_mark.column + 1)
            key = self._node(event, (*loc, "?")) if isinstance(event, ev.ScalarEvent) else None
            if not isinstance(key, str):
                shown = one_line(getattr(event, "value", None) or "this", 40)
                raise self._error("KEY", f"the key `{shown}` is not text", event, loc, "quote it")
            here = (*loc, key)
            if key in result:
                lines = f"lines {self.origin.marks[here][0]} and {mark[0]}"
                what = f"`{one_line(key, 40)}` is given twice, in {lines}"
                raise self._error("DUPLICATE-KEY", what, event, here, "keep one of them")
            self.origin.marks[here] = mark
            result[key] = self._node(next(self.events), here)
        return result

    def _sequence(self, loc: Loc) -> list[Any]:
        result: list[Any] = []
        while not isinstance(event := next(self.events), ev.SequenceEndEvent):
            here = (*loc, len(result))
            self.origin.marks[here] = (event.start_mark.line + 1, event.start_mark.column + 1)
            result.append(self._node(event, here))
        return result

    def _scalar(self, event: Any, loc: Loc) -> Any:
        text = str(event.value)
        if any("\ud800" <= character <= "\udfff" or character == "\0" for character in text):
            what = "half a surrogate pair or a NUL, which is not text"
            raise self._error("ENCODING", what, event, loc, "remove the escape")
        if not event.implicit[0]:
            return text
        value = self._plain(text, event, loc)
        if not isinstance(value, str):
            self.origin.written[loc] = text
        return value

    def _plain(self, text: str, event: Any, loc: Loc) -> Any:
        """What the core schema of YAML 1.2 makes of a text without quotes."""
        if text in _WORDS:
            return _WORDS[text]
        shown = one_line(text)
        if re.fullmatch(r"[-+]?0[0-9]+", text):
            what = f"{shown} begins with 0: a number or a text?"
            raise self._error("QUOTE", what, event, loc, "quote it, or write it without the 0")
        if _INT.fullmatch(text) and len(text) <= 100:
            return int(text, 0)
        if len(text) <= 400 and _FLOAT.fullmatch(text) and math.isfinite(value := float(text)):
            return value
        if _FLOAT.fullmatch(text) or _NOT_FINITE.fullmatch(text):
            what = f"{shown} is not a finite number"
            raise self._error("VALUE", what, event, loc, "give a finite number, or quote the text")
        return text


# ---------------------------------------------------------------- from values to a TaskSpec


def _validated(value: Any, origin: _Origin) -> TaskSpec:
    if not isinstance(value, dict):
        kind = "a list" if isinstance(value, list) else "a single value"
        hint = "begin with `version: 1`, `name: …`"
        raise origin.error("SHAPE", f"the spec is {kind}, a mapping is wanted", hint=hint)
    _check_secrets(value, (), origin)
    _check_version(value, origin)
    _check_keys(value, TaskSpec, (), origin)
    _check_task(value, origin)
    _check_ladder(value.get("ladder", "auto"), origin)
    try:
        return TaskSpec.model_validate(value)
    except ValidationError as error:
        details = error.errors(include_url=False, include_context=True)[0]
        raise _translated(dict(details), value, origin) from None


def _check_secrets(value: Any, loc: Loc, origin: _Origin) -> None:
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


def _check_version(value: dict[str, Any], origin: _Origin) -> None:
    if "version" not in value:
        raise origin.error("VERSION", "`version` is missing", hint="add `version: 1`")
    version = value["version"]
    # Not left to Literal[1], which takes True and 1.0 for 1.
    if type(version) is int and version == 1:
        return
    shown = one_line(origin.written.get(("version",), repr(version)), 40)
    newer = type(version) is int and version > 1
    hint = "install a newer llm-advisor" if newer else "write `version: 1`"
    what = f"version {shown} is not known here, only 1 is"
    raise origin.error("VERSION", what, ("version",), hint=hint)


def _check_keys(value: dict[str, Any], record: type[Record], loc: Loc, origin: _Origin) -> None:
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
        if isinstance(kind, type) and issubclass(kind, Record) and isinstance(part, dict):
            _check_keys(part, kind, here, origin)


def _check_task(value: dict[str, Any], origin: _Origin) -> None:
    task, metric = value.get("task_type"), value.get("metric")
    if isinstance(task, str) and task not in get_args(TaskType):
        hint = _names(task, get_args(TaskType))
        raise origin.error(
            "TASK-TYPE", f"no such task type: {_shown(task)}", ("task_type",), hint=hint
        )
    if not isinstance(metric, str):
        return
    if metric not in get_args(MetricName):
        hint = _names(metric, get_args(MetricName))
        raise origin.error("METRIC", f"no such metric: {_shown(metric)}", ("metric",), hint=hint)
    fitting = METRICS_FOR.get(task, ()) if isinstance(task, str) else ()  # type: ignore[call-overload]
    if fitting and metric not in (*fitting, "command"):
        what = f"{metric} does not fit {task}"
        hint = f"one of: {', '.join(fitting)}, command"
        raise origin.error("METRIC", what, ("metric",), hint=hint)


def _check_ladder(ladder: Any, origin: _Origin) -> None:
    loc: Loc = ("ladder",)
    hint = "`auto`, the name of a ladder, or a list of owner/name@revision and ./folder"
    if isinstance(ladder, str) and not _LADDER_NAME.fullmatch(ladder):
        raise origin.error("LADDER", f"{_shown(ladder)} is not a ladder's name", loc, hint=hint)
    if not isinstance(ladder, list):
        return  # not text either: pydantic says so
    if not ladder:
        raise origin.error("LADDER", "the list is empty", loc, hint=hint)
    seen: set[str] = set()
    for index, entry in enumerate(ladder):
        here = (*loc, index)
        if not isinstance(entry, str):
            raise origin.error("LADDER", f"{_shown(entry)} is not text", here, hint="quote it")
        fault = _ladder_fault(entry)
        if fault:
            raise origin.error("LADDER", f"{_shown(entry)}: {fault[0]}", here, hint=fault[1])
        bare = entry.split("@")[0].rstrip("/").removeprefix("./").lower()
        if bare in seen:
            what = f"{_shown(entry)} is there twice"
            raise origin.error("LADDER", what, here, hint="keep one of them")
        seen.add(bare)


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


# ---------------------------------------------------------------- wording


def _translated(details: dict[str, Any], value: dict[str, Any], origin: _Origin) -> UserError:
    """The first complaint of pydantic, in the user's words."""
    kind = str(details["type"])
    loc: Loc = tuple(part for part in details["loc"] if part not in ("[key]", "str", "list[str]"))
    given = _at(value, loc)
    context = details.get("ctx") or {}
    if "[key]" in details["loc"]:
        return origin.error("KEY", f"the key {_shown(loc[-1])} is not text", loc, hint="quote it")
    if kind == "missing":
        what = "a required field is missing"
        return origin.error("MISSING", what, loc, hint=f"add `{loc[-1]}: …`")
    if kind == "string_type" and isinstance(given, bool | int | float):
        shown = one_line(origin.written.get(loc, str(given)), 40)
        what = f"{shown} is read as {_kind_of(given)}, text is wanted"
        return origin.error("QUOTE", what, loc, hint=f'quote it: "{shown}"')
    if kind == "string_too_long":
        what = f"the text has {len(str(given))} characters"
        return origin.error("VALUE", what, loc, hint=f"at most {context['max_length']}")
    if kind == "string_pattern_mismatch":
        hint = "lower-case letters, digits, `.`, `_`, `-`; at most 64; a letter or digit first"
        return origin.error("VALUE", f"{_shown(given)} is not a short name", loc, hint=hint)
    if kind == "value_error":
        what = one_line(str(details["msg"]).removeprefix("Value error, "), 120)
        loc = loc or (("scorer",) if "scorer" in value else ("metric",))
        return origin.error("VALUE", what, loc, hint="see `advisor schema spec`")
    if kind == "literal_error":
        hint = f"one of {one_line(str(context.get('expected')), 150)}"
        return origin.error("VALUE", f"{_shown(given)} is not one of the choices", loc, hint=hint)
    wanted = _WANTED.get(kind)
    if wanted:
        shown = one_line(origin.written.get(loc) or _shown(given))
        what = f"{shown} is {_kind_of(given)}, {wanted} is wanted"
        return origin.error("TYPE", what, loc, hint=f"give {wanted}")
    limit = next(
        (f"{word} {context[name]}" for name, word in _LIMITS.items() if name in context), ""
    )
    what = f"{_shown(given)} is out of range"
    return origin.error("VALUE", what, loc, hint=f"it must be {limit}" if limit else "see the docs")


_WANTED = {
    "string_type": "text",
    "bool_type": "true or false",
    "float_type": "a number",
    "int_type": "a whole number",
    "list_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
}
_LIMITS = {
    "gt": "above",
    "ge": "at least",
    "lt": "below",
    "le": "at most",
}


def _at(value: Any, loc: Loc) -> Any:
    for part in loc:
        try:
            value = value[part]
        except (KeyError, IndexError, TypeError):
            return None
    return value


def _kind_of(value: Any) -> str:
    if value is None:
        return "empty"
    kinds: list[tuple[type, str]] = [
        (bool, "true or false"),
        (int, "a whole number"),
        (float, "a number"),
        (str, "text"),
        (list, "a list"),
    ]
    return next((name for kind, name in kinds if isinstance(value, kind)), "a mapping")


def _shown(value: Any) -> str:
    try:
        return "nothing" if value is None else one_line(repr(value)[:200])
    except ValueError:
        return "this"  # a number of more digits than Python prints


def _names(given: str, names: tuple[str, ...]) -> str:
    near = difflib.get_close_matches(given, names, n=1)
    start = f"did you mean {near[0]}? " if near else ""
    return f"{start}known: {', '.join(names)}"
