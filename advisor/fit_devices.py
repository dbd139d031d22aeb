"""The device that `advisor fit` asks about: a card by name, or what this machine has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from knowledge.cost import Place, place
from knowledge.errors import UserError
from knowledge.machine_names import machine_named
from probes.hardware.reading import known_as, read_hardware
from probes.hardware.records import Cpu, Gpu, Ram


@dataclass(frozen=True)
class FreeDevice:
    """A device, and the memory that is free on it."""

    name: str
    kind: Literal["cuda", "cpu"]
    available_bytes: int
    told: str
    """Where that figure is from."""
    place: Place | None
    """Its ceilings and price; None of a processor, whose ceilings nobody publishes."""
    here: bool
    """Whether it is this machine's, so that its speed can be measured."""


def device_named(gpu: str, usd_per_hour: float | None) -> FreeDevice:
    """The card of that name, all of it free.

    Raises:
        UserError: E-HARDWARE-UNKNOWN, E-HARDWARE-AMBIGUOUS; E-FIT-NO-CARD, it is no CUDA card.
    """
    machine = machine_named(gpu)
    if machine.kind != "cuda":
        raise UserError(
            "E-FIT-NO-CARD",
            f"{machine.name} is no CUDA card, and nothing is known of other allocators",
            place="--gpu",
            hint="name a CUDA card",
        )
    return FreeDevice(
        name=machine.name,
        kind="cuda",
        available_bytes=machine.total_bytes,
        told="the whole card; nothing was read from it",
        place=place(machine, usd_per_hour),
        here=False,
    )


def device_here(usd_per_hour: float | None) -> FreeDevice:
    """The first card of this machine, else its processor, with what is free now.

    Raises:
        UserError: E-FIT-NO-CARD, the card is not in the table, or memory could not be read.
    """
    found = read_hardware()
    if found.gpus:
        return _card_here(found.gpus[0], usd_per_hour)
    if usd_per_hour is not None:
        raise UserError(
            "E-FIT-NO-CARD",
            "no GPU was found here whose hours could have a price",
            place="--usd-per-hour",
            hint="name one, such as --gpu rtx-4090; `advisor doctor` says what was looked for",
        )
    return _processor_here(found.cpu, found.ram)


def _card_here(gpu: Gpu, usd_per_hour: float | None) -> FreeDevice:
    known = known_as(gpu)
    if isinstance(known, str):
        raise UserError("E-FIT-NO-CARD", f"{gpu.name}: {known}", place="--gpu", hint="name one")
    free, told = gpu.free_bytes, f"free now, by {gpu.taken_from}"
    if free is None:
        free, told = known.total_bytes, f"all of {known.name}: what is free could not be read"
    return FreeDevice(known.name, "cuda", free, told, place(known, usd_per_hour), here=True)


def _processor_here(cpu: Cpu, ram: Ram) -> FreeDevice:
    free = ram.usable_now_bytes
    if free is None:
        raise UserError(
            "E-FIT-NO-CARD",
            "no GPU was found here, and free memory could not be read",
            place="--gpu",
            hint="name one, such as --gpu rtx-4090; `advisor doctor` says what was looked for",
        )
    told = "no GPU was found; memory that is free now"
    return FreeDevice(cpu.model or "cpu", "cpu", free, told, place=None, here=True)
