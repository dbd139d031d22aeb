"""Text from data or files, made safe for the place where it is shown."""

from __future__ import annotations

import os
import re
from html import escape

# C0 except \n and \t, DEL, C1; line and paragraph separators; soft hyphen; zero-width and
# direction marks; bidi overrides and isolates; interlinear, tag and byte-order characters;
# lone surrogates, which no UTF-8 terminal or file can hold.
_UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f"
    "\ufeff\ufff9-\ufffb\U000e0000-\U000e007f\ud800-\udfff]"
)
_LINE_BREAKS = re.compile("[\n\t]")
# Everywhere: code, emphasis, links, HTML, tables, maths. Only before something: entities, mentions,
# issue numbers, URLs and :emoji:. Round brackets and `!` do nothing without a square bracket.
_MARKUP = re.compile(r"([\\`*_{}\[\]<>|~$]|&(?=[#\w])|@(?=\w)|#(?=\d)|:(?=[\w/]))")
_BLOCK_START = re.compile(r"^(?:[-+=#]|\d{1,9}(?=[.)](?: |$)))")


def terminal(text: str, limit: int | None = None) -> str:
    """`text` without a character that steers a terminal; at most `limit` characters.

    Line ends and tabs stay; every other unsafe character is shown as its escape, e.g. `\\x1b`.
    """
    if limit is not None:
        text = text[: limit + 1]
    return _clip(_UNSAFE.sub(_escape, text), limit)


def one_line(text: str, limit: int | None = 80) -> str:
    """As `terminal`, with line ends and tabs shown as `\\n` and `\\t`."""
    if limit is not None:
        text = text[: limit + 1]
    return _clip(_LINE_BREAKS.sub(_escape, _UNSAFE.sub(_escape, text)), limit)


def markdown(text: str, limit: int | None = None) -> str:
    """`text` as one line of Markdown that shows it literally, also in a table's cell.

    `limit` counts characters as shown, before the backslashes that Markdown takes away.
    """
    shown = one_line(text, limit).strip(" ")
    escaped = _MARKUP.sub(r"\\\1", shown)
    # `www.` alone makes a link in GitHub's dialect.
    escaped = re.sub(r"(?i)\bwww\.", lambda found: found[0][:-1] + "\\.", escaped)
    start = _BLOCK_START.match(escaped)
    if start is None:
        return escaped
    if start[0].isdigit():
        return start[0] + "\\" + escaped[start.end() :]
    return "\\" + escaped


def html(text: str, limit: int | None = 80) -> str:
    """`text` as one line of HTML that shows it literally, also inside an attribute's quotes."""
    return escape(one_line(text, limit), quote=True)


def file_name(path: str | os.PathLike[str], limit: int = 80) -> str:
    """A path for messages: one line, its beginning cut where it is longer than `limit`."""
    shown = one_line(os.fspath(path), None)
    return shown if len(shown) <= limit else "…" + shown[len(shown) - limit + 1 :]


def _escape(found: re.Match[str]) -> str:
    character = found[0]
    if character in "\n\t":
        return "\\n" if character == "\n" else "\\t"
    code = ord(character)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _clip(text: str, limit: int | None) -> str:
    if limit is None or len(text) <= limit:
        return text
    return text[: limit - 1] + "…"
