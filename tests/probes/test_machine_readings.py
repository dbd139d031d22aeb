"""Readings of machines that are not here: fake NVML, nvidia-smi, /proc, control groups, Macs."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace

import pytest

from knowledge.machine_names import machine_named
from knowledge.records import Machine
from probes.free_memory import Free, free_on
from probes.hardware.host import read_cpu, read_ram
from probes.hardware.reading import known_as, read_hardware, with_gpu
from probes.hardware.records import Cpu, Failure, Ram, Readings
from probes.hardware.sources import Sources, answer_of

MIB = 2**20
CPUINFO = "processor\t: 0\nmodel name\t: AMD EPYC\nflags\t\t: fpu avx2 avx512f avx512_bf16 zzz\n\n"
MEMINFO = "MemTotal:       24684096 kB\nMemFree: 1 kB\nMemAvailable:   15390272 kB\n"
L4 = ("NVIDIA L4", 23034, 22600, "GPU-11111111-aaaa", (8, 9))
A100 = ("NVIDIA A100-SXM4-40GB", 40960, 40400, "GPU-22222222-bbbb", (8, 0))
SLICES = (("MIG-33", 4864), ("MIG-44", 9856))


class NotSupportedError(Exception):
    """What NVML raises of a question that a card does not understand."""


class FakeNvml:
    """The functions of pynvml that are asked, over cards given as tuples."""

    def __init__(
        self,
        *cards: tuple[str, int, int, str, tuple[int, int]],
        slices: Mapping[int, Sequence[tuple[str, int]]] | None = None,
        broken: Sequence[str] = (),
        old: bool = False,
    ) -> None:
        self.cards, self.slices, self.broken, self.old = cards, slices or {}, broken, old
        self.open = 0

    def __getattribute__(self, name: str) -> object:
        if name.startswith("nvml") and name in self.broken:
            raise NotSupportedError("Not Supported")
        return object.__getattribute__(self, name)

    def nvmlInit(self) -> None:
        self.open += 1

    def nvmlShutdown(self) -> None:
        self.open -= 1

    def nvmlSystemGetDriverVersion(self) -> str | bytes:
        return b"550.54.15" if self.old else "550.54.15"

    def nvmlDeviceGetCount(self) -> int:
        return len(self.cards)

    def nvmlDeviceGetHandleByIndex(self, at: int) -> tuple[int, int | None]:
        return at, None

    def nvmlDeviceGetName(self, handle: tuple[int, int | None]) -> str | bytes:
        name = self.cards[handle[0]][0]
        if handle[1] is not None:
            name += f" MIG {1 + handle[1]}g.5gb"
        return name.encode() if self.old else name

    def nvmlDeviceGetUUID(self, handle: tuple[int, int | None]) -> str:
        at, part = handle
        return self.cards[at][3] if part is None else self.slices[at][part][0]

    def nvmlDeviceGetMemoryInfo(self, handle: tuple[int, int | None]) -> SimpleNamespace:
        at, part = handle
        total, free = self.cards[at][1:3]
        if part is not None:
            total = free = self.slices[at][part][1]
        return SimpleNamespace(total=total * MIB, free=free * MIB, used=0)

    def nvmlDeviceGetCudaComputeCapability(self, handle: tuple[int, int | None]) -> tuple[int, int]:
        if handle[1] is not None:
            raise NotSupportedError("Not Supported")
        return self.cards[handle[0]][4]

    def nvmlDeviceGetMigMode(self, handle: tuple[int, int | None]) -> tuple[int, int]:
        if handle[0] not in self.slices:
            raise NotSupportedError("Not Supported")
        return 1, 1

    def nvmlDeviceGetMaxMigDeviceCount(self, handle: tuple[int, int | None]) -> int:
        return 7

    def nvmlDeviceGetMigDeviceHandleByIndex(
        self, handle: tuple[int, int | None], part: int
    ) -> tuple[int, int]:
        if part >= len(self.slices[handle[0]]):
            raise NotSupportedError("Not Found")
        return handle[0], part


Maker = Callable[..., Sources]


@pytest.fixture
def machine(tmp_path: Path) -> Maker:
    """A maker of machines: files by path under the root, and other sources by name."""

    def make(files: Mapping[str, str] | None = None, **sources: object) -> Sources:
        written = {"proc/cpuinfo": CPUINFO, "proc/meminfo": MEMINFO} | dict(files or {})
        for path, text in written.items():
            place = tmp_path / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(text.encode("utf-8", errors="surrogateescape"))
        plain = Sources(
            root=tmp_path,
            system="Linux",
            release="6.1",
            architecture="x86_64",
            environment={},
            folder=tmp_path,
            home=tmp_path,
            answer_of=_no_program,
            nvml=None,
            n_cores=lambda: 16,
            affinity=lambda: 8,
            memory=lambda: (64 * 10**9, 32 * 10**9),
        )
        return dataclasses.replace(plain, **sources)  # type: ignore[arg-type]

    return make


def _no_program(command: Sequence[str]) -> str:
    raise OSError(f"{command[0]} is not on the PATH")


def whys(readings: Readings) -> str:
    return "\n".join(f"{each.reading}: {each.why}" for each in readings.failures)


def test_no_gpu(machine: Maker) -> None:
    readings = read_hardware(machine())
    assert readings.gpus == ()
    assert readings.system == "Linux 6.1 x86_64"
    assert "nvidia-ml-py is not installed; nvidia-smi is not on the PATH" in whys(readings)
    assert [disk.what for disk in readings.disks] == ["working folder", "Hugging Face cache"]
    assert Readings.model_validate_json(readings.model_dump_json()) == readings


@pytest.mark.parametrize("old", [False, True])
def test_one_gpu(machine: Maker, old: bool) -> None:
    nvml = FakeNvml(L4, old=old)
    readings = read_hardware(machine(nvml=nvml))
    (gpu,) = readings.gpus
    assert gpu.name == "NVIDIA L4"
    assert gpu.total_bytes == 23034 * MIB
    assert gpu.free_bytes == 22600 * MIB
    assert (gpu.driver, gpu.compute_capability) == ("550.54.15", "8.9")
    assert (gpu.taken_from, gpu.simulated, gpu.mig) == ("NVML", False, False)
    assert not readings.failures
    assert nvml.open == 0
    known = known_as(gpu)
    assert isinstance(known, Machine)
    assert known.name == "l4"


@pytest.mark.parametrize(
    ("environment", "names", "told"),
    [
        ({}, ["NVIDIA L4", "NVIDIA A100-SXM4-40GB"], ""),
        ({"CUDA_VISIBLE_DEVICES": ""}, [], "hides 2 card(s)"),
        ({"CUDA_VISIBLE_DEVICES": "-1"}, [], "nothing is called -1"),
        ({"CUDA_VISIBLE_DEVICES": "1"}, ["NVIDIA A100-SXM4-40GB"], "fastest card first"),
        (
            {"CUDA_VISIBLE_DEVICES": "1,0", "CUDA_DEVICE_ORDER": "PCI_BUS_ID"},
            ["NVIDIA A100-SXM4-40GB", "NVIDIA L4"],
            "",
        ),
        (
            {"CUDA_VISIBLE_DEVICES": "0, 7, 1", "CUDA_DEVICE_ORDER": "PCI_BUS_ID"},
            ["NVIDIA L4"],
            "nothing is called 7",
        ),
        ({"CUDA_VISIBLE_DEVICES": "GPU-222"}, ["NVIDIA A100-SXM4-40GB"], ""),
        ({"CUDA_VISIBLE_DEVICES": "GPU-"}, [], "nothing is called GPU-"),
        ({"CUDA_VISIBLE_DEVICES": "all"}, [], "nothing is called all"),
        ({"CUDA_VISIBLE_DEVICES": "²"}, [], "nothing is called ²"),  # a digit, and no number
    ],
)
def test_two_gpus_and_which_of_them_are_visible(
    machine: Maker, environment: dict[str, str], names: list[str], told: str
) -> None:
    readings = read_hardware(machine(nvml=FakeNvml(L4, A100), environment=environment))
    assert [gpu.name for gpu in readings.gpus] == names
    assert [gpu.index for gpu in readings.gpus] == list(range(len(names)))
    assert told in whys(readings)
    assert bool(told) == bool(readings.failures)


@pytest.mark.parametrize(
    ("wanted", "uuids"),
    [
        (None, ["GPU-11111111-aaaa", "MIG-33", "MIG-44"]),
        ("1", ["MIG-33"]),
        ("MIG-44", ["MIG-44"]),
        ("GPU-22222222-bbbb", ["MIG-33"]),
        ("MIG-55", []),
    ],
)
def test_slices_of_a_card(machine: Maker, wanted: str | None, uuids: list[str]) -> None:
    environment = {"CUDA_DEVICE_ORDER": "PCI_BUS_ID"}
    if wanted is not None:
        environment["CUDA_VISIBLE_DEVICES"] = wanted
    nvml = FakeNvml(L4, A100, slices={1: SLICES})
    readings = read_hardware(machine(nvml=nvml, environment=environment))
    assert [gpu.uuid for gpu in readings.gpus] == uuids
    for gpu in readings.gpus:
        if gpu.mig:
            assert gpu.total_bytes == dict(SLICES)[str(gpu.uuid)] * MIB
            assert gpu.compute_capability == "8.0"
            assert "MIG" in gpu.name
            assert "slice" in str(known_as(gpu))


def test_mig_without_a_slice_is_no_device(machine: Maker) -> None:
    readings = read_hardware(machine(nvml=FakeNvml(A100, slices={0: ()})))
    assert readings.gpus == ()
    assert "no instance to run on" in whys(readings)


def test_one_answer_that_fails_costs_only_itself(machine: Maker) -> None:
    """Machines whose card shares the main memory do not tell its own."""
    nvml = FakeNvml(L4, broken=["nvmlDeviceGetMemoryInfo", "nvmlDeviceGetUUID"])
    readings = read_hardware(machine(nvml=nvml))
    (gpu,) = readings.gpus
    assert (gpu.name, gpu.total_bytes, gpu.free_bytes, gpu.uuid) == ("NVIDIA L4", None, None, None)
    assert "memory of GPU 0: NotSupportedError: Not Supported" in whys(readings)


SMI = "NVIDIA A10G, GPU-77, 23028, 22700, 535.1, 8.6, [N/A]\n"


@pytest.mark.parametrize("broken", ["nvmlInit", "nvmlDeviceGetCount"])
def test_nvidia_smi_answers_where_nvml_raises(machine: Maker, broken: str) -> None:
    asked: list[list[str]] = []

    def smi(command: Sequence[str]) -> str:
        asked.append(list(command))
        return SMI

    readings = read_hardware(machine(nvml=FakeNvml(L4, broken=[broken]), answer_of=smi))
    (gpu,) = readings.gpus
    assert (gpu.name, gpu.total_bytes, gpu.taken_from) == ("NVIDIA A10G", 23028 * MIB, "nvidia-smi")
    assert (gpu.driver, gpu.compute_capability) == ("535.1", "8.6")
    assert asked[0][0] == "nvidia-smi"
    assert not readings.failures


def test_an_old_nvidia_smi_is_asked_for_less(machine: Maker) -> None:
    def smi(command: Sequence[str]) -> str:
        if "compute_cap" in command[1]:
            raise OSError('ended with 2: Field "compute_cap" is not a valid field to query.')
        return "Tesla T4, GPU-1, 15360, 15000, 450.1\nTesla T4, GPU-2, 15360, 100, 450.1\n"

    readings = read_hardware(machine(answer_of=smi))
    assert [gpu.free_bytes for gpu in readings.gpus] == [15000 * MIB, 100 * MIB]
    assert readings.gpus[0].compute_capability is None


@pytest.mark.parametrize(
    ("printed", "n_gpus", "told"),
    [
        ("NVIDIA GB10, GPU-1, [N/A], [N/A], 580.1, 12.1, [N/A]\n", 1, "nvidia-smi says [N/A]"),
        ("NVIDIA A100-SXM4-40GB, GPU-1, 40960, 1, 550.1, 8.0, Enabled\n", 1, "MIG is on"),
        ("No devices were found\n", 0, "answers oddly: No devices"),
        ("", 0, "the driver counts none"),
    ],
)
def test_odd_answers_of_nvidia_smi(machine: Maker, printed: str, n_gpus: int, told: str) -> None:
    readings = read_hardware(machine(answer_of=lambda command: printed))
    assert len(readings.gpus) == n_gpus
    assert all(gpu.total_bytes is None for gpu in readings.gpus)
    assert told in whys(readings)


def test_the_drivers_files_give_the_name_at_least(machine: Maker) -> None:
    files = {"proc/driver/nvidia/gpus/0000:01:00.0/information": "Model: \t NVIDIA L4\nIRQ: 1\n"}
    readings = read_hardware(machine(files))
    (gpu,) = readings.gpus
    assert (gpu.name, gpu.total_bytes) == ("NVIDIA L4", None)
    assert "memory of the GPU: nvidia-ml-py is not installed" in whys(readings)


def test_programs_that_fail_say_why() -> None:
    with pytest.raises(OSError, match="not on the PATH"):
        answer_of(["no-such-program-zzz"])
    with pytest.raises(OSError, match="ended with 9: driver is asleep"):
        answer_of(["sh", "-c", "echo driver is asleep; exit 9"])
    assert answer_of(["echo", "hello"]) == "hello\n"


def ram_of(sources: Sources) -> tuple[Ram, list[Failure]]:
    failures: list[Failure] = []
    return read_ram(sources, failures), failures


def cpu_of(sources: Sources) -> tuple[Cpu, list[Failure]]:
    failures: list[Failure] = []
    return read_cpu(sources, failures), failures


def test_no_control_group_no_limit(machine: Maker) -> None:
    ram, _ = ram_of(machine())
    assert ram.usable_bytes == ram.total_bytes == 24684096 * 1024
    assert ram.usable_now_bytes == 15390272 * 1024
    cpu, _ = cpu_of(machine())
    assert (cpu.logical_cores, cpu.allowed_cores, cpu.quota_cores) == (16, 8, None)
    assert cpu.usable_cores == 8


V2 = {
    "proc/self/cgroup": "0::/user/job\n",
    "sys/fs/cgroup/user/job/cpu.max": "max 100000\n",
    "sys/fs/cgroup/user/cpu.max": "250000 100000\n",
    "sys/fs/cgroup/user/job/memory.max": "8000000000\n",
    "sys/fs/cgroup/user/job/memory.current": "5000000000\n",
    "sys/fs/cgroup/user/job/memory.stat": "anon 1\ninactive_file 2000000000\n",
    "sys/fs/cgroup/user/memory.max": "max\n",
}
V1 = {
    "proc/self/cgroup": "5:cpu,cpuacct:/docker/abc\n4:memory:/docker/abc\n0::/\n",
    "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "250000\n",
    "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": "100000\n",
    "sys/fs/cgroup/memory/memory.limit_in_bytes": "8000000000\n",
    "sys/fs/cgroup/memory/memory.usage_in_bytes": "5000000000\n",
    "sys/fs/cgroup/memory/memory.stat": "inactive_file 1\ntotal_inactive_file 2000000000\n",
}
"""As a container sees it: the path is the host's, the mount is its own."""


def test_what_is_free_is_the_cards_or_what_the_control_group_leaves(machine: Maker) -> None:
    found = machine(V2, nvml=FakeNvml(L4))
    assert free_on("cpu", found) == Free(free_bytes=5 * 10**9, total_bytes=8 * 10**9)
    assert free_on("cuda", found) == Free(free_bytes=22600 * MIB, total_bytes=23034 * MIB)
    assert free_on("cuda", machine()) == Free()


@pytest.mark.parametrize("files", [V2, V1], ids=["version 2", "version 1"])
def test_control_groups_limit_cores_and_memory(machine: Maker, files: dict[str, str]) -> None:
    cpu, failures = cpu_of(machine(files))
    assert cpu.quota_cores == 2.5
    assert cpu.usable_cores == 2
    ram, more = ram_of(machine(files))
    assert ram.limit_bytes == ram.usable_bytes == 8 * 10**9
    assert ram.limit_left_bytes == ram.usable_now_bytes == 5 * 10**9
    assert not failures + more
    assert "memory" in ram.taken_from[-1]


@pytest.mark.parametrize(
    "files",
    [
        {
            "proc/self/cgroup": "4:memory:/\n3:cpu:/\n",
            "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
            "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1\n",
            "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
        },
        {"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "max\n"},
        {"proc/self/cgroup": "0::/../../elsewhere\n"},
        {"proc/self/cgroup": "nonsense\n\n::\n"},
    ],
)
def test_groups_without_a_limit(machine: Maker, files: dict[str, str]) -> None:
    ram, failures = ram_of(machine(files))
    cpu, more = cpu_of(machine(files))
    assert (ram.limit_bytes, cpu.quota_cores) == (None, None)
    assert not failures + more


def test_a_tiny_quota_leaves_one_core(machine: Maker) -> None:
    cpu, _ = cpu_of(
        machine({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "10000 100000"})
    )
    assert cpu.quota_cores == 0.1
    assert cpu.usable_cores == 1


def test_odd_limits_are_told(machine: Maker) -> None:
    files = {
        "proc/self/cgroup": "0::/\n",
        "sys/fs/cgroup/cpu.max": "lots\n",
        "sys/fs/cgroup/memory.max": "plenty\n",
    }
    readings = read_hardware(machine(files))
    assert "quota of cores: ValueError" in whys(readings) or "IndexError" in whys(readings)
    assert "limit of memory: ValueError" in whys(readings)


ARM = "processor : 0\nFeatures : fp asimd bf16 i8mm sve\nCPU implementer : 0x41\n"


@pytest.mark.parametrize(
    ("text", "model", "sets"),
    [
        (CPUINFO, "AMD EPYC", ("avx2", "avx512f", "avx512_bf16")),
        (ARM, "x86_64", ("neon", "i8mm", "bf16", "sve")),
        ("", "x86_64", ()),
        ("no colon here\n\x00\udcff: \n:::\n", "x86_64", ()),
        ("model name : \x1b[31mred\nflags :\n", "\x1b[31mred", ()),
    ],
)
def test_odd_cpuinfo(machine: Maker, text: str, model: str, sets: tuple[str, ...]) -> None:
    cpu, failures = cpu_of(machine({"proc/cpuinfo": text}))
    assert cpu.model == model
    assert cpu.instruction_sets == sets
    assert bool(failures) == (not sets)


def test_files_that_are_not_there_are_told(machine: Maker, tmp_path: Path) -> None:
    sources = machine()
    (tmp_path / "proc/cpuinfo").unlink()
    (tmp_path / "proc/meminfo").unlink()
    readings = read_hardware(sources)
    assert "processor: FileNotFoundError" in whys(readings)
    assert readings.ram.total_bytes == 64 * 10**9
    assert readings.ram.taken_from == ("psutil",)


APPLE = {
    "machdep.cpu.brand_string": "Apple M3 Max\n",
    "hw.memsize": f"{36 * 2**30}\n",
    "iogpu.wired_limit_mb": "0\n",
}


@pytest.mark.parametrize(("limit", "total"), [("0", 36 * 2**30), ("30000", 30000 * MIB)])
def test_a_mac(machine: Maker, tmp_path: Path, limit: str, total: int) -> None:
    answers = APPLE | {"iogpu.wired_limit_mb": limit}

    sources = machine(
        system="Darwin",
        architecture="arm64",
        answer_of=lambda command: answers[command[-1]],
        affinity=lambda: None,
    )
    (tmp_path / "proc/cpuinfo").unlink()
    (tmp_path / "proc/meminfo").unlink()
    readings = read_hardware(sources)
    (gpu,) = readings.gpus
    assert (gpu.kind, gpu.name, gpu.total_bytes) == ("mps", "Apple M3 Max", total)
    assert gpu.free_bytes == 32 * 10**9
    assert readings.cpu.model == "Apple M3 Max"
    assert readings.cpu.instruction_sets == ("neon",)
    assert readings.cpu.usable_cores == 16
    known = known_as(gpu)
    assert isinstance(known, Machine)
    assert known.name == "apple-m3-max"


def test_a_card_that_is_not_here(machine: Maker) -> None:
    known = machine_named("RTX 4090")
    readings = with_gpu(read_hardware(machine()), known)
    (gpu,) = readings.gpus
    assert gpu.simulated
    assert gpu.total_bytes == gpu.free_bytes == known.total_bytes == 24564 * MIB
    assert known_as(gpu) is known
    assert not readings.failures


def test_an_unknown_card_says_so(machine: Maker) -> None:
    laptop = ("NVIDIA GeForce RTX 4090 Laptop GPU", 16376, 16000, "GPU-9", (8, 9))
    (gpu,) = read_hardware(machine(nvml=FakeNvml(laptop))).gpus
    assert "no machine is called" in str(known_as(gpu))


def test_no_order_of_answers_raises(machine: Maker) -> None:
    """Every function of NVML fails in turn, and all of them together."""
    names = [name for name in dir(FakeNvml) if name.startswith("nvml")]
    for broken in [*([name] for name in names), names]:
        nvml = FakeNvml(L4, A100, slices={1: SLICES}, broken=broken)
        read_hardware(machine(nvml=nvml))
