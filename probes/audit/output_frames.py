"""Words and marks that come back around different answers: `-> X`, `X is the answer`, `[X]`."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

Frame = tuple[str, str]
"""Where the words or marks stand (`before`, `after`, `around`), and what they are."""

_SAMPLE = 20_000
"""Outputs that frames are learnt from, for speed; our choice."""
_LONGEST = 300
"""Characters of an output that may be a short answer in a frame; our choice."""
_SHORT = 8
"""Words up to which an output is short; our choice."""
_LEAST_MARKS, _LEAST_WORDS = (3, 0.003), (8, 0.01)
"""Rows and share from which a mark, or words, are no chance."""
_MARK_BEFORE = re.compile(
    r"(->|=>|→|[-*•>](?=\s)|\d{1,2}[.)](?=\s)|#(?=\w)"
    r"|[^\W\d][\w' ’]{1,30}?(?:\s?[:=]| -)(?=\s?\w))\s*"
)
_MARK_AFTER = re.compile(
    r"(?:\s*(?P<mark>[|;>])|,?\s(?P<note>\([^()\n]{3,30}\))"
    r"|\n\s*(?P<reason>(?:explanation|reason|reasoning|because|note|rationale|justification)\b)"
    r"[\s\S]*)$",
    re.IGNORECASE,
)
_MARKS = re.compile(r"[^\w\s]")
_PAIRS = {"(": ")", "[": "]", "<": ">", "{": "}"}
_TELLING = frozenset(
    re.findall(
        r"\S+",
        "is was be are it's it’s should would could will answer label result think guess believe"
        " say means choose classify classified based according correct likely probably best sure",
    )
)
"""Words of which a frame of words has one: `the Treaty of X` is an answer, not a frame."""
_SPEAKING = ("it", "it's", "it’s", "this", "that", "i", "my", "we")


def frames_of(text: str) -> Iterator[tuple[Frame, str]]:
    """All that could be a frame in `text`, with what it would be around."""
    bare = text.strip()
    found = _MARK_BEFORE.match(bare)
    if found and found.end() < len(bare):
        mark = "1." if found[1][0].isdigit() else found[1].lower()
        yield ("before", mark), bare[found.end() :]
    found = _MARK_AFTER.search(bare)
    if found and found.start():
        mark = found["mark"] or found["note"] or "explanation"
        yield ("after", mark.lower()), bare[: found.start()]
    if _PAIRS.get(bare[:1]) == bare[-1:] and len(bare) > 2:
        yield ("around", bare[0] + bare[-1]), bare[1:-1]
    words = bare.split()
    if len(words) > 3:
        yield ("before", " ".join(words[:3]).lower()), " ".join(words[3:])
        yield ("after", " ".join(words[-3:]).lower()), " ".join(words[:-3])
    for k in (4, 5):
        if len(words) > k and words[k - 1] in ("is", "be", "as"):
            yield ("before", " ".join(words[:k]).lower()), " ".join(words[k:])
    if 1 < len(words) < 5 and words[0].lower() in ("it's", "it’s"):
        yield ("before", "it's "), " ".join(words[1:])
    if len(words) > 2:
        if words[0].lower() in _SPEAKING:
            yield ("before", " ".join(words[:2]).lower()), " ".join(words[2:])
        if words[-3].endswith(","):
            yield ("after", ", " + " ".join(words[-2:]).lower()), " ".join(words[:-2])


def recurring(texts: Sequence[str]) -> set[Frame]:
    """Frames that come back around different contents, in some texts and not in most."""
    sampled = [text for text in texts[:: 1 + len(texts) // _SAMPLE] if len(text) <= _LONGEST]
    if sum(text.count(" ") < _SHORT for text in sampled) < 0.5 * len(sampled):
        return set()  # whole texts begin and end alike by nature
    contents: dict[Frame, list[str]] = defaultdict(list)
    for text in sampled:
        for frame, inner in frames_of(text):
            contents[frame].append(inner)
    kept = set()
    for frame, inners in contents.items():
        words = _is_words(frame)
        if words and not _TELLING & set(frame[1].split()):
            continue
        rows, share = _LEAST_WORDS if words else _LEAST_MARKS
        enough = len(inners) >= max(rows, share * len(sampled))
        if enough and len(inners) <= 0.4 * len(sampled) and len(set(inners)) > 2:
            kept.add(frame)
    return kept


def framed(text: str, frames: set[Frame]) -> tuple[Frame, str] | None:
    """The first of `frames` around `text`, with what it is around."""
    if len(text) > _LONGEST:
        return None
    return next((each for each in frames_of(text) if each[0] in frames), None)


def _is_words(frame: Frame) -> bool:
    return " " in frame[1] and frame[1][-1] not in ":=)-"


def around_labels(counts: Counter[str]) -> dict[str, tuple[str, str]]:
    """Texts that are a label in a frame, with the frame and the label.

    A frame stands around three labels and a twentieth of them at least, each three times as common
    without it. A single word without a mark is none: `urgent billing` may be a label of its own.
    """
    by_words: dict[tuple[str, ...], str] = {}
    for text, n in counts.most_common():
        if n > 1 and (words := _words(text)) and any(map(str.isalpha, text)):
            by_words.setdefault(words, text)
    frames: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for text, n in counts.items():
        found = _label_within(text, by_words) if len(text) <= _LONGEST else None
        if found and counts[found[1]] >= 3 * n:
            frames[found[0]].append((text, found[1]))
    least = max(3, len(by_words) / 20)
    return {
        text: (frame, label)
        for frame, held in frames.items()
        if len({label for _, label in held}) >= least
        for text, label in held
    }


def _words(text: str) -> tuple[str, ...]:
    return tuple(re.findall(r"[^\W_]+", text.casefold()))


def _label_within(text: str, by_words: dict[tuple[str, ...], str]) -> tuple[str, str] | None:
    """The frame in `text` and the longest label inside it."""
    words = _words(text)
    if not 1 <= len(words) <= 30:
        return None
    for length in range(min(len(words), 10), 0, -1):
        for start in range(len(words) - length + 1):
            label = by_words.get(words[start : start + length])
            if label is None or label == text:
                continue
            before, after = words[:start], words[start + length :]
            marked = len(_MARKS.findall(text)) > len(_MARKS.findall(label))
            if marked or len(before) + len(after) > 1:
                return " ".join((*before, "…", *after)), label
    return None
