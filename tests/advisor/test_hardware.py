"""How a card is named and priced by the spec and the flags, and what `advisor doctor` prints."""

from __future__ import annotations

import json
from datetime import date

import pytest
from click.testing import CliRunner

from advisor.commands.doctor import doctor
from advisor.hardware_text import hardware_lines, price_text
from advisor.prices import price_of, reference_machine
from advisor.task import Flags
from knowledge.errors import UserError
from knowledge.load import machines, model_cards
from probes.hardware.records import Cpu, Disk, Failure, Gpu, Ram, Readings
from probes.task import DataSpec, Hardware, TaskSpec

CARD = model_cards()["Qwen2.5-0.5B-Instruct"]
READINGS = Readings(
    system="Linux 6.1 x86_64",
    gpus=(
        Gpu(index=0, name="NVIDIA L4", total_bytes=24152899584, free_bytes=24 * 10**9,
            driver="550.1", compute_capability="8.9", taken_from="NVML"),
        Gpu(index=1, name="Evil \x1b[31m\ncard", taken_from="/proc/driver/nvidia"),
    ),
    cpu=Cpu(model="AMD EPYC", logical_cores=16, allowed_cores=8, quota_cores=2.5,
            instruction_sets=("avx2", "avx512f"), taken_from=("/proc/cpuinfo",)),
    ram=Ram(total_bytes=64 * 10**9, available_bytes=32 * 10**9, limit_bytes=8 * 10**9,
            limit_left_bytes=None, taken_from=("/proc/meminfo",)),
    disks=(Disk(what="working folder", path="/home", total_bytes=10**12, free_bytes=10**11),),
    failures=(Failure(reading="memory of the GPU", why="no\x1b[2Jthing"),),
)  # fmt: skip


def spec_of(**hardware: object) -> TaskSpec:
    return TaskSpec(
        version=1,
        name="t",
        task_type="code",
        data=DataSpec(train="x"),
        hardware=Hardware.model_validate(hardware),
    )


def test_lines_tell_the_reading_its_source_and_the_machine_it_is_taken_for() -> None:
    lines = list(hardware_lines(READINGS))
    assert [what for what, _ in lines] == [
        "system", "gpu 0", "", "", "gpu 1", "", "cpu", "memory", "disk", "not read",
    ]  # fmt: skip
    text = "\n".join(reading for _, reading in lines)
    assert "NVIDIA L4, 24.2 GB, 24.0 GB free, driver 550.1, compute capability 8.9 (NVML)" in text
    assert "taken for l4: 121 TFLOPS in bf16, 300 GB/s, 72 W, of 2023" in text
    assert "0.80 USD/h (serverless, 2026-05-07, Modal list price)" in text
    assert "not in the table: no machine is called" in text
    assert "8 allowed, quota of 2.5 cores, avx2 avx512f (/proc/cpuinfo)" in text
    assert "limit 8.0 GB, unknown of it left" in text
    assert "100.0 GB free of 1000.0 GB (/home)" in text


def test_doctor_is_safe_for_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("probes.hardware.reading.read_hardware", lambda: READINGS)
    done = CliRunner().invoke(doctor)
    assert done.exit_code == 0
    assert "\x1b" not in done.output
    assert "Evil \\x1b[31m\\ncard" in done.output
    assert "ladder         pocket" in done.output


def test_doctor_of_a_card_that_is_not_here() -> None:
    done = CliRunner().invoke(doctor, ["--gpu", "A100 80GB", "--json"])
    told = json.loads(done.output)
    (gpu,) = told["readings"]["gpus"]
    assert gpu["simulated"]
    assert gpu["free_bytes"] == gpu["total_bytes"] == 81920 * 2**20
    assert told["known_as"][0]["name"] == "a100-80gb"
    assert "A100" not in str(told["machine"])  # what a probe would really run on


@pytest.mark.parametrize("name", [None, "L4", "NVIDIA L4", "l4"])
def test_the_spec_may_name_a_card_as_it_likes(name: str | None) -> None:
    assert reference_machine(spec_of(gpu=name)) is machines()["l4"]


@pytest.mark.parametrize(
    ("hardware", "code"),
    [
        ({"gpu": "toaster"}, "E-HARDWARE-UNKNOWN"),
        ({"gpu": "A100"}, "E-HARDWARE-AMBIGUOUS"),
        ({"gpu": "rtx-3060"}, "E-HARDWARE-PRICE"),
        ({"gpu": "apple-m3-max"}, "E-HARDWARE-PRICE"),
    ],
)
def test_a_card_that_cannot_be_priced_is_refused(hardware: dict[str, object], code: str) -> None:
    with pytest.raises(UserError) as caught:
        reference_machine(spec_of(**hardware))
    assert caught.value.code == code


def test_the_users_price_stands_above_the_tables() -> None:
    machine = reference_machine(spec_of(gpu="4090", usd_per_hour=0.1))
    assert (machine.name, machine.usd_per_hour, machine.tflops) == ("rtx-4090", 0.1, 165.2)
    assert machine.price is not None
    assert machine.price.checked == date.today().isoformat()
    spec = spec_of()
    cheap = price_of(CARD, spec, machine, 10**6, 400, all_weights=False)
    table = price_of(CARD, spec, machines()["rtx-4090"], 10**6, 400, all_weights=False)
    assert cheap.training_usd == pytest.approx(table.training_usd * 0.1 / 0.69)
    assert cheap.machine == "rtx-4090 at 0.10 USD/h (as the spec says), 25 % of peak"
    assert table.machine == "rtx-4090 at 0.69 USD/h (marketplace, 2026-06-15), 25 % of peak"


def test_flags_stand_above_the_spec() -> None:
    spec = spec_of(gpu="l4", quantization="nf4")
    changed = Flags(gpu="h200", usd_per_hour=2.5).applied(spec).hardware
    assert (changed.gpu, changed.usd_per_hour, changed.quantization) == ("h200", 2.5, "nf4")
    assert Flags().applied(spec) is spec


def test_a_doubtful_price_says_so() -> None:
    assert "low quality" in price_text(machines()["rtx-3070"])
    assert price_text(machines()["rtx-3060"]) == "no price is known of it"
