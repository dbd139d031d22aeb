"""The decision: the cheapest option whose probability of meeting the target is high enough."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from advisor.prices import total_usd
from advisor.records import Candidate, Verdict
from probes.task import TaskSpec

C = TypeVar("C", bound=Candidate)
ENOUGH = 0.8
"""Probability of meeting the target that is asked of a recommendation."""
ENOUGH_AT_HIGH_STAKES = 0.95
HOPELESS = 0.2
"""Below this probability for every option the verdict is: nothing here is enough."""


def threshold(spec: TaskSpec) -> float:
    """Probability of meeting the target that the spec's stakes ask for."""
    return ENOUGH_AT_HIGH_STAKES if spec.needs.high_stakes else ENOUGH


def eligible(options: Sequence[C]) -> list[C]:
    """The options that the spec's money and needs leave open (see `needs`)."""
    return [option for option in options if not option.barred]


def by_price(option: Candidate) -> tuple[float, ...]:
    """What options are ordered by: training and a year of serving, then size."""
    return total_usd(option.price), option.n_params


def choose(
    options: Sequence[C],
    spec: TaskSpec,
    enough: float | None = None,
    order: Callable[[Candidate], tuple[float, ...]] = by_price,
) -> tuple[Verdict, C]:
    """The verdict and the option that it is about; from dev alone, or from the prior alone.

    The cheapest eligible option whose probability of meeting the target is high enough, else the
    eligible one of the highest probability; where that is hopeless, the one of highest quality.

    Args:
        options: what there is to choose from.
        spec: the question.
        enough: the probability that is asked for; by default what the spec's stakes ask of
            measurements.
        order: what makes an option the cheaper one.

    Raises:
        ValueError: there is no option.
    """
    if not options:
        raise ValueError("no option was measured")
    within = eligible(options)
    wanted = threshold(spec) if enough is None else enough
    viable = [option for option in within if option.p_meets >= wanted]
    if viable:
        return "use", min(viable, key=order)
    top = max(within or options, key=lambda option: (option.p_meets, option.quality.value))
    if within and top.p_meets >= HOPELESS:
        return "not-enough-evidence", top
    # Where nothing comes near, small probabilities only tell whose interval is widest.
    return "nothing-is-enough", max(
        within or options, key=lambda o: (o.p_meets >= HOPELESS, o.quality.value)
    )
