"""Sequential tests keep their level under any number of looks, and drop what is worse."""

from __future__ import annotations

import math

import numpy as np
import pytest

from probes.sequential import dominated, log_wealth


def test_wealth_is_the_mean_over_stakes_of_the_products() -> None:
    differences = [1.0, -0.5, 0.0, 1.0]
    stakes = np.linspace(0.02, 0.9, 30)
    by_hand = np.mean([np.prod(1 + stake * np.array(differences)) for stake in stakes])
    assert log_wealth(differences)[-1] == pytest.approx(math.log(by_hand))


def test_extreme_differences_never_bankrupt_the_bettor() -> None:
    for margin in (-0.9, 0.0, 0.9):
        assert np.isfinite(log_wealth([-1.0] * 500, margin)).all()


@pytest.mark.parametrize("margin", [-0.05, 0.0, 0.05])
def test_looked_at_after_every_item_it_errs_seldom_enough(margin: float) -> None:
    """At the edge of the null, 2,000 streams of 400 items: at most 5 % ever reach 1 / .05."""
    rng = np.random.default_rng(0)
    ever = 0
    for _ in range(2000):
        right = rng.random(400)
        a, b = right < 0.6, rng.random(400) < 0.6 + margin
        ever += log_wealth(b.astype(float) - a, margin).max() >= math.log(20)
    assert ever / 2000 <= 0.05 + 2 * math.sqrt(0.05 * 0.95 / 2000)


def test_the_clearly_worse_go_and_the_best_stays() -> None:
    rng = np.random.default_rng(1)
    items = rng.random(120)
    scores = [(items < share).astype(float).tolist() for share in (0.2, 0.85, 0.5, 0.84)]
    assert dominated(scores, n_begun=4, alpha=0.05) == [0, 2]


def test_the_best_is_seldom_dropped_over_all_looks() -> None:
    """Five candidates exactly at the edge, 500 races with looks at 20, 40, 80, 140 of 200 items."""
    rng = np.random.default_rng(2)
    margin, lost = 0.05, 0
    for _ in range(500):
        right = [rng.random(200) < share for share in (0.6 + margin, *([0.6] * 5))]
        scores = np.array(right, dtype=float)
        going = list(range(6))
        for look in (20, 40, 80, 140):
            seen = [scores[at, :look].tolist() for at in going]
            gone = dominated(seen, n_begun=6, alpha=0.05, margin=margin)
            going = [at for place, at in enumerate(going) if place not in gone]
        lost += 0 not in going
    assert lost / 500 <= 0.05


def test_equals_stay_without_a_margin_and_leave_one_with_it() -> None:
    same = [[1.0, 0.0] * 150] * 3
    assert dominated(same, n_begun=3, alpha=0.05) == []
    assert len(dominated(same, n_begun=3, alpha=0.05, margin=0.05)) == 2
