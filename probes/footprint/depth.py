"""From the peaks at two depths to those at the model's own: every moment grows by a line."""

from __future__ import annotations

from collections.abc import Mapping

from probes.footprint.replay import Moment, Peak


def line(at: Mapping[int, int], depth: int) -> int:
    """The value at `depth` on the line through two depths; the value itself where it is one."""
    if len(at) == 1:
        ((_, value),) = at.items()
        return value
    (first, low), (second, high) = sorted(at.items())
    return low + (depth - first) * (high - low) // (second - first)


def at_depth(found: Mapping[int, Mapping[Moment, Peak]], depth: int) -> dict[Moment, Peak]:
    """The peaks of the moments that all traced depths have, at another depth.

    A layer between the first and the last adds the same bytes to every moment, so each moment's
    peak is a line in the number of layers, and the peak of the whole is the highest of these lines:
    which moment it is may change with depth.
    """
    common = set.intersection(*(set(peaks) for peaks in found.values()))
    return {moment: _line(found, moment, depth) for moment in common}


def _line(found: Mapping[int, Mapping[Moment, Peak]], moment: Moment, depth: int) -> Peak:
    at = {n_layers: peaks[moment] for n_layers, peaks in found.items()}
    kinds = {kind for peak in at.values() for kind in peak.parts}
    parts = {
        kind: line({n_layers: peak.parts.get(kind, 0) for n_layers, peak in at.items()}, depth)
        for kind in kinds
    }
    return Peak(line({n_layers: peak.total for n_layers, peak in at.items()}, depth), parts)
