"""Of what kind a wrong answer is: the first that it suits, in a fixed order."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Sequence
from difflib import SequenceMatcher
from functools import lru_cache
from typing import Literal

from probes.mistakes.texts import within, words
from probes.readings import normalise
from probes.records import Example, Prediction, Score

Kind = Literal[
    "",
    "too-long",
    "empty",
    "wrong-label",
    "repetition",
    "refusal",
    "form",
    "near-miss",
    "copied",
    "wrong",
]
"""In order of precedence: an answer is of the first kind that it suits; "" is right."""

_LONGEST_LOOP = 40  # words: about two sentences
_MIN_COPIED_WORDS = 4
_ALIKE = 0.8

_REFUSAL = re.compile(
    r"\b(?:i (?:cannot|can not|can't|won't|will not|am unable to|am not able to)"
    r"|i'm (?:unable|not able) to)"
    r" (?:help|assist|answer|provide|comply|fulfill?|determine|give|create|write|do that)\b"
    r"|\bas an (?:ai|artificial intelligence)\b|\bas a (?:large )?language model\b"
    r"|\bi (?:do not|don't) (?:know|have access|have enough information)\b"
    r"|\bi (?:must|have to) decline\b"
)


def kind_of(
    score: Score,
    prediction: Prediction,
    example: Example,
    *,
    labels: Collection[str] = (),
    passages: Sequence[str] = (),
) -> Kind:
    """The first kind that the answer suits, in the order of `Kind`.

    `too-long`: nothing was generated, since the prompt did not fit. `wrong-label`: has form and is
    one of `labels`; such an answer is never copied, refused or near, whatever the input says.
    `repetition`: see `_repeats`. `refusal`: see `refuses`. `form`: does not parse. `near-miss`:
    half of the content right, the reference inside the answer, or four fifths of the characters
    alike with all digits the same. `copied`: a span of the input or of one of `passages`, which
    are the texts that stood in the prompt; see `_copies`.
    """
    given, wanted = prediction.text, example.output
    if score.quality >= 1:
        return ""
    if not given.strip():
        return "too-long" if not given and prediction.output_tokens == 0 else "empty"
    if score.form and normalise(given) in _normalised(frozenset(labels)):
        return "wrong-label"
    prompt = (example.item.text, *passages)
    if _repeats(given, wanted):
        return "repetition"
    if refuses(given, wanted, prompt):
        return "refusal"
    if not score.form:
        return "form"
    if score.content >= 0.5 or _near(given, wanted):
        return "near-miss"
    return "copied" if _copies(given, wanted, prompt) else "wrong"


@lru_cache(maxsize=8)
def _normalised(labels: frozenset[str]) -> frozenset[str]:
    return frozenset(normalise(label) for label in labels)


def _repeats(given: str, wanted: str) -> bool:
    """Whether the answer ends in a loop that the reference has not, or says what is right twice.

    A loop: up to 40 words, letters among them, four times or more (twice, from 3 words on, where
    the answer begins with the reference), or 24 characters of a period up to 6. The last copy, cut
    off by the token limit, may be incomplete.
    """
    head, reference = words(given[:4_000]), words(wanted)
    begins_right = bool(reference) and head[: len(reference)] == reference
    if begins_right and head[len(reference) : 2 * len(reference)] == reference:
        return True
    sizes = range(3, _LONGEST_LOOP + 1)
    if begins_right and _loops(words(given[-4_000:]), sizes, 2) and not _loops(reference, sizes, 2):
        return True
    return _ends_in_loop(given) and not _ends_in_loop(wanted)


def _ends_in_loop(text: str) -> bool:
    spoken = words(text[-4_000:])
    characters = text.rstrip()[-400:]
    return _loops(spoken, range(1, _LONGEST_LOOP + 1), 4) or any(
        _loops(characters, (size,), math.ceil(24 / size), letters=False) for size in range(1, 7)
    )


def _loops(
    units: Sequence[str], sizes: Collection[int], times: int, *, letters: bool = True
) -> bool:
    """Whether `units`, without the last where that is cut off, end in `times` copies of some."""
    for ended in (units, units[:-1]):
        for size in sizes:
            same = 0
            while same + size < len(ended) and ended[-1 - same] == ended[-1 - same - size]:
                same += 1
            spelled = not letters or any(c.isalpha() for unit in ended[-size:] for c in unit)
            if same >= (times - 1) * size and spelled:
                return True
    return False


def refuses(given: str, wanted: str, prompt: Sequence[str]) -> bool:
    """Whether the first 300 characters decline to answer: a heuristic, in English alone.

    A short list of phrases, `I cannot help` and `I don't know` among them. A phrase that stands in
    the reference or the prompt does not count: it may be the answer, or quoted.
    """
    heard = [match.group() for match in _REFUSAL.finditer(" ".join(words(given[:300])))]
    return any(not any(within(phrase, text) for text in (wanted, *prompt)) for phrase in heard)


def _near(given: str, wanted: str) -> bool:
    said, reference = " ".join(words(given[:500])), " ".join(words(wanted[:500]))
    if not said or not reference:
        return False
    if f" {reference} " in f" {said} ":
        return True
    if re.findall(r"\d+", said) != re.findall(r"\d+", reference):
        return False  # 1989 is no near miss of 1988
    alike = SequenceMatcher(None, said.replace(" ", ""), reference.replace(" ", ""))
    return alike.ratio() >= _ALIKE


def _copies(given: str, wanted: str, prompt: Sequence[str]) -> bool:
    """Whether the answer is a span of one of the texts of the prompt, word by word.

    Four words at least, since `no` or `3` stands in many texts by chance; one word is enough where
    the reference is such a span too: then the task is to find one, and the wrong one was taken.
    """
    said = words(given)
    phrase, reference = " ".join(said), " ".join(words(wanted))
    extracts = bool(reference) and any(within(reference, text) for text in prompt)
    if not said or (len(said) < _MIN_COPIED_WORDS and not extracts):
        return False
    return any(within(phrase, text) for text in prompt)
