"""Words or marks around an answer in some rows and not in most: `The answer is X`, `**X**`."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

from probes.audit.costs import FOLLOWS, listed, rarest_first
from probes.audit.kinds import Kind
from probes.audit.label_spellings import case_tells, folded
from probes.audit.output_forms import final_style, says_it, wrapper
from probes.audit.output_frames import Frame, around_labels, framed, recurring
from probes.audit.records import Found, Remedy
from probes.audit.sheet import FREE_TEXTS, Sheet
from probes.audit.shown import private, shown

_USUAL = 0.4
"""From this share on a wrapper is the form of the task, and its absence the exception."""
_FREE = (*FREE_TEXTS, "code")
_MARKS = ("quotes", "bold", "\\boxed{…}")


WRAPPED = Kind(
    name="wrapped-outputs",
    says="{have} words or marks around the answer that most have not",
    fix="Leave the answer alone in every row, unless these are answers of their own.",
    on="figure",
    basis=FOLLOWS,
    factors=(0.9, 0.3, 1.3),
)


def wrapped(sheet: Sheet, texts: Sequence[int]) -> Iterator[Found]:
    """Kind wrapped-outputs: rows with a wrapper where most have none."""
    free = sheet.task_type in _FREE
    frames = set() if free else recurring([sheet.entries[at].output for at in texts])
    common = {} if free else _common_values(sheet, texts, frames)
    inside = {} if free else _inside(sheet, texts)
    groups: dict[str, list[int]] = defaultdict(list)
    outputs: dict[int, str] = {}
    for at in texts:
        text = sheet.entries[at].output
        known = _around(sheet, at, common)
        around = known or inside.get(text.strip())
        if around is None and frames:
            around = _framed(sheet, text, common, frames)
        if around is None:
            continue
        name, inner = around
        groups[name].append(at)
        label = common.get(folded(inner)) or common.get(folded(_without_article(inner)))
        if not known or label is None or label == text.strip():
            continue
        if sheet.labelled or not case_tells(_without_article(inner), label):
            outputs[at] = label
    n, of = sum(map(len, groups.values())), len(texts)
    if n > _USUAL * of:
        return
    sizes = {name: len(rows) for name, rows in groups.items()}
    yield from WRAPPED.found(
        rarest_first(groups),
        of,
        f": {listed(sizes)}.",
        Remedy.writing(outputs),
        {"wrappers": sizes},
    )


def _around(sheet: Sheet, at: int, common: dict[str, str]) -> tuple[str, str] | None:
    """The wrapper of an output, where one would not be natural for the task."""
    text = sheet.entries[at].output
    if common and len(text) <= 100 and common.get(folded(text)) == text.strip():
        return None
    found = wrapper(text)
    free = sheet.task_type in _FREE
    if found is not None:
        name, inner = found
        if name in _MARKS:
            # a quoted title is an answer; a quoted label is a wrapper
            return found if folded(inner) in common else None
        if name == "Sure, here is …":
            return found if sheet.task_type != "generation" else None
        if not free and final_style(text) in ("bare", "steps without a sign"):
            return found
        return None
    if common and len(text) < 300 and says_it(text):
        inner = _last_common(text, common)
        return ("This is …", inner) if inner else None
    return None


def _inside(sheet: Sheet, texts: Sequence[int]) -> dict[str, tuple[str, str]]:
    """Outputs that are a label in a frame, where outputs are drawn from a set of few."""
    counts = Counter(sheet.entries[at].output.strip() for at in texts)
    if len(counts) > len(texts) / 3:
        return {}
    return {
        text: (private(text) or shown(frame), label)
        for text, (frame, label) in around_labels(counts).items()
        if folded(text) != folded(label)
    }


def _framed(
    sheet: Sheet, text: str, common: dict[str, str], frames: set[Frame]
) -> tuple[str, str] | None:
    """A frame that comes back; around a label where outputs are labels."""
    if folded(text) in common:
        return None
    found = framed(text, frames)
    if found is None or (sheet.labelled and folded(found[1]) not in common):
        return None
    (place, words), inner = found
    return f"'{shown(words, 30)}' {place}", inner


def _common_values(sheet: Sheet, texts: Sequence[int], frames: set[Frame]) -> dict[str, str]:
    """Outputs that come often, by their folded form: the labels, written as most are."""
    counts = Counter(text for at in texts if len(text := sheet.entries[at].output.strip()) <= 80)
    least = max(2, len(texts) // 2000)
    common: dict[str, str] = {}
    for text, n in counts.most_common():
        if n < least:
            break
        if wrapper(text) is None and not says_it(text):
            # a label in a frame is rarer than the label
            found = framed(text, frames) if frames else None
            if found is None or common.get(folded(found[1])) is None:
                common.setdefault(folded(text), text)
    return common


def _last_common(text: str, common: dict[str, str]) -> str:
    """The longest run of words at the end of `text` that is a common value."""
    words = folded(text).split()
    for start in range(max(1, len(words) - 8), len(words)):
        tail = " ".join(words[start:])
        if tail in common:
            return tail
    return ""


def _without_article(text: str) -> str:
    first, _, rest = text.partition(" ")
    return rest if first.lower() in ("a", "an", "the") and rest else text
