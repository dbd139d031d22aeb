"""The readings of a machine: cards, processor, memory, disks, and what could not be read."""

from __future__ import annotations

from typing import Literal

from probes.record import Record


class Failure(Record):
    """A reading that is missing, or not to be trusted, and why."""

    reading: str
    why: str


def told(error: Exception) -> str:
    """An error in a line that is not too long."""
    return f"{type(error).__name__}: {error}"[:200]


def failure(reading: str, error: Exception) -> Failure:
    """A reading that ended with that error."""
    return Failure(reading=reading, why=told(error))


class Gpu(Record):
    """A card, a slice of one (MIG), or the graphics half of an Apple chip."""

    index: int
    """As CUDA numbers what this process may see, from 0."""
    name: str
    """As the driver writes it."""
    kind: Literal["cuda", "mps"] = "cuda"
    total_bytes: int | None = None
    """As the driver counts it; None where that could not be read."""
    free_bytes: int | None = None
    """Left by everything that runs now; of an Apple chip what the whole system has left."""
    driver: str | None = None
    compute_capability: str | None = None
    """`8.9`."""
    uuid: str | None = None
    mig: bool = False
    """True for a slice of a card."""
    simulated: bool = False
    """True for a card that is not here: its memory is the table's, all of it free."""
    taken_from: str
    """`NVML`, `nvidia-smi`, ..."""


class Cpu(Record):
    """The processor, and how much of it this process may use."""

    model: str
    logical_cores: int | None
    allowed_cores: int | None = None
    """By the affinity of this process."""
    quota_cores: float | None = None
    """By the control group: processor seconds a second; None without a limit."""
    instruction_sets: tuple[str, ...] = ()
    """Those that matrix products use, of `KNOWN_SETS`, narrowest first."""
    taken_from: tuple[str, ...]

    @property
    def usable_cores(self) -> int:
        """Cores that threads are worth starting on; at least 1."""
        cores = self.allowed_cores or self.logical_cores or 1
        return max(1, min(cores, int(self.quota_cores or cores)))


class Ram(Record):
    """Main memory, and how much of it this process may use."""

    total_bytes: int | None
    available_bytes: int | None
    """Without swapping, by the system's own estimate."""
    limit_bytes: int | None = None
    """By the control group; None without a limit."""
    limit_left_bytes: int | None = None
    """The limit less what the group holds, its inactive file cache given back."""
    taken_from: tuple[str, ...]

    @property
    def usable_bytes(self) -> int | None:
        """The total or the limit, the smaller."""
        return _least(self.total_bytes, self.limit_bytes)

    @property
    def usable_now_bytes(self) -> int | None:
        """What is available or left of the limit, the smaller."""
        return _least(self.available_bytes, self.limit_left_bytes)


class Disk(Record):
    """The file system that a folder lies on."""

    what: str
    """What the folder is for."""
    path: str
    total_bytes: int
    free_bytes: int
    """For this user."""


class Readings(Record):
    """All of them, of one moment."""

    system: str
    """`Linux 6.1.0 x86_64`."""
    gpus: tuple[Gpu, ...]
    cpu: Cpu
    ram: Ram
    disks: tuple[Disk, ...]
    failures: tuple[Failure, ...]


def _least(*sizes: int | None) -> int | None:
    return min((size for size in sizes if size is not None), default=None)
