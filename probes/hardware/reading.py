"""All readings of a machine at once, and those of a machine that has another card."""

from __future__ import annotations

from knowledge.errors import UserError
from knowledge.machine_names import machine_named
from knowledge.records import Machine
from probes.hardware.host import read_cpu, read_disks, read_ram, sysctl
from probes.hardware.nvidia import nvidia_gpus
from probes.hardware.records import Failure, Gpu, Ram, Readings
from probes.hardware.sources import Sources, whole_number


def read_hardware(sources: Sources | None = None) -> Readings:
    """What the machine has now; what could not be read is among the failures, nothing is raised."""
    sources = sources or Sources()
    failures: list[Failure] = []
    ram = read_ram(sources, failures)
    return Readings(
        system=f"{sources.system} {sources.release} {sources.architecture}",
        gpus=read_gpus(sources, ram, failures),
        cpu=read_cpu(sources, failures),
        ram=ram,
        disks=read_disks(sources, failures),
        failures=tuple(dict.fromkeys(failures)),
    )


def read_gpus(sources: Sources, ram: Ram | None, failures: list[Failure]) -> tuple[Gpu, ...]:
    """The cards that this process may use, or the graphics half of an Apple chip."""
    if sources.is_apple:
        return _apple_gpu(sources, ram, failures)
    gpus, why = nvidia_gpus(sources)
    failures.extend(why)
    return gpus


def known_as(gpu: Gpu) -> Machine | str:
    """The machine of the table that a card is taken for, or why there is none."""
    if gpu.mig:
        return "a slice of a card, whose figures the table does not have"
    try:
        return machine_named(gpu.name, gpu.total_bytes)
    except UserError as error:
        return f"{error.what}; {error.hint}"


def with_gpu(readings: Readings, machine: Machine) -> Readings:
    """The readings as if the machine had that card alone: all its memory free."""
    card = Gpu(
        index=0,
        name=machine.name,
        kind="mps" if machine.kind == "mps" else "cuda",
        total_bytes=machine.total_bytes,
        free_bytes=machine.total_bytes,
        simulated=True,
        taken_from=f"the table: {machine.evidence.title}",
    )
    of_gpus = [each for each in readings.failures if "GPU" not in each.reading]
    return readings.model_copy(update={"gpus": (card,), "failures": tuple(of_gpus)})


def _apple_gpu(sources: Sources, ram: Ram | None, failures: list[Failure]) -> tuple[Gpu, ...]:
    """Memory is shared with the processor; a limit on the graphics' share is heeded where set."""
    name = sysctl(sources, "machdep.cpu.brand_string", failures)
    total = whole_number(sysctl(sources, "hw.memsize", failures))
    limit = whole_number(sysctl(sources, "iogpu.wired_limit_mb", []))
    taken = "sysctl"
    if limit:
        total, taken = limit * 2**20, "sysctl, iogpu.wired_limit_mb"
    else:
        why = "shared with the system: Metal gives about three quarters of it by default"
        failures.append(Failure(reading="memory of the GPU", why=why))
    return (
        Gpu(
            index=0,
            name=name or "Apple chip",
            kind="mps",
            total_bytes=total,
            free_bytes=ram.available_bytes if ram else None,
            taken_from=taken,
        ),
    )
