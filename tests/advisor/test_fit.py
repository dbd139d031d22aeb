"""`advisor fit`: verdicts by what is free, changes that mend, and one line for bad input."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any, get_args

import pytest

from advisor.commands.fit import METHODS
from advisor.commands.fit import fit as command
from advisor.fit import Fit, Memory, check_of, fit, memory_of, verdict_of
from advisor.fit_answers import settings_of
from advisor.fit_devices import FreeDevice, device_here, device_named
from advisor.fit_time import Work
from advisor.setting_changes import ways
from knowledge.errors import UserError
from knowledge.load import memory_forms, model_cards
from knowledge.local_speed import LocalSpeed
from probes.footprint.closed_form import NF4_BYTES, Shapes, form_of, group_of, places, terms
from probes.footprint.settings import Architecture, Method, Setting, safe_bytes
from probes.hardware.records import Cpu, Ram, Readings
from tests.advisor.command import refusal, run_main

CARD = model_cards()["Qwen2.5-1.5B-Instruct"]
SHAPE = Architecture.of_card(CARD)


def setting(**fields: Any) -> Setting:
    return Setting.model_validate({"method": "lora", "seq_len": 1024, **fields})


L4 = device_named("l4", None)
HERE = FreeDevice("a processor", "cpu", 10**11, "free now", place=None, here=True)
PROBE = LocalSpeed(
    device="cpu",
    dtype="float32",
    threads=2,
    hidden_size=1536,
    n_layers=2,
    tokens=1024,
    training_ops_per_s=5e10,
    inference_ops_per_s=6e10,
    decode_bytes_per_s=8e9,
    steps=3,
    seconds=20.0,
    versions={},
)
HARDWARE = Readings(
    system="Linux",
    gpus=(),
    cpu=Cpu(model="a processor", logical_cores=2, taken_from=()),
    ram=Ram(total_bytes=10**11, available_bytes=9 * 10**10, taken_from=()),
    disks=(),
    failures=(),
)


def answer(available_gb: float, **fields: Any) -> Fit:
    free = replace(L4, available_bytes=round(available_gb * 1e9))
    return fit(CARD, setting(**fields), free, Work())


def test_the_choices_are_those_of_a_setting() -> None:
    assert set(get_args(Method)) == set(METHODS)


@pytest.mark.parametrize("form", memory_forms(), ids=lambda form: form.group)
def test_every_form_was_tried_on_traces_that_it_was_not_fitted_to(form: Any) -> None:
    assert form.n >= 12
    assert 0 <= form.median_error <= form.worst_error
    assert form.median_error < 0.03
    assert form.places
    for held in form.places.values():
        assert all(factor > 0 for factor in (*held.once.values(), *held.layer.values()))


def test_the_weights_are_where_they_should_be() -> None:
    """With hardly a token and a small adapter only the weights are left."""
    small = setting(seq_len=64, rank=4, targets=("q_proj", "v_proj"))
    memory = memory_of(SHAPE, small)
    assert memory is not None
    assert memory.allocated_bytes == pytest.approx(2 * CARD.n_params, rel=0.12)
    four = memory_of(SHAPE, small.model_copy(update={"method": "qlora"}))
    assert four is not None
    shapes = Shapes.of(SHAPE)
    matrices = NF4_BYTES * shapes.matrices + 2 * shapes.embeddings
    assert four.allocated_bytes > matrices


@pytest.mark.parametrize(
    ("less", "more"),
    [
        ({"checkpointing": True}, {}),
        ({}, {"batch": 4}),
        ({}, {"seq_len": 4096}),
        ({}, {"rank": 256}),
        ({"method": "qlora", "checkpointing": True}, {"checkpointing": True}),
        ({}, {"method": "full", "dtype": "float32"}),
        ({"loss": "chunked", "checkpointing": True}, {"checkpointing": True}),
        ({"method": "inference"}, {"method": "inference", "new_tokens": 4096, "batch": 16}),
    ],
)
def test_what_takes_more_takes_more(less: dict[str, Any], more: dict[str, Any]) -> None:
    low, high = memory_of(SHAPE, setting(**less)), memory_of(SHAPE, setting(**more))
    assert low is not None
    assert high is not None
    assert low.allocated_bytes < high.allocated_bytes


def test_the_terms_are_bytes_that_one_can_count() -> None:
    found = terms(SHAPE, setting(batch=2, seq_len=100, rank=8))
    assert found.once["logits"] == 4 * 200 * CARD.vocab_size
    assert found.layer["tokens x hidden"] == 2 * 200 * CARD.hidden_size
    columns = Shapes.of(SHAPE).linear.values()
    assert found.layer["adapters"] == 4 * 8 * sum(a + b for a, b in columns)
    assert found.layer["weights"] == pytest.approx(
        2 * (sum(a * b for a, b in columns) + 2 * CARD.hidden_size)
    )


def test_the_verdict_follows_from_what_is_free() -> None:
    memory = Memory(
        allocated_bytes=9,
        reserved_bytes=10,
        reserved_high_bytes=11,
        context_bytes=1,
        safe_bytes=safe_bytes(12),
        at="",
        basis=(),
    )
    assert verdict_of(memory, memory.safe_bytes) == "fits"
    assert verdict_of(memory, memory.safe_bytes - 1) == "tight"
    assert verdict_of(memory, 11) == "tight"
    assert verdict_of(memory, 10) == "does-not-fit"


def test_changes_make_it_fit_and_say_what_they_cost() -> None:
    asked = answer(9, batch=8)
    assert asked.verdict == "does-not-fit"
    assert asked.changes
    for change in asked.changes:
        assert change.safe_bytes <= 9e9
    assert all(change.slower is None or change.slower > 0 for change in asked.changes)
    assert answer(100, batch=8).changes == ()
    assert answer(1, batch=8).changes == ()


def test_more_rows_take_longer_in_proportion() -> None:
    one = fit(CARD, setting(), L4, Work(rows=1000))
    ten = fit(CARD, setting(), L4, Work(rows=10_000))
    assert one.hours is not None
    assert one.usd is not None
    assert ten.hours is not None
    assert ten.hours.median == pytest.approx(10 * one.hours.median)
    assert one.hours.low < one.hours.median < one.hours.high
    assert one.usd.median == pytest.approx(one.hours.median * 0.8)


def test_a_setting_without_a_form_is_known_as_such() -> None:
    odd = setting(dtype="float16")
    assert form_of(odd) is None
    assert places(SHAPE, odd) == {}
    assert memory_of(SHAPE, odd) is None
    assert group_of(odd) == "lora float16"


def test_a_table_for_a_ladder(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_main(["fit", "--gpu", "rtx 4090"], monkeypatch) == 0
    out = capsys.readouterr().out
    assert out.count("Qwen2.5-7B-Instruct") >= 5
    for word in ("FITS", "DOES NOT FIT", "fits with", "assumed:"):
        assert word in out


def test_nothing_fits_is_exit_code_one_and_json_is_the_record(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = ["--model", "Qwen/Qwen2.5-72B-Instruct", "--method", "full", "--json"]
    assert run_main(["fit", "--gpu", "l4", *flags], monkeypatch) == 1
    (told,) = json.loads(capsys.readouterr().out)
    found = Fit.model_validate_json(json.dumps(told))
    assert found.verdict == "does-not-fit"
    assert found.memory is not None
    assert found.memory.allocated_bytes > 1e11


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (["--gpu", "toaster"], "E-HARDWARE-UNKNOWN"),
        (["--gpu", "l4", "--model", "Qwen2.5-7B"], "near it are"),
        (["--gpu", "l4", "--ladder", "none"], "E-LADDER-UNKNOWN"),
        (["--gpu", "l4", "--seq-len", "0"], "--seq-len"),
        (["--gpu", "l4", "--method", "magic"], "magic"),
        (["--gpu", "l4", "--epochs", "nan"], "--epochs"),
        (["--gpu", "l4", "--usd-per-hour", "nan"], "--usd-per-hour"),
        (["--gpu", "l4", "--model", "Qwen2.5-7B-Instruct", "--ladder", "qwen2.5"], "--ladder"),
        (["--gpu", "l4", "--nf4", "--method", "lora"], "qlora"),
        (["--gpu", "l4", "--model", "smollm2-135m-q4"], "E-MODEL-QUANTISED"),
        (["--gpu", "apple-m3-max"], "no CUDA card"),
        (["--gpu", "l4", "--measure"], "--measure"),
    ],
)
def test_bad_input_is_one_line(
    flags: list[str],
    told: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert told in refusal(["fit", *flags], monkeypatch, capsys)


@pytest.mark.parametrize("gpu", ["l4", "rtx-4090", "h100-80gb"])
@pytest.mark.parametrize(
    "fields",
    [
        {"rank": 64, "checkpointing": True},
        {"method": "qlora", "batch": 3},
        {"method": "full", "dtype": "float32"},
        {"method": "inference", "new_tokens": 7, "four_bit": True},
    ],
)
def test_the_check_asks_for_the_same_setting(gpu: str, fields: dict[str, Any]) -> None:
    asked = setting(**fields)
    words = check_of(CARD, asked, device_named(gpu, None)).split()
    assert words[:2] == ["advisor", "fit"]
    context = command.make_context("fit", words[2:])
    given = dict(context.params)
    assert given["gpu"] == gpu
    assert given["trace"]
    (again,) = settings_of(given.pop("methods"), L4, **given)
    assert again == asked


def test_an_unknown_family_is_told_and_given_room() -> None:
    phi = model_cards()["Phi-3.5-mini-instruct"]
    found = fit(phi, setting(), L4, Work())
    assert found.memory is not None
    assert any("no such layers" in line for line in found.memory.warnings)
    plain = safe_bytes(found.memory.reserved_high_bytes + found.memory.context_bytes)
    assert found.memory.safe_bytes == pytest.approx(1.1 * plain, rel=0.01)


@pytest.mark.parametrize(
    "odd",
    [
        {"autocast": True},
        {"attention": "eager"},
        {"optimiser": "sgd"},
        {"device": "cpu", "loss": "chunked"},
        {"device": "cpu", "method": "inference"},
        {"method": "qlora", "dtype": "float32"},
    ],
)
def test_what_no_trace_was_of_has_no_form(odd: dict[str, Any]) -> None:
    assert form_of(setting(**odd)) is None
    assert fit(CARD, setting(**odd), L4, Work()).memory is None


def test_a_smaller_batch_keeps_at_least_the_rows_of_a_step() -> None:
    for batch in (5, 7, 16):
        for change in answer(8, batch=batch, checkpointing=True).changes:
            words = change.what.replace("and ", "").split()
            if "batch" in words:
                size = int(words[words.index("batch") + 1])
                steps = int(words[words.index("with") + 1])
                assert size * steps >= batch
                assert size * (steps - 1) < batch


def test_rows_that_are_not_known_do_not_hide_the_others(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_main(["fit", "--gpu", "rtx-4090", "--fp32"], monkeypatch) == 0
    out = capsys.readouterr().out
    assert "not known" in out
    assert "FITS" in out


def test_what_spoils_more_is_only_told_where_it_must_be() -> None:
    """A smaller rank, shorter rows and another method come last, and only by themselves."""
    spoils = [kind[0].spoils for kind in ways(setting(batch=4, seq_len=2048, rank=64))]
    assert spoils == sorted(spoils)
    assert {0, 1, 2, 3} == set(spoils)
    enough = answer(20, batch=8, seq_len=2048, rank=64)
    assert enough.changes
    assert not any("rank" in change.what or "cut" in change.what for change in enough.changes)
    short = answer(3.8, method="qlora", seq_len=8192, checkpointing=True, loss="chunked")
    assert [change.what for change in short.changes if "cut at" in change.what]


@pytest.mark.parametrize("method", ["lora", "qlora", "full", "dpo", "inference"])
def test_every_way_is_another_setting_that_takes_less(method: str) -> None:
    asked = setting(method=method, batch=4, seq_len=2048, rank=64)
    now = memory_of(SHAPE, asked)
    assert now is not None
    for kind in ways(asked):
        for way in kind:
            assert way.setting != asked
            then = memory_of(SHAPE, way.setting)
            assert then is not None
            assert then.allocated_bytes < now.allocated_bytes


def test_a_processor_gives_back_what_is_free_and_has_no_published_speed() -> None:
    found = fit(CARD, setting(dtype="float32", device="cpu"), HERE, Work())
    assert found.memory is not None
    assert found.memory.allocated_bytes == found.memory.reserved_high_bytes
    assert found.verdict == "fits"
    assert found.hours is None
    assert "--measure" in found.time_basis
    assert "--gpu" not in found.check


def test_a_probe_of_this_machine_gives_its_times() -> None:
    asked = setting(dtype="float32", device="cpu")
    found = fit(CARD, asked, HERE, Work(rows=10), probe=PROBE)
    ten = fit(CARD, asked, HERE, Work(rows=100), probe=PROBE)
    assert found.hours is not None
    assert ten.hours is not None
    assert ten.hours.median == pytest.approx(10 * found.hours.median)
    assert found.tokens_per_s is not None
    assert found.tokens_per_s * found.hours.median * 3600 == pytest.approx(10 * 3 * 1024)
    answering = fit(
        CARD, setting(method="inference", dtype="float32", device="cpu"), HERE, Work(), probe=PROBE
    )
    assert answering.request_s is not None
    assert answering.hours is None


def test_measure_probes_each_model_once(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[Any] = []
    monkeypatch.setattr("advisor.fit_devices.read_hardware", lambda: HARDWARE)
    monkeypatch.setattr(
        "probes.speed_probe.probed", lambda settings: asked.append(settings) or PROBE
    )
    names = ["--model", "Qwen2.5-0.5B-Instruct", "--model", "Qwen2.5-1.5B-Instruct"]
    assert run_main(["fit", *names, "--measure", "--method", "lora"], monkeypatch) == 0
    assert [each.hidden_size for each in asked] == [896, 1536]
    assert {each.dtype for each in asked} == {"float32"}
    assert "no GPU was found" in capsys.readouterr().out


def test_no_memory_that_can_be_read_is_bad_input(monkeypatch: pytest.MonkeyPatch) -> None:
    blind = HARDWARE.model_copy(
        update={"ram": Ram(total_bytes=None, available_bytes=None, taken_from=())}
    )
    monkeypatch.setattr("advisor.fit_devices.read_hardware", lambda: blind)
    with pytest.raises(UserError, match="could not be read"):
        device_here(None)
    with pytest.raises(UserError, match="no GPU was found"):
        device_here(1.0)


def test_what_exceeds_the_context_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = ["--gpu", "h200", "--model", "Qwen2.5-0.5B-Instruct", "--seq-len", "100000"]
    run_main(["fit", *flags, "--method", "inference"], monkeypatch)
    assert "more than the model's context of 32,768" in capsys.readouterr().out
    run_main(["fit", *flags], monkeypatch)
    assert "more than the model's context of 32,768" in capsys.readouterr().out


def test_contradicting_widths_are_refused(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run_main(["fit", "--gpu", "l4", "--fp32", "--nf4"], monkeypatch) == 2
    assert "--fp32 and --nf4" in capsys.readouterr().err


def test_wider_weights_are_narrowed_and_full_training_becomes_qlora_at_last() -> None:
    wide = answer(5, method="inference", dtype="float32")
    assert [change.what for change in wide.changes] == ["bf16 weights"]
    whole = answer(4.5, method="full", seq_len=256)
    assert any("QLoRA" in change.what for change in whole.changes)
