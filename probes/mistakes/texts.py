"""Texts as words: how wrong answers are compared with others, and how they are shown."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from probes.readings import UNSPACED, clip

_SHOWN_CHARS = 200
_NO_WORD = re.compile(r"[^\w\s']")


def words(text: str) -> list[str]:
    """Words in lower case, of letters, marks, digits and apostrophes, in any script.

    Chinese and Japanese by character; invisible characters fall away. The ends of long texts alone.
    """
    plain = unicodedata.normalize("NFKC", clip(text)).casefold().replace("\u2019", "'")
    pieces = UNSPACED.sub(r" \1 ", _NO_WORD.sub(_kept, plain)).split()
    return [word for piece in pieces if (word := piece.strip("'_"))]


def _kept(found: re.Match[str]) -> str:
    category = unicodedata.category(found[0])
    return found[0] if category[0] == "M" else "" if category == "Cf" else " "


def within(phrase: str, text: str) -> bool:
    """Whether the words of `phrase`, joined by spaces, follow one another in the text."""
    return f" {phrase} " in _spaced(text)


@lru_cache(maxsize=1024)
def _spaced(text: str) -> str:
    return f" {' '.join(words(text))} "


def short(text: str) -> str:
    """At most 200 characters, from both ends: questions and loops stand at the end."""
    if len(text) <= _SHOWN_CHARS:
        return text
    tail = _SHOWN_CHARS // 3
    return f"{text[: _SHOWN_CHARS - tail - 3]} … {text[-tail:]}"
