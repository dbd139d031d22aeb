"""The footprint of a setting, from its traces."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from probes.footprint.deepen import deepened
from probes.footprint.depth import at_depth, line
from probes.footprint.replay import ROUNDING, Moment, Peak, live_peak, peaks, replay
from probes.footprint.settings import (
    CONTEXT_BYTES,
    PARTS,
    Architecture,
    Footprint,
    Phase,
    Setting,
    safe_bytes,
)
from probes.footprint.trace import Traced, depths, traced
from probes.machine import package_versions

CUBLAS_BYTES = 8_519_680
"""cuBLAS' workspace in PyTorch's allocator, taken at the first product: 2 x 4 MiB + 8 x 16 KiB
(`aten/src/ATen/cuda/CublasHandlePool.cpp`); 32 MiB on Hopper, which is not told apart here."""


def predict(architecture: Architecture, setting: Setting, *, whole: bool = False) -> Footprint:
    """The memory of a setting; with `whole` at the model's own depth, slower and exact."""
    start_s = time.perf_counter()
    chosen = (architecture.n_layers,) if whole else depths(architecture)
    on_cpu = setting.device == "cpu"
    runs = runs_of(architecture, setting, chosen)
    found = at_depth(peaks_of(runs, setting), architecture.n_layers)
    moment, peak = max(found.items(), key=lambda each: each[1].total)
    reserved, how = (peak.total, "") if on_cpu else held(runs, peak, architecture.n_layers)
    context = 0 if on_cpu else CONTEXT_BYTES
    expected = reserved + context
    return Footprint(
        model=architecture.name,
        setting=setting,
        n_params=_count(runs, architecture.n_layers, "n_params"),
        n_trained=_count(runs, architecture.n_layers, "n_trained"),
        parts={part: peak.parts.get(part, 0) for part in PARTS},
        phases=_phases(found),
        peak_phase=_phase(moment),
        allocated_bytes=peak.total,
        reserved_bytes=reserved,
        context_bytes=context,
        safe_bytes=safe_bytes(expected),
        traced_layers=chosen,
        basis=_basis(architecture, chosen, how),
        versions=package_versions(),
        trace_s=round(time.perf_counter() - start_s, 2),
    )


def runs_of(
    architecture: Architecture, setting: Setting, depths: Sequence[int]
) -> dict[int, Traced]:
    """Traces by number of layers; of the deepest the first step too, which a replay wants."""
    on_cpu = setting.device == "cpu"
    return {
        depth: traced(architecture, setting, depth, primed=on_cpu or depth < max(depths))
        for depth in depths
    }


def peaks_of(runs: Mapping[int, Traced], setting: Setting) -> dict[int, dict[Moment, Peak]]:
    """The peak of every moment of each trace."""
    unit = ROUNDING[setting.device]
    return {depth: peaks(run.trace, unit) for depth, run in runs.items()}


def _phase(moment: Moment) -> Phase:
    phase: Phase = moment[1]  # type: ignore[assignment]
    return phase


def _phases(found: dict[Moment, Peak]) -> dict[Phase, int]:
    highest: dict[Phase, int] = {}
    for moment, peak in sorted(found.items()):
        phase = _phase(moment)
        highest[phase] = max(highest.get(phase, 0), peak.total)
    return highest


def _count(runs: dict[int, Traced], depth: int, name: str) -> int:
    return line({n_layers: getattr(run, name) for n_layers, run in runs.items()}, depth)


def held(runs: Mapping[int, Traced], peak: Peak, depth: int) -> tuple[int, str]:
    """The most bytes that segments hold in a replay, and of what it was one.

    The trace of the deepest run is made as deep as the model. Where that has not the peak that the
    lines have, what the deepest run's segments held beyond its live blocks is added to it.
    """
    deepest = max(runs)
    events = runs[deepest].trace.events
    if deepest == depth:
        found = replay(events, held=(CUBLAS_BYTES,))
        return found.peak_reserved, "the trace replayed through PyTorch's caching allocator"
    deep = deepened(runs[deepest].trace, depth)
    if deep is not None and live_peak(deep, ROUNDING["cuda"]) == peak.total:
        found = replay(deep, held=(CUBLAS_BYTES,))
        how = f"the trace of {deepest} layers made as deep as the model and replayed through"
        return found.peak_reserved, f"{how} PyTorch's caching allocator"
    found = replay(events, held=(CUBLAS_BYTES,))
    beyond = found.peak_reserved - live_peak(events, ROUNDING["cuda"])
    return peak.total + beyond, f"live bytes and what a replay of {deepest} layers held beyond"


def _basis(architecture: Architecture, chosen: tuple[int, ...], how: str) -> tuple[str, ...]:
    said = [f"sizes: {architecture.basis}"]
    if chosen == (architecture.n_layers,):
        said.append(f"live bytes: traced at all {architecture.n_layers} layers")
    else:
        said.append(f"live bytes: traced at {chosen[0]} and {chosen[1]} layers, a line beyond")
    if not how:
        return (*said, "resident memory: live bytes in whole pages, buffers of libraries left out")
    said.append("operations are those of a CPU: kernels of a GPU may hold other temporaries")
    return (*said, f"reserved: {how}", f"context: {CONTEXT_BYTES / 1e9:g} GB assumed, not measured")
