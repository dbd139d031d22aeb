"""One distribution over options: what a measurement says of its option and of the others."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from advisor.posterior import FEATURES, Place, Posterior, Seen, beside, prior
from knowledge.load import effects

PLACES = [
    Place(method, size)
    for size in (100_000, 350_000, 1_000_000)
    for method in ("zero_shot", "few_shot", "steps", "lora")
]


def start(surprise: float = 0.02, **more: object) -> Posterior:
    (known, *_) = effects()
    known = known.model_copy(update={"surprise": surprise, **more})
    return prior(PLACES, known)


def test_every_effect_was_fitted() -> None:
    for found in effects():
        assert set(found.means) == set(found.sds) == set(FEATURES)
        assert found.n_tasks >= 15


def test_features_tell_methods_and_sizes_apart() -> None:
    rows = {tuple(place.features(3e5)) for place in PLACES}
    assert len(rows) == len(PLACES)
    assert Place("lora", 300_000, 4.0).features(3e5)[FEATURES.index("rows")] == 2
    assert Place("zero_shot", 300_000, 4.0).features(3e5)[FEATURES.index("rows")] == 0


@pytest.mark.parametrize("quality", [0.0, 0.03, 0.5, 0.9, 1.0])
def test_a_large_measurement_is_believed_of_its_own_option(quality: float) -> None:
    found = start().given(Seen(3, quality, 2000))
    at = found.quantile(0)[3]
    assert at == pytest.approx(quality, abs=0.02)
    assert found.p_at_least(max(0.05, quality - 0.06))[3] > 0.95 or quality < 0.05
    assert found.p_at_least(min(0.99, quality + 0.06))[3] < 0.05 or quality > 0.95


def test_what_is_measured_moves_what_shares_its_effects_most() -> None:
    before, after = start(), start().given(Seen(3, 1.0, 300))
    gained = after.mean - before.mean
    assert gained[3] > 0
    assert gained[7] > gained[4] > 0  # the next size: tuned, and prompted


def test_a_surprise_says_little_of_the_others() -> None:
    """A tuned model that fails where the others lead to expect much hardly moves them."""
    told = start(surprise=0.0)
    for at in (0, 4, 8):
        told = told.given(Seen(at, 0.9, 300))
    wary = start(surprise=0.1)
    for at in (0, 4, 8):
        wary = wary.given(Seen(at, 0.9, 300))
    lost = told.mean[7] - told.given(Seen(3, 0.0, 300)).mean[7]
    kept = wary.mean[7] - wary.given(Seen(3, 0.0, 300)).mean[7]
    assert 0 <= kept < lost / 2


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 11), st.floats(0, 1), st.floats(4, 1000)), max_size=6))
def test_it_stays_a_distribution(found: list[tuple[int, float, float]]) -> None:
    now = start()
    for at, quality, items in found:
        now = now.given(Seen(at, quality, items))
    assert np.isfinite(now.mean).all()
    assert np.linalg.eigvalsh(now.cov).min() > -1e-6
    chances = [now.p_at_least(target) for target in (0.2, 0.5, 0.8)]
    assert all(((c >= 0) & (c <= 1)).all() for c in chances)
    assert (chances[0] >= chances[1] - 1e-9).all()
    assert (chances[1] >= chances[2] - 1e-9).all()


def test_draws_agree_with_the_chances() -> None:
    now = start(surprise=0.1).given(Seen(2, 0.7, 100))
    drawn = (now.draws(20_000) >= now.aim(0.6)).mean(axis=0)
    assert drawn == pytest.approx(now.p_at_least(0.6), abs=0.02)


def test_targets_beyond_what_can_be_are_certain_or_impossible() -> None:
    assert (start().p_at_least(0.0) == 1).all()
    assert (start().p_at_least(1.0) == 0).all()


def test_means_of_another_domain_stand_in_its_place() -> None:
    (known, *_) = effects()
    means = [float(at) for at in range(len(PLACES))]
    found = prior(PLACES, known, means=means, wider=2.0)
    assert list(found.mean) == means
    assert (found.sd > prior(PLACES, known).sd).sum() >= len(PLACES) // 2


def test_a_system_in_use_shares_nothing_with_the_options() -> None:
    before = beside(start(), 1)
    after = before.given(Seen(12, 0.95, 400))
    assert after.mean[:12] == pytest.approx(before.mean[:12])
    assert after.p_at_least(0.9)[12] > 0.9
    assert before.given(Seen(3, 1.0, 300)).mean[12] == before.mean[12]
