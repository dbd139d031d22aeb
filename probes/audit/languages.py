"""Which languages the inputs are in; output_languages.py looks at the outputs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from probes.audit.costs import share_of
from probes.audit.language_guess import LATIN, language_of
from probes.audit.records import Effect, Found, NotChecked
from probes.audit.sheet import Sheet

SAMPLED = 20_000
"""Rows that show whether the whole is worth reading; our choice."""
MIN_TOLD = 30
MIN_TOLD_SHARE = 0.1
"""Where fewer rows show a language, they are names and codes, and the guesses chance."""
MIN_ROWS = 5
MIN_SHARE = 0.003
"""Smaller shares are names, quotations and wrong guesses."""


def check(sheet: Sheet) -> Iterator[Found]:
    """Kind mixed-languages: a minority language among inputs."""
    sample = sheet.sample(SAMPLED)
    if not sample:
        raise NotChecked("no rows")
    found = list(_all(sheet, sample))
    # The whole is read only where the sample shows something.
    yield from _all(sheet, sheet.usable) if found and len(sample) < len(sheet.usable) else found


def _all(sheet: Sheet, rows: Sequence[int]) -> Iterator[Found]:
    guesses = ((at, language_of(sheet.entries[at].text)) for at in rows)
    told = {at: language for at, language in guesses if language is not None}
    n = len(rows)
    counts = _counts(told, n)
    if len(told) < max(MIN_TOLD, MIN_TOLD_SHARE * n) or not _minorities(counts):
        return
    main, n_main = counts.most_common(1)[0]
    others = _minorities(counts)
    minor = [at for at, language in told.items() if language in others]
    listed = ", ".join(
        f"{name} in {held:,}" for name, held in counts.most_common(5) if name in others
    )
    yield Found(
        kind="mixed-languages",
        text=f"Of {n:,} inputs, {n_main:,} are in {main}, as far as it shows, and "
        f"{len(minor):,} in others ({listed}).",
        rows=sorted(minor, key=lambda at: counts[told[at]]),
        of=n,
        fix=f"If the model must serve {_list(others)} too, add train rows until each has hundreds "
        "and report each apart; if not, take these rows out.",
        effect=_effect(len(minor) / n),
        figures={"other-languages": share_of(len(minor), n)},
        details={"languages": dict(counts.most_common(10))},
    )


def _counts(told: dict[int, str], n: int) -> Counter[str]:
    """Rows by language; those that do not show it, which are short and Latin, are taken to be in
    the most frequent Latin one (another script shows in every row)."""
    counts = Counter(told.values())
    latin = [name for name, _ in counts.most_common() if name in LATIN]
    if latin:
        counts[latin[0]] += n - len(told)
    return counts


def _minorities(counts: Counter[str]) -> set[str]:
    least = max(MIN_ROWS, MIN_SHARE * counts.total())
    return {name for name, n in counts.most_common()[1:] if n >= least}


def _effect(share: float) -> Effect:
    minor = min(share, 1 - share)
    return Effect(
        points=round(25 * minor, 1),
        low=0,
        high=round(100 * minor, 1),
        on="model",
        basis="our estimate: a quarter of the minority's rows go wrong, all at most; small models "
        "are weakest in languages with few examples",
    )


def _list(names: set[str]) -> str:
    return " and ".join(sorted(names)[:3])
