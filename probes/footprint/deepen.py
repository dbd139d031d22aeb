"""The trace of a deeper model from that of three layers: the middle one is repeated."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from probes.footprint.replay import Trace

BEFORE, FIRST, MIDDLE, LAST, BEHIND = "before", "first", "middle", "last", "behind"
"""Where in a phase: before the layers, in the first, in one between, in the last, behind them."""

Event = tuple[int, int]
_Place = tuple[int, str, str]
"""Which pass through the layers, in which phase, and where in it."""


def deepened(trace: Trace, depth: int) -> list[Event] | None:
    """The events of a model with `depth` layers; None where the three do not follow one pattern.

    Every storage of the middle layer gets a copy for each layer between the first and the last.
    What one layer hands to the next goes in the neighbour's time: the middle layer ends storages of
    the first as the last ends those of the middle, and on the way back the other way round.
    """
    return _Deeper(trace, depth - 2).events()


class _Deeper:
    def __init__(self, trace: Trace, copies: int) -> None:
        self.trace, self.copies = trace, copies
        self.segments = list(_segments(trace))
        self.born: dict[int, _Place] = {}
        self.sizes: dict[int, int] = {}
        ends: dict[tuple[_Place, str, str], list[int]] = defaultdict(list)
        for place, events in self.segments:
            for storage, size in events:
                if size >= 0:
                    self.born[storage], self.sizes[storage] = place, size
                else:
                    _, phase, where = self.born[storage]
                    ends[place, phase, where].append(storage)
        self.counterparts: dict[int, int] = {}
        """A neighbour's storage that the middle layer ends -> the middle's that the other ends."""
        for (place, came, where), storages in list(ends.items()):
            if place[2] == MIDDLE and where in (FIRST, LAST):
                later = (LAST, BEHIND) if where == FIRST else (FIRST, BEFORE)
                others = [s for at in later for s in ends[(*place[:2], at), came, MIDDLE]]
                self._pair(storages, others)
        self.handed = set(self.counterparts.values())

    def _pair(self, storages: list[int], others: list[int]) -> None:
        """Match by size, in order; what has no match stays without."""
        for storage in storages:
            same = (other for other in others if self.sizes[other] == self.sizes[storage])
            other = next(same, None)
            if other is not None:
                others.remove(other)
                self.counterparts[storage] = other

    def events(self) -> list[Event] | None:
        """All of them, or None where a storage has no counterpart."""
        found: list[Event] = []
        try:
            for place, events in self.segments:
                found += self._segment(place, events)
        except LookupError:
            return None
        return found

    def _copied(self, storage: int) -> bool:
        where = self.born[storage][2]
        if where in (BEFORE, BEHIND):
            return self.trace.layers.get(storage) == 1
        return where == MIDDLE

    def _name(self, storage: int, copy: int) -> int:
        return storage * (self.copies + 1) + copy

    def _segment(self, place: _Place, events: list[Event]) -> list[Event]:
        _, phase, where = place
        if where == MIDDLE:
            order = range(1, self.copies + 1)
            turns = reversed(order) if phase == "backward" else order
            return [self._in_copy(event, copy) for copy in turns for event in events]
        return self._elsewhere(events, 1 if where in (BEFORE, FIRST) else self.copies)

    def _in_copy(self, event: Event, copy: int) -> Event:
        """An event of the middle layer in one of its copies."""
        storage, size = event
        if self._copied(storage):
            return self._name(storage, copy), size
        where = self.born[storage][2]
        if where not in (FIRST, LAST):
            raise LookupError("the middle layer ends what no layer began")
        neighbour = copy - 1 if where == FIRST else copy + 1
        if neighbour in (0, self.copies + 1):
            return self._name(storage, 0), size
        return self._name(self.counterparts[storage], neighbour), size

    def _elsewhere(self, events: list[Event], nearest: int) -> list[Event]:
        """Outside the middle layer: what is of it is repeated for each copy, stretch by stretch.

        What a copy hands to the next one ends here for the nearest of them only.
        """
        found: list[Event] = []
        stretch: list[Event] = []
        for storage, size in [*events, (0, 0)]:
            if storage and self._copied(storage) and not (size < 0 and storage in self.handed):
                stretch.append((storage, size))
                continue
            for copy in range(1, self.copies + 1):
                found += [(self._name(each, copy), many) for each, many in stretch]
            stretch = []
            if storage:
                copy = nearest if self._copied(storage) else 0
                found.append((self._name(storage, copy), size))
        return found


def _segments(trace: Trace) -> Iterator[tuple[_Place, list[Event]]]:
    """The events by place; a pass ends where the phase does."""
    starts = [start for start, _ in trace.moments[1:]] + [len(trace.events)]
    passes, last = 0, ""
    for (start, (_, phase, where)), end in zip(trace.moments, starts, strict=True):
        passes, last = passes + (phase != last), phase
        yield (passes, phase, where), trace.events[start:end]
