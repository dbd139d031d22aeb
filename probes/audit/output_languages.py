"""Outputs in another script or language than the rest, where their inputs give no reason for it."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

from probes.audit.costs import FOLLOWS, listed, rarest_first
from probes.audit.kinds import Kind
from probes.audit.language_guess import frequent_words, language_of
from probes.audit.records import Found
from probes.audit.sheet import Sheet

_SCRIPTS = {
    "Greek": "\u0370-\u03ff",
    "Cyrillic": "\u0400-\u052f",
    "Hebrew": "\u0590-\u05ff",
    "Arabic": "\u0600-\u06ff",
    "Devanagari": "\u0900-\u097f",
    "Thai": "\u0e00-\u0e7f",
    "Korean": "\u1100-\u11ff\uac00-\ud7af",
    "Chinese or Japanese": "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff",
}
_OTHER = re.compile("|".join(f"([{held}])" for held in _SCRIPTS.values()))
_MOSTLY = 0.6
"""Share of the outputs from which a language is that of most; our choice."""
_WORDS_NEEDED = 6
"""Fewer words hold too few of the commonest to tell; our choice."""
_LEAST = 20
"""Fewer outputs have no language of most; our choice."""
_CLEARLY, _PAIRS, _LEAST_AGAINST = 0.8, 30, (5, 0.003)
"""Share of the answers to one language that must be in one, rows that show both languages, and rows
and share from which a departure is no wrong guess."""


LANGUAGES = Kind(
    name="output-languages",
    says="answer in another language or script than the rest, and their input gives no reason for"
    " it",
    fix="Translate these outputs, or say in the instruction which language is wanted.",
    on="figure",
    basis=FOLLOWS,
    factors=(0.8, 0.2, 1.2),
)


def languages(sheet: Sheet, texts: Sequence[int]) -> Iterator[Found]:
    """Kind output-languages; labels and code are what they are."""
    if sheet.labelled or sheet.task_type == "code" or len(texts) < _LEAST:
        return
    odd, usual = _unlike_most(sheet, texts)
    known = {at for rows in odd.values() for at in rows}
    for at, name in _unlike_others(sheet, texts).items():
        if at not in known:
            odd.setdefault(name, []).append(at)
    sizes = {name: len(held) for name, held in odd.items()}
    rest = f"; most are {usual}" if usual else ""
    yield from LANGUAGES.found(
        rarest_first(odd),
        len(texts),
        f": {listed(sizes)}{rest}.",
        details={"languages": sizes, "usual": usual},
    )


def _unlike_most(sheet: Sheet, texts: Sequence[int]) -> tuple[dict[str, list[int]], str]:
    """Outputs in another language than most and than their input, by language; that of most."""
    groups: dict[str, list[int]] = defaultdict(list)
    sampled = texts[:: 1 + len(texts) // 500]
    usual = _usual([sheet.entries[at].output for at in sampled], 0.5)
    expected = usual or _usual([sheet.entries[at].text[:2000] for at in sampled], 0.2)
    common = frequent_words(usual)
    for at in texts:
        output = sheet.entries[at].output
        name = "" if output.isascii() else script(output)
        if not name and len(output) > 24 and len(common.intersection(output.split())) < 3:
            name = language(output)
        groups[name or usual].append(at)
    most = max(groups, key=lambda name: len(groups[name]))
    if len(groups[most]) < _MOSTLY * len(texts):
        return {}, ""
    odd = {
        name: [at for at in rows if not _natural(name, most or expected, sheet.entries[at].text)]
        for name, rows in groups.items()
        if name not in (most, expected, "")
    }
    # Where no language is that of most, a title in another one is no fault.
    few = 1 if most else _least(len(texts))
    return {
        name: rows for name, rows in odd.items() if len(rows) >= (1 if name in _SCRIPTS else few)
    }, most


def _unlike_others(sheet: Sheet, texts: Sequence[int]) -> dict[int, str]:
    """Outputs in another language than those to inputs in the language of theirs, with their own:
    an English answer to a German question, where German questions have German answers."""
    pairs: dict[int, tuple[str, str]] = {}
    for at in texts:
        said = language_of(sheet.entries[at].output)
        asked = said and language_of(sheet.entries[at].text)
        if said and asked:
            pairs[at] = (asked, said)
    if len(pairs) < _PAIRS:
        return {}
    answers: dict[str, Counter[str]] = defaultdict(Counter)
    for asked, said in pairs.values():
        answers[asked][said] += 1
    # A usual change (translation from A to B) is the task; what departs from it is the fault.
    usual = {}
    for asked, counts in answers.items():
        name, n = counts.most_common(1)[0]
        if n >= _CLEARLY * counts.total():
            usual[asked] = name
    odd = {at: said for at, (asked, said) in pairs.items() if said != usual.get(asked, said)}
    return odd if len(odd) >= _least(len(pairs)) else {}


def _least(of: int) -> float:
    least, share = _LEAST_AGAINST
    return max(least, share * of)


def _usual(texts: Sequence[str], share: float) -> str:
    """The language of most texts whose language can be told, where these are at least `share`."""
    named = Counter(filter(None, map(language, texts)))
    if not named:
        return ""
    name, n = named.most_common(1)[0]
    return name if n >= share * len(texts) and n >= _MOSTLY * named.total() else ""


def script(text: str) -> str:
    """The script of most letters of `text` where that is not the Latin one, else ''."""
    letters = sum(map(str.isalpha, text))
    counts = Counter(match.lastindex for match in _OTHER.finditer(text) if match.lastindex)
    if not counts or letters < 2:
        return ""
    index, n = counts.most_common(1)[0]
    return list(_SCRIPTS)[index - 1] if n > letters / 2 and n > 1 else ""


def language(text: str) -> str:
    """The language of `text` as its words show it; '' where it is short or in doubt."""
    return (text.count(" ") >= _WORDS_NEEDED - 1 and language_of(text)) or ""


def _natural(name: str, most: str, text: str) -> bool:
    """Whether the input gives reason for its output's language; in doubt where `most` is none."""
    if name in _SCRIPTS:
        return script(text[:2000]) == name
    of_input = language(text[:2000])
    return of_input == name or (not most and not of_input)
