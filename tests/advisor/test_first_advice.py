"""First advice: 24 situations, five wordings of ten tasks, and what a rule may do."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from advisor import first_advice as first
from advisor.choice import eligible
from advisor.commands.advise import _cards
from advisor.first_advice import FirstAdvice, Ground, by_effort, first_advice
from advisor.nature import Nature, kind_of, look_at, nature_of
from advisor.prices import reference_machine
from advisor.prior import METHODS, expected, expit, logit
from advisor.report.first_advice_text import advice_lines
from advisor.rules import RULES
from knowledge.load import claims, expectations
from probes.spec import read_spec
from probes.task import DataSpec, Hardware, Needs, TaskSpec

TODAY = date(2026, 11, 21)
SpecMaker = Callable[..., Path]


def spec_of(task_type: str, **fields: Any) -> TaskSpec:
    return TaskSpec.model_validate(
        {"version": 1, "name": "t", "task_type": task_type, "data": DataSpec(train="x"), **fields}
    )


def advice_on(spec: TaskSpec, nature: Nature) -> FirstAdvice:
    machine = reference_machine(spec)
    return first_advice(
        spec, nature, Ground(_cards("auto"), machine, expectations(), claims(), TODAY)
    )


@dataclass(frozen=True)
class Situation:
    """A written situation and the first advice that is expected."""

    story: str
    task_type: str
    nature: dict[str, Any]
    methods: str
    """One of which the advice must start with."""
    target: float = 0.8
    needs: dict[str, Any] = field(default_factory=dict)
    gpu: str | None = None
    reason: str = ""
    """A claim that the advice must cite."""
    least: float = 0.0
    most: float = math.inf
    """Parameters of the model, in 10^9."""
    verdict: str = ""


SITUATIONS = (
    Situation(
        "prices that change daily, price lists at hand", "qa",
        {"answers_from": "documents", "n_rows": 300}, "rag",
        needs={"knowledge_changes": "daily"}, reason="retrieval-for-facts-and-change",
    ),
    Situation(
        "a manual that never changes, at hand", "qa",
        {"answers_from": "documents", "n_rows": 300}, "rag lora_rag",
        reason="retrieval-for-facts-and-change",
    ),
    Situation(
        "facts that change daily, no documents", "qa",
        {"answers_from": "memory", "n_rows": 300}, "zero_shot few_shot",
        needs={"knowledge_changes": "daily"}, reason="retrieval-for-facts-and-change", least=7,
    ),
    Situation(
        "stored facts asked for, thousands of pairs to train on", "qa",
        {"answers_from": "memory", "n_rows": 3000}, "zero_shot few_shot",
        target=0.7, reason="new-facts-by-tuning-raise-hallucination", least=7,
    ),
    Situation(
        "stored facts, a large card", "qa", {"answers_from": "memory", "n_rows": 3000},
        "zero_shot few_shot", target=0.7, gpu="h100-80gb", least=14,
        reason="knowledge-two-bits-per-parameter",
    ),
    Situation(
        "a schema of one's own, 2,000 examples", "extraction", {"n_rows": 2000}, "lora",
        reason="lora-land-beats-gpt4-on-narrow-tasks", most=7.7,
    ),
    Situation(
        "a schema, nothing labelled", "extraction", {"n_rows": 0}, "zero_shot", least=7,
        reason="fifty-to-hundred-cases-are-enough", verdict="not-enough-evidence",
    ),
    Situation(
        "a brand's voice, 3,000 examples", "generation", {"n_rows": 3000}, "lora", target=0.5,
        reason="form-apart-from-content",
    ),
    Situation(
        "a brand's voice, no examples", "generation", {"n_rows": 0}, "zero_shot", target=0.3,
        reason="fifty-to-hundred-cases-are-enough",
    ),
    Situation(
        "sentiment, 5,000 labels", "classification", {"n_rows": 5000}, "lora", target=0.85,
        most=1.6, reason="lora-land-beats-gpt4-on-narrow-tasks",
    ),
    Situation(
        "sentiment, nothing labelled", "classification", {"n_rows": 0}, "zero_shot", target=0.7,
        least=7, reason="fifty-to-hundred-cases-are-enough",
    ),
    Situation(
        "77 intents, 300 labels", "classification", {"n_rows": 300, "n_labels": 77}, "few_shot",
        target=0.7, reason="long-prompts-beat-tuning-below-a-thousand-rows",
    ),
    Situation(
        "77 intents, 10,000 labels", "classification", {"n_rows": 10_000, "n_labels": 77}, "lora",
        target=0.85, reason="long-prompts-beat-tuning-below-a-thousand-rows",
    ),
    Situation(
        "a modest target: the cheapest viable method first", "classification", {"n_rows": 100},
        "zero_shot few_shot", target=0.6, most=2, verdict="use",
    ),
    Situation(
        "timetables under hard constraints", "generation",
        {"hard_part": "constraints", "n_rows": 2000}, "few_shot steps vote",
        reason="solver-or-verifier-for-constraints", verdict="nothing-is-enough",
    ),
    Situation(
        "word problems, 1,000 worked examples", "reasoning", {"n_rows": 1000},
        "few_shot steps vote", target=0.6, least=7, reason="chain-of-thought-gain",
    ),
    Situation(
        "long reasoning at high stakes: a larger start", "reasoning", {"n_rows": 1000},
        "steps vote", target=0.6, needs={"high_stakes": True}, gpu="h100-80gb", least=32,
        reason="chain-of-thought-gain",
    ),
    Situation(
        "answers that stand in the contract, 50,000,000 requests a month", "qa",
        {"answers_from": "input", "hard_part": "form", "n_rows": 5000}, "lora",
        needs={"requests_per_month": 50_000_000}, most=2,
        reason="lora-land-beats-gpt4-on-narrow-tasks",
    ),
    Situation(
        "answers that stand in the input, no examples", "qa",
        {"answers_from": "input", "hard_part": "form", "n_rows": 0}, "zero_shot", target=0.7,
        verdict="use",
    ),
    Situation(
        "function calls, 2,000 examples", "function-calling", {"n_rows": 2000}, "lora",
        target=0.75, reason="form-apart-from-content",
    ),
    Situation(
        "function calls, no examples", "function-calling", {"n_rows": 0}, "zero_shot", least=7,
        verdict="nothing-is-enough",
    ),
    Situation(
        "programs, a large card", "code", {"n_rows": 500}, "few_shot steps vote", target=0.5,
        gpu="h100-80gb", least=14,
    ),
    Situation(
        "many different examples: small models repeat themselves less", "synthetic-data",
        {"n_rows": 100}, "zero_shot few_shot", target=0.4, most=3,
        reason="small-models-more-diverse",
    ),
    Situation(
        "only some prompts are allowed by the data: 30 labelled rows", "classification",
        {"n_rows": 30, "n_labels": 12}, "few_shot", target=0.6,
        reason="long-prompts-beat-tuning-below-a-thousand-rows",
    ),
)  # fmt: skip


@pytest.mark.parametrize("told", SITUATIONS, ids=[told.story for told in SITUATIONS])
def test_a_situation_gets_the_advice_that_the_evidence_speaks_for(told: Situation) -> None:
    spec = spec_of(
        told.task_type,
        target=told.target,
        needs=Needs(**told.needs),
        hardware=Hardware(gpu=told.gpu),
    )
    advice = advice_on(spec, nature_of(spec.task_type, **told.nature))
    chosen = next(option for option in advice.options if option.name == advice.option)
    assert chosen.method in told.methods.split(), advice.headline
    assert told.least * 1e9 <= chosen.n_params <= told.most * 1e9, advice.headline
    assert not told.verdict or advice.verdict == told.verdict, advice.headline
    cited = {claim for reason in (*advice.reasons, *advice.beside) for claim in reason.evidence}
    assert not told.reason or told.reason in cited
    assert cited <= set(claims())


WORDINGS = (
    "Answer.",
    "Classify the customer's question, fine-tune please!",
    "You are a helpful expert; retrieve the facts and reason step by step.",
    "Gib nur das Ergebnis aus.",
    "Use RAG. Use LoRA. Use GPT-4. " * 20,
)
TASKS = (
    ("classification", {"n_rows": 500}),
    ("classification", {"n_rows": 0}),
    ("extraction", {"n_rows": 2000}),
    ("qa", {"answers_from": "documents", "n_rows": 200}),
    ("qa", {"answers_from": "memory", "n_rows": 200}),
    ("generation", {"n_rows": 3000}),
    ("summarization", {"n_rows": 300}),
    ("reasoning", {"n_rows": 1000}),
    ("function-calling", {"n_rows": 1000}),
    ("code", {"n_rows": 100}),
)


@pytest.mark.parametrize(("task_type", "nature"), TASKS)
def test_five_wordings_of_a_goal_get_one_advice(task_type: str, nature: dict[str, Any]) -> None:
    found = [
        advice_on(spec_of(task_type, instruction=words), nature_of(task_type, **nature))
        for words in WORDINGS
    ]
    assert all(each == found[0] for each in found)


def test_five_wordings_of_a_spec_with_data_get_one_advice(task_folder: SpecMaker) -> None:
    found = []
    for at, words in enumerate(WORDINGS):
        path = task_folder(folder=str(at), instruction=words)
        spec = read_spec(path)
        found.append(advice_on(spec, look_at(spec, path)))
    assert all(each == found[0] for each in found)
    assert "rows in `data.train`" in found[0].assumptions[0]


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES.keys())
def test_no_rule_rests_on_ungrounded_claims_alone(rule: Any) -> None:
    assert rule.function.__doc__
    assert set(rule.claims) <= set(claims())
    grades = [claims()[claim].grade for claim in rule.claims]
    assert not grades or any(grade != "ungrounded" for grade in grades)


def test_the_prior_cites_claims_that_exist() -> None:
    nature = nature_of("classification", n_rows=100)
    cited = {c for m in METHODS for c in expected(m, 10**9, nature, expectations()).claims}
    assert cited <= set(claims())


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("task_type", "nature"), TASKS)
def test_expectations_grow_with_size_and_are_shares(
    method: str, task_type: str, nature: dict[str, Any]
) -> None:
    asked, known = nature_of(task_type, **nature), expectations()
    sizes = [expected(method, n, asked, known) for n in (5 * 10**8, 7 * 10**9, 7 * 10**10)]
    assert [b.mean for b in sizes] == sorted(b.mean for b in sizes)
    for belief in sizes:
        ends = [belief.quantile(share) for share in (0.1, 0.5, 0.9)]
        assert 0 < ends[0] < ends[1] < ends[2] < 1
        assert belief.p_at_least(ends[1]) == pytest.approx(0.5)
        assert belief.p_at_least(ends[2]) == pytest.approx(0.1)


def test_more_rows_promise_more_of_tuning_and_of_examples() -> None:
    for method in ("lora", "few_shot"):
        means = [
            expected(
                method,
                7 * 10**9,
                nature_of("classification", n_rows=n, n_labels=20),
                expectations(),
            ).mean
            for n in (10, 100, 1000, 10_000)
        ]
        assert means == sorted(means)
        assert means[0] < means[-1] - 0.5


def test_examples_in_the_prompt_come_before_tuning_and_tuning_passes_them() -> None:
    def gap(n_rows: int) -> float:
        nature = nature_of("classification", n_rows=n_rows, n_labels=77)
        few, lora = (
            expected(method, 7 * 10**9, nature, expectations()) for method in ("few_shot", "lora")
        )
        return lora.mean - few.mean

    assert gap(128) < 0 < gap(16_384)


def test_guessing_among_two_labels_is_right_more_often_than_among_seventy() -> None:
    two, seventy = (
        expected("zero_shot", 10**9, nature_of("classification", n_labels=k), expectations())
        for k in (2, 70)
    )
    assert two.quantile(0.5) > 0.5 > seventy.quantile(0.5)


def test_the_cheapest_is_first_and_work_decides_below_a_hundred_dollars() -> None:
    advice = advice_on(spec_of("classification"), nature_of("classification", n_rows=500))
    keys = [by_effort(option) for option in advice.options]
    assert keys == sorted(keys)
    within = eligible(advice.options)
    best = max(option.p_meets for option in within)
    nearly = [o for o in within if o.p_meets >= first.NEARLY * best]
    assert advice.option == min(nearly, key=by_effort).name


def test_what_would_change_it_changes_it() -> None:
    spec, nature = spec_of("classification", target=0.7), nature_of("classification", n_rows=100)
    advice = advice_on(spec, nature)
    for line in advice.what_would_change_it:
        assert advice.option not in line
    more = next(line for line in advice.what_would_change_it if line.startswith("with 1,600"))
    other = advice_on(spec, nature.model_copy(update={"n_rows": 1600}))
    assert other.option in more


def test_nothing_that_may_be_used_is_said() -> None:
    spec = spec_of("classification", methods=["lora"])
    advice = advice_on(spec, nature_of("classification", n_rows=0))
    assert advice.headline.startswith("Nothing may be used")
    assert advice.verdict == "nothing-is-enough"


def test_lines_fold_and_name_claims() -> None:
    advice = advice_on(spec_of("classification"), nature_of("classification", n_rows=500))
    lines = list(advice_lines(advice, 72))
    assert all(len(line) <= 72 for line in lines if line.startswith(("  - ", "    ")))
    assert any("[lora-land" in line for line in lines)
    assert any(line.startswith("Option") for line in lines)
    assert len(list(advice_lines(advice, 72, whole=True))) > len(lines)


def test_logit_and_expit_are_inverse() -> None:
    assert expit(logit(0.3)) == pytest.approx(0.3)
    assert kind_of(nature_of("qa", answers_from="documents"), retrieves=False) == "facts"
    assert kind_of(nature_of("qa", answers_from="documents"), retrieves=True) == "reading"
