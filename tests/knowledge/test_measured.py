"""Published measurements load, are sourced, and a broken file says where."""

from __future__ import annotations

from pathlib import Path

import pytest

from knowledge.errors import UserError
from knowledge.measured import FOLDER, gpus, read_measured

ROWS = read_measured()


def test_every_row_has_a_source_and_says_something() -> None:
    assert len(ROWS) > 700
    for row in ROWS:
        assert row.source.startswith(("github:", "https://"))
        assert row.memory_gb or row.tokens_per_s or row.seconds_per_step


def test_out_of_memory_is_a_bound() -> None:
    failed = [row for row in ROWS if row.out_of_memory]
    assert len(failed) > 10
    assert all(row.memory_gb == gpus()[row.gpu].memory_gb for row in failed)
    assert all(row.tokens_per_s is None for row in failed)


def test_both_ways_to_publish_a_speed_give_seconds() -> None:
    """Qwen-7B LoRA at 2,048: 5.2 s for 8 micro-steps; PEFT: 840 tokens at 7,174.3 a second."""
    qwen = next(r for r in ROWS if r.model == "Qwen-7B" and r.seq_len == 2048 and r.n_gpu == 1)
    assert qwen.micro_step_s == pytest.approx(5.2 / 8)
    peft = next(r for r in ROWS if r.source.endswith("rank32.json"))
    assert peft.micro_step_s == pytest.approx(840 / 7174.3)


def test_names_of_devices_are_short_and_priced_ones_are_dated() -> None:
    assert {"rtx-4090", "l4", "l40s", "a100-80gb-sxm", "h100-80gb-sxm", "h20"} <= set(gpus())
    for gpu in gpus().values():
        assert (gpu.usd_per_hour is None) == (not gpu.price_date) or gpu.usd_per_hour == 0


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        ("lora,none,bf16", "sorcery,none,bf16", "method"),
        (",6.7,device", ",-6.7,device", "memory_gb"),
        ("model,n_params", "model,n_parameters", "n_params"),
    ],
)
def test_a_broken_file_names_line_and_field(tmp_path: Path, old: str, new: str, field: str) -> None:
    text = (FOLDER / "measured.csv").read_text(encoding="utf-8")
    assert old in text
    path = tmp_path / "measured.csv"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(UserError, match="E-MEASURED") as caught:
        read_measured(path)
    assert "line 2" in caught.value.what
    assert field in caught.value.what
