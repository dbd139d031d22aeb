"""What an output looks like, whatever it says: its container, its wrapper, its way with numbers."""

from __future__ import annotations

import re
from typing import Any

from probes.readings import strict_json

JSON_SHAPES = ("JSON object", "JSON call", "JSON array")
BROKEN = "broken JSON"
FENCED = "code fence"
TEXT = "text"

_FENCE = re.compile(r"```[\w+-]{0,30}[ \t]{0,4}\n?(.*?)\n?[ \t]{0,4}```", re.DOTALL)
_CALL = re.compile(r"[A-Za-z_][\w.]*\((?:\s*\)|\s*[A-Za-z_]\w*\s*=|[\"'\d\[{-])")
_JSON_START = re.compile(r"\{\s*[\"'}]|\[\s*[\[{\"'\d\]]")
_XML = re.compile(r"<([A-Za-z][\w-]{0,40})[^<>]{0,200}>.*</\1>", re.DOTALL)
_LABELS = (
    "answer|label|category|class|intent|output|result|response|prediction|sentiment|topic|summary"
    "|classification|translation"
)
_WRAPPER = re.compile(
    r"(?i)[\"'*_\s]{0,4}(?:"
    rf"(?P<announced>(?:(?:the|my|final|correct|best|right|predicted) )*(?:{_LABELS})\**"
    r"(?: (?:(?:for|of|to) [\w ]{1,40}?)?(?:is|would be|should be)\b|\s?:))"
    r"|(?P<chat>(?:sure|certainly|of course|okay|absolutely|great question)[,!.:]"
    r"|here(?:'s|’s| is| are) (?:the|your|a|an|my)\b|i (?:think|believe|would say|'d say)\b"
    r"|as an ai\b)"
    r")[\s:*\"']*"
)
_SAID = re.compile(r"(?i)[\"'*_\s]{0,4}(?:this|that|it)(?: \w+)?(?:'s|’s| is| would be| belongs)\b")
_QUOTES = {'"': '"', "“": "”", "'": "'", "`": "`", "‘": "’", "«": "»"}
_ANSWER = re.compile(r"(?i)\banswer(?:\s+is\b\s*:?|\**\s*:)")
_NUMBER = re.compile(
    r"(?P<before>[$€£¥]\s?|(?:USD|EUR|GBP) )?[-+\u2212]?"
    r"(?P<digits>\d{1,3}(?:,\d{3})+|\d{1,3}(?:[ \u202f]\d{3})+|\d+)?(?P<fraction>\.\d+)?"
    r"(?P<after>\s?(?:[%°$€£]|[A-Za-z][\w²³/ ]{0,20}))?\.?"
)
_DATES = {
    "2024-01-31": re.compile(r"\d{4}-\d\d?-\d\d?"),
    "2024/01/31": re.compile(r"\d{4}/\d\d?/\d\d?"),
    "31/01/2024": re.compile(r"\d\d?/\d\d?/\d{2,4}"),
    "31.01.2024": re.compile(r"\d\d?\.\s?\d\d?\.\s?\d{2,4}"),
    "31-01-2024": re.compile(r"\d\d?-\d\d?-\d{2,4}"),
    "31 January 2024": re.compile(r"\d\d?(?:st|nd|rd|th)? (?:of )?[A-Z][a-z]{2,8},? \d{4}"),
    "January 31, 2024": re.compile(r"[A-Z][a-z]{2,8}\.? \d\d?(?:st|nd|rd|th)?,? \d{4}"),
}
_TRUTH = {
    **dict.fromkeys(("yes", "no"), "yes/no"),
    **dict.fromkeys(("true", "false"), "true/false"),
    **dict.fromkeys(("y", "n"), "y/n"),
    **dict.fromkeys(("correct", "incorrect"), "correct/incorrect"),
}


def container(text: str) -> tuple[str, Any]:
    """Name of the container, and its value where that is JSON."""
    bare = text.strip()
    first = bare[:1]
    if first in ("{", "["):
        return _json(bare)
    if first == "`" and _FENCE.fullmatch(bare):
        return FENCED, None
    if bare.endswith(")") and _CALL.match(bare):
        return "Python call", None
    if first == "<" and bare.endswith(">") and _XML.fullmatch(bare):
        return "XML", None
    return TEXT, None


def _json(bare: str) -> tuple[str, Any]:
    try:
        value = strict_json(bare)
    except ValueError:
        if bare.endswith(")]") and _CALL.match(bare, 1):
            return "Python call in a list", None
        return (BROKEN if _JSON_START.match(bare) else TEXT), None
    if isinstance(value, dict):
        return ("JSON call" if _is_call(value) else "JSON object"), value
    if isinstance(value, list) and len(value) == 1 and _is_call(value[0]):
        return "JSON call in a list", None
    return "JSON array", value


def _is_call(value: Any) -> bool:
    if not isinstance(value, dict) or not isinstance(value.get("name"), str):
        return False
    arguments = value.get("arguments", value.get("parameters"))
    return isinstance(arguments, dict | str) and len(value) <= 3


def unfenced(text: str) -> str | None:
    """What stands in the code fence that `text` is."""
    found = _FENCE.fullmatch(text.strip())
    return found[1].strip() if found else None


def wrapper(text: str) -> tuple[str, str] | None:
    """What stands around a short answer (`The answer is X`, `**X**`), with the answer itself."""
    bare = text.strip()
    found = _WRAPPER.match(bare)
    if found and found.end() < len(bare):
        name = "The answer is …" if found["announced"] else "Sure, here is …"
        return name, bare[found.end() :].strip(" .*\"'")
    if len(bare) < 3:
        return None
    inner = bare[1:-1]
    if _QUOTES.get(bare[0]) == bare[-1] and bare[0] not in inner and bare[-1] not in inner:
        return "quotes", inner
    if bare.startswith("**") and bare.endswith("**") and len(bare) > 4:
        return "bold", bare[2:-2]
    if bare.startswith("\\boxed{") and bare.endswith("}"):
        return "\\boxed{…}", bare[7:-1]
    return None


def says_it(text: str) -> bool:
    """Whether a sentence about the answer begins: `This is …`, `It is …`."""
    return _SAID.match(text) is not None


def final_style(text: str) -> str:
    """How an output with written steps gives its final answer; `bare` where there are no steps."""
    if "####" in text:
        return "steps, then ####"
    if "\\boxed{" in text and len(text) > 40:
        return "steps, then \\boxed{…}"
    if "nswer" in text or "NSWER" in text:
        ends = [match.start() for match in _ANSWER.finditer(text)]
        if ends and len(text[: ends[-1]].split()) >= 4:
            return "steps, then Answer:"
    return "steps without a sign" if len(text) > 40 and len(text.split()) >= 10 else "bare"


def final_part(text: str) -> str:
    """The final answer of `text` after `####` or `Answer:`; all of it where there is neither."""
    if "####" in text:
        return text.rsplit("####", 1)[1].strip()
    ends = [match.end() for match in _ANSWER.finditer(text)] if "nswer" in text else []
    return text[ends[-1] :].strip(" .*") if ends else text.strip()


def number_style(text: str) -> dict[str, str] | None:
    """The conventions that a number alone follows; None where `text` is not one."""
    if len(text) > 60 or not (text[-1:].isdigit() or any(map(str.isdigit, text))):
        return None
    found = _NUMBER.fullmatch(text)
    if found is None or not (found["digits"] or found["fraction"]):
        return None
    digits, styles = found["digits"] or "0", {}
    plain = re.sub(r"\D", "", digits)
    if len(plain) > 3 and not (len(plain) == 4 and plain[:2] in ("19", "20")):
        grouped = "1,000" if "," in digits else "1 000" if len(plain) < len(digits) else "1000"
        styles["thousands"] = grouped
    styles["unit"] = (
        "$5" if found["before"] else "5 units" if (found["after"] or "").strip() else "5"
    )
    fraction = found["fraction"]
    if fraction is None or not fraction.strip(".0"):
        styles["whole numbers"] = "5.0" if fraction else "5"
    return styles


def date_style(text: str) -> str | None:
    """The way in which a full date alone is written."""
    if not 6 <= len(text) <= 24 or not any(map(str.isdigit, text)):
        return None
    return next((name for name, pattern in _DATES.items() if pattern.fullmatch(text)), None)


def truth_style(text: str) -> str | None:
    """The pair of words to which a yes or no belongs."""
    return _TRUTH.get(text.strip(" .!").lower()) if len(text) < 12 else None


def is_sentence(text: str) -> bool:
    """Whether `text` reads as one or more whole sentences."""
    if text[-1:] not in ".!?。" or not text[:1].isupper() or text.count(" ") < 4:
        return False
    return sum(word[0].islower() for word in text.split()) >= 3  # a name has fewer
