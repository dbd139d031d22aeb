"""The table of machines, and which of them a name means."""

from __future__ import annotations

from datetime import date

import pytest

from knowledge.errors import UserError
from knowledge.load import machines
from knowledge.machine_names import MEMORY_RATIOS, has_memory, machine_named, names_of
from knowledge.records import Machine

MIB = 2**20
SHARED = {
    "a100": {"a100-40gb", "a100-80gb", "a100-80gb-pcie"},
    "h100": {"h100-80gb", "h100-80gb-pcie"},
}
"""The names that several machines share."""


def test_there_are_many_and_the_old_figures_stand() -> None:
    known = machines()
    assert len(known) >= 52
    peaks = {name: known[name].tflops for name in ("l4", "rtx-4090", "a100-80gb", "h100-80gb")}
    assert peaks == {"l4": 121.0, "rtx-4090": 165.2, "a100-80gb": 312.0, "h100-80gb": 989.4}


@pytest.mark.parametrize("machine", machines().values(), ids=machines().keys())
def test_each_row_is_whole(machine: Machine) -> None:
    assert machine.name == machine.name.lower().replace(" ", "-")
    assert 1e11 < machine.bandwidth_bytes_per_s < 1e13
    assert machine.fp32_tflops is not None
    assert machine.fp32_tflops <= machine.tflops
    assert machine.tdp_watts is not None
    assert machine.year is not None
    assert has_memory(machine, machine.total_bytes)
    assert date.fromisoformat(machine.evidence.checked) <= date.today()
    assert machine.evidence.part or machine.kind == "mps"


@pytest.mark.parametrize("machine", machines().values(), ids=machines().keys())
def test_each_price_is_dated_and_sourced_or_absent(machine: Machine) -> None:
    if machine.price is None:
        assert machine.usd_per_hour is None
        assert machine.price_kind is None
        return
    assert machine.usd_per_hour is not None
    assert 0 < machine.usd_per_hour < 20
    assert date.fromisoformat(machine.price.checked) <= date.today()
    assert machine.price.url or "low quality" in machine.price_note
    assert machine.price_kind or "low quality" in machine.price_note


def test_names_are_of_one_machine_or_known_to_be_shared() -> None:
    holders: dict[str, set[str]] = {}
    for machine in machines().values():
        for name in names_of(machine):
            holders.setdefault(name, set()).add(machine.name)
    assert {name: rows for name, rows in holders.items() if len(rows) > 1} == SHARED


@pytest.mark.parametrize(
    ("text", "mebibytes", "name"),
    [
        ("rtx-4090", None, "rtx-4090"),
        ("RTX 4090", None, "rtx-4090"),
        ("4090", None, "rtx-4090"),
        ("RTX4090 24GB", None, "rtx-4090"),
        ("NVIDIA GeForce RTX 4090", 24564, "rtx-4090"),
        ("NVIDIA GeForce RTX 3080 Ti", 12288, "rtx-3080-ti"),
        ("NVIDIA A100-SXM4-80GB", 81920, "a100-80gb"),
        ("NVIDIA A100 80GB PCIe", 81920, "a100-80gb-pcie"),
        ("NVIDIA A100-PCIE-40GB", 40960, "a100-40gb"),
        ("A100", 40960, "a100-40gb"),
        ("A100 40 GB", None, "a100-40gb"),
        ("NVIDIA H100 80GB HBM3", 81559, "h100-80gb"),
        ("NVIDIA H100 PCIe", 81559, "h100-80gb-pcie"),
        ("NVIDIA H200", 143771, "h200"),
        ("NVIDIA H20", 97871, "h20"),
        ("NVIDIA L40S", 46068, "l40s"),
        ("NVIDIA L4", 23034, "l4"),
        ("NVIDIA A10G", 23028, "a10g"),
        ("NVIDIA A10", 23028, "a10"),
        ("Tesla T4", 15360, "t4"),
        ("Tesla V100-SXM2-32GB", 32768, "v100-32gb"),
        ("NVIDIA RTX 6000 Ada Generation", 49140, "rtx-6000-ada"),
        ("NVIDIA RTX PRO 6000 Blackwell Server Edition", 97887, "rtx-pro-6000"),
        ("NVIDIA GH200 480GB", None, "gh200-96gb"),
        ("NVIDIA B200", 183359, "b200"),
        ("Apple M3 Max", 36 * 1024, "apple-m3-max"),
    ],
)
def test_names_as_drivers_and_people_write_them(
    text: str, mebibytes: int | None, name: str
) -> None:
    memory = None if mebibytes is None else mebibytes * MIB
    assert machine_named(text, memory).name == name


@pytest.mark.parametrize(
    ("text", "mebibytes", "code", "told"),
    [
        ("A100", None, "E-HARDWARE-AMBIGUOUS", "a100-40gb (40 GB), a100-80gb-pcie (80 GB)"),
        ("A100", 81920, "E-HARDWARE-AMBIGUOUS", "a100-80gb-pcie (80 GB), a100-80gb (80 GB)"),
        ("H100", None, "E-HARDWARE-AMBIGUOUS", "h100-80gb-pcie"),
        ("rtx 4900", None, "E-HARDWARE-UNKNOWN", "did you mean rtx-4090"),
        ("toaster", None, "E-HARDWARE-UNKNOWN", "choose one of rtx-3060"),
        ("", None, "E-HARDWARE-UNKNOWN", "choose one of"),
        ("NVIDIA GeForce RTX 4090 Laptop GPU", 16376, "E-HARDWARE-UNKNOWN", "Laptop"),
        ("NVIDIA GeForce RTX 4060 Ti", 8188, "E-HARDWARE-UNKNOWN", "rtx-4060-ti-16gb (16 GB)"),
        ("Tesla V100-SXM2-16GB", 16384, "E-HARDWARE-UNKNOWN", "v100-32gb"),
        ("Quadro RTX 6000", 24576, "E-HARDWARE-UNKNOWN", "Quadro"),
        ("NVIDIA A100-SXM4-40GB MIG 1g.5gb", 4864, "E-HARDWARE-UNKNOWN", "MIG"),
    ],
)
def test_what_is_not_known_is_not_guessed(
    text: str, mebibytes: int | None, code: str, told: str
) -> None:
    with pytest.raises(UserError) as caught:
        machine_named(text, None if mebibytes is None else mebibytes * MIB)
    assert caught.value.code == code
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


def test_every_name_finds_its_machine() -> None:
    for machine in machines().values():
        for name in (machine.name, *machine.aliases):
            if name.lower() not in SHARED:
                assert machine_named(name) is machine
                assert machine_named(name, machine.total_bytes) is machine


def test_memory_that_is_reported_is_near_what_is_sold() -> None:
    low, high = MEMORY_RATIOS
    for machine in machines().values():
        if machine.reported_bytes is not None:
            assert low < machine.reported_bytes / machine.memory_bytes < high
