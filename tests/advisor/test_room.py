"""What options take on a card, and what rules and reports make of it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from advisor import belief, room
from advisor.fit import memory_of, verdict_of
from advisor.nature import nature_of
from advisor.records import Option
from advisor.report import sections
from advisor.room import (
    Space,
    Use,
    does_not_fit,
    needed,
    space_for,
    space_on,
    taken_by,
    taken_text,
    takes,
)
from advisor.rules import RULES, Asked, Ruling
from knowledge.load import machines, model_cards
from knowledge.records import Machine
from probes.footprint.settings import Architecture, Setting
from probes.records import Measurement
from probes.task import TaskSpec

Make = Callable[..., Measurement]
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


def measured_on(make: Make, **cell: object) -> Measurement:
    fields = {"rung": "Qwen2.5-7B-Instruct", "method": "lora", "role": "repeat", "n_train": 100}
    params = {"rank": 64, "decoding": "generate"}
    return make([1.0, 0.0, 1.0, 1.0] * 5, **{**fields, "params": params, **cell})


def test_a_measured_option_takes_what_its_longest_request_and_its_rank_take(
    measurement: Make,
) -> None:
    run, card = measured_on(measurement), CARDS["Qwen2.5-7B-Instruct"]
    training, serving = taken_by([run], card, spec_of(), L4)
    asked = Setting(method="lora", seq_len=12, rank=64, checkpointing=True)
    memory = memory_of(Architecture.of_card(card), asked)
    assert memory is not None
    assert training.safe_bytes == memory.safe_bytes
    assert serving.tokens == 12
    longer = run.predictions[0].model_copy(update={"input_tokens": 4000})
    long = run.model_copy(update={"predictions": (*run.predictions[1:], longer)})
    assert taken_by([long], card, spec_of(), L4)[0].safe_bytes > training.safe_bytes
    nothing = run.model_copy(update={"predictions": ()})
    assert taken_by([nothing], card, spec_of(), L4) == ()


def test_samples_are_written_one_after_the_other(measurement: Make) -> None:
    params = {"samples": 2, "decoding": "generate"}
    run = measured_on(measurement, method="vote", role="search", params=params)
    (serving,) = taken_by([run], CARDS["Qwen2.5-7B-Instruct"], spec_of(), L4)
    assert serving.tokens == 10 + 1


def test_what_does_not_fit_its_card_is_barred_after_probes(measurement: Make) -> None:
    run = measured_on(measurement)
    cards = {"Qwen2.5-7B-Instruct": CARDS["Qwen2.5-7B-Instruct"]}

    def option(space: Space | None, **hardware: object) -> Option:
        measured, machine = [run], machines()["l4"]
        return belief.options(measured, spec_of(**hardware), {}, cards, machine, space)[0]

    small = Space("rtx-3060", machines()["rtx-3060"].total_bytes)
    barred = option(small)
    assert barred.barred == (does_not_fit(barred.memory[0]),)
    assert barred.barred[0].startswith("does not fit rtx-3060 (12.9 GB): LoRA in bf16")
    assert {each.verdict for each in barred.memory} == {"does-not-fit"}
    assert option(small, quantization="nf4").barred == ()
    assert option(L4).barred == ()
    assert option(None).memory == option(None).barred == ()
    text = taken_text(option(L4).memory)
    assert text.startswith("l4 (24.2 GB): LoRA in bf16 with checkpointing needs ")
    assert text.endswith("GB: FITS")
    assert list(sections.memory(option(L4))) == [f"- **Memory:** {text}"]
    assert list(sections.memory(option(None))) == []


@pytest.mark.parametrize(
    ("named", "gpu", "gpu_bytes", "space"),
    [
        ("l4", "NVIDIA H100", 10**11, L4),
        (None, "NVIDIA H100", 10**11, Space("NVIDIA H100", 10**11)),
        (None, "NVIDIA H100", None, None),
        (None, None, None, None),
        ("apple-m3-max", "NVIDIA H100", 10**11, None),
    ],
)
def test_the_specs_card_comes_before_the_one_here(
    named: str | None, gpu: str | None, gpu_bytes: int | None, space: Space | None
) -> None:
    assert space_for(spec_of(gpu=named), gpu, gpu_bytes) == space


def test_what_fits_needs_no_words() -> None:
    training, _ = takes(CARDS["Qwen2.5-0.5B-Instruct"], Use("lora", 60, 4), L4)
    assert does_not_fit(training) == ""
