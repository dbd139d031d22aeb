"""Characters that nobody sees, and text that was decoded or exported wrongly."""

from __future__ import annotations

import re
from collections import Counter

_FAMILIES = {
    "control": re.compile("[\x00-\x08\x0b\x0e-\x1f\x7f-\x84\x86-\x9f]"),
    "bidi override": re.compile("[\u202d\u202e]"),
    "bidi mark": re.compile("[\u061c\u200e\u200f\u202a-\u202c\u2066-\u2069]"),
    # joiners are letters' business in Persian, Indic scripts and emoji
    "zero-width": re.compile(
        "[\u00ad\u180e\u200b\u2060-\u2064\ufeff]|(?<=[ -~])[\u200c\u200d](?=[ -~])"
    ),
    "tag": re.compile("(?<!\U0001f3f4)[\U000e0001-\U000e007f]{3,}"),
    "lone surrogate": re.compile("[\ud800-\udfff]"),
}
_RIGHT_TO_LEFT = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]")
_FLAG = re.compile("\U0001f3f4[\U000e0020-\U000e007f]+")
# what UTF-8's bytes 80 to BF become when they are read as cp1252 or Latin-1
_TAIL = (
    "[\x80-\xbf\u0152\u0153\u0160\u0161\u0178\u017d\u017e\u0192\u02c6\u02dc\u2013-\u203a"
    "\u20ac\u2122]"
)
_MOJIBAKE = re.compile(
    f"[\u00c2\u00c3]{_TAIL}|\u00e2{_TAIL}{_TAIL}|\u00f0\u0178{_TAIL}"
    f"|(?:[\u00d0\u00d1]{_TAIL}){{3}}|\ufffd"
)
_ENTITY = re.compile(
    r"&(?:amp|lt|gt|quot|apos|nbsp|rsquo|lsquo|ldquo|rdquo|mdash|ndash|hellip|eacute|#\d{2,6}|#x[0-9A-Fa-f]{2,5});"
)
_TAG = re.compile(
    r"(?i)</?(?:p|br|hr|div|span|b|i|u|em|strong|a|ul|ol|li|table|tr|td|th|tbody|h[1-6]|img|font"
    r"|script|style|html|body|head|meta|iframe|sup|sub|blockquote|section|article)"
    r"(?:\s[^<>]{0,300})?/?>"
)


def is_plain(text: str) -> bool:
    """Whether `text` surely holds no hidden character; fast, and true of nearly all texts."""
    return text.isprintable() or text.replace("\n", "").replace("\t", "").isprintable()


def hidden(text: str) -> Counter[str]:
    """How many hidden characters of each family `text` holds."""
    found: Counter[str] = Counter()
    if is_plain(text):
        return found
    text = _FLAG.sub("", text)
    for name, pattern in _FAMILIES.items():
        n = len(pattern.findall(text))
        if n and not (name == "bidi mark" and _RIGHT_TO_LEFT.search(text)):
            found[name] = n
    return found


def unhidden(text: str) -> str:
    """`text` without its hidden characters."""
    families = hidden(text)
    for name, pattern in _FAMILIES.items():
        if name in families:
            text = pattern.sub("", text)
    return text


def misdecoded(text: str) -> bool:
    """Whether UTF-8 was read as another encoding somewhere in `text`, or a character was lost."""
    return not text.isascii() and _MOJIBAKE.search(text) is not None


def redecoded(text: str) -> str | None:
    """`text` as it was before, where all of it reads back as UTF-8 without loss."""
    for encoding in ("cp1252", "latin-1"):
        try:
            again = text.encode(encoding).decode("utf-8")
        except (UnicodeEncodeError, UnicodeDecodeError):
            continue
        if again != text and not misdecoded(again) and "\ufffd" not in again:
            return again
    return None


def entities(text: str) -> int:
    """How many HTML entities `text` holds."""
    return len(_ENTITY.findall(text)) if "&" in text else 0


def tags(text: str) -> int:
    """How many HTML tags `text` holds."""
    return len(_TAG.findall(text)) if "<" in text and ">" in text else 0
