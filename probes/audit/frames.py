"""How many ways of wording the inputs have: what is left when names, numbers and rare words go."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence

from probes.audit.coverage import effective_number
from probes.audit.records import Effect, Found, NotChecked
from probes.audit.sheet import Sheet
from probes.estimates import wilson
from probes.records import Estimate
from probes.sinks import one_line

SAMPLED = 10_000
MIN_ROWS = 50
KEPT_SHARE = 0.02
"""A word of more than this share of the rows belongs to the wording, others fill it."""
KEPT_WORDS = 2
"""Frames with fewer words left say nothing of the wording."""
BIG_FRAME = 0.2
FEW_FRAMES = 20
COVERED = 0.8
"""Share of the rows that must have a frame of at least two words, for few frames to be told."""
_READ_CHARS = 400
_PARTS = re.compile(r"[^\W\d_]+|\d[\d.,]*|[^\w\s]")


def check(sheet: Sheet) -> Iterator[Found]:
    """Frames of a sample, then the rows of the biggest one among all."""
    sample = sheet.sample(SAMPLED)
    if len(sample) < MIN_ROWS:
        raise NotChecked(f"fewer than {MIN_ROWS} rows")
    kept = _kept_words(sheet, sample)
    frames = Counter(_frame(sheet.entries[at].text, kept) for at in sample)
    worded = Counter({frame: n for frame, n in frames.items() if _n_words(frame) >= KEPT_WORDS})
    if not worded:
        return
    biggest, n = worded.most_common(1)[0]
    effective = effective_number(frames.values())
    few = worded.total() >= COVERED * len(sample) and effective < min(FEW_FRAMES, len(sample) / 10)
    if n < BIG_FRAME * len(sample) and not few:
        return
    rows = [at for at in sheet.usable if _frame(sheet.entries[at].text, kept) == biggest]
    yield _found(sheet, rows, frames, biggest, effective)


def _kept_words(sheet: Sheet, sample: Sequence[int]) -> frozenset[str]:
    """Words of the wording: frequent ones, and the signs."""
    frequency: Counter[str] = Counter()
    for at in sample:
        frequency.update(set(_PARTS.findall(sheet.entries[at].text[:_READ_CHARS].casefold())))
    least = max(3, KEPT_SHARE * len(sample))
    return frozenset(part for part, n in frequency.items() if n >= least and not part[0].isdigit())


def _frame(text: str, kept: frozenset[str]) -> str:
    """The wording of the first 400 characters: `please send ~ to ~ .`."""
    parts: list[str] = []
    for part in _PARTS.findall(text[:_READ_CHARS].casefold()):
        shown = part if part in kept else "~"
        if shown != "~" or not parts or parts[-1] != "~":
            parts.append(shown)
    return " ".join(parts)


def _n_words(frame: str) -> int:
    return sum(part[0].isalpha() for part in frame.split())


def _found(
    sheet: Sheet, rows: list[int], frames: Counter[str], biggest: str, effective: float
) -> Found:
    share = _share(len(rows), len(sheet.usable))
    return Found(
        kind="few-frames",
        text=f"The wording of {frames.total()} inputs, without names, numbers and rare words, is "
        f"as varied as {effective:.0f} equally frequent frames; the biggest frame has {len(rows)} "
        f"of {len(sheet.usable)} rows. Test rows from the same frames do not show how a model does "
        "on other wordings.",
        rows=rows,
        of=len(sheet.usable),
        fix="Write, or collect from real use, at least 50 test rows in other words and report them "
        "apart; reword train rows too.",
        effect=Effect(
            points=round(min(15.0, 5 + 20 * share.value), 1),
            low=0,
            high=40,
            on="figure",
            basis="our estimate; the wording of prompts alone moved accuracy by up to 76 points in "
            "few-shot use (2310.11324)",
        ),
        figures={"biggest-frame": share},
        details={
            "effective_frames": round(effective, 1),
            "frames": [[one_line(frame, 80), n] for frame, n in frames.most_common(5)],
        },
    )


def _share(n: int, of: int) -> Estimate:
    low, high = wilson(n, of)
    return Estimate(value=n / of, low=low, high=high, n=of, basis="wilson")
