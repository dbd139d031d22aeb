"""Figures of a cell beside its quality: what search found, what some sample got right."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from probes.records import Estimate, Example, Prediction
from probes.retrieval import recall_at
from probes.scoring import Scorer
from probes.stats import estimate_mean


def recall_figures(
    predictions: Sequence[Prediction], gold: Mapping[str, Sequence[str]]
) -> dict[str, Estimate]:
    """`recall@1` and `recall@k` of the passages in the prompts, over items whose gold is known."""
    known = [each for each in predictions if gold.get(each.item_id) and each.passages]
    if not known:
        return {}
    k = max(len(each.passages) for each in known)
    found = [each.passages for each in known]
    wanted = [gold[each.item_id] for each in known]
    return {
        f"recall@{depth}": estimate_mean(recall_at(found, wanted, depth))
        for depth in sorted({1, k})
    }


def sampling_figures(
    predictions: Sequence[Prediction], scorer: Scorer, examples: Sequence[Example]
) -> dict[str, Estimate]:
    """`pass@1` and `pass@n` over the samples of each item; nothing where none were drawn.

    The unbiased estimator 1 - C(n - c, k) / C(n, k) (Chen et al., arXiv 2107.03374), where a sample
    passes with a quality of 1.
    """
    drawn = [each for each in predictions if each.samples]
    if not drawn:
        return {}
    n = min(len(each.samples) for each in drawn)
    right = dict.fromkeys((each.item_id for each in drawn), 0)
    for at in range(n):
        answers = [each.model_copy(update={"text": each.samples[at]}) for each in drawn]
        for score in scorer(answers, examples):
            right[score.item_id] += score.quality >= 1
    counts = list(right.values())
    return {
        f"pass@{k}": estimate_mean([pass_at(n, count, k) for count in counts])
        for k in sorted({1, n})
    }


def pass_at(n: int, right: int, k: int) -> float:
    """Probability that at least one of `k` samples passes when `right` of `n` drawn ones did."""
    return 1.0 - math.comb(n - right, k) / math.comb(n, k)
