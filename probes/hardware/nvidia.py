"""NVIDIA's cards: by NVML, else by nvidia-smi, else by the names in the driver's files."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from probes.hardware.records import Failure, Gpu, failure, told
from probes.hardware.sources import Sources, fields_of, whole_number

MIB = 2**20
BASE_FIELDS = ("name", "uuid", "memory.total", "memory.free", "driver_version")
NEWER_FIELDS = ("compute_cap", "mig.mode.current")
"""Unknown to drivers before 2021, which refuse the whole query."""


class Unreadable(Exception):
    """A way of reading that leads nowhere here, and why."""


@dataclass(frozen=True)
class Card:
    """One physical card: itself, or its slices where MIG is on."""

    uuid: str | None
    devices: tuple[Gpu, ...]


def nvidia_gpus(sources: Sources) -> tuple[tuple[Gpu, ...], tuple[Failure, ...]]:
    """The cards that this process may use, and what could not be read of them."""
    reasons: list[str] = []
    ways: tuple[Callable[[Sources, list[Failure]], list[Card]], ...] = (
        _by_nvml,
        _by_smi,
        _by_driver_files,
    )
    for way in ways:
        failures: list[Failure] = []
        try:
            cards = way(sources, failures)
        except Unreadable as error:
            reasons.append(str(error))
            continue
        seen = visible(cards, sources, failures)
        if reasons and seen and seen[0].total_bytes is None:
            failures.append(Failure(reading="memory of the GPU", why="; ".join(reasons)))
        if not cards:
            failures.append(Failure(reading="NVIDIA GPUs", why="the driver counts none"))
        numbered = tuple(gpu.model_copy(update={"index": at}) for at, gpu in enumerate(seen))
        return numbered, tuple(dict.fromkeys(failures))
    return (), (Failure(reading="NVIDIA GPUs", why="; ".join(reasons)),)


def visible(cards: Sequence[Card], sources: Sources, failures: list[Failure]) -> list[Gpu]:
    """What CUDA_VISIBLE_DEVICES leaves, in its order; as CUDA does, up to the first wrong entry."""
    wanted = sources.environment.get("CUDA_VISIBLE_DEVICES")
    if wanted is None:
        return [gpu for card in cards for gpu in card.devices]
    found: list[Gpu] = []
    for entry in filter(None, (part.strip() for part in wanted.split(","))):
        devices = _entry(entry, cards)
        if not devices:
            why = f"CUDA_VISIBLE_DEVICES={wanted[:80]}: nothing is called {entry[:40]}"
            failures.append(Failure(reading="visible GPUs", why=why))
            break
        found.append(devices[0])
        if whole_number(entry) is not None and _order_is_open(cards, sources):
            failures.append(
                Failure(
                    reading="visible GPUs",
                    why="CUDA counts the fastest card first, the driver by slot;"
                    " CUDA_DEVICE_ORDER=PCI_BUS_ID makes them agree",
                )
            )
    if cards and not found and not failures:
        why = f"CUDA_VISIBLE_DEVICES='{wanted[:80]}' hides {len(cards)} card(s)"
        failures.append(Failure(reading="visible GPUs", why=why))
    return found


def _entry(entry: str, cards: Sequence[Card]) -> Sequence[Gpu]:
    """The devices that a number or the beginning of a UUID names; CUDA takes the first of them."""
    number = whole_number(entry)
    if number is not None:
        return cards[number].devices if number < len(cards) else ()
    if entry.startswith("GPU-"):
        named = [card.devices for card in cards if (card.uuid or "").startswith(entry)]
        return named[0] if len(named) == 1 else ()
    if entry.startswith("MIG-"):
        slices = [gpu for card in cards for gpu in card.devices if gpu.mig]
        return [gpu for gpu in slices if (gpu.uuid or "").startswith(entry)]
    return ()


def _order_is_open(cards: Sequence[Card], sources: Sources) -> bool:
    """Whether CUDA may number the cards otherwise than the driver."""
    names = {card.devices[0].name for card in cards if card.devices}
    by_slot = sources.environment.get("CUDA_DEVICE_ORDER") == "PCI_BUS_ID"
    return len(names) > 1 and not by_slot


def _by_nvml(sources: Sources, failures: list[Failure]) -> list[Card]:
    nvml = sources.nvml
    if nvml is None:
        raise Unreadable("nvidia-ml-py is not installed")
    try:
        nvml.nvmlInit()
        try:
            return _cards_of_nvml(nvml, failures)
        finally:
            _tried(nvml, "nvmlShutdown")
    except Exception as error:  # whatever a driver does, other ways are left
        raise Unreadable(f"NVML: {told(error)}") from None


def _cards_of_nvml(nvml: Any, failures: list[Failure]) -> list[Card]:
    driver = _text(
        _tried(nvml, "nvmlSystemGetDriverVersion", reading="driver of the GPU", failures=failures)
    )
    cards: list[Card] = []
    for at in range(nvml.nvmlDeviceGetCount()):
        handle = nvml.nvmlDeviceGetHandleByIndex(at)
        whole = _nvml_gpu(nvml, handle, f"GPU {at}", failures)
        whole = whole.model_copy(update={"index": at, "driver": driver})
        if not _mig_is_on(nvml, handle):
            cards.append(Card(whole.uuid, (whole,)))
            continue
        slices = tuple(_nvml_slices(nvml, handle, whole, failures))
        if not slices:
            why = "MIG is on, and there is no instance to run on"
            failures.append(Failure(reading=f"GPU {at}", why=why))
        cards.append(Card(whole.uuid, slices))
    return cards


def _nvml_gpu(nvml: Any, handle: Any, what: str, failures: list[Failure]) -> Gpu:
    """A card or a slice."""

    def asked(reading: str, function: str) -> Any | None:
        return _tried(nvml, function, handle, reading=f"{reading} of {what}", failures=failures)

    name = _text(asked("name", "nvmlDeviceGetName"))
    uuid = _text(asked("UUID", "nvmlDeviceGetUUID"))
    memory = asked("memory", "nvmlDeviceGetMemoryInfo")
    capability = _tried(nvml, "nvmlDeviceGetCudaComputeCapability", handle)  # not told of slices
    return Gpu(
        index=0,
        name=name or "NVIDIA GPU without a name",
        total_bytes=None if memory is None else int(memory.total),
        free_bytes=None if memory is None else int(memory.free),
        compute_capability=None if capability is None else f"{capability[0]}.{capability[1]}",
        uuid=uuid,
        taken_from="NVML",
    )


def _mig_is_on(nvml: Any, handle: Any) -> bool:
    """Cards without MIG, and drivers before it, refuse the question."""
    mode = _tried(nvml, "nvmlDeviceGetMigMode", handle)
    return mode is not None and mode[0] == 1


def _nvml_slices(nvml: Any, handle: Any, whole: Gpu, failures: list[Failure]) -> Iterator[Gpu]:
    for slot in range(nvml.nvmlDeviceGetMaxMigDeviceCount(handle)):
        part = _tried(nvml, "nvmlDeviceGetMigDeviceHandleByIndex", handle, slot)
        if part is None:  # an empty slot
            continue
        found = _nvml_gpu(nvml, part, f"slice {slot} of GPU {whole.index}", failures)
        update = {
            "name": found.name if "MIG" in found.name else f"{found.name} MIG",
            "mig": True,
            "driver": whole.driver,
            "compute_capability": whole.compute_capability,
        }
        yield found.model_copy(update=update)


def _by_smi(sources: Sources, failures: list[Failure]) -> list[Card]:
    """Whole cards; slices are not told apart."""
    rows = _smi_rows(sources)
    cards = []
    for at, row in enumerate(rows):
        sliced = row.get("mig.mode.current") == "Enabled"
        if sliced:
            why = "MIG is on; its slices are read by nvidia-ml-py alone"
            failures.append(Failure(reading=f"memory of GPU {at}", why=why))
        gpu = Gpu(
            index=at,
            name=row["name"],
            total_bytes=None if sliced else _mebibytes(row["memory.total"]),
            free_bytes=None if sliced else _mebibytes(row["memory.free"]),
            driver=_known(row["driver_version"]),
            compute_capability=_known(row.get("compute_cap", "")),
            uuid=_known(row["uuid"]),
            mig=sliced,
            taken_from="nvidia-smi",
        )
        if not sliced and gpu.total_bytes is None:
            why = f"nvidia-smi says {row['memory.total'][:40]}"
            failures.append(Failure(reading=f"memory of GPU {at}", why=why))
        cards.append(Card(gpu.uuid, (gpu,)))
    return cards


def _smi_rows(sources: Sources) -> list[dict[str, str]]:
    """One a card, by field; an older driver is asked again for BASE_FIELDS alone."""
    fields: tuple[str, ...] = (*BASE_FIELDS, *NEWER_FIELDS)
    try:
        try:
            printed = _smi(sources, fields)
        except OSError as error:
            if "not a valid field" not in str(error):
                raise
            fields = BASE_FIELDS
            printed = _smi(sources, fields)
    except OSError as error:
        raise Unreadable(str(error)) from None
    lines = [[cell.strip() for cell in line] for line in csv.reader(printed.splitlines()) if line]
    if not all(len(line) == len(fields) for line in lines):
        raise Unreadable(f"nvidia-smi answers oddly: {printed.strip()[:80]}")
    return [dict(zip(fields, line, strict=True)) for line in lines]


def _smi(sources: Sources, fields: Sequence[str]) -> str:
    query = f"--query-gpu={','.join(fields)}"
    return sources.answer_of(["nvidia-smi", query, "--format=csv,noheader,nounits"])


def _by_driver_files(sources: Sources, failures: list[Failure]) -> list[Card]:
    """Names alone; the memory stays unknown."""
    cards: list[Card] = []
    for path in sorted((sources.root / "proc/driver/nvidia/gpus").glob("*/information")):
        text = path.read_text(encoding="utf-8", errors="replace")
        told = fields_of(text)
        if "Model" in told:
            gpu = Gpu(
                index=len(cards),
                name=told["Model"],
                uuid=told.get("GPU UUID"),
                taken_from="/proc/driver/nvidia",
            )
            cards.append(Card(gpu.uuid, (gpu,)))
    if not cards:
        raise Unreadable("/proc/driver/nvidia names no card")
    return cards


def _tried(
    nvml: Any,
    function: str,
    *arguments: Any,
    reading: str = "",
    failures: list[Failure] | None = None,
) -> Any | None:
    """The answer of a function of NVML, or None: one that fails must not cost the others."""
    try:
        return getattr(nvml, function)(*arguments)
    except Exception as error:
        if failures is not None:
            failures.append(failure(reading, error))
        return None


def _text(value: Any) -> str | None:
    """Older bindings give bytes."""
    if isinstance(value, bytes):
        return value.decode("utf-8", errors="replace")
    return value if isinstance(value, str) else None


def _known(cell: str) -> str | None:
    """nvidia-smi writes `[N/A]` and `[Not Supported]` where it has no answer."""
    return None if not cell or cell.startswith("[") else cell


def _mebibytes(cell: str) -> int | None:
    number = whole_number(cell)
    return None if number is None else number * MIB
