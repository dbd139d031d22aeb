"""A cheap order of the rows from easy to hard, and how far it can be believed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from math import fsum
from typing import TYPE_CHECKING

from probes.audit.baselines import OutOfFold, out_of_fold
from probes.audit.costs import percent
from probes.audit.records import Found, NotChecked
from probes.audit.sheet import Sheet
from probes.estimates import estimate_mean
from probes.records import Estimate, Json
from probes.retrieval import words

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

SAMPLED = 2_000
"""Rows put in order, for speed; our choice."""
MIN_ROWS = 90
"""Thirty in each third; our choice."""
_THIRDS = ("easy", "middle", "hard")
_READ_CHARS = 2_000


def check(sheet: Sheet) -> Iterator[Found]:
    """Thirds of a sample by length, rarity of words, numbers, and the linear model's margin."""
    rows = sheet.sample(SAMPLED)
    if len(rows) < MIN_ROWS:
        raise NotChecked(f"fewer than {MIN_ROWS} rows")
    by_input = _features(sheet, rows)
    score = _ranks(by_input["words"]) + _ranks(by_input["rarity"]) + _ranks(by_input["numbers"])
    seen = _labels(sheet, rows)
    criteria = list(by_input)
    figures: dict[str, Estimate] = {}
    if seen is not None:
        # The margin knows the label, so the thirds are first tried on the inputs' features alone.
        figures = _tried(_thirds(score), (seen.linear == seen.truth).astype(float))
        score = score / len(by_input) + 2 * _ranks(-seen.margin)
        criteria.append("margin of the linear model (twice)")
    thirds = _thirds(score)
    hardest = sorted(range(len(rows)), key=lambda i: (-score[i], i))
    yield Found(
        kind="difficulty",
        text=_text(len(rows), by_input, thirds, figures),
        rows=[rows[i] for i in hardest[: len(rows) // 3]],
        of=len(rows),
        fix="Read the hardest rows: wrong labels and broken inputs gather there. Try the order "
        "from easy to hard only beside a shuffled one: that it helps is not settled.",
        figures=figures,
        details=_details(criteria, by_input, thirds),
    )


def _features(sheet: Sheet, rows: Sequence[int]) -> dict[str, Floats]:
    """What makes an input hard at a glance; more is harder."""
    import numpy as np

    found = [words(sheet.entries[at].text[:_READ_CHARS]) for at in rows]
    frequency = Counter(word for each in found for word in set(each))
    weight = {word: float(np.log(len(rows) / n)) for word, n in frequency.items()}
    # Summed exactly: a set has another order in each process, and equal rows must stay equal.
    rarity = [fsum(weight[word] for word in set(each)) / max(1, len(set(each))) for each in found]
    return {
        "words": np.asarray([len(each) for each in found], dtype=np.float64),
        "rarity": np.asarray(rarity, dtype=np.float64),
        "numbers": np.asarray(
            [sum(word[0].isdigit() for word in each) for each in found], dtype=np.float64
        ),
    }


def _ranks(values: Floats) -> Floats:
    """Ranks from 0 to 1, equal values with the same."""
    import numpy as np

    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    middle = np.cumsum(counts) - (counts - 1) / 2 - 1
    ranks: Floats = middle[place] / max(1, len(values) - 1)
    return ranks


def _thirds(score: Floats) -> NDArray[np.intp]:
    """0 easy, 1 middle, 2 hard."""
    import numpy as np

    order = np.argsort(score, kind="stable")
    thirds = np.empty(len(score), dtype=np.intp)
    thirds[order] = np.arange(len(score)) * 3 // len(score)
    return thirds


def _labels(sheet: Sheet, rows: Sequence[int]) -> OutOfFold | None:
    if not sheet.labelled:
        return None
    labels = [sheet.entries[at].output.strip() for at in rows]
    if len(set(labels)) < 2:
        return None
    try:
        return out_of_fold([sheet.entries[at].text for at in rows], labels)
    except ValueError:
        return None


def _tried(thirds: NDArray[np.intp], right: Floats) -> dict[str, Estimate]:
    """The linear model's quality on each third."""
    return {
        f"linear-{name}": estimate_mean(right[thirds == i].tolist())
        for i, name in enumerate(_THIRDS)
    }


def _text(
    n: int, features: dict[str, Floats], thirds: NDArray[np.intp], figures: dict[str, Estimate]
) -> str:
    length = features["words"]
    said = (
        f"By length, rare words and numbers, {n:,} inputs fall into thirds of "
        f"{length[thirds == 0].mean():,.0f}, {length[thirds == 1].mean():,.0f} and "
        f"{length[thirds == 2].mean():,.0f} words on average"
    )
    if not figures:
        return f"{said}; whether these are harder for a model is not known."
    easy, hard = figures["linear-easy"], figures["linear-hard"]
    verdict = "does tell" if easy.low > hard.high else "does not clearly tell"
    return (
        f"{said} (labels: with the linear model's margin too). A look at the input alone {verdict} "
        f"what is hard: a linear model is right on {percent(easy.value)} of the third that looks "
        f"easy and {percent(hard.value)} of the one that looks hard."
    )


def _details(criteria: list[str], features: dict[str, Floats], thirds: NDArray[np.intp]) -> Json:
    return {
        "order_by": [f"rank of {name}, rising" for name in criteria],
        "thirds": {
            name: {
                feature: round(float(values[thirds == i].mean()), 2)
                for feature, values in features.items()
            }
            for i, name in enumerate(_THIRDS)
        },
    }
