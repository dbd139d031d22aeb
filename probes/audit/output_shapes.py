"""Outputs that follow another convention than most: their shape, their wrapper, their fields.

What varies with the content (long and short summaries, phrases and dates as answers) is no drift;
what an author chooses once for all (JSON or a call, `####`, a unit, a sentence around a label) is.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from probes.audit.costs import FOLLOWS, by_share, counted, listed, rarest_first
from probes.audit.field_drift import Signature, drift, signature
from probes.audit.kinds import Kind
from probes.audit.label_spellings import variants
from probes.audit.output_forms import (
    FENCED,
    JSON_SHAPES,
    TEXT,
    container,
    date_style,
    final_part,
    final_style,
    is_sentence,
    number_style,
    truth_style,
    unfenced,
)
from probes.audit.output_languages import languages
from probes.audit.output_wrappers import wrapped
from probes.audit.records import Found, Remedy
from probes.audit.sheet import FREE_TEXTS, Sheet
from probes.audit.unreadable import invalid

_LEAST = 20
"""Fewer outputs show no convention."""
_MOSTLY = 0.9
"""Share from which outputs are of one sort, so that the others depart from it; our choice."""
PADDED = Kind(
    name="padded-outputs",
    says="{have} spaces or line ends around the output",
    fix="Strip the outputs.",
    on="model",
    basis="one more token to learn; rule of thumb",
    factors=(0.05, 0, 0.3),
)


@dataclass(frozen=True)
class Dimension:
    """One way in which outputs can differ, and when the difference is a convention."""

    name: str
    fix: str
    above: float = 0.5
    """Share that the majority must have."""
    factors: tuple[float, float, float] = (0.8, 0.2, 1.3)


_CONTAINER = Dimension(
    "container", "Write all outputs in one form; say in the instruction which one."
)
_FINAL = Dimension(
    "final answer", "Give the final answer after the same sign in every row.", factors=(0.5, 0, 1.2)
)
_SENTENCE = Dimension(
    "sentences", "Answer all rows in whole sentences, or none.", 0.8, (0.6, 0.1, 1.2)
)
_LABELS = replace(_SENTENCE, fix="Write the label alone in every row.", above=0.5)
_TRUTH = Dimension("yes and no", "Use one pair of words for yes and no.", factors=(1, 0.5, 1.5))
_DATES = Dimension("dates", "Write dates in one way, best 2024-01-31.")
_STYLE_FIXES = {
    "thousands": "Write large numbers in one way, best without separators.",
    "unit": "Write the unit with every number or with none.",
    "whole numbers": "Write whole numbers in one way: 5 or 5.0.",
}


def check(sheet: Sheet) -> Iterator[Found]:
    """All kinds of outputs: invalid, variants, wrapped, mixed, fields and types."""
    yield from invalid(sheet)
    yield from variants(sheet)
    yield from _padded(sheet)
    if len(sheet.usable) < _LEAST:
        return
    shapes, signatures = _containers(sheet)
    yield from _mixed_containers(sheet, shapes)
    if sheet.task_type not in ("function-calling", "code"):
        yield from drift(signatures, len(sheet.usable))
    texts = shapes.get(TEXT, [])
    yield from languages(sheet, texts)
    if len(texts) >= max(_LEAST, len(sheet.usable) / 2):
        apart = list(wrapped(sheet, texts))
        yield from apart
        done = {at for each in apart for at in each.rows}
        yield from _mixed_texts(sheet, [at for at in texts if at not in done])


def _containers(sheet: Sheet) -> tuple[dict[str, list[int]], dict[Signature, list[int]]]:
    shapes: dict[str, list[int]] = defaultdict(list)
    signatures: dict[Signature, list[int]] = defaultdict(list)
    for at in sheet.usable:
        name, value = container(sheet.entries[at].output)
        shapes[name].append(at)
        if isinstance(value, dict):
            signatures[signature(value)].append(at)
    return shapes, signatures


def _mixed_containers(sheet: Sheet, shapes: dict[str, list[int]]) -> Iterator[Found]:
    """JSON, calls, fences, text. Where outputs are free text, only a structured majority counts."""
    if sheet.task_type == "code":
        fenced = set(shapes.get(FENCED, ()))
        shapes = {FENCED: sorted(fenced), "bare": [at for at in sheet.usable if at not in fenced]}
    if sheet.task_type == "function-calling" and "JSON call" in shapes:
        shapes = {**shapes, "JSON call": [*shapes["JSON call"], *shapes.get("JSON object", ())]}
        shapes.pop("JSON object", None)
    most = max(shapes, key=lambda name: len(shapes[name]))
    share = len(shapes[most]) / len(sheet.usable)
    if sheet.task_type in FREE_TEXTS and (most == TEXT or share < _MOSTLY):
        return
    if most == TEXT and not sheet.labelled:  # brackets in words are words
        shapes = {name: rows for name, rows in shapes.items() if name != "JSON array"}
    found = _mixed(sheet, _CONTAINER, shapes)
    if found is None:
        return
    outputs = {}
    if most in JSON_SHAPES:
        for at in shapes.get(FENCED, ()):
            inner = unfenced(sheet.entries[at].output)
            if inner is not None and container(inner)[0] == most:
                outputs[at] = inner
    yield replace(found, remedy=Remedy.writing(outputs))


def _mixed_texts(sheet: Sheet, texts: Sequence[int]) -> Iterator[Found]:
    """Signs, sentences, numbers, dates, yes and no among outputs that are plain text."""
    if sheet.task_type in (*FREE_TEXTS, "code") or not texts:
        return
    outputs = {at: sheet.entries[at].output.strip() for at in texts}
    finals = outputs
    if sheet.task_type == "reasoning" or sheet.metric == "numeric":
        styles = _grouped(texts, lambda at: final_style(outputs[at]))
        yield from _maybe(_mixed(sheet, _FINAL, styles))
        finals = {at: final_part(text) for at, text in outputs.items()}
    else:
        kinds = _grouped(
            texts, lambda at: "sentences" if is_sentence(outputs[at]) else "words or phrases"
        )
        yield from _maybe(_mixed(sheet, _LABELS if sheet.labelled else _SENTENCE, kinds))
    yield from _numbers(sheet, finals)
    for dimension, style in ((_DATES, date_style), (_TRUTH, truth_style)):
        groups: dict[str, list[int]] = defaultdict(list)
        for at, text in finals.items():
            name = style(text)
            if name:
                groups[name].append(at)
        if sum(map(len, groups.values())) >= max(_LEAST, len(finals) / 2):
            yield from _maybe(_mixed(sheet, dimension, groups))


def _numbers(sheet: Sheet, finals: dict[int, str]) -> Iterator[Found]:
    """Ways of writing numbers, where outputs are numbers: among phrases a unit is content."""
    styles: dict[str, dict[str, list[int]]] = {name: defaultdict(list) for name in _STYLE_FIXES}
    n = 0
    for at, text in finals.items():
        read = number_style(text)
        if read is not None:
            n += 1
            for name, style in read.items():
                styles[name][style].append(at)
    if n < max(_LEAST, _MOSTLY * len(finals)):
        return
    for name, groups in styles.items():
        # `numeric` reads 1,000 and 1000 alike
        read_alike = sheet.metric == "numeric" and name != "unit"
        factors = (0.05, 0.0, 0.3) if read_alike else (0.3, 0.0, 1.0)
        dimension = Dimension(name, _STYLE_FIXES[name], factors=factors)
        if len(groups) > 1:
            yield from _maybe(_mixed(sheet, dimension, groups))


def _padded(sheet: Sheet) -> Iterator[Found]:
    """Kind padded-outputs: spaces around outputs that the probe keeps; labels it strips itself."""
    if sheet.labelled:
        return
    outputs = {}
    for at in sheet.usable:
        text = sheet.entries[at].output
        if text[0].isspace() or text[-1].isspace():
            outputs[at] = text.strip()
    yield from PADDED.found(list(outputs), len(sheet.usable), remedy=Remedy.writing(outputs))


# ---------------------------------------------------------------- parts


def _grouped(rows: Sequence[int], name: Callable[[int], str]) -> dict[str, list[int]]:
    groups: dict[str, list[int]] = defaultdict(list)
    for at in rows:
        groups[name(at)].append(at)
    return groups


def _mixed(sheet: Sheet, dimension: Dimension, groups: dict[str, list[int]]) -> Found | None:
    """The rows outside the largest group, the rarest group first; None where all are alike."""
    sizes = Counter({name: len(rows) for name, rows in groups.items() if rows})
    if len(sizes) < 2:
        return None
    (most, n_most), total = sizes.most_common(1)[0], sizes.total()
    if n_most < dimension.above * total:
        return None
    others = {name: groups[name] for name in sizes if name != most}
    rows = rarest_first(others)
    told = listed({name: sizes[name] for name in others}, 4)
    return Found(
        kind="mixed-outputs",
        text=f"{counted(len(rows), total)} differ from the rest in their {dimension.name}:"
        f" most have {most} ({n_most:,}), others {told}.",
        rows=rows,
        of=total,
        fix=dimension.fix,
        effect=by_share(len(rows), len(sheet.usable), "figure", FOLLOWS, dimension.factors),
        details={"dimension": dimension.name, "shapes": dict(sizes), "majority": most},
    )


def _maybe(found: Found | None) -> Iterator[Found]:
    if found is not None:
        yield found
