"""Operations by hand, times that grow with work, intervals as wide as what is known."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest

from knowledge.cost import place, serving_price, training_price
from knowledge.decoding import (
    Request,
    Serving,
    answering_time,
    cache_bytes,
    largest_batch,
    latency,
    prompt_ops,
    stored_bytes,
    token_s,
    weights_bytes,
)
from knowledge.load import machines, model_cards, throughput
from knowledge.local_speed import PROBED_HALF, LocalSpeed, probed_latency, probed_training
from knowledge.throughput import (
    Device,
    Job,
    Network,
    attention_ops,
    ceilings_of,
    linear_ops,
    micro_step_s,
    network_of,
    operations,
    parts,
    training_time,
    utilisation,
    waited,
)

LAWS = throughput()
TINY = Network(n_params=1000, n_layers=2, hidden_size=10, vocab_size=20, kv_columns=5, tied=False)
A100 = Device("a100-80gb", 312.0, 2039.0)
QWEN = network_of(model_cards()["Qwen2.5-7B-Instruct"])
SIZES = [
    network_of(model_cards()[f"Qwen2.5-{size}-Instruct"])
    for size in ("0.5B", "1.5B", "3B", "7B", "14B", "32B", "72B")
]

PROBE = LocalSpeed(
    device="cpu",
    dtype="float32",
    threads=1,
    hidden_size=3584,
    n_layers=2,
    tokens=64,
    training_ops_per_s=5e10,
    inference_ops_per_s=6e10,
    decode_bytes_per_s=8e9,
    steps=3,
    seconds=12.0,
    versions={"torch": "2.13.0"},
)


@pytest.mark.parametrize(
    ("job", "linear", "attention"),
    [
        # 8 tokens; a forward pass of attention: 4 x 2 layers x 10 columns x 4 tokens / 2 = 160
        (Job("full", 4, 2), 6 * 1000 * 8, 3 * 160 * 8),
        (Job("lora", 4, 2), 4 * 1000 * 8, 3 * 160 * 8),
        (Job("qlora", 4, 2), 4 * 1000 * 8, 3 * 160 * 8),
        (Job("lora", 4, 2, "full"), 6 * 1000 * 8, 4 * 160 * 8),
        (Job("full", 4, 2, "selective"), 7 * 1000 * 8, 3.5 * 160 * 8),
        # two answers to each of two pairs, and a pass of the reference
        (Job("lora", 4, 2, preference=True), 6 * 1000 * 16, 4 * 160 * 16),
    ],
)
def test_operations_by_hand(job: Job, linear: float, attention: float) -> None:
    assert linear_ops(TINY, job) == linear
    assert attention_ops(TINY, job) == attention
    assert operations(TINY, job) == linear + attention


def test_parts_by_hand() -> None:
    """A device of 1 TFLOPS and 1 GB/s, 8 tokens, full training with an update every 2nd step."""
    law = LAWS.training.model_copy(
        update={"gemm": 0.5, "attention": 0.25, "traffic": 300.0, "launch_s": 0.1, "update": 2.0}
    )
    found = parts(TINY, Job("full", 4, 2, accumulation=2), Device("d", 1.0, 1.0), law)
    assert found["products"] == pytest.approx(48_000 / 0.5e12)
    assert found["attention"] == pytest.approx(3_840 / 0.25e12)
    assert found["traffic"] == pytest.approx(8 * (2 * 10 * 300 + 20 * 24) / 1e9)
    assert found["update"] == pytest.approx(2 * 1000 * 22 / 2 / 1e9)
    assert found["launch"] == pytest.approx(0.1 * 2 * 3)
    again = parts(TINY, Job("qlora", 4, 2), Device("d", 1.0, 1.0), law)
    assert again["dequantising"] == pytest.approx(law.dequantising * 1000 * 3 * 4.5 / 1e9)


def test_waiting_lies_between_the_slower_and_the_sum() -> None:
    assert waited(3.0, 4.0, 2.0) == pytest.approx(5.0)
    assert waited(3.0, 4.0, 1.0) == pytest.approx(7.0)
    assert waited(0.0, 4.0, 2.0) == 4.0
    assert waited(1e-300, 4.0, 9.0) == 4.0


@pytest.mark.parametrize("method", ["full", "lora", "qlora"])
def test_larger_models_and_more_tokens_take_longer(method: Any) -> None:
    times = [micro_step_s(net, Job(method, 1024), A100, LAWS.training) for net in SIZES]
    assert times == sorted(times)
    lengths = [
        micro_step_s(QWEN, Job(method, length, batch), A100, LAWS.training)
        for length, batch in ((256, 1), (512, 1), (512, 2), (1024, 1), (2048, 1), (2048, 8))
    ]
    assert lengths == sorted(lengths)


def test_what_is_added_costs_time() -> None:
    plain = Job("lora", 1024)
    dearer = [
        replace(plain, checkpointing="full"),
        replace(plain, method="full"),
        replace(plain, method="qlora"),
        replace(plain, preference=True),
    ]
    base = micro_step_s(QWEN, plain, A100, LAWS.training)
    assert all(micro_step_s(QWEN, job, A100, LAWS.training) > base for job in dearer)


def test_utilisation_rises_with_tokens_and_width_and_stays_below_the_peak() -> None:
    shares = [
        utilisation(training_time(QWEN, Job("lora", 2048, batch), A100, LAWS.training), A100)
        for batch in (1, 2, 8)
    ]
    assert shares == sorted(shares)
    assert 0.2 < shares[0] < shares[-1] < 1
    small = training_time(SIZES[0], Job("lora", 2048), A100, LAWS.training)
    assert utilisation(small, A100) < shares[0]


def test_an_unknown_stack_or_device_is_wider_than_a_known_one() -> None:
    job = Job("lora", 1024, 1, "full")

    def width(stack: str, device: Device) -> float:
        found = training_time(QWEN, job, device, LAWS.training, stack)
        assert found.low_s < found.median_s < found.high_s
        return math.log(found.high_s / found.low_s)

    known = width("qwen-v1-2023", A100)
    assert width("homemade", A100) > 1.5 * known
    elsewhere = width("qwen-v1-2023", replace(A100, name="rtx-4090"))
    assert elsewhere == pytest.approx(width("homemade", A100))


def test_answers_by_hand() -> None:
    """1,000 parameters, 200 in each of two tables: 600 of the body at 4.2 bits, a table at 16."""
    assert weights_bytes(TINY, "none") == 600 * 2 + 200 * 2
    assert weights_bytes(TINY, "gptq-int4") == pytest.approx(600 * 4.2 / 8 + 200 * 2)
    assert stored_bytes(TINY, "gptq-int4") == pytest.approx(600 * 4.2 / 8 + 400 * 2)
    assert cache_bytes(TINY) == 2 * 2 * 5 * 2
    assert prompt_ops(TINY, 4) == 4 * (2 * 1000 + 160)


def test_a_batch_shares_the_weights() -> None:
    request = Request(500, 100)

    def each(batch: int) -> float:
        return answering_time(QWEN, Serving(batch=batch), request, A100, LAWS).median_s

    def wait(batch: int) -> float:
        return latency(QWEN, Serving(batch=batch), request, A100, LAWS).median_s

    assert each(1) > each(4) > each(16) > each(16) / 2
    assert wait(1) < wait(4) < wait(16)
    assert each(1) == pytest.approx(wait(1))


def test_longer_contexts_larger_models_and_eager_generation_take_longer() -> None:
    steps = [token_s(net, Serving(), A100, 1000, LAWS) for net in SIZES]
    assert steps == sorted(steps)
    assert token_s(QWEN, Serving(), A100, 30_000, LAWS) > token_s(QWEN, Serving(), A100, 10, LAWS)
    eager = Serving("eager")
    assert token_s(QWEN, eager, A100, 1000, LAWS) > token_s(QWEN, Serving(), A100, 1000, LAWS)


def test_the_batch_is_what_fits() -> None:
    request = Request(1000, 24)
    each = 1024 * cache_bytes(QWEN)
    assert largest_batch(QWEN, "none", request, 80) == 64
    room = 0.9 * 24e9 - stored_bytes(QWEN, "none")
    assert largest_batch(QWEN, "none", request, 24, at_most=10_000) == int(room / each)
    assert largest_batch(QWEN, "none", request, 12) == 0


def test_prices_follow_from_times_and_can_be_overridden() -> None:
    card = machines()["a100-80gb"]
    where = place(card)
    assert where.device == ceilings_of(card) == A100
    job, tokens = Job("lora", 1024, 1, "full"), 1_024_000
    found = training_price(QWEN, job, tokens, where, LAWS)
    step = training_time(QWEN, job, where.device, LAWS.training)
    assert found.time.median_s == pytest.approx(1000 * step.median_s)
    assert found.usd is not None
    assert found.usd.median == pytest.approx(found.time.median_s / 3600 * 1.79)
    assert found.usd.low < found.usd.median < found.usd.high
    assert where.price is not None
    assert where.price.checked == "2026-11-09"
    own = place(card, 1.0)
    assert (own.usd_per_hour, own.price) == (1.0, None)
    mine = training_price(QWEN, job, tokens, place(card, 0.0), LAWS)
    assert mine.usd is not None
    assert mine.usd.high == 0
    unpriced = place(machines()["rtx-3060"])
    assert training_price(QWEN, job, tokens, unpriced, LAWS).usd is None


def test_a_month_of_serving() -> None:
    request, where = Request(500, 150), place(machines()["l4"])
    found = serving_price(SIZES[0], Serving(batch=8), request, 1e6, where, LAWS)
    assert found is not None
    assert found.usd is not None
    assert found.batch == 8
    assert found.busy.median_s == pytest.approx(1e6 / found.requests_per_s)
    assert found.usd.median == pytest.approx(found.busy.median_s / 3600 * 0.8)
    assert found.alone.median_s < found.among.median_s
    assert found.devices == 1
    assert found.kept_usd == pytest.approx(730 * 0.8)
    many = serving_price(SIZES[0], Serving(batch=8), request, 1e9, where, LAWS)
    assert many is not None
    assert many.devices == math.ceil(many.busy.median_s / (730 * 3600)) > 10
    assert serving_price(SIZES[-1], Serving(), request, 1, where, LAWS) is None


def test_a_probe_replaces_the_utilisation_and_narrows_the_interval() -> None:
    job = Job("lora", 1024)
    before = training_time(QWEN, job, Device("unheard-of", 100, 500), LAWS.training)
    after = probed_training(before.operations, PROBE)
    assert after.median_s == pytest.approx(operations(QWEN, job) / 5e10)
    assert math.log(after.high_s / after.median_s) == pytest.approx(PROBED_HALF)
    gpu = probed_training(before.operations, PROBE.model_copy(update={"device": "cuda NVIDIA L4"}))
    assert after.high_s < gpu.high_s < gpu.median_s * before.high_s / before.median_s
    assert after.high_s / after.low_s < before.high_s / before.low_s
    assert probed_training(10 * before.operations, PROBE).median_s == pytest.approx(
        10 * after.median_s
    )


def test_answers_at_the_speeds_of_a_probe() -> None:
    """800 parameters read in fp32 for each of 5 tokens, after a prompt of 4."""
    found = probed_latency(TINY, Request(4, 5), PROBE)
    assert found.median_s == pytest.approx(8640 / 6e10 + 5 * 4 * 800 / 8e9)
    assert found.low_s < found.median_s < found.high_s


def test_the_fitted_constants_are_plausible_and_sourced() -> None:
    assert 0.3 < LAWS.training.attention < LAWS.training.gemm <= 1
    assert 1e-4 < LAWS.training.launch_s < 1e-2
    assert LAWS.training.spread.known < LAWS.training.spread.new
    assert LAWS.decoding.spread.known < LAWS.decoding.spread.new
    assert len(LAWS.sources) >= 10
