"""How many trainees share a forward pass follows from timed steps, and is timed once."""

from __future__ import annotations

import pytest

from probes.fusing import Fusing


def never() -> float:
    raise AssertionError("this step is not timed")


def settle(seconds: dict[int, float], n: int = 8, steps: int = 6) -> list[int]:
    """The sizes of the steps, where one of each size takes so many seconds a token."""
    clock = [0.0]
    settled: dict[tuple[int, int], int] = {}
    timed, sizes = Fusing(settled, n, 100, lambda: clock[0]), []
    for step in range(steps):
        tokens = 100 + step  # batches differ in width
        with timed.step(tokens) as size:
            clock[0] += tokens * seconds[size] + (1000 if step == 0 else 0)
        sizes.append(size)
    assert list(settled.values()) == sizes[-1:]
    return sizes


@pytest.mark.parametrize(
    ("seconds", "chosen"),
    [({8: 1.0, 4: 2.0, 1: 5.0}, 8), ({8: 3.0, 4: 2.0, 1: 5.0}, 4), ({8: 3.0, 4: 2.0, 1: 1.0}, 1)],
)
def test_three_sizes_are_timed_after_a_warm_up_and_the_fastest_stays(
    seconds: dict[int, float], chosen: int
) -> None:
    assert settle(seconds) == [8, 8, 4, 1, chosen, chosen]


def test_what_is_settled_is_not_timed_again() -> None:
    settled = {(4, (100).bit_length()): 2}
    timed = Fusing(settled, 4, 120, never)  # up to twice the tokens are of one size
    with timed.step(480) as size:
        assert size == 2
    assert settled == {(4, 7): 2}


def test_one_trainee_is_never_timed() -> None:
    settled: dict[tuple[int, int], int] = {}
    with Fusing(settled, 1, 100, never).step(100) as size:
        assert size == 1
    assert not settled


def test_a_step_that_fails_settles_nothing() -> None:
    settled: dict[tuple[int, int], int] = {}
    timed = Fusing(settled, 2, 100, lambda: 0.0)
    with pytest.raises(ValueError, match="out"), timed.step(100):
        raise ValueError("out of memory")
    assert not settled
