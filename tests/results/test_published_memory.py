"""Published memory as settings: widths, habits, bounds, and that a source is judged unseen."""

from __future__ import annotations

import pytest

from knowledge.load import memory_stacks
from knowledge.measured import read_measured
from probes.footprint.closed_form import Shapes
from results.fit.memory import below_peak, kind_of, law_of, said
from results.fit.memory_backtest import accelerate, akin, bits_of, llama_factory
from results.fit.memory_habits import OF_2024, PLAIN, habit_of
from results.fit.memory_rows import Case, architecture_of, cases, counted

ROWS = read_measured()
FOUND, LEFT = cases(ROWS)


def one(stack: str, model: str, **fields: object) -> Case:
    """The first row of a stack and model with those fields."""
    return next(
        case
        for case in FOUND
        if case.row.stack == stack
        and case.row.model == model
        and all(getattr(case.row, name) == value for name, value in fields.items())
    )


def test_widths_come_to_the_published_parameters() -> None:
    """Llama's and Qwen's within .3 %; two matrices taken for three and experts are stand-ins."""
    for row in ROWS:
        found = architecture_of(row) if row.n_layers and row.n_gpu == 1 else None
        if found is None or row.n_active != row.n_params or "litgpt" in row.stack:
            continue
        assert counted(Shapes.of(found)) == pytest.approx(row.n_params, rel=0.003), row.model


def test_every_row_with_a_memory_is_judged_or_left_out_with_a_reason() -> None:
    told = sum(row.memory_gb is not None for row in ROWS)
    assert len(FOUND) + sum(LEFT.values()) == told
    assert len(FOUND) > 350
    assert all(reason for _, reason in LEFT)


def test_a_row_is_said_as_its_stack_runs_it() -> None:
    lora = one("litgpt-2023", "phi-1.5", method="lora").setting
    assert (lora.adapter_dtype, lora.dropout, lora.targets) == ("base", 0.05, ("q_proj", "v_proj"))
    answer = one("transformers-2025", "Qwen3-8B", prompt_tokens=6144).setting
    assert (answer.seq_len, answer.new_tokens) == (6144, 2048)


def test_stacks_on_transformers_have_the_habits_of_their_year() -> None:
    row = ROWS[0]

    def of(stack: str) -> object:
        return habit_of(row.model_copy(update={"stack": stack}))

    assert of("llamafactory-2024") == OF_2024
    assert of("axolotl-2026") == PLAIN
    assert of("megatron-2025") is None


def test_litgpt_s_four_bits_take_in_the_head() -> None:
    """Llama 2 7B: 4.57 GB measured, which two 16-bit heads at loading explain to a percent."""
    case = one("litgpt-2023", "Llama 2", method="inference", quantisation="bnb-nf4")
    assert case.said_bytes == pytest.approx(case.measured_bytes, rel=0.01)


def test_a_source_teaches_nothing_about_itself() -> None:
    """Its own figures may say anything: the law of the others stays."""
    rows = [case for case in FOUND if kind_of(case) == "training"]
    rest = [case for case in rows if case.row.stack != "qwen-v1-2023"]
    law = law_of(rest)
    assert "qwen-v1-2023" not in {stack.name for stack in law.stacks}
    assert "qwen" not in law.families
    case = one("qwen-v1-2023", "Qwen-7B", method="lora", seq_len=2048)
    assert said(case, law) == pytest.approx(case.measured_bytes, rel=0.1)
    assert akin(one("litgpt-2024", "llama-3-8b"), "litgpt-2023")


def test_out_of_memory_pulls_one_way_only() -> None:
    """A bound far below what is said changes nothing; one far above raises it."""
    rows = [case for case in FOUND if kind_of(case) == "training"]
    plain = [case for case in rows if case.row.bound == "equal"]
    case = one("peft-l40s-2026", "Llama-3.2-3B", rank=32, memory_gb=22.29)

    def with_bound(memory_gb: float) -> float:
        row = case.row.model_copy(update={"bound": "above", "memory_gb": memory_gb})
        bound = Case(row, *(getattr(case, name) for name in list(case.__dict__)[1:]))
        return said(case, law_of([*plain, bound]))

    alone = said(case, law_of(plain))
    assert with_bound(5.0) == pytest.approx(alone, rel=1e-3)
    assert with_bound(60.0) > 1.01 * alone


def test_what_is_shipped_was_learnt_from_these_rows() -> None:
    names = {stack.name for law in memory_stacks() for stack in law.stacks}
    assert names == {case.stack for case in FOUND if not below_peak(case)}


def test_rivals_rules() -> None:
    """accelerate 1.15: twice the fp32 size; LLaMA-Factory: 2 GB for 1e9 parameters of LoRA."""
    case = one("peft-l40s-2026", "Llama-3.2-3B", rank=32)
    assert accelerate(case) == 8 * 3_212_749_824
    assert llama_factory(case) == 2 * 3_212_749_824
    assert bits_of(one("mlx-2025", "Qwen3-4B-Instruct-2507", quantisation="mlx-q6")) == 0
