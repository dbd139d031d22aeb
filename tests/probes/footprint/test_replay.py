from __future__ import annotations

import pytest

from probes.footprint.deepen import deepened
from probes.footprint.depth import at_depth, line
from probes.footprint.replay import (
    MIB,
    CachingAllocator,
    OutOfMemory,
    Peak,
    Trace,
    live_peak,
    peaks,
    replay,
)


def test_small_blocks_share_a_segment_of_two_mib() -> None:
    allocator = replay([(1, 100), (2, 513)])
    assert allocator.peak_allocated == 512 + 1024
    assert allocator.peak_reserved == 2 * MIB


def test_a_middling_block_takes_a_segment_of_twenty_mib_and_the_next_shares_it() -> None:
    allocator = replay([(1, 3 * MIB), (2, 4 * MIB)])
    assert allocator.peak_reserved == 20 * MIB
    assert allocator.peak_allocated == 7 * MIB


def test_a_large_block_gets_its_own_segment_in_steps_of_two_mib() -> None:
    assert replay([(1, 11 * MIB + 1)]).peak_reserved == 12 * MIB


def test_a_freed_block_is_used_again_and_its_rest_too() -> None:
    allocator = replay([(1, 12 * MIB), (1, -1), (2, 5 * MIB), (3, 5 * MIB)])
    assert allocator.peak_reserved == 12 * MIB
    assert allocator.allocated == 10 * MIB


def test_a_rest_of_a_mib_or_less_stays_with_its_block() -> None:
    allocator = replay([(1, 12 * MIB), (1, -1), (2, 11 * MIB + 512)])
    assert allocator.allocated == 12 * MIB


def test_best_fit_and_merging() -> None:
    allocator = CachingAllocator()
    for owner, size in ((1, 12), (2, 16), (3, 14)):
        allocator.malloc(owner, size * MIB)
    for owner in (1, 2, 3):
        allocator.free(owner)
    allocator.malloc(4, 13 * MIB)  # the segment of 14, not that of 16
    allocator.malloc(5, 16 * MIB)
    assert allocator.reserved == 42 * MIB
    allocator.free(4)
    allocator.malloc(6, 14 * MIB)  # both parts of the segment of 14 are one again
    assert allocator.reserved == 42 * MIB


def test_holes_are_why_reserved_exceeds_allocated() -> None:
    allocator = replay([(1, 12 * MIB), (1, -1), (2, 14 * MIB)])
    assert allocator.peak_allocated == 14 * MIB
    assert allocator.peak_reserved == 12 * MIB + 14 * MIB


def test_a_full_device_gives_back_what_nobody_uses() -> None:
    events = [(1, 12 * MIB), (1, -1), (2, 14 * MIB)]
    assert replay(events, capacity=20 * MIB).reserved == 14 * MIB
    with pytest.raises(OutOfMemory):
        replay([(1, 12 * MIB), (2, 14 * MIB)], capacity=20 * MIB)


def test_what_is_held_beforehand_counts() -> None:
    assert replay([(1, 512)], held=(30 * MIB,)).peak_reserved == 32 * MIB


def test_nothing_takes_nothing() -> None:
    assert replay([(1, 0), (1, -1)]).peak_reserved == 0


def test_peaks_by_moment_and_kind() -> None:
    trace = Trace(
        events=[(1, 1000), (2, 100), (2, -1), (3, 600), (1, -1)],
        moments=[(0, (0, "load", "before")), (1, (0, "forward", "before")), (4, (1, "step", "x"))],
        kinds={1: "weights"},
    )
    found = peaks(trace, 512)
    assert found[0, "load", "before"] == Peak(1024, {"weights": 1024})
    assert found[0, "forward", "before"] == Peak(2048, {"weights": 1024, "activations": 1024})
    assert found[1, "step", "x"].total == 2048  # what lived when it began


def test_each_moment_grows_by_its_own_line() -> None:
    early, late = (0, "forward", "behind"), (0, "step", "before")
    found = {
        2: {early: Peak(100, {"logits": 100}), late: Peak(20, {"gradients": 20})},
        3: {early: Peak(100, {"logits": 100}), late: Peak(30, {"gradients": 30})},
    }
    deep = at_depth(found, 20)
    assert deep[early] == Peak(100, {"logits": 100})
    assert deep[late] == Peak(200, {"gradients": 200})


def test_the_middle_layer_is_repeated_and_hands_on() -> None:
    """Each layer makes its output and ends that of the layer before; the way back ends the rest."""
    trace = Trace(
        events=[(1, 10), (2, 20), (3, 20), (2, -1), (4, 30), (3, -1), (4, -1), (1, -1)],
        moments=[
            (0, (0, "load", "before")),
            (1, (0, "forward", "first")),
            (2, (0, "forward", "middle")),
            (4, (0, "forward", "last")),
            (6, (0, "forward", "behind")),
        ],
    )
    events = deepened(trace, 5)
    assert events is not None
    assert [size for _, size in events] == [10, 20, 20, -1, 20, -1, 20, -1, 30, -1, -1, -1]
    assert live_peak(events, 1) == 60
    assert replay(events).allocated == 0


def test_a_middle_layer_that_ends_what_nobody_hands_it_is_no_pattern() -> None:
    moments = [(0, (0, "load", "before")), (1, (0, "forward", "middle"))]
    assert deepened(Trace(events=[(1, 10), (1, -1)], moments=moments), 5) is None


def test_one_depth_is_taken_as_it_is() -> None:
    assert line({7: 42}, 7) == 42
