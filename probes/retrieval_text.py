"""Retrieval health in words: what can be said of a search, and what only labels would tell."""

from __future__ import annotations

from itertools import count

from probes.records import Estimate
from probes.retrieval_health import DEPTHS, TOO_LONG_WORDS, TOO_SHORT_WORDS, RetrievalHealth
from probes.sinks import one_line
from probes.stats import wilson


def health_text(health: RetrievalHealth) -> list[str]:
    """What can be said and what cannot, one sentence or two an entry."""
    if not health.n_passages:
        return ["There is no passage to search."]
    lengths, repeats = health.lengths, health.near_duplicates
    said = [
        f"{health.n_passages} passages of {lengths.p5_words}, {lengths.p50_words} and "
        f"{lengths.p95_words} words (5th, 50th and 95th percentile); {lengths.n_too_short} have "
        f"fewer than {TOO_SHORT_WORDS} words and {lengths.n_too_long} more than {TOO_LONG_WORDS}, "
        "beyond which embeddings see nothing."
    ]
    for retriever, by_depth in health.self_recall.items():
        shares = ", ".join(
            f"{_percent(by_depth[str(k)])} {'first' if k == 1 else f'in the first {k}'}"
            for k in DEPTHS
        )
        said.append(
            f"By {health.n_queries} queries extracted from as many passages, {retriever} finds "
            f"{shares} (95 % intervals)."
        )
    if health.self_recall:
        said.append(
            "That is optimistic, above all for bm25: an extracted query is made of words of its "
            "passage, and people use others. A low figure is a warning, a high one no proof."
        )
    if repeats.n:
        one, other = (one_line(name, 60) for name in repeats.examples[0])
        said.append(
            f"Passages with nearly the same words as an earlier one: {repeats.n}, such as "
            f"'{other}' and '{one}'. Search can hardly tell them apart."
        )
    if health.boilerplate_share:
        said.append(
            f"{100 * health.boilerplate_share:.0f} % of {health.n_sentences} sentences stand in"
            " many passages: they cost context and tell search nothing."
        )
    if health.n_not_found:
        said.append(
            f"{health.n_not_found} of the {health.n_queries} do not come first by their own words "
            f"in {next(iter(health.self_recall))}."
        )
    return [*said, _unknown(health)]


def _unknown(health: RetrievalHealth) -> str:
    """What only labelled questions can tell."""
    text = (
        "Recall on real questions is unknown until some are labelled with their passages: "
        f"{questions_needed(0.05, 0.5)} give it to ±5 points whatever it is, "
        f"{questions_needed(0.05, 0.9)} where it is about 90 %."
    )
    if not health.label_first:
        return text
    first = ", ".join(f"'{one_line(each.id, 60)}'" for each in health.label_first[:3])
    return f"{text} Begin with {first}."


def _percent(share: Estimate) -> str:
    return f"{100 * share.value:.0f} % ({100 * share.low:.0f} % to {100 * share.high:.0f} %)"


def questions_needed(half_width: float, recall: float) -> int:
    """Labelled questions for an interval of at most ± `half_width` where recall is `recall`."""

    def wide(n: int) -> bool:
        low, high = wilson(recall * n, n)
        return high - low > 2 * half_width

    return next(n for n in count(1) if not wide(n))
