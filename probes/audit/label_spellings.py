"""One label in several spellings: case, spaces, or the punctuation at its ends."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterator

from probes.audit.costs import FOLLOWS, by_share, counted, have, many
from probes.audit.records import Found, Remedy
from probes.audit.sheet import Sheet
from probes.audit.shown import shown

_EACH = 5
"""Rows that a value must have on average for outputs to count as a closed set."""
_NEAR = 3
"""A spelling is nearly as common as the commonest with a third of its rows; our choice."""
_JOINED = re.compile(r"(?<=\w)[_\s-]+(?=\w)")
_WORD = re.compile(r"[^\W\d_]+")
_SHORT = 4
"""Letters up to which a word may be a unit or an abbreviation."""
_LENIENT = ("exact_match", "token_f1", "rouge_l")
"""Metrics that read all spellings as one, but of labels."""
_READ = (
    "the metric reads all spellings as one; LoRA on a pocket task lost 11 points all the same with"
    " 40 % of the rows in another (results/pocket/dirty_data.md)",
    (0.3, 0.0, 1.0),
)
_ENDS = " \t\n.,;:!?\"'`“”‘’*"


def folded(label: str) -> str:
    """What all spellings of a label share; signs inside and `+`, `#`, `-` at the ends are kept.

    NFC, since NFKC makes 52 of 5².
    """
    plain = unicodedata.normalize("NFC", label).casefold()
    return _JOINED.sub(" ", plain.strip(_ENDS)) or plain.strip()


def case_tells(one: str, two: str) -> bool:
    """Whether two spellings differ by case in a short word that may be two (MB and Mb, mW and MW,
    US and us); a capital at the start of a word in small letters tells nothing."""
    return any(
        first != second
        and len(first) <= _SHORT
        and first.casefold() == second.casefold()
        and not (first[1:].islower() and second[1:].islower())
        for first, second in zip(_WORD.findall(one), _WORD.findall(two), strict=False)
    )


def closed_set(sheet: Sheet, n_values: int) -> bool:
    """Whether outputs are drawn from a set of few: labels, or answers that come again and again."""
    return sheet.labelled or len(sheet.usable) >= _EACH * n_values > 0


def variants(sheet: Sheet) -> Iterator[Found]:
    """Kind label-variants, with a remedy: the spelling of most rows for all. Outputs that are no
    labels have none where case may tell them apart."""
    counts = Counter(_label(sheet, at) for at in sheet.usable)
    spellings: dict[str, list[str]] = defaultdict(list)
    if len(counts) > max(1000, len(sheet.usable) // 2):
        return
    for label in counts:
        spellings[folded(label)].append(label)
    if not closed_set(sheet, len(spellings)):
        return
    groups = [names for names in spellings.values() if len(names) > 1]
    best = _best(groups, counts)
    rows = [at for at in sheet.usable if _changed(sheet, at, best)]
    if not rows:
        return
    rows.sort(key=lambda at: (counts[_label(sheet, at)], at))
    yield _found(sheet, rows, best, counts, len(groups))


def _best(groups: list[list[str]], counts: Counter[str]) -> dict[str, str]:
    """The spelling to keep for each: the commonest, or where two are nearly as common the one in
    the style of most labels."""
    styles: Counter[tuple[int, bool]] = Counter()
    for label, n in counts.items():
        for trait in _traits(label):
            styles[trait] += n

    def usual(label: str) -> int:
        return sum(styles[trait] for trait in _traits(label))

    best: dict[str, str] = {}
    for names in groups:
        most = max(counts[name] for name in names)
        near = [name for name in names if _NEAR * counts[name] >= most]
        kept = max(near, key=lambda name: (usual(name), counts[name]))
        best.update(dict.fromkeys(names, kept))
    return best


def _traits(label: str) -> Iterator[tuple[int, bool]]:
    letters = label.strip(_ENDS)
    return enumerate((letters.islower(), letters.isupper(), " " in letters, letters == label))


def _label(sheet: Sheet, at: int) -> str:
    """An output as the probe reads it: it takes the spaces around labels away."""
    output = sheet.entries[at].output
    return output.strip() if sheet.labelled else output


def _changed(sheet: Sheet, at: int, best: dict[str, str]) -> bool:
    label = _label(sheet, at)
    return best.get(label, label) != label


def _found(
    sheet: Sheet, rows: list[int], best: dict[str, str], counts: Counter[str], n_groups: int
) -> Found:
    n, of = len(rows), len(sheet.usable)
    lenient = not sheet.labelled and sheet.metric in _LENIENT
    first = _label(sheet, rows[0])
    example = f"'{shown(first)}' for '{shown(best[first])}'"
    written = {at: best[_label(sheet, at)] for at in rows}
    safe = {
        at: spelling
        for at, spelling in written.items()
        if sheet.labelled or not case_tells(_label(sheet, at), spelling)
    }
    listed = sorted((name for name in best if best[name] != name), key=lambda name: -counts[name])
    return Found(
        kind="label-variants",
        text=f"{counted(n, of)} {have(n)} a label in a rarer spelling ({example}); it concerns"
        f" {many(n_groups, 'label')}.",
        rows=rows,
        of=of,
        fix="Write each label in one way.",
        effect=by_share(n, of, "figure", *(_READ if lenient else (FOLLOWS,))),
        remedy=Remedy.writing(safe),
        details={
            "variants": [
                {"from": shown(name), "to": shown(best[name]), "n": counts[name]}
                for name in listed[:50]
            ]
        },
    )
