"""Texts that end in the middle: a column or a form was too narrow for them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from probes.audit.kinds import Kind
from probes.audit.records import Found, NotChecked
from probes.audit.sheet import Sheet

SHORTEST = 20
"""Characters; shorter texts have few lengths, so that many share one by chance."""
FEWEST, SHARE = 10, 0.02
"""Different texts of one length, and their share of all, from which it is looked at; our choice."""
PILED = 5
"""How many times as many as of any length next to it; our choice."""
AROUND = 3
"""Characters by which a length is next to another; our choice."""
COMMONEST = 3
"""Lengths looked at in a file; our choice."""
BROKEN = 0.3
"""Share of broken last words, where whole texts have a third of that at most; our choice."""
CUT = Kind(
    name="cut-texts",
    says="{have}",
    fix="Export the data again with the whole texts; live inputs will not be cut.",
    on="figure",
    basis="with 40 % of the inputs cut LoRA on three of four pocket tasks lost nothing on whole"
    " inputs, and the figure 9 to 33 points; on the fourth neither surely"
    " (results/pocket/dirty_data.md)",
    factors=(0.4, 0.0, 1.0),
)


def check(sheet: Sheet) -> Iterator[Found]:
    """Kind cut-texts, of inputs and of outputs that are no labels: many different texts have
    exactly one length, and end in the middle of a word."""
    if len(sheet.usable) < FEWEST:
        raise NotChecked(f"fewer than {FEWEST} rows")
    for name in ("train", "test"):
        rows = [at for at in sheet.usable if sheet.entries[at].file == name]
        yield from _cut(rows, "an input", [sheet.entries[at].text for at in rows])
        if not sheet.labelled:
            yield from _cut(rows, "an output", [sheet.entries[at].output for at in rows])


def _cut(positions: Sequence[int], what: str, texts: Sequence[str]) -> Iterator[Found]:
    """Rows of one file: another may have been cut elsewhere, or not at all."""
    lengths = Counter(map(len, set(texts)))
    least = max(FEWEST, SHARE * lengths.total())
    for length, n in lengths.most_common(COMMONEST):
        near = max(lengths[length + by] for by in range(-AROUND, AROUND + 1) if by)
        if length < SHORTEST or n < least or n < PILED * near:
            continue
        held = {text for text in texts if len(text) == length}
        whole = {text for text in texts if len(text) != length}
        known = {word for text in texts for word in text.split()[:-1]}
        broken = _broken(held, known)
        if broken >= BROKEN and broken >= 3 * _broken(whole, known):
            rows = [at for at, text in zip(positions, texts, strict=True) if text in held]
            said = f" {what} of exactly {length:,} characters, most of which end in the middle."
            yield from CUT.found(rows, len(texts), said, details={"characters": length})
            return


def _broken(texts: set[str], known: set[str]) -> float:
    """Share of the texts whose last word is letters alone and stands nowhere before an end."""
    last = (text.split()[-1:] for text in texts)
    return sum(words[0].isalpha() and words[0] not in known for words in last if words) / max(
        1, len(texts)
    )
