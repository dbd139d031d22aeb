"""First advice: 24 situations, five wordings of ten tasks, and what a rule may do."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from advisor.choice import eligible
from advisor.commands.advise import _cards, _machines
from advisor.first_advice import FirstAdvice, first_advice
from advisor.fit import memory_of
from advisor.nature import Nature, kind_of, look_at, nature_of
from advisor.prior import METHODS, expected, expit, logit
from advisor.report.first_advice_text import advice_lines
from advisor.rules import RULES
from advisor.weighing import LIKELY, NEARLY, Ground, by_effort, chosen_of, weigh
from knowledge.load import claims, expectations, machines, model_cards
from probes.footprint.settings import Architecture, Setting
from probes.spec import read_spec
from probes.task import DataSpec, Hardware, Needs, TaskSpec

TODAY = date(2026, 11, 21)
SpecMaker = Callable[..., Path]


def spec_of(task_type: str, **fields: Any) -> TaskSpec:
    return TaskSpec.model_validate(
        {"version": 1, "name": "t", "task_type": task_type, "data": DataSpec(train="x"), **fields}
    )


def advice_on(spec: TaskSpec, nature: Nature) -> FirstAdvice:
    return first_advice(spec, nature, ground_of(spec))


def ground_of(spec: TaskSpec) -> Ground:
    return Ground(_cards("auto"), _machines(spec), expectations(), claims(), TODAY)


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
        reason="plain-search-finds-most-passages",
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
        reason="published-levels-tuned", most=7.7,
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
        most=1.6, reason="published-levels-tuned",
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
        "a modest target: a prompt, not tuning", "classification", {"n_rows": 100},
        "few_shot", target=0.6, most=8, verdict="use",
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
        needs={"requests_per_month": 50_000_000}, most=8,
        reason="published-levels-tuned",
    ),
    Situation(
        "answers that stand in the input, no examples", "qa",
        {"answers_from": "input", "hard_part": "form", "n_rows": 0}, "zero_shot", target=0.7,
        least=7, reason="published-levels-untuned",
    ),
    Situation(
        "function calls, 2,000 examples", "function-calling", {"n_rows": 2000}, "lora",
        target=0.75, reason="form-apart-from-content",
    ),
    Situation(
        "function calls, no examples", "function-calling", {"n_rows": 0}, "zero_shot", least=7,
        verdict="not-enough-evidence",
    ),
    Situation(
        "programs, a large card", "code", {"n_rows": 500}, "few_shot steps vote", target=0.5,
        gpu="h100-80gb", least=14,
    ),
    Situation(
        "many different examples: sizes are to be compared per dollar", "synthetic-data",
        {"n_rows": 100}, "zero_shot few_shot", target=0.4,
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


def rows_of(task_type: str, n: int = 60) -> list[dict[str, str]]:
    """Rows that fit the type, whatever the goal is called."""
    words = [f"{a}{b}" for a in ("mal", "ten", "ro", "kus") for b in ("ok", "ira", "ent", "usk")]
    answers = {
        "classification": lambda at: ("red", "green", "blue")[at % 3],
        "qa": lambda at: words[at % 16],
        "reasoning": lambda at: str(at * 7),
        "function-calling": lambda at: f'{{"name": "f", "arguments": {{"x": {at}}}}}',
    }
    answer = answers.get(task_type, lambda at: f"{words[at % 16]} and {words[at % 7]}")
    return [
        {"input": f"{words[at % 16]} {words[at % 11]} number {at}", "output": answer(at)}
        for at in range(n)
    ]


@pytest.mark.parametrize("with_documents", [False, True])
@pytest.mark.parametrize(
    "task_type",
    ["classification", "extraction", "qa", "generation", "reasoning"],
)
def test_five_wordings_of_a_goal_get_one_advice(
    task_type: str, with_documents: bool, tmp_path: Path
) -> None:
    """Ten specs with data of their own: where only the wording differs, the advice does not."""
    (tmp_path / "rows.jsonl").write_text(
        "".join(json.dumps(row) + "\n" for row in rows_of(task_type)), encoding="utf-8"
    )
    (tmp_path / "docs.jsonl").write_text('{"id": "a", "text": "malok is red"}\n', encoding="utf-8")
    found = []
    for words in WORDINGS:
        data = {"train": "rows.jsonl"} | ({"documents": "docs.jsonl"} if with_documents else {})
        path = tmp_path / "spec.yaml"
        fields = {"version": 1, "name": "t", "task_type": task_type, "data": data}
        path.write_text(json.dumps(fields | {"instruction": words}), encoding="utf-8")
        spec = read_spec(path)
        assert spec.instruction == words
        found.append(advice_on(spec, look_at(spec, path)))
    assert all(each == found[0] for each in found)
    assert any("rows in `data.train`" in line for line in found[0].assumptions)
    assert with_documents == (found[0].nature.answers_from == "documents")


def test_what_the_data_say_is_counted_over_all_rows(tmp_path: Path) -> None:
    rows = [
        {"input": f"text {at} {label}", "output": label}
        for label in "abcdefgh"
        for at in range(150)
    ]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "spec.yaml").write_text(
        json.dumps(
            {
                "version": 1,
                "name": "t",
                "task_type": "classification",
                "data": {"train": "rows.jsonl"},
            }
        )
    )
    spec = read_spec(tmp_path / "spec.yaml")
    nature = look_at(spec, tmp_path / "spec.yaml")
    assert nature.n_labels == 8
    assert nature.n_rows == 720  # of 1,200: dev and test are not learnt from


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
    nearly = [o for o in within if o.p_meets >= NEARLY * best]
    assert advice.option == min(nearly, key=by_effort).name


def test_what_would_change_it_changes_it() -> None:
    spec, nature = spec_of("classification", target=0.7), nature_of("classification", n_rows=100)
    advice = advice_on(spec, nature)
    for line in advice.what_would_change_it:
        assert advice.option not in line
    other = advice_on(spec_of("classification", target=0.6), nature)
    assert other.option != advice.option
    assert any(
        line.startswith("at a target of 60 %") and other.option in line
        for line in advice.what_would_change_it
    )


def test_nothing_that_may_be_used_is_said() -> None:
    spec = spec_of("classification", methods=["lora"])
    advice = advice_on(spec, nature_of("classification", n_rows=0))
    assert advice.headline.startswith("Nothing may be used")
    assert advice.verdict == "nothing-is-enough"


def test_lines_fold_and_name_claims() -> None:
    advice = advice_on(spec_of("classification"), nature_of("classification", n_rows=500))
    lines = list(advice_lines(advice, 72))
    assert all(len(line) <= 72 for line in lines if line.startswith(("  - ", "    ")))
    assert any("[published-levels" in line for line in lines)
    assert any(line.startswith("Option") for line in lines)
    assert len(list(advice_lines(advice, 72, whole=True))) > len(lines)


def test_logit_and_expit_are_inverse() -> None:
    assert expit(logit(0.3)) == pytest.approx(0.3)
    assert kind_of(nature_of("qa", answers_from="documents"), retrieves=False) == "facts"
    assert kind_of(nature_of("qa", answers_from="documents"), retrieves=True) == "reading"


@pytest.mark.parametrize(("task_type", "nature"), TASKS)
@pytest.mark.parametrize("target", [0.3, 0.6, 0.9])
def test_more_rows_never_make_it_less_likely(
    task_type: str, nature: dict[str, Any], target: float
) -> None:
    spec = spec_of(task_type, target=target)
    best = []
    for n_rows in (0, 1, 30, 299, 300, 3000, 30_000):
        asked = nature_of(task_type, **{**nature, "n_rows": n_rows})
        options = [each.candidate for each in weigh(spec, asked, ground_of(spec))]
        best.append(max(option.p_meets for option in eligible(options)))
    assert best == sorted(best)


@pytest.mark.parametrize("task_type", ["classification", "qa", "generation"])
def test_documents_that_hold_the_answers_help_whoever_is_shown_them(task_type: str) -> None:
    nature = nature_of(task_type, answers_from="documents", n_rows=500)
    for n_params in (5 * 10**8, 7 * 10**9):
        found = {m: expected(m, n_params, nature, expectations()).quantile(0.5) for m in METHODS}
        assert found["rag"] > found["few_shot"]
        assert found["lora_rag"] > found["lora"]


@pytest.mark.parametrize("n_labels", [2, 5, 77])
@pytest.mark.parametrize("hard_part", ["form", "steps"])
def test_labels_are_never_expected_below_guessing(n_labels: int, hard_part: str) -> None:
    nature = nature_of("classification", n_labels=n_labels, hard_part=hard_part, n_rows=50)
    for method in METHODS:
        belief = expected(method, 10**9, nature, expectations())
        assert belief.quantile(0.001) >= 1 / n_labels
        assert belief.p_at_least(0.9 / n_labels) == 1.0
        assert 0 < belief.p_at_least(0.9) < 1


def test_budgets_rule_out() -> None:
    nature = nature_of("classification", n_rows=1000)
    spec = spec_of(
        "classification",
        budget={"training_usd": 0, "serving_usd_per_month": 10},
        needs={"requests_per_month": 10**9},
    )
    advice = advice_on(spec, nature)
    barred = {option.method for option in advice.options if option.barred}
    assert "lora" in barred
    assert advice.headline.startswith("Nothing may be used")
    assert advice.probes == ()


def test_all_weights_take_more_memory_than_adapters() -> None:
    spec = spec_of("classification", hardware={"gpu": "l4"})
    advice = advice_on(spec, nature_of("classification", n_rows=200_000))
    barred = {option.name for option in advice.options if option.barred}
    assert "full @ Qwen2.5-7B-Instruct" in barred
    assert "lora @ Qwen2.5-7B-Instruct" not in barred


def test_what_is_tight_is_warned_of_where_it_is_chosen() -> None:
    spec = spec_of("qa", target=0.7, methods=["zero_shot"], ladder=["Qwen2.5-7B-Instruct"])
    nature = nature_of("qa", answers_from="input", hard_part="form")
    needed = memory_of(
        Architecture.of_card(model_cards()["Qwen2.5-7B-Instruct"]),
        Setting(method="inference", seq_len=nature.tokens_in, new_tokens=nature.tokens_out),
    )
    assert needed is not None

    def told(total_bytes: int) -> FirstAdvice:
        sizes = {"memory_bytes": total_bytes, "reported_bytes": None}
        card = machines()["l4"].model_copy(update=sizes)
        ground = Ground(_cards(spec.ladder), [card], expectations(), claims(), TODAY)
        return first_advice(spec, nature, ground)

    tight, fits = told(needed.safe_bytes - 1), told(needed.safe_bytes)
    warned = [reason.text for reason in tight.reasons if reason.text.startswith("tight on l4")]
    assert len(warned) == 1
    assert "serving in bf16 needs" in warned[0]
    assert tight.option == fits.option == "zero-shot @ Qwen2.5-7B-Instruct"
    assert not any("tight" in reason.text for reason in fits.reasons)


def test_an_input_longer_than_the_context_is_ruled_out() -> None:
    advice = advice_on(spec_of("qa"), nature_of("qa", tokens_in=200_000))
    assert advice.headline.startswith("Nothing may be used")
    assert any("longer than its context" in reason.text for reason in advice.reasons)


def test_where_nothing_is_likely_the_nearest_is_the_best() -> None:
    spec = spec_of("classification", target=0.999)
    asked = nature_of("classification", n_rows=500, n_labels=77)
    options = [each.candidate for each in weigh(spec, asked, ground_of(spec))]
    verdict, chosen = chosen_of(options, spec)
    assert verdict == "nothing-is-enough"
    assert chosen.quality.value == max(option.quality.value for option in eligible(options))


def test_what_is_as_likely_as_not_is_a_start() -> None:
    for target in (0.3, 0.5, 0.7, 0.9):
        spec = spec_of("qa", target=target)
        advice = advice_on(spec, nature_of("qa", answers_from="input", n_rows=100))
        assert (advice.verdict == "use") == (advice.p_meets >= LIKELY)
