"""The null laboratory: claims where there is nothing are rare, and gaps are found."""

from __future__ import annotations

import numpy as np
import pytest

from advisor.lab.null import LEVEL, claims, simulated


def test_arms_have_the_quality_that_they_are_given() -> None:
    scores = simulated(np.random.default_rng(0), 0.1, 40_000, 3)
    assert scores.mean(axis=1) == pytest.approx([LEVEL + 0.1, LEVEL, LEVEL], abs=0.01)
    assert np.corrcoef(scores[1], scores[2])[0, 1] > 0.2


def test_false_claims_are_rare_and_a_large_gap_is_found() -> None:
    equal = claims(0.0, replays=60, n_items=200, n_arms=4)
    ahead = claims(0.2, replays=20, n_items=200, n_arms=4)
    assert equal.false_claims <= 0.2 and equal.found == 0
    assert equal.false_beforehand <= 0.15
    assert ahead.found >= 0.9 and ahead.false_claims == 0
    assert claims(0.0, replays=5) == claims(0.0, replays=5)
