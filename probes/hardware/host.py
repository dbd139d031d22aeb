"""Processor, memory and disks, with the limits that a control group sets."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from probes.hardware.records import Cpu, Disk, Failure, Ram, failure
from probes.hardware.sources import Sources, fields_of, whole_number

KNOWN_SETS = {
    "avx": "avx", "avx2": "avx2", "avx512f": "avx512f", "avx512_vnni": "avx512_vnni",
    "avx512_bf16": "avx512_bf16", "amx_int8": "amx_int8", "amx_bf16": "amx_bf16",
    "asimd": "neon", "neon": "neon", "i8mm": "i8mm", "bf16": "bf16", "sve": "sve", "sve2": "sve2",
}  # fmt: skip
"""Flag of /proc/cpuinfo -> name shown."""
NO_LIMIT_BYTES = 2**60
"""Version 1 of control groups writes a number above this where there is no limit."""


def read_cpu(sources: Sources, failures: list[Failure]) -> Cpu:
    """The processor; nothing is raised."""
    taken, model, flags = [], "", ""
    try:
        fields = fields_of(sources.text("proc/cpuinfo"))
        taken.append("/proc/cpuinfo")
        model = fields.get("model name") or fields.get("Model") or fields.get("Hardware") or ""
        flags = fields.get("flags") or fields.get("Features") or ""
        if not flags:
            why = "/proc/cpuinfo has no line of flags"
            failures.append(Failure(reading="instruction sets", why=why))
    except OSError as error:
        if sources.is_apple:
            model = sysctl(sources, "machdep.cpu.brand_string", failures)
            flags = "asimd"
            taken.append("sysctl")
        else:
            failures.append(failure("processor", error))
    sets = (KNOWN_SETS[flag] for flag in KNOWN_SETS if flag in flags.split())
    quota = _quota_cores(sources, failures)
    taken += ["sched_getaffinity"] * (sources.affinity() is not None)
    return Cpu(
        model=model or sources.architecture,
        logical_cores=sources.n_cores(),
        allowed_cores=sources.affinity(),
        quota_cores=quota[0] if quota else None,
        instruction_sets=tuple(dict.fromkeys(sets)),
        taken_from=(*taken, *([quota[1]] if quota else [])),
    )


def read_ram(sources: Sources, failures: list[Failure]) -> Ram:
    """Main memory; nothing is raised."""
    total = available = None
    try:
        told = fields_of(sources.text("proc/meminfo"))
        total, available = _kilobytes(told.get("MemTotal")), _kilobytes(told.get("MemAvailable"))
        taken = ["/proc/meminfo"]
    except OSError:
        taken = ["psutil"]
    if total is None or available is None:
        try:
            total, available = sources.memory()
            taken = ["psutil"]
        except Exception as error:  # psutil's own, by system
            failures.append(failure("memory", error))
            taken = []
    limit = _memory_limit(sources, failures)
    return Ram(
        total_bytes=total,
        available_bytes=available,
        limit_bytes=limit[0] if limit else None,
        limit_left_bytes=limit[1] if limit else None,
        taken_from=(*taken, *([limit[2]] if limit else [])),
    )


def read_disks(sources: Sources, failures: list[Failure]) -> tuple[Disk, ...]:
    """The file systems of the working folder and of the Hugging Face cache."""
    disks = []
    for what, path in (("working folder", sources.folder), ("Hugging Face cache", _cache(sources))):
        try:
            there = next(place for place in (path, *path.parents) if place.exists())
            usage = shutil.disk_usage(there)
        except (OSError, StopIteration) as error:
            failures.append(failure(f"disk of the {what}", error))
            continue
        disks.append(
            Disk(what=what, path=str(path), total_bytes=usage.total, free_bytes=usage.free)
        )
    return tuple(disks)


def sysctl(sources: Sources, name: str, failures: list[Failure]) -> str:
    """A value of a Mac's kernel; empty where it is not told."""
    try:
        return sources.answer_of(["sysctl", "-n", name]).strip()
    except OSError as error:
        failures.append(failure(name, error))
        return ""


def _cache(sources: Sources) -> Path:
    """As huggingface_hub finds it, without importing it."""
    env = sources.environment
    if env.get("HF_HUB_CACHE"):
        return Path(env["HF_HUB_CACHE"]).expanduser()
    base = Path(env.get("XDG_CACHE_HOME") or sources.home / ".cache")
    return Path(env.get("HF_HOME") or base / "huggingface").expanduser() / "hub"


def _quota_cores(sources: Sources, failures: list[Failure]) -> tuple[float, str] | None:
    """The least quota of this process's groups, in cores, and the file that sets it."""
    found = []
    for folder in _groups(sources, "cpu"):
        for name in ("cpu.max", "cpu.cfs_quota_us"):
            told = _limit(folder / name, failures)
            if not told or told[0] in ("max", "-1"):
                continue
            try:
                period = told[1] if name == "cpu.max" else _period(folder)
                found.append((int(told[0]) / int(period), f"{folder / name}"))
            except (ValueError, IndexError, OSError, ZeroDivisionError) as error:
                failures.append(failure("quota of cores", error))
    return min(found, default=None)


def _period(folder: Path) -> str:
    return (folder / "cpu.cfs_period_us").read_text(encoding="utf-8").strip()


def _memory_limit(sources: Sources, failures: list[Failure]) -> tuple[int, int | None, str] | None:
    """The least limit of this process's groups, what is left of it, and the file that sets it."""
    found = []
    for folder in _groups(sources, "memory"):
        for limit, used in (
            ("memory.max", "memory.current"),
            ("memory.limit_in_bytes", "memory.usage_in_bytes"),
        ):
            told = _limit(folder / limit, failures)
            if not told or told[0] == "max":
                continue
            try:
                size = int(told[0])
            except ValueError as error:
                failures.append(failure("limit of memory", error))
                continue
            if size < NO_LIMIT_BYTES:
                found.append((size, _left(folder, size, used, failures), f"{folder / limit}"))
    return min(found, key=lambda each: each[0], default=None)


def _left(folder: Path, limit: int, used: str, failures: list[Failure]) -> int | None:
    """The limit less what is used; file cache that is not in use is given back on demand."""
    try:
        held = int((folder / used).read_text(encoding="utf-8"))
        lines = (folder / "memory.stat").read_text(encoding="utf-8").splitlines()
        stat = dict(line.split(maxsplit=1) for line in lines if " " in line)
        cache = int(stat.get("total_inactive_file", stat.get("inactive_file", "0")))
    except (OSError, ValueError) as error:
        failures.append(failure("memory in use of the limit", error))
        return None
    return max(0, min(limit, limit - held + cache))


def _limit(path: Path, failures: list[Failure]) -> list[str]:
    """The words of a file; none where there is no such file."""
    try:
        return path.read_text(encoding="utf-8", errors="replace").split()
    except FileNotFoundError:
        return []
    except OSError as error:
        failures.append(failure(path.name, error))
        return []


def _groups(sources: Sources, controller: str) -> Iterator[Path]:
    """Folders of the control groups that this process is in, of both versions, innermost first.

    In a container the path may be the host's, so that only the top of the mount is there.
    """
    mount = sources.root / "sys/fs/cgroup"
    try:
        lines = sources.text("proc/self/cgroup").splitlines()
    except OSError:
        return
    for line in lines:
        parts = line.split(":", 2)
        if len(parts) != 3:
            continue
        _, names, inner = parts
        if names and controller not in names.split(","):
            continue
        tops = [mount / names, mount / controller] if names else [mount, mount / "unified"]
        path = PurePosixPath(inner.lstrip("/"))
        inside = [] if ".." in path.parts else [path, *path.parents]
        for top in dict.fromkeys(tops):
            yield from dict.fromkeys([*(top / each for each in inside), top])


def _kilobytes(text: str | None) -> int | None:
    """`16384 kB`, which are KiB."""
    number = whole_number((text or "").split(" ")[0])
    return None if number is None else number * 1024
