"""What an allocator makes of a trace: live bytes by kind and moment, and segments held."""

from __future__ import annotations

import bisect
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

MIB = 1 << 20
ROUNDING = {"cuda": 512, "cpu": 4096}
"""Bytes that a block is rounded up to: PyTorch's caching allocator; pages that glibc maps."""

Moment = tuple[int, str, str]
"""Which step, which phase, and where in it: before, in or behind the layers."""


@dataclass
class Trace:
    """Storages in the order in which they came and went."""

    events: list[tuple[int, int]] = field(default_factory=list)
    """`(storage, bytes)` where one comes, `(storage, -1)` where it goes."""
    moments: list[tuple[int, Moment]] = field(default_factory=list)
    """From which event on it is which moment."""
    kinds: dict[int, str] = field(default_factory=dict)
    """What a storage holds; the others are activations."""
    layers: dict[int, int] = field(default_factory=dict)
    """Which layer a storage belongs to that came outside the layers: a weight, its gradient."""


@dataclass(frozen=True)
class Peak:
    """The most live bytes of a moment, and what they were."""

    total: int
    parts: dict[str, int]


def rounded(size: int, unit: int) -> int:
    """The bytes that a block of `size` takes."""
    return -(-size // unit) * unit


def peaks(trace: Trace, unit: int) -> dict[Moment, Peak]:
    """The peak of every moment of a trace; what lives when it begins counts."""
    sizes: dict[int, int] = {}
    parts: dict[str, int] = {}
    found: dict[Moment, Peak] = {}
    live = 0
    starts = [start for start, _ in trace.moments[1:]] + [len(trace.events)]
    for (start, moment), end in zip(trace.moments, starts, strict=True):
        best, at_best = live, dict(parts)
        for storage, size in trace.events[start:end]:
            kind = trace.kinds.get(storage, "activations")
            if size < 0:
                change = -sizes.pop(storage)
            else:
                change = sizes[storage] = rounded(size, unit)
            live += change
            parts[kind] = parts.get(kind, 0) + change
            if live > best:
                best, at_best = live, dict(parts)
        if moment not in found or best > found[moment].total:
            found[moment] = Peak(best, at_best)
    return found


def live_peak(events: Iterable[tuple[int, int]], unit: int) -> int:
    """The most live bytes of a trace."""
    sizes: dict[int, int] = {}
    live = highest = 0
    for storage, size in events:
        if size < 0:
            live -= sizes.pop(storage)
        else:
            sizes[storage] = rounded(size, unit)
            live += sizes[storage]
            highest = max(highest, live)
    return highest


# ---------------------------------------------------------------- PyTorch's caching allocator

SMALL = MIB
"""Requests up to this come from the small pool; a block in the large one is split only where more
than this is left."""
SMALL_SEGMENT = 2 * MIB
LARGE_SEGMENT = 20 * MIB
LARGE = 10 * MIB
"""Requests below this share segments of LARGE_SEGMENT; larger ones get their own."""


class OutOfMemory(Exception):
    """A request that neither a free block nor what is left of the device can meet."""


@dataclass(eq=False)
class _Block:
    small: bool
    segment: int
    start: int
    size: int
    before: _Block | None = None
    behind: _Block | None = None
    free: bool = False

    def key(self) -> tuple[int, int, int]:
        return (self.size, self.segment, self.start)


class CachingAllocator:
    """PyTorch's CUDACachingAllocator in its default configuration, on one stream.

    Two pools, best fit, blocks split and merged; segments are given back only when the device has
    no room left (`c10/cuda/CUDACachingAllocator.cpp`).
    """

    def __init__(self, capacity: int | None = None) -> None:
        """`capacity`: bytes of the device that segments may take; None is without end."""
        self.capacity = capacity
        self.allocated = self.reserved = 0
        self.peak_allocated = self.peak_reserved = 0
        self._segments = 0
        self._owned: dict[int, _Block] = {}
        self._keys: dict[bool, list[tuple[int, int, int]]] = {True: [], False: []}
        self._free: dict[tuple[int, int, int], _Block] = {}

    def malloc(self, owner: int, size: int) -> None:
        """Give `owner` a block; nothing for no bytes. OutOfMemory where the device is full."""
        if size == 0:
            return
        size = rounded(size, ROUNDING["cuda"])
        small = size <= SMALL
        block = self._best_fit(small, size) or self._new_segment(small, size)
        rest = block.size - size
        if rest >= ROUNDING["cuda"] if small else rest > SMALL:
            self._split(block, size)
        self._owned[owner] = block
        self.allocated += block.size
        self.peak_allocated = max(self.peak_allocated, self.allocated)

    def free(self, owner: int) -> None:
        """Take the owner's block back; its segment stays."""
        block = self._owned.pop(owner, None)
        if block is None:
            return
        self.allocated -= block.size
        if block.before is not None and block.before.free:
            block = self._merge(block.before, block)
        if block.behind is not None and block.behind.free:
            block = self._merge(block, block.behind)
        self._put(block)

    def _best_fit(self, small: bool, size: int) -> _Block | None:
        keys = self._keys[small]
        at = bisect.bisect_left(keys, (size, -1, -1))
        return self._take(self._free[keys[at]]) if at < len(keys) else None

    def _new_segment(self, small: bool, size: int) -> _Block:
        if small:
            whole = SMALL_SEGMENT
        else:
            whole = LARGE_SEGMENT if size < LARGE else rounded(size, 2 * MIB)
        if self.capacity is not None and self.reserved + whole > self.capacity:
            self._give_back()
            if self.reserved + whole > self.capacity:
                raise OutOfMemory(f"{size} bytes more than {self.allocated} that are in use")
        self._segments += 1
        self.reserved += whole
        self.peak_reserved = max(self.peak_reserved, self.reserved)
        return _Block(small, self._segments, 0, whole)

    def _give_back(self) -> None:
        """Return every segment that nobody uses a part of."""
        whole = [b for b in self._free.values() if b.before is None and b.behind is None]
        for block in whole:
            self._take(block)
            self.reserved -= block.size

    def _split(self, block: _Block, size: int) -> None:
        rest = _Block(block.small, block.segment, block.start + size, block.size - size)
        rest.before, rest.behind = block, block.behind
        if block.behind is not None:
            block.behind.before = rest
        block.behind, block.size = rest, size
        self._put(rest)

    def _merge(self, first: _Block, second: _Block) -> _Block:
        for block in (first, second):
            if block.free:
                self._take(block)
        first.size += second.size
        first.behind = second.behind
        if second.behind is not None:
            second.behind.before = first
        return first

    def _put(self, block: _Block) -> None:
        block.free = True
        self._free[block.key()] = block
        bisect.insort(self._keys[block.small], block.key())

    def _take(self, block: _Block) -> _Block:
        block.free = False
        del self._free[block.key()]
        keys = self._keys[block.small]
        del keys[bisect.bisect_left(keys, block.key())]
        return block


def replay(
    events: Iterable[tuple[int, int]], *, held: Sequence[int] = (), capacity: int | None = None
) -> CachingAllocator:
    """The allocator after all events; `held` are blocks that are there before the first of them.

    Raises:
        OutOfMemory: they do not fit into `capacity`.
    """
    allocator = CachingAllocator(capacity)
    for number, size in enumerate(held, 1):
        allocator.malloc(-number, size)
    for storage, size in events:
        if size < 0:
            allocator.free(storage)
        else:
            allocator.malloc(storage, size)
    return allocator
