"""How much is measured: four sizes of the same battery of probes, for the budget to choose from."""

from __future__ import annotations

from probes.methods import Battery

BATTERIES: tuple[Battery, ...] = (
    Battery(
        name="thorough",
        n_trials=16,
        confirmed=3,
        epochs=(2, 4, 8),
        fractions=(0.0625, 0.125, 0.25, 0.5),
        seeds=3,
        shots=(2, 4, 8, 16),
        max_train=10_000,
        max_dev=500,
        max_test=1000,
    ),
    Battery(
        name="standard",
        n_trials=8,
        confirmed=3,
        epochs=(2, 4, 8),
        fractions=(0.125, 0.25, 0.5),
        seeds=3,
        shots=(4, 8, 16),
        max_train=2000,
        max_dev=300,
        max_test=500,
    ),
    Battery(
        name="quick",
        n_trials=4,
        confirmed=2,
        epochs=(2, 4),
        fractions=(0.25, 0.5),
        seeds=3,
        shots=(4, 8),
        max_train=600,
        max_dev=200,
        max_test=300,
    ),
    Battery(
        name="minimal",
        n_trials=2,
        confirmed=0,
        epochs=(1, 2),
        fractions=(0.5,),
        seeds=2,
        shots=(4,),
        max_train=400,
        max_dev=120,
        max_test=150,
    ),
)
"""From the most to the least thorough; the plan takes the first that the budget can pay."""
