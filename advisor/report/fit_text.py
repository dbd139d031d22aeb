"""Answers of `advisor fit` as lines for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from advisor.fit import Fit, Range
from advisor.fit_answers import Spot

SAID = {"fits": "FITS", "tight": "TIGHT", "does-not-fit": "DOES NOT FIT"}
GB = 1e9


def fit_lines(found: Sequence[Fit], spot: Spot) -> Iterator[str]:
    """A table of all answers, then each with its breakdown where there are few."""
    yield f"{spot.place.device.name}: {spot.available / GB:.1f} GB ({spot.told})"
    yield ""
    wide = max(len(each.model) for each in found)
    yield (
        f"{'Model':<{wide}}  {'method':<10}{'peak':>8}{'needs':>9}  {'verdict':<13}"
        f"{'hours [80 %]':>20}  {'USD':>8}"
    )
    for each in found:
        yield (
            f"{each.model:<{wide}}  {each.setting.method:<10}{each.memory.allocated / GB:>8.1f}"
            f"{each.memory.safe / GB:>9.1f}  {SAID[each.verdict]:<13}"
            f"{_range(each.hours):>20}  {_money(each):>8}"
        )
    yield ""
    yield "GB = 10^9 bytes. Peak: live bytes; needs: with the allocator, the context and a margin."
    if len(found) <= 2:
        for each in found:
            yield from _whole(each)
    else:
        yield from _mended(found)


def _mended(found: Sequence[Fit]) -> Iterator[str]:
    for each in found:
        if each.changes:
            first, name = each.changes[0], f"{each.model} {each.setting.method}"
            yield f"{name} fits with {first.what}{_slower(first.slower)}"


def _whole(each: Fit) -> Iterator[str]:
    memory = each.memory
    yield ""
    yield f"{each.model}, {each.setting.method}"
    yield f"  live at the peak        {memory.allocated / GB:8.2f} GB  ({memory.at})"
    yield f"  held by the allocator   {memory.reserved / GB:8.2f} GB"
    yield f"  CUDA context            {memory.context / GB:8.2f} GB"
    yield f"  safe with               {memory.safe / GB:8.2f} GB free: {SAID[each.verdict]}"
    if each.tokens_per_s:
        yield f"  tokens a second         {each.tokens_per_s:8,.0f}"
    for line in memory.basis:
        yield f"  - {line}"
    for change in each.changes:
        yield f"  fits with {change.what}: {change.safe / GB:.2f} GB{_slower(change.slower)}"
    if each.verdict != "fits" and not each.changes:
        yield "  no change that was tried makes it fit; take a smaller model or a larger card"
    yield f"  check it: {each.check}"


def _slower(slower: float | None) -> str:
    if slower is None:
        return ""
    return f", {slower:.2f} times the time" if slower != 1 else ", no slower"


def _range(hours: Range | None) -> str:
    if hours is None:
        return ""
    return f"{hours.median:.2g} [{hours.low:.2g}, {hours.high:.2g}]"


def _money(each: Fit) -> str:
    if each.usd is None:
        return "no price" if each.setting.method != "inference" else ""
    month = "/mo" if each.setting.method == "inference" else ""
    return f"{each.usd.median:.2g}{month}"
