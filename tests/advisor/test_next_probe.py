"""What a probe is worth: nothing where the decision is sure, most where it could change it."""

from __future__ import annotations

import numpy as np
import pytest

from advisor.next_probe import MOST, NOTHING, SURE, Outlook, Probe, Question, outlook_of
from advisor.posterior import Posterior, Seen
from tests.advisor.plain_truth import PROMPT_IS_ENOUGH, Make, lab, options_of, spec

ORDER = (0, 1, 2)


def believed(means: list[float], sds: list[float], shared: float = 0.0) -> Posterior:
    cov = np.diag(np.square(sds)) + shared**2
    return Posterior(np.array(means), cov)


def outlook(means: list[float], sds: list[float], target: float = 0.5) -> Outlook:
    return Outlook(Question(ORDER, target), believed(means, sds))


def test_the_cheapest_that_is_likely_enough_is_chosen() -> None:
    assert outlook([-3, 3, 5], [0.1, 0.1, 0.1]).chosen == 1
    assert outlook([3, 3, 5], [0.1, 0.1, 0.1]).chosen == 0
    assert outlook([-3, -3, -5], [0.1, 0.1, 0.1]).chosen == NOTHING


def test_a_sure_decision_ends_the_probing() -> None:
    sure = outlook([-3, 3, 5], [0.1, 0.1, 0.1])
    assert sure.certainty > SURE
    assert sure.best([Probe(0, 100, 1.0), Probe(2, 100, 1.0)]) is None


def test_what_cannot_change_the_decision_is_worth_nothing() -> None:
    """The dearest option of all does not matter where a cheaper one surely does."""
    now = outlook([0, 4, 0], [2, 0.1, 2])
    assert now.worth(Probe(2, 100, 1.0)) < 0.01
    assert now.worth(Probe(0, 100, 1.0)) > 0.1


def test_the_best_probe_is_that_of_most_worth_a_second() -> None:
    now = outlook([0, 4, 0], [2, 0.1, 2])
    cheap, dear = Probe(0, 100, 1.0), Probe(0, 100, 50.0)
    assert now.best([dear, cheap, Probe(2, 100, 0.5)]) == cheap


def test_more_items_are_worth_more() -> None:
    now = outlook([0, 4, 0], [0.5, 0.1, 2])
    assert now.worth(Probe(0, 1000, 1.0)) >= now.worth(Probe(0, 10, 1.0))


def test_where_no_single_probe_helps_an_open_one_is_taken() -> None:
    now = outlook([0.3, 0.3, 0.3], [0.4, 0.4, 0.4])
    assert now.certainty < SURE
    assert now.best([Probe(1, 50, 2.0), Probe(0, 50, 1.0)]) is not None
    assert now.best([]) is None


@pytest.mark.parametrize("seed", range(5))
def test_probing_by_worth_ends_right(seed: int) -> None:
    """On simulated options the right one is found, and not everything is measured."""
    rng = np.random.default_rng(seed)
    truth = np.array([-2.0, 2.5, 3.0, 3.5]) + rng.normal(0, 0.2, 4)
    now = Posterior(np.zeros(4), 4 * np.eye(4))
    question, asked = Question((0, 1, 2, 3), 0.7), []
    while True:
        view = Outlook(question, now)
        probe = view.best([Probe(at, 200, 1.0 + at) for at in range(4) if at not in asked])
        if probe is None:
            break
        asked.append(probe.at)
        share = 1 / (1 + np.exp(-truth[probe.at]))
        now = now.given(Seen(probe.at, float(rng.binomial(200, share)) / 200, 200))
    assert view.chosen == 1
    assert 3 not in asked


def test_the_outlook_of_what_was_measured(measurement: Make) -> None:
    """A prompt that is enough is chosen; where the needs bar it, it is not in question."""
    options = options_of(lab(measurement, PROMPT_IS_ENOUGH), spec())
    measured = dict(enumerate(options))
    prices = [float(at) for at in measured]
    start = believed([0.0] * len(options), [2.0] * len(options))
    assert outlook_of(start, measured, prices, spec()).chosen == 0
    barred = {0: options[0].model_copy(update={"barred": ("too slow",)})}
    assert 0 not in outlook_of(start, measured | barred, prices, spec()).question.order
    assert outlook_of(start, {}, prices[::-1], spec()).question.order[0] == len(options) - 1
    assert outlook_of(start, {}, prices, spec(target=1.0)).question.target == MOST
