"""What options of one task share, fitted over tasks where everything was tried."""

from __future__ import annotations

from pydantic import Field

from knowledge.records import Fact, IsoDate


class Effects(Fact):
    """Means and spreads over tasks of the effects of `advisor.posterior.FEATURES`, in logits."""

    domain: str
    """Models and tasks that they were fitted on; elsewhere they are not calibrated."""
    reference_params: float = Field(gt=0)
    """Size at which the effect of size is 0."""
    means: dict[str, float]
    sds: dict[str, float]
    own_sd: float = Field(gt=0)
    """Spread of what an option shares with no other."""
    surprise: float = Field(ge=0, lt=1)
    """Chance that an option is nothing like the others lead to expect."""
    n_tasks: int
    basis: str
    checked: IsoDate
