"""Whether the test file has its labels in other shares than the train rows have."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from probes.audit.costs import percent
from probes.audit.records import Effect, Found, NotChecked
from probes.audit.sheet import Sheet
from probes.audit.shown import shown
from probes.estimates import wilson
from probes.records import Estimate, Json

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Counts = NDArray[np.int64]

MIN_ROWS = 30
"""Fewer rows of a side show no shares; our choice."""
MOVED = 0.03
"""Total variation beyond what chance gives, below which the shift does not matter."""
RARELY = 0.001
"""Chance of a false alarm; our choice, since a shift of labels is told as a fault."""
_DRAWS = 2_000
_SHOWN = 8
Measured = tuple[float, float, float]
"""Total variation, what of it is beyond chance, and p."""


def check(sheet: Sheet) -> Iterator[Found]:
    """Total variation between the label shares of the two files, against permuted labels."""
    if not sheet.labelled:
        raise NotChecked("outputs are no labels")
    import numpy as np

    outputs = [sheet.entries[at].output.strip() for at in sheet.usable]
    tested = np.asarray([sheet.entries[at].file == "test" for at in sheet.usable], dtype=bool)
    if tested.sum() < MIN_ROWS or (~tested).sum() < MIN_ROWS:
        raise NotChecked(f"no test file with at least {MIN_ROWS} rows")
    numbers: dict[str, int] = {}
    codes = np.asarray([numbers.setdefault(label, len(numbers)) for label in outputs])
    train = np.bincount(codes[~tested], minlength=len(numbers))
    test = np.bincount(codes[tested], minlength=len(numbers))
    distance, by_chance = _distance(train, test), _permuted(train, test)
    p = (1 + int((by_chance >= distance).sum())) / (_DRAWS + 1)
    beyond = distance - float(by_chance.mean())
    if p <= RARELY and beyond >= MOVED:
        yield _found(sheet, list(numbers), train, test, (distance, beyond, p))


def _distance(train: Counts, test: Counts) -> float:
    """Half the sum of the differences of shares: the share of test rows that would have to move."""
    import numpy as np

    return float(0.5 * np.abs(train / train.sum() - test / test.sum()).sum())


def _permuted(train: Counts, test: Counts) -> NDArray[np.float64]:
    """The distance where all rows are dealt out to the two files by chance."""
    import numpy as np

    both = train + test
    dealt = np.random.default_rng(0).multivariate_hypergeometric(
        both, int(test.sum()), size=_DRAWS, method="marginals"
    )
    distances: NDArray[np.float64] = 0.5 * np.abs(
        (both - dealt) / train.sum() - dealt / test.sum()
    ).sum(axis=1)
    return distances


def _resampled(train: Counts, test: Counts) -> Estimate:
    """The distance with an interval from 2,000 resamples, less what resampling itself adds.

    Never narrower than Wilson's interval of the same share of the test rows: resamples of files
    with one label each are all alike, and would leave no width.
    """
    import numpy as np

    rng, n, m = np.random.default_rng(0), int(train.sum()), int(test.sum())
    one = rng.multinomial(n, train / n, size=_DRAWS) / n
    other = rng.multinomial(m, test / m, size=_DRAWS) / m
    draws = 0.5 * np.abs(one - other).sum(axis=1)
    value = _distance(train, test)
    added = float(draws.mean()) - value
    low, high = (float(q) - 2 * added for q in np.quantile(draws, [0.025, 0.975]))
    least, most = wilson(value * m, m)
    low, high = max(0.0, min(value, low, least)), min(1.0, max(value, high, most))
    return Estimate(value=value, low=low, high=high, n=m, basis="bootstrap(items), at least wilson")


def _found(
    sheet: Sheet,
    labels: list[str],
    train: Counts,
    test: Counts,
    measured: Measured,
) -> Found:
    import numpy as np

    distance, beyond, p = measured
    gaps = test / test.sum() - train / train.sum()
    order = np.argsort(-np.abs(gaps), kind="stable").tolist()
    more = {labels[i] for i in range(len(labels)) if gaps[i] > 0}
    rows = [
        at
        for at in sheet.usable
        if sheet.entries[at].file == "test" and sheet.entries[at].output.strip() in more
    ]
    top = order[0]
    return Found(
        kind="label-shift",
        text=f"Label shares of the test file differ from those of train by {percent(distance)} "
        f"(total variation; {percent(distance - beyond)} by chance, p = {p:.4f}): "
        f"'{shown(labels[top])}' is {percent(train[top] / train.sum(), 1)} of train and "
        f"{percent(test[top] / test.sum(), 1)} of test.",
        rows=rows,
        of=int(test.sum()),
        fix="Find out which file has the shares of real use; weigh the test rows to those shares, "
        "or draw the test rows anew from the same source.",
        effect=Effect(
            points=round(30 * beyond, 1),
            low=0,
            high=round(100 * distance, 1),
            on="figure",
            basis="a mean over labels moves by no more than the total variation times the spread "
            "of quality over labels, taken as 30 points",
        ),
        figures={"total-variation": _resampled(train, test)},
        details={"p": p, "shares": _shares(labels, train, test, order[:_SHOWN])},
    )


def _shares(labels: list[str], train: Counts, test: Counts, order: list[int]) -> list[Json]:
    """The labels that differ most, for a table."""
    return [
        {
            "label": shown(labels[i]),
            "train": round(float(train[i] / train.sum()), 4),
            "test": round(float(test[i] / test.sum()), 4),
        }
        for i in order
    ]
