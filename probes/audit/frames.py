"""How many ways of wording the inputs have: what is left when names, numbers and rare words go."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from probes.audit.costs import many, share_of
from probes.audit.coverage import effective_number
from probes.audit.records import Effect, Found, NotChecked
from probes.audit.sheet import Sheet
from probes.sinks import one_line

SAMPLED = 10_000
"""Rows whose wording is compared, for speed; our choice."""
MIN_ROWS = 50
"""Fewer can have no 50 frames."""
LEVELS = (0.02, 0.1)
"""A word of more than this share of the rows belongs to the wording, others fill it. At the second
level frequent names and colours are filling too."""
KEPT_WORDS = 3
"""Frames with fewer words left say nothing of the wording."""
BIG_FRAME = 0.2
"""Share of the rows that one frame may have; 6 % at most in the public sets tried."""
FEW_FRAMES = 50
"""Effective number of frames; 240 at least in the public sets tried."""
COVERED = 0.8
"""Share of the rows that must have a frame with words, for few frames to be told."""
_CANDIDATES = 5
_CANDIDATE_SHARE = 0.01
"""Frames that are counted again with gaps, which is slow: how many, of what share; our choice."""
_READ_CHARS = 400
_GAP = 6
"""Words that may fill one gap; our choice."""
_PARTS = re.compile(r"[^\W\d_]+|\d[\d.,]*|[^\w\s]")


@dataclass(frozen=True)
class _Frames:
    """The frames of a sample at one level."""

    counts: Counter[str]
    worded: Counter[str]
    """Those with enough words."""

    @property
    def effective(self) -> float:
        return effective_number(self.counts.values())

    def few(self) -> bool:
        n = self.counts.total()
        return self.worded.total() >= COVERED * n and self.effective < min(FEW_FRAMES, n / 10)


def check(sheet: Sheet) -> Iterator[Found]:
    """Frames of a sample, then the rows of the biggest one among all."""
    sample = sheet.sample(SAMPLED)
    if len(sample) < MIN_ROWS:
        raise NotChecked(f"fewer than {MIN_ROWS} rows")
    texts = [_parts(sheet.entries[at].text) for at in sample]
    levels = [_frames(texts, level) for level in LEVELS]
    biggest, n = "", 0
    for frames in levels:
        for frame, seen in frames.worded.most_common(_CANDIDATES):
            if seen >= max(MIN_ROWS / 10, _CANDIDATE_SHARE * len(sample)):
                found = sum(_fits(frame, parts) for parts in texts)
                biggest, n = (frame, found) if found > n else (biggest, n)
    few = [frames for frames in levels if frames.few()]
    if not biggest or (n < BIG_FRAME * len(sample) and not few):
        return
    rows = [at for at in sheet.usable if _fits(biggest, _parts(sheet.entries[at].text))]
    yield _found(sheet, rows, few[0] if few else levels[-1])


def _parts(text: str) -> list[str]:
    """Words, numbers and signs of the first 400 characters."""
    return _PARTS.findall(text[:_READ_CHARS].casefold())


def _frames(texts: Sequence[Sequence[str]], level: float) -> _Frames:
    frequency = Counter(part for parts in texts for part in set(parts))
    least = max(3, level * len(texts))
    kept = {part for part, n in frequency.items() if n >= least and not part[0].isdigit()}
    counts = Counter(_frame(parts, kept) for parts in texts)
    worded = Counter({frame: n for frame, n in counts.items() if _n_words(frame) >= KEPT_WORDS})
    return _Frames(counts, worded)


def _frame(parts: Sequence[str], kept: AbstractSet[str]) -> str:
    """The wording, with one sign for what fills it: `please send ~ to ~ .`."""
    shown: list[str] = []
    for part in parts:
        if part in kept:
            shown.append(part)
        elif not shown or shown[-1] != "~":
            shown.append("~")
    return " ".join(shown)


def _fits(frame: str, parts: Sequence[str]) -> bool:
    """Whether this is the frame with up to six words of any kind in each of its gaps. All ways
    are followed at once: an expression would try them one by one, and of many gaps never end."""
    reached, n = {0}, len(parts)
    for wanted in frame.split():
        if wanted == "~":
            reached = {at + k for at in reached for k in range(1, _GAP + 1) if at + k <= n}
        else:
            reached = {at + 1 for at in reached if at < n and parts[at] == wanted}
        if not reached:
            return False
    return n in reached


def _n_words(frame: str) -> int:
    return sum(part[0].isalpha() for part in frame.split())


def _found(sheet: Sheet, rows: list[int], frames: _Frames) -> Found:
    share = share_of(len(rows), len(sheet.usable))
    return Found(
        kind="few-frames",
        text=f"The wording of {frames.counts.total():,} inputs, without names, numbers and rare "
        f"words, is as varied as {many(round(frames.effective), 'equally frequent frame')}; the "
        f"biggest frame has {len(rows):,} of {len(sheet.usable):,} rows. Test rows from the "
        "same frames do not show how a model does on other wordings.",
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
            "effective_frames": round(frames.effective, 1),
            "frames": [[_shown(frame), n] for frame, n in frames.counts.most_common(5)],
        },
    )


def _shown(frame: str) -> str:
    """The frame as a report may say it: an address in its pieces is still one."""
    return "(with an address)" if "@" in frame else one_line(frame, 80)
