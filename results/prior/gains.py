"""What examples, steps, votes and a search add, in logits."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from knowledge.expectations import Gain, Votes
from results.prior.published import LABELS, LIMITS, Published, logit, prompted, same_items

ONE = "gsm8k_cot_8_exact_match,flexible-extract"
"""GSM8K with eight worked examples, one answer."""
FOUND_AT_ONE = Gain(
    logits=round(float(logit(0.917)), 3),
    sd=1.0,
    n=1190,
    basis="XQuAD, 1,190 questions over 240 paragraphs, BM25: .917 (results/LOG.md). The"
    " spread between collections is an assumption: most are harder to search",
    claim="plain-search-finds-most-passages",
)
CLOSED_BOOK = Gain(
    logits=-1.41,
    sd=1.0,
    n=100,
    basis="XQuAD by SmolLM2 135M: token F1 .039 without the passages, .143 with retrieved ones"
    " (results/real_data.md). One small model; its spread is an assumption",
    claim="closed-book-gap-on-xquad",
)


def examples(post: pd.DataFrame) -> Gain:
    """Eight worked examples against none: GSM8K."""
    none = "gsm8k_cot_zeroshot_0_exact_match,flexible-extract"
    rows = post[[none, ONE]].dropna()
    rows = rows[(rows > LIMITS[0]).any(axis=1)]
    return _gain(
        rows[none],
        rows[ONE],
        "GSM8K, eight worked examples against none, base models above 2 % with either",
        "chain-of-thought-gain",
    )


def steps(post: pd.DataFrame) -> Gain:
    """Three worked examples with steps against three without: BBH, mean over its tasks."""
    end = "_exact_match,flexible-extract"
    direct = [c for c in post.columns if c.startswith("bbh_fewshot_") and c.endswith(end)]
    pairs = [(c, c.replace("bbh_fewshot_", "bbh_cot_fewshot_")) for c in direct]
    pairs = [(a, b) for a, b in pairs if b in post.columns]
    before = post[[a for a, _ in pairs]].mean(axis=1)
    after = post[[b for _, b in pairs]].mean(axis=1)
    known = before.notna() & after.notna()
    return _gain(
        before[known],
        after[known],
        f"BBH, mean over {len(pairs)} tasks, examples with steps against examples without",
        "steps-gain-on-bbh",
    )


def _gain(before: pd.Series, after: pd.Series, basis: str, claim: str) -> Gain:
    gains = logit(after.to_numpy(float)) - logit(before.to_numpy(float))
    return Gain(
        logits=round(float(gains.mean()), 3),
        sd=round(float(gains.std(ddof=1)), 3),
        n=len(gains),
        basis=basis,
        claim=claim,
    )


def votes(post: pd.DataFrame) -> Iterable[Votes]:
    """What a majority of five adds, by the accuracy of one: GSM8K."""
    five = "gsm8k_cot_self_consistency_8_exact_match,maj@5-flexible-extract"
    rows = post[[ONE, five]].dropna()
    for low, up_to in ((0.0, 0.05), (0.05, 0.2), (0.2, 0.4), (0.4, 0.6), (0.6, 1.0)):
        held = rows[(rows[ONE] >= low) & (rows[ONE] < up_to)]
        yield Votes(up_to=up_to, gain=round(float((held[five] - held[ONE]).mean()), 3), n=len(held))


def prompted_end(tables: Published) -> Gain:
    """Where the ten nearest examples end, less where tuning on all rows ends."""
    gains = []
    for name in LABELS:
        tuned = same_items(tables.tuning, name)
        if not tuned.empty:
            end = tuned.groupby("n_train").accuracy.mean().iloc[-1]
            nearest = prompted(tables.prompting, name, "retrieval")[10]
            gains.append(float(logit(nearest) - logit(end)))
    return Gain(
        logits=round(float(np.mean(gains)), 3),
        sd=round(float(np.std(gains, ddof=1)), 3),
        n=len(gains),
        basis="long-context ICL, the ten nearest of all rows in the prompt against 16,384 rows"
        " trained on",
        claim="tuning-exceeds-icl-with-data",
    )
