"""What options take on a card, and what rules and reports make of it."""

from __future__ import annotations

import pytest

from advisor import room
from advisor.fit import memory_of, verdict_of
from advisor.nature import nature_of
from advisor.room import Space, Use, does_not_fit, needed, space_on, takes
from advisor.rules import RULES, Asked, Ruling
from knowledge.load import machines, model_cards
from knowledge.records import Machine
from probes.footprint.settings import Architecture, Setting
from probes.task import TaskSpec

L4 = Space("l4", machines()["l4"].total_bytes)
CARDS = model_cards()


def spec_of(**hardware: object) -> TaskSpec:
    fields = {"version": 1, "name": "t", "task_type": "classification", "data": {"train": "x"}}
    return TaskSpec.model_validate({**fields, "hardware": hardware})


def ruled(
    rule: str, method: str, model: str, machine: Machine, **hardware: object
) -> Ruling | None:
    nature = nature_of("classification", n_rows=200_000)
    return RULES[rule].function(Asked(spec_of(**hardware), nature, method, CARDS[model], machine))


def of_size(total_bytes: float) -> Machine:
    update = {"memory_bytes": int(total_bytes), "reported_bytes": int(total_bytes)}
    return machines()["l4"].model_copy(update=update)


def test_an_option_is_held_to_the_cheapest_usual_way() -> None:
    card = CARDS["Qwen2.5-7B-Instruct"]
    training, serving = takes(card, Use("lora", tokens_in=500, tokens_out=12), L4)
    asked = Setting(method="lora", seq_len=512, rank=16, checkpointing=True)
    expected = memory_of(Architecture.of_card(card), asked)
    assert expected is not None
    assert training.safe_bytes == expected.safe_bytes
    assert training.verdict == verdict_of(expected, L4.total_bytes) == "fits"
    assert (training.work, training.way) == ("training", "LoRA in bf16 with checkpointing")
    assert (serving.work, serving.way) == ("serving", "serving in bf16")
    assert training.tokens == serving.tokens == 512
    four, served = takes(card, Use("lora", 500, 12, four_bit=True), L4)
    assert four.way == "QLoRA with checkpointing"
    assert served.way == "serving in 4 bits"
    assert four.safe_bytes < training.safe_bytes / 2
    assert [each.work for each in takes(card, Use("few_shot", 500, 12), L4)] == ["serving"]


def test_the_rule_says_what_is_needed_and_of_what() -> None:
    found = ruled("fits-the-machine", "lora", "Qwen2.5-14B-Instruct", machines()["l4"])
    assert found is not None
    assert found.excludes
    assert found.reason.startswith(
        "does not fit l4 (24.2 GB): LoRA in bf16 with checkpointing needs "
    )
    assert len(found.reason) < 90
    assert found.shared == "needs more than the 24.2 GB of l4"
    assert not ruled(
        "fits-the-machine", "lora", "Qwen2.5-14B-Instruct", machines()["l4"], quantization="nf4"
    )
    assert not ruled("fits-the-machine", "full", "Qwen2.5-14B-Instruct", machines()["l4"])
    whole = ruled("weights-trained-whole", "full", "Qwen2.5-14B-Instruct", machines()["l4"])
    assert whole is not None
    assert "full fine-tuning in bf16 with checkpointing" in whole.reason


def test_what_fits_tightly_is_told_and_stays() -> None:
    training, _ = takes(CARDS["Qwen2.5-1.5B-Instruct"], Use("lora", 60, 4), L4)
    between = of_size((training.expected_bytes + training.safe_bytes) / 2)
    found = ruled("fits-the-machine", "lora", "Qwen2.5-1.5B-Instruct", between)
    assert found is not None
    assert not found.excludes
    assert found.logits == 0
    assert found.reason.startswith("tight on l4")
    enough = of_size(training.safe_bytes)
    assert ruled("fits-the-machine", "lora", "Qwen2.5-1.5B-Instruct", enough) is None
    less = ruled(
        "fits-the-machine", "lora", "Qwen2.5-1.5B-Instruct", of_size(training.expected_bytes - 1)
    )
    assert less is not None
    assert less.excludes


@pytest.mark.parametrize("method", ["zero_shot", "lora", "full"])
def test_where_there_is_no_form_the_rough_one_is_named(
    method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rule = "weights-trained-whole" if method == "full" else "fits-the-machine"
    apple = machines()["apple-m3-max"]
    assert space_on(apple) is None
    assert ruled(rule, method, "Qwen2.5-0.5B-Instruct", apple) is None
    monkeypatch.setattr("advisor.room.memory_of", lambda *_: None)
    needed.cache_clear()
    found = ruled(rule, method, "Qwen2.5-72B-Instruct", machines()["l4"])
    needed.cache_clear()
    assert found is not None
    assert found.excludes
    assert found.reason.endswith("are needed by a rough form")


def test_a_setting_is_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def counted(architecture: Architecture, setting: Setting) -> object:
        asked.append(setting)
        return memory_of(architecture, setting)

    monkeypatch.setattr(room, "memory_of", counted)
    needed.cache_clear()
    use = Use("lora", 60, 4)
    assert list(takes(CARDS["Qwen2.5-1.5B-Instruct"], use, L4)) == list(
        takes(CARDS["Qwen2.5-1.5B-Instruct"], use, L4)
    )
    assert len(asked) == 2


def test_what_fits_needs_no_words() -> None:
    training, _ = takes(CARDS["Qwen2.5-0.5B-Instruct"], Use("lora", 60, 4), L4)
    assert does_not_fit(training) == ""
