"""Rows that a probe would refuse for their shape."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from probes.audit.records import Effect, Found, Remedy
from probes.audit.sheet import Sheet

REFUSED = Effect(
    points=0, low=0, high=0, on="probe", basis="a probe refuses the file until they are mended"
)


def check(sheet: Sheet) -> Iterator[Found]:
    """kind `unreadable-rows`: roles unknown or out of order, no answer to learn from."""
    rows = [at for at, entry in enumerate(sheet.entries) if entry.fault]
    if not rows:
        return
    causes = Counter(sheet.entries[at].fault for at in rows)
    first, _ = causes.most_common(1)[0]
    many = "row has" if len(rows) == 1 else "rows have"
    yield Found(
        kind="unreadable-rows",
        text=f"{len(rows)} {many} no shape that can be learnt from, mostly: {first}",
        rows=rows,
        of=len(sheet.entries),
        fix="mend these rows or leave them out: a probe takes none of the file before",
        effect=REFUSED,
        remedy=Remedy(drop=rows),
        details={"causes": dict(causes.most_common(20))},
    )
