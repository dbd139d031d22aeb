"""Lenient readings: what an answer says, whatever else stands around it.

No reading runs anything, and each looks at no more than the first and last 20,000 characters.
"""

from __future__ import annotations

import json
import re
import string
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Any

_KEPT = 20_000
_MAX_STARTS = 200  # places at which a JSON object is tried

_ARTICLES = re.compile(r"\b(?:a|an|the)\b")
UNSPACED = re.compile(r"([぀-ヿ㐀-鿿豈-﫿])")
"""A character of Chinese or Japanese, which are written without spaces."""
_NUMBER = re.compile(
    r"(?<![\w.])(?P<sign>[-+\u2212]?)(?:[$€£¥]\s?)?"
    r"(?P<digits>\d{1,3}(?:[,'\u2009\u202f]\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?|\.\d+)"
    r"(?P<exponent>[eE][-+]?\d{1,3})?(?!\d)"
)
_PLAIN_NUMBER = re.compile(
    r"[-+]?(?:\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d{1,3})?"
)
_FINAL = {
    "####": re.compile(r"####"),
    "answer:": re.compile(r"(?i)\banswer(?:\s+is\b\s*:?|\s*:)"),
    # "so" draws a conclusion after a step, not in "not so good"
    "so": re.compile(r"(?im)(?:^|(?<=[\d.,;:)]))[ \t]*so[ ,:]"),
    "=": re.compile(r"="),
}
REASONING_MARKERS = ("####", "answer:", "so")
"""Signs after which references may give their final answer; `=` may stand inside an answer."""


def clip(text: str) -> str:
    """The first and last 20,000 characters."""
    return text if len(text) <= 2 * _KEPT else f"{text[:_KEPT]}\n{text[-_KEPT:]}"


# ---------------------------------------------------------------- text


def normalise(text: str) -> str:
    """SQuAD's normalisation (Rajpurkar et al. 1606.05250): case, punctuation, articles, spaces.

    For all scripts: NFKC, and what Unicode calls punctuation; a text of nothing else stays as is.
    """
    plain = unicodedata.normalize("NFKC", text).casefold()
    bare = "".join(c for c in plain if not _punctuation(c))
    return " ".join(_ARTICLES.sub(" ", bare).split()) or " ".join(plain.split())


def tokens(text: str) -> list[str]:
    """Words of the normalised text; Chinese and Japanese by character, as MLQA (1910.07475)."""
    return UNSPACED.sub(r" \1 ", normalise(text)).split()


def _punctuation(character: str) -> bool:
    return character in string.punctuation or unicodedata.category(character).startswith("P")


def final_answers(text: str, markers: Iterable[str] = tuple(_FINAL)) -> list[str]:
    """What follows the last `####`, `Answer:`, `so` or `=`, to the end of that line."""
    found, clipped = [], clip(text)
    for marker in markers:
        ends = [match.end() for match in _FINAL[marker].finditer(clipped)]
        if ends:
            rest = clipped[ends[-1] :].strip()
            found.append(rest.splitlines()[0].strip() if rest else "")
    return found


def shared_marker(references: Sequence[str]) -> str | None:
    """The reasoning marker that every reference gives its final answer after, if there is one."""
    for marker in REASONING_MARKERS:
        if references and all(final_answers(text, (marker,)) for text in references):
            return marker
    return None


# ---------------------------------------------------------------- labels


class Labels:
    """Reads one label of a set out of an answer."""

    def __init__(self, labels: Iterable[str]) -> None:
        self.exact = {label.strip() for label in labels}
        self._folded = _unique(self.exact, _folded)
        self._bare = _unique(self.exact, _bare)
        by_length = sorted(self._folded, key=len, reverse=True)
        self._within = re.compile("|".join(_whole_word(label) for label in by_length if label))

    def read(self, text: str) -> str | None:
        """The label that `text` is, by exact, case-folded, then punctuation-free comparison, or
        the only one that occurs in it as a whole word (the longest where one holds another)."""
        stripped = text.strip()
        if stripped in self.exact:
            return stripped
        folded = _folded(clip(stripped))
        for table, key in ((self._folded, folded), (self._bare, _bare(folded))):
            if key in table:
                return table[key]
        if not self._within.pattern:
            return None
        found = {match.group() for match in self._within.finditer(folded)}
        return self._folded.get(found.pop()) if len(found) == 1 else None


def _folded(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).casefold().replace("_", " ").split())


def _bare(text: str) -> str:
    return _folded("".join(" " if _punctuation(c) else c for c in _folded(text)))


def _unique(labels: Iterable[str], key: Any) -> dict[str, str]:
    """Label by key, without the keys that several labels share (`C++` and `C` without signs)."""
    groups: dict[str, list[str]] = {}
    for label in labels:
        groups.setdefault(key(label), []).append(label)
    return {name: group[0] for name, group in groups.items() if name and len(group) == 1}


def _whole_word(label: str) -> str:
    """Not inside a word or number; `urgent` is not in `non-urgent`, nor `1` in `-1` or `1.5`."""
    before, after = r"(?<!\w)(?<!\w-)", r"(?!\w)"
    if label[0].isdigit():
        before += r"(?<![-\u2212])(?<!\d[.,])"
    if label[-1].isdigit():
        after += r"(?![.,]\d)"
    return f"{before}{re.escape(label)}{after}"


# ---------------------------------------------------------------- numbers


def read_number(text: str) -> float | None:
    """The last number of `text`, after the last `####` if there is one.

    Thousands separators, currency signs and units fall away: `so $1,234.50 in all` is 1234.5. A
    sign counts only where no digit or letter stands before it: `7-3` ends in 3.
    """
    marked = final_answers(text, ("####",))
    for part in [*marked, clip(text)]:
        matches = list(_NUMBER.finditer(_spaced_signs(part)))
        if matches:
            last = matches[-1]
            digits = re.sub(r"[,'\u2009\u202f]", "", last["digits"])
            sign = "-" if last["sign"] in ("-", "\u2212") else ""
            return _finite(f"{sign}{digits}{last['exponent'] or ''}")
    return None


def strict_number(text: str) -> float | None:
    """`text` as a number and nothing else; thousands separators are allowed where well placed."""
    stripped = text.strip()
    if len(stripped) > 400 or not _PLAIN_NUMBER.fullmatch(stripped):
        return None
    return _finite(stripped.replace(",", ""))


def _spaced_signs(text: str) -> str:
    """Operators and currency codes apart from the numbers behind them: `3=42`, `7-3`, `x42`."""
    return re.sub(r"(?<=[\w)])([-+*/=:<>])(?=\s?[\d.$€£¥])", r"\1 ", text)


def _finite(digits: str) -> float | None:
    value = float(digits)
    return value if abs(value) != float("inf") else None


# ---------------------------------------------------------------- JSON


def strict_json(text: str) -> Any:
    """The value of a text that is JSON and nothing else; ValueError where it is not.

    NaN, Infinity and repeated names are refused, and nesting too deep to read counts as wrong.
    """
    try:
        return json.loads(text, parse_constant=_refuse, object_pairs_hook=_no_repeats)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def first_object(text: str) -> dict[str, Any] | None:
    """The first JSON object in `text`, whatever stands before and after it."""
    clipped, start = clip(text), -1
    decoder = json.JSONDecoder(parse_constant=_refuse)
    for _ in range(_MAX_STARTS):
        start = clipped.find("{", start + 1)
        if start < 0:
            return None
        try:
            value, _end = decoder.raw_decode(clipped, start)
        except (ValueError, RecursionError):
            continue
        if isinstance(value, dict):
            return value
    return None


def named_values(text: str, names: Iterable[str]) -> dict[str, str]:
    """`name = value` or `name: value` pairs, for the given names: `name = Mika ; item = lamp`."""
    wanted = {name.casefold(): name for name in names if name}
    if not wanted:
        return {}
    listed = "|".join(re.escape(name) for name in sorted(wanted, key=len, reverse=True))
    pattern = re.compile(rf"(?i)(?<!\w)({listed})[\"']?\s{{0,3}}[=:]")
    clipped = clip(text)
    found: dict[str, str] = {}
    matches = list(pattern.finditer(clipped))
    for at, match in enumerate(matches):
        end = matches[at + 1].start() if at + 1 < len(matches) else len(clipped)
        value = re.split(r"[;\n]", clipped[match.end() : end].strip(), maxsplit=1)[0]
        found.setdefault(wanted.get(match[1].casefold(), match[1]), value.strip(" \t,\"'{}"))
    return found


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is not JSON")


def _no_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(dict(pairs)) != len(pairs):
        raise ValueError("a name occurs twice in an object")
    return dict(pairs)
