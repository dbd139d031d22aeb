"""First advice as lines for a terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

from advisor.first_advice import FirstAdvice
from advisor.first_words import chance, percent
from advisor.prices import total_usd
from advisor.records import Candidate, Reason

N_CLAIMS = 4
"""Claims that are named behind a reason; `--json` has them all."""
N_OPTIONS = 8


def advice_lines(advice: FirstAdvice, width: int, *, whole: bool = False) -> Iterator[str]:
    """The advice, wrapped to `width` columns; with `whole` every option, excluded ones too."""
    yield from textwrap.wrap(advice.headline, width)
    yield from _told("Why", [_reason(reason) for reason in advice.reasons], width)
    yield from _told("Whatever is chosen", [_reason(reason) for reason in advice.beside], width)
    probes = [f"{step.option}: {step.why}" for step in advice.probes]
    yield from _told("What would settle it, the least effort first", probes, width)
    yield from _told("What would change it", advice.what_would_change_it, width)
    yield ""
    yield from _table(advice, whole=whole)
    yield from _told("Taken for granted", advice.assumptions, width)
    yield ""
    yield from textwrap.wrap(
        f"Evidence: {advice.evidence}. `advisor knowledge show ID` shows a claim.", width
    )
    yield from textwrap.wrap(
        "Measure it: `advisor probe -t SPEC`; `advisor schema spec` tells how a spec looks.", width
    )


def _told(title: str, lines: Sequence[str], width: int) -> Iterator[str]:
    if lines:
        yield ""
        yield title
    for line in lines:
        yield from textwrap.wrap(
            line, width, initial_indent="  - ", subsequent_indent="    ", break_on_hyphens=False
        )


def _reason(reason: Reason) -> str:
    named = list(reason.evidence[:N_CLAIMS])
    more = len(reason.evidence) - len(named)
    claims = ", ".join(named) + (f" and {more} more" if more else "")
    return f"{reason.text} [{claims}]" if claims else reason.text


def _table(advice: FirstAdvice, *, whole: bool) -> Iterator[str]:
    """Options by price: the likelier ones, or all of them."""
    options = list(advice.options)
    shown = options if whole else _likelier(options, advice.option)
    wide = max(len(option.name) for option in shown)
    yield f"{'Option':<{wide}}  expected (80 %)  reaches {100 * advice.target:g} %  a year, USD"
    for option in shown:
        mark = "*" if option.name == advice.option else " "
        yield (
            f"{option.name:<{wide}}{mark} {percent(option.quality):>15}"
            f"  {chance(option.p_meets):>12}  {total_usd(option.price):>12,.2f}"
            + (f"  out: {option.barred[0]}" if option.barred else "")
        )
    if len(shown) < len(options):
        rest = [option for option in options if option not in shown]
        out = sum(bool(option.barred) for option in rest)
        yield f"({len(rest)} more, {out} of them excluded: --all)"


def _likelier(options: Sequence[Candidate], chosen: str) -> list[Candidate]:
    within = [option for option in options if not option.barred]
    best = sorted(within, key=lambda option: -option.p_meets)[:N_OPTIONS]
    return [o for o in options if o in best or o.name == chosen]
