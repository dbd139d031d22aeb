"""The text of a spec as plain values with their places: YAML 1.2, and less of it than there is."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml import events as ev
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from knowledge.errors import UserError
from probes.files import open_regular
from probes.sinks import file_name, one_line

MAX_SPEC_BYTES = 1_000_000
MAX_DEPTH = 50

Loc = tuple[str | int, ...]
"""Keys and places in lists on the way to a value."""

_INT = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_WORDS = {
    **dict.fromkeys(["", "~", "null", "Null", "NULL"]),
    **dict.fromkeys(["true", "True", "TRUE"], True),
    **dict.fromkeys(["false", "False", "FALSE"], False),
}


@dataclass(frozen=True)
class Origin:
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
        """The error `E-SPEC-<code>` at `mark`, else at `loc` or the nearest thing around it."""
        ancestors = (loc[:end] for end in range(len(loc), 0, -1))
        mark = mark or next((self.marks[each] for each in ancestors if each in self.marks), None)
        place = self.file + (f":{mark[0]}:{mark[1]}" if mark and self.file else "")
        name = one_line(".".join(map(str, loc)), 60)
        return UserError(f"E-SPEC-{code}", what, place=f"{place} {name}".strip(), hint=hint)


def read_yaml(path: Path) -> tuple[Any, Origin]:
    """The only document of a YAML file, with the places of its parts; UserError for any fault."""
    origin = Origin(file=file_name(path))
    text = _read_text(path, origin)
    try:
        return _Composer(text, origin).document(), origin
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


def _read_text(path: Path, origin: Origin) -> str:
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

    def __init__(self, text: str, origin: Origin) -> None:
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
