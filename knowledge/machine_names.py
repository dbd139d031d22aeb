"""Which known machine a name means, as a person or a driver writes it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import get_close_matches

from knowledge.errors import UserError
from knowledge.load import machines
from knowledge.records import Machine

VENDOR_WORDS = frozenset({"nvidia", "geforce", "tesla", "amd", "instinct", "radeon", "gpu"})
"""Left out before names are compared. `Quadro` is not: a Quadro RTX 6000 is no RTX 6000 Ada."""
N_CANDIDATES = 8
MEMORY_RATIOS = (0.92, 1.12)
"""What a driver counts as total, over what is sold: .95 on an A10G with error correction, 1.07 on
cards that are sold by the GiB."""
_GIGABYTES = re.compile(r"\b(\d{1,4})\s*(?:gb|gib|g)\b", re.IGNORECASE)


def machine_named(
    text: str, memory_bytes: int | None = None, known: Iterable[Machine] | None = None
) -> Machine:
    """The machine of that name: `rtx-4090`, `RTX 4090`, `4090`, `NVIDIA A100-SXM4-80GB`.

    Args:
        text: a slug, an alias, or a name as nvidia-smi prints it; a memory in it (`A100 40GB`) is
            understood.
        memory_bytes: total memory, where it is known; it chooses between machines of one name and
            refuses a machine that has another.
        known: machines to choose from, by default all.

    Raises:
        UserError: E-HARDWARE-UNKNOWN, with the names that are near; E-HARDWARE-AMBIGUOUS, with the
            machines that it may mean.
    """
    rows = tuple(machines().values() if known is None else known)
    found = _called(text, rows)
    said = _GIGABYTES.search(text)
    if not found and said:
        found = _called(_GIGABYTES.sub(" ", text), rows)
        memory_bytes = memory_bytes or int(said[1]) * 10**9
    if not found:
        raise _unknown(text, rows)
    right = [row for row in found if memory_bytes is None or has_memory(row, memory_bytes)]
    if len(right) == 1:
        return right[0]
    if not right:
        raise UserError(
            "E-HARDWARE-UNKNOWN",
            f"no '{text[:80]}' with {(memory_bytes or 0) / 1e9:.0f} GB is known",
            place="hardware.gpu",
            hint=f"known: {_with_memory(found)}",
        )
    raise UserError(
        "E-HARDWARE-AMBIGUOUS",
        f"'{text[:80]}' may be several machines",
        place="hardware.gpu",
        hint=f"choose one of {_with_memory(right)}",
    )


def has_memory(machine: Machine, memory_bytes: int) -> bool:
    """Whether a machine that counts so much memory may be this one."""
    if machine.kind == "mps":  # sold with many; the row has the largest
        return memory_bytes <= MEMORY_RATIOS[1] * machine.memory_bytes
    low, high = (ratio * machine.memory_bytes for ratio in MEMORY_RATIOS)
    return low <= memory_bytes <= high


def names_of(machine: Machine) -> tuple[str, ...]:
    """Its slug and its aliases, as they are compared."""
    return tuple(dict.fromkeys(_plain(name) for name in (machine.name, *machine.aliases)))


def _called(text: str, rows: Iterable[Machine]) -> list[Machine]:
    """The machine of that slug, else all that have it for an alias."""
    wanted = _plain(text)
    rows = tuple(rows)
    return [row for row in rows if _plain(row.name) == wanted] or [
        row for row in rows if wanted in names_of(row)
    ]


def _plain(text: str) -> str:
    """Lower case, without vendor, blanks and punctuation: `rtx4090`."""
    words = re.findall(r"[a-z0-9]+", text.lower())
    return "".join(word for word in words if word not in VENDOR_WORDS)


def _with_memory(rows: Iterable[Machine]) -> str:
    return ", ".join(f"{row.name} ({row.memory_bytes / 1e9:.0f} GB)" for row in rows)


def _unknown(text: str, rows: tuple[Machine, ...]) -> UserError:
    spelt = {name: row.name for row in rows for name in names_of(row)}
    near = get_close_matches(_plain(text[:80]), spelt, n=N_CANDIDATES, cutoff=0.6)
    names = list(dict.fromkeys(spelt[name] for name in near))
    return UserError(
        "E-HARDWARE-UNKNOWN",
        f"no machine is called '{text[:80]}'",
        place="hardware.gpu",
        hint=f"did you mean {' or '.join(names[:3])}?"
        if names
        else f"choose one of {', '.join(row.name for row in rows)}",
    )
