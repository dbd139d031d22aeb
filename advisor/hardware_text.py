"""The readings of a machine as lines for a terminal."""

from __future__ import annotations

from collections.abc import Iterator

from knowledge.records import Machine
from probes.hardware.reading import known_as
from probes.hardware.records import Cpu, Disk, Gpu, Ram, Readings

Line = tuple[str, str]
"""What was read, and the reading."""


def hardware_lines(readings: Readings) -> Iterator[Line]:
    """Every reading with where it was taken from, then those that failed and why."""
    yield "system", readings.system
    if not readings.gpus:
        yield "gpu", "none found"
    for gpu in readings.gpus:
        yield f"gpu {gpu.index}", _gpu(gpu)
        known = known_as(gpu)
        if isinstance(known, Machine):
            yield "", f"taken for {known.name}: {ceilings(known)}"
            yield "", price_text(known)
        else:
            yield "", f"not in the table: {known}"
    yield "cpu", _cpu(readings.cpu)
    yield "memory", _ram(readings.ram)
    for disk in readings.disks:
        yield "disk", _disk(disk)
    for failure in readings.failures:
        yield "not read", f"{failure.reading}: {failure.why}"


def ceilings(machine: Machine) -> str:
    """`121 TFLOPS in bf16, 300 GB/s, 72 W, of 2023`."""
    peak = "bf16" if machine.bf16 else "fp16, no bf16"
    parts = [
        f"{machine.tflops:g} TFLOPS in {peak}",
        f"{machine.bandwidth_bytes_per_s / 1e9:g} GB/s",
    ]
    if machine.tdp_watts is not None:
        parts.append(f"{machine.tdp_watts} W")
    if machine.year is not None:
        parts.append(f"of {machine.year}")
    return ", ".join(parts)


def price_text(machine: Machine) -> str:
    """`0.80 USD/h (serverless, 2026-05-07, Modal list price); RunPod ...`."""
    if machine.usd_per_hour is None or machine.price is None:
        return "no price is known of it"
    basis = filter(None, (machine.price_kind, machine.price.checked, machine.price.title))
    note = f"; {machine.price_note}" if machine.price_note else ""
    return f"{machine.usd_per_hour:.2f} USD/h ({', '.join(basis)}){note}"


def _gpu(gpu: Gpu) -> str:
    parts = [gpu.name, _size(gpu.total_bytes), f"{_size(gpu.free_bytes)} free"]
    if gpu.driver:
        parts.append(f"driver {gpu.driver}")
    if gpu.compute_capability:
        parts.append(f"compute capability {gpu.compute_capability}")
    taken = "simulated, " if gpu.simulated else ""
    return f"{', '.join(parts)} ({taken}{gpu.taken_from})"


def _cpu(cpu: Cpu) -> str:
    parts = [cpu.model, f"{cpu.logical_cores or 'unknown'} logical cores"]
    if cpu.allowed_cores is not None:
        parts.append(f"{cpu.allowed_cores} allowed")
    parts.append("no quota" if cpu.quota_cores is None else f"quota of {cpu.quota_cores:g} cores")
    parts.append(" ".join(cpu.instruction_sets) or "no instruction set known")
    return f"{', '.join(parts)} ({', '.join(cpu.taken_from) or 'nowhere'})"


def _ram(ram: Ram) -> str:
    parts = [_size(ram.total_bytes), f"{_size(ram.available_bytes)} available"]
    if ram.limit_bytes is None:
        parts.append("no limit")
    else:
        parts.append(f"limit {_size(ram.limit_bytes)}, {_size(ram.limit_left_bytes)} of it left")
    return f"{', '.join(parts)} ({', '.join(ram.taken_from) or 'nowhere'})"


def _disk(disk: Disk) -> str:
    size = f"{_size(disk.free_bytes)} free of {_size(disk.total_bytes)}"
    return f"{disk.what}: {size} ({disk.path})"


def _size(n_bytes: int | None) -> str:
    return "unknown" if n_bytes is None else f"{n_bytes / 1e9:.1f} GB"
