"""Published measurements load, are sourced, and a broken file says where."""

from __future__ import annotations

from pathlib import Path

import pytest

from knowledge.errors import UserError
from knowledge.load import machines
from knowledge.measured import FOLDER, read_measured

ROWS = read_measured()


def test_every_row_has_a_source_and_says_something() -> None:
    assert len(ROWS) > 700
    for row in ROWS:
        assert row.source.startswith(("github:", "https://"))
        assert row.memory_gb or row.tokens_per_s or row.seconds_per_step


def test_out_of_memory_is_a_bound() -> None:
    failed = [row for row in ROWS if row.out_of_memory]
    assert len(failed) > 10
    assert all(row.memory_gb == machines()[row.gpu].memory_bytes / 1e9 for row in failed)
    assert all(row.tokens_per_s is None for row in failed)


def test_both_ways_to_publish_a_speed_give_seconds() -> None:
    """Qwen-7B LoRA at 2,048: 5.2 s for 8 micro-steps; PEFT: 840 tokens at 7,174.3 a second."""
    qwen = next(r for r in ROWS if r.model == "Qwen-7B" and r.seq_len == 2048 and r.n_gpu == 1)
    assert qwen.micro_step_s == pytest.approx(5.2 / 8)
    peft = next(r for r in ROWS if r.source.endswith("rank32.json"))
    assert peft.micro_step_s == pytest.approx(840 / 7174.3)


def test_devices_are_machines_or_known_not_to_be() -> None:
    """What a source calls `A100-80GB` may be either card; the others are not in the table."""
    others = {row.gpu for row in ROWS} - set(machines())
    assert others == {"", "A100-80GB", "GB200", "H200-NVL"}


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
