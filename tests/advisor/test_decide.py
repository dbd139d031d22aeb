"""Options, verdicts and findings on measurements whose truth is plain."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from advisor import belief, choice, decide
from advisor.advice import advise
from advisor.chosen import chosen_runs, diagnosed
from advisor.findings import Evidence, findings
from advisor.prices import total_usd
from advisor.records import Advice, Option
from knowledge.load import machines
from knowledge.records import ModelCard, Source
from probes.documents import Documents
from probes.methods import DIAGNOSTIC
from probes.records import Cell, Example, Item, Latency, Measurement, Prediction, Turn
from probes.task import DataSpec, TaskSpec

Make = Callable[..., Measurement]
N = 200


def spec(**changes: object) -> TaskSpec:
    fields = {
        "version": 1,
        "name": "t",
        "task_type": "qa",
        "data": DataSpec(train="x.jsonl"),
        "target": 0.8,
    }
    return TaskSpec.model_validate(fields | changes)


def card(name: str, n_params: int) -> ModelCard:
    return ModelCard(
        name=name,
        source="local",
        location=name,
        n_params=n_params,
        n_layers=2,
        hidden_size=64,
        intermediate_size=128,
        n_heads=2,
        n_kv_heads=2,
        vocab_size=100,
        context_tokens=512,
        licence="none",
        evidence=Source(title="made up for tests", checked="2026-11-21"),
    )


CARDS = {"small": card("small", 10**6), "large": card("large", 10**7)}


def right(share: float, *, shift: int = 0) -> list[float]:
    """N qualities of which `share` are 1, the wrong ones spread out and moved by `shift`."""
    n_wrong = round(N * (1 - share))
    wrong = {(at * N // max(1, n_wrong) + shift) % N for at in range(n_wrong)}
    return [0.0 if at in wrong else 1.0 for at in range(N)]


def lora_runs(make: Make, rung: str, share: float, half_share: float) -> list[Measurement]:
    """One tuning trial, two runs on half of the data, three on all of it."""
    params = {"learning_rate": 0.01, "rank": 8, "epochs": 2, "decoding": "generate"}
    shared = {"rung": rung, "method": "lora", "params": params}
    runs = [make(right(share), role="tune", n_train=100, **shared)]
    for seed in (1, 2):
        runs.append(
            make(right(half_share, shift=seed), role="curve", n_train=50, seed=seed, **shared)
        )
    for seed in (1, 2, 3):
        runs.append(make(right(share, shift=seed), role="repeat", n_train=100, seed=seed, **shared))
    return runs


def lab(make: Make, shares: dict[tuple[str, str], tuple[float, ...]]) -> list[Measurement]:
    measured = []
    for (rung, method), values in shares.items():
        if method == "lora":
            measured += lora_runs(make, rung, values[0], values[1])
        else:
            params = {"decoding": "generate", "list_labels": False} | EXTRA.get(method, {})
            role = "diagnostic" if method in DIAGNOSTIC else "search"
            found = make(right(values[0]), rung=rung, method=method, params=params, role=role)
            if len(values) > 1:  # what some sample gets right
                passes = {
                    name: make(right(share)).quality
                    for name, share in (("pass@1", values[0]), ("pass@8", values[1]))
                }
                found = found.model_copy(update={"figures": passes})
            measured.append(found)
    return measured


EXTRA: dict[str, dict[str, object]] = {
    "rag": {"context": "retrieved", "k": 3, "retriever": "bm25"},
    "oracle": {"context": "oracle"},
    "steps": {"trigger": "Think.", "steps_tokens": 64},
    "lora_steps": {"trigger": "Think.", "steps_tokens": 64, "rank": 8},
    "vote": {"samples": 8, "temperature": 0.8, "chooser": "majority"},
}


def options_of(measured: list[Measurement], task: TaskSpec) -> list[Option]:
    return belief.options(measured, task, {}, CARDS, machines()["l4"])


def advice_of(measured: list[Measurement], task: TaskSpec) -> Advice:
    options = options_of(measured, task)
    runs = {o.name: chosen_runs(measured, o.rung, o.method)[0] for o in options}
    _, chosen = choice.choose(options, task)
    comparisons = decide.compare(chosen, options, runs, {}, "dev")
    told = findings(evidence_of(measured, task))
    return advise(options, task, comparisons, told, rehearsal=False)


EXAMPLES = {
    f"i{at}": Example(
        item=Item(id=f"i{at}", turns=(Turn(role="user", content=f"question {at}"),)),
        output=f"answer {at % 40}",
        row=at + 1,
    )
    for at in range(N)
}


def evidence_of(measured: list[Measurement], task: TaskSpec, **sizes: int) -> Evidence:
    options = options_of(measured, task)
    runs = {o.name: chosen_runs(measured, o.rung, o.method)[0] for o in options}
    return Evidence(task, options, runs, measured, EXAMPLES, **sizes)


def kinds(measured: list[Measurement], task: TaskSpec) -> set[str]:
    return {found.kind for found in findings(evidence_of(measured, task))}


PROMPT_IS_ENOUGH = {
    ("small", "zero_shot"): (0.93,),
    ("small", "lora"): (0.95, 0.95),
    ("large", "zero_shot"): (0.97,),
    ("large", "lora"): (0.97, 0.97),
}
TUNING_WINS = {
    ("small", "zero_shot"): (0.30,),
    ("small", "lora"): (0.92, 0.91),
    ("large", "zero_shot"): (0.40,),
    ("large", "lora"): (0.93, 0.93),
}
SIZE_IS_NEEDED = {
    ("small", "zero_shot"): (0.20,),
    ("small", "lora"): (0.50, 0.50),
    ("large", "zero_shot"): (0.30,),
    ("large", "lora"): (0.93, 0.92),
}
NOTHING = {
    ("small", "zero_shot"): (0.20,),
    ("small", "lora"): (0.40, 0.40),
    ("large", "zero_shot"): (0.20,),
    ("large", "lora"): (0.45, 0.30),
}
ON_THE_EDGE = {
    ("small", "zero_shot"): (0.30,),
    ("small", "lora"): (0.81, 0.80),
    ("large", "zero_shot"): (0.30,),
    ("large", "lora"): (0.81, 0.80),
}


@pytest.mark.parametrize(
    ("shares", "verdict", "option"),
    [
        (PROMPT_IS_ENOUGH, "use", "zero-shot @ small"),
        (TUNING_WINS, "use", "lora @ small"),
        (SIZE_IS_NEEDED, "use", "lora @ large"),
        (NOTHING, "nothing-is-enough", "lora @ large"),
        (ON_THE_EDGE, "not-enough-evidence", "lora @ small"),
    ],
    ids=["prompt", "tuning", "size", "nothing", "edge"],
)
def test_verdicts(
    measurement: Make, shares: dict[tuple[str, str], tuple[float, ...]], verdict: str, option: str
) -> None:
    advice = advice_of(lab(measurement, shares), spec())
    assert advice.verdict == verdict
    assert advice.option is not None
    assert advice.option.split(" @ ")[0] == option.split(" @ ")[0]
    if verdict == "use":
        assert advice.option == option
    assert advice.reasons
    assert all(reason.evidence for reason in advice.reasons)


@pytest.mark.parametrize(
    ("shares", "kind", "absent"),
    [
        (PROMPT_IS_ENOUGH, "solved-by-prompting", "capacity-limited"),
        (TUNING_WINS, "tuning-helps", "solved-by-prompting"),
        (SIZE_IS_NEEDED, "capacity-limited", "data-limited"),
        (NOTHING, "data-limited", "capacity-limited"),
        (ON_THE_EDGE, "not-enough-evidence", "solved-by-prompting"),
    ],
    ids=["prompt", "tuning", "size", "nothing", "edge"],
)
def test_findings(
    measurement: Make, shares: dict[tuple[str, str], tuple[float, ...]], kind: str, absent: str
) -> None:
    found = kinds(lab(measurement, shares), spec())
    assert kind in found
    assert absent not in found


KNOWLEDGE = {
    ("small", "zero_shot"): (0.10,),
    ("small", "lora"): (0.12, 0.11),
    ("small", "rag"): (0.95,),
    ("small", "oracle"): (0.97,),
}
RETRIEVAL = KNOWLEDGE | {("small", "rag"): (0.25,)}
READING = KNOWLEDGE | {("small", "rag"): (0.25,), ("small", "oracle"): (0.40,)}
STEPS = {
    ("small", "zero_shot"): (0.10,),
    ("small", "steps"): (0.95,),
    ("small", "lora"): (0.50, 0.49),
    ("small", "lora_steps"): (0.05,),
}
SAMPLING = {
    ("small", "zero_shot"): (0.30,),
    ("small", "vote"): (0.32, 0.75),
    ("large", "zero_shot"): (0.55,),
}


@pytest.mark.parametrize(
    ("shares", "present", "absent"),
    [
        (KNOWLEDGE, {"knowledge-limited"}, {"retrieval-limited", "reader-limited"}),
        (RETRIEVAL, {"knowledge-limited", "retrieval-limited"}, {"reader-limited"}),
        (READING, {"reader-limited", "retrieval-limited"}, {"solved-by-prompting"}),
        (STEPS, {"steps-help", "lost-ability"}, {"knowledge-limited", "tuning-helps"}),
        (SAMPLING, {"sampling-limited", "compute-or-size", "capacity-limited"}, {"steps-help"}),
    ],
    ids=["knowledge", "retrieval", "reading", "steps", "sampling"],
)
def test_ceilings_come_apart(
    measurement: Make,
    shares: dict[tuple[str, str], tuple[float, ...]],
    present: set[str],
    absent: set[str],
) -> None:
    found = kinds(lab(measurement, shares), spec())
    assert present <= found
    assert not absent & found


@pytest.mark.parametrize(
    ("shares", "verdict", "option", "binding"),
    [
        (PROMPT_IS_ENOUGH, "use", "zero-shot @ small", "solved-by-prompting"),
        (KNOWLEDGE, "use", "rag @ small", "knowledge-limited"),
        (RETRIEVAL, "nothing-is-enough", None, "retrieval-limited"),
        (STEPS, "use", "steps @ small", "steps-help"),
        (TUNING_WINS, "use", "lora @ small", "tuning-helps"),
        (NOTHING, "nothing-is-enough", None, "data-limited"),
    ],
    ids=["prompt", "knowledge", "retrieval", "steps", "tuning", "data"],
)
def test_what_binds_is_told(
    measurement: Make,
    shares: dict[tuple[str, str], tuple[float, ...]],
    verdict: str,
    option: str | None,
    binding: str,
) -> None:
    advice = advice_of(lab(measurement, shares), spec())
    assert advice.verdict == verdict
    assert option in (None, advice.option)
    assert advice.ceilings[0] == binding


def stalled(make: Make, given: dict[str, str], n_labels: int) -> list[Measurement]:
    """Two tuned rungs that miss the same 30 % of the items, with the answers of `given`."""
    runs = [run for rung in ("small", "large") for run in lora_runs(make, rung, 0.7, 0.7)]
    qualities = right(0.7)
    answered = []
    for run in runs:
        texts = [
            "right" if quality else f"{given[run.cell.rung]}{at % n_labels}"
            for at, quality in enumerate(qualities)
        ]
        answered.append(
            run.model_copy(
                update={
                    "predictions": tuple(
                        prediction.model_copy(update={"text": text})
                        for prediction, text in zip(run.predictions, texts, strict=True)
                    ),
                    "scores": make(qualities).scores,
                    "quality": make(qualities).quality,
                }
            )
        )
    return answered


def test_the_same_wrong_answers_of_all_sizes_point_at_the_references(measurement: Make) -> None:
    together = kinds(stalled(measurement, {"small": "x", "large": "x"}, 5), spec(target=0.9))
    assert "label-noise" in together
    apart = kinds(stalled(measurement, {"small": "x", "large": "y"}, 5), spec(target=0.9))
    assert "task-ceiling" in apart
    assert "label-noise" not in apart


def test_data_work_says_how_much_and_what_it_promises(measurement: Make) -> None:
    advice = advice_of(
        lab(measurement, {("small", "zero_shot"): (0.1,), ("small", "lora"): (0.6, 0.4)}), spec()
    )
    assert any("more labelled examples" in work and "promises" in work for work in advice.data_work)


def test_rows_that_are_there_come_before_new_labels(measurement: Make) -> None:
    measured = lab(measurement, {("small", "zero_shot"): (0.1,), ("small", "lora"): (0.6, 0.4)})
    told = findings(evidence_of(measured, spec(), n_train=5000))
    (found,) = [each for each in told if each.kind == "data-limited"]
    assert "of the 5,000 training rows that are there" in found.enough


def test_where_search_finds_the_passage_it_is_not_blamed(measurement: Make) -> None:
    measured = lab(measurement, RETRIEVAL)
    (rag,) = [run for run in measured if run.cell.method == "rag"]
    perfect = measurement(right(1.0)).quality
    assert perfect is not None
    sure = rag.model_copy(update={"figures": {"recall@3": perfect}})
    found = kinds([sure if run is rag else run for run in measured], spec())
    assert "retrieval-limited" not in found
    assert "reader-limited" in found


def test_the_oracle_counts_on_known_items_alone(measurement: Make) -> None:
    measured = lab(measurement, KNOWLEDGE | {("small", "oracle"): (0.5,)})
    (oracle,) = [run for run in measured if run.cell.method == "oracle"]
    known = {score.item_id: ("p",) for score in oracle.scores if score.quality}
    documents = Documents(gold=known, kind="given")
    found = diagnosed(measured, "small", "oracle", documents)
    assert found is not None and found.quality is not None
    assert (found.quality.value, found.quality.n) == (1.0, N // 2)


def test_two_answers_cannot_tell_noise_from_a_blind_input(measurement: Make) -> None:
    evidence = evidence_of(stalled(measurement, {"small": "x", "large": "x"}, 1), spec(target=0.9))
    binary = {
        name: example.model_copy(update={"output": "yes" if at % 2 else "no"})
        for at, (name, example) in enumerate(EXAMPLES.items())
    }
    found = {each.kind for each in findings(replace(evidence, examples=binary))}
    assert "task-ceiling" in found
    assert "label-noise" not in found


def test_passages_that_only_a_tuned_model_can_use_show_missing_knowledge(
    measurement: Make,
) -> None:
    measured = lab(measurement, {("small", "zero_shot"): (0.0,), ("small", "lora"): (0.1, 0.1)})
    measured += [
        run.model_copy(
            update={
                "cell": run.cell.model_copy(
                    update={"method": "lora_rag", "params": run.cell.params | {"context": "x"}}
                ),
                "key": run.key[::-1],
            }
        )
        for run in lora_runs(measurement, "small", 0.95, 0.9)
        if run.cell.role != "curve"
    ]
    advice = advice_of(measured, spec())
    assert advice.option == "lora-rag @ small"
    assert advice.ceilings == ("knowledge-limited", "tuning-helps")


def test_what_would_do_but_is_ruled_out_heads_the_advice(measurement: Make) -> None:
    from probes.task import Needs

    task = spec(needs=Needs(max_latency_s=0.5))
    slow = Latency(p50_s=2.0, p95_s=3.0, n=12, tokens_per_s=10)
    measured = [
        run.model_copy(update={"latency": slow}) for run in lab(measurement, PROMPT_IS_ENOUGH)
    ]
    advice = advice_of(measured, task)
    assert advice.verdict == "nothing-is-enough"
    assert "is ruled out: one answer takes 3 s" in advice.headline
    assert advice.ceilings[0] == "ruled-out"
    assert "relax the need" in advice.next_step


def test_optimism_of_a_prompt_chosen_elsewhere_is_inherited(measurement: Make) -> None:
    measured = lab(measurement, SAMPLING)
    _, n_tried = chosen_runs(measured, "small", "vote")
    assert n_tried == 2  # the vote and the zero-shot prompt that it was chosen from


def test_samples_that_stay_below_a_tuned_model_limit_nothing(measurement: Make) -> None:
    shares = SAMPLING | {("small", "lora"): (0.78, 0.78)}
    assert "sampling-limited" in kinds(lab(measurement, SAMPLING), spec())
    assert "sampling-limited" not in kinds(lab(measurement, shares), spec())


def test_the_best_of_hopeless_options_is_the_one_of_highest_quality(measurement: Make) -> None:
    shares = {("small", "lora"): (0.05, 0.05), ("small", "rag"): (0.15,)}
    verdict, top = choice.choose(options_of(lab(measurement, shares), spec()), spec())
    assert (verdict, top.name) == ("nothing-is-enough", "rag @ small")


def test_systems_with_other_items_are_not_compared(measurement: Make) -> None:
    here, there = measurement(right(0.9)), measurement(right(0.9))
    scores = [s.model_copy(update={"item_id": f"other-{s.item_id}"}) for s in there.scores]
    elsewhere = there.model_copy(update={"scores": tuple(scores)})
    assert decide.comparable([here], [here])
    assert not decide.comparable([here], [elsewhere])


def test_a_slow_option_is_ruled_out_and_said_so(measurement: Make) -> None:
    from probes.task import Needs

    task = spec(needs=Needs(max_latency_s=0.5))
    slow = Latency(p50_s=2.0, p95_s=3.0, n=5, tokens_per_s=10)
    fast = Latency(p50_s=0.2, p95_s=0.3, n=5, tokens_per_s=100)
    measured = [
        run.model_copy(update={"latency": slow if run.cell.rung == "small" else fast})
        for run in lab(measurement, PROMPT_IS_ENOUGH)
    ]
    advice = advice_of(measured, task)
    assert advice.option == "zero-shot @ large"
    assert "ruled-out" in kinds(measured, task)


def test_a_latency_that_is_unknown_meets_no_limit(measurement: Make) -> None:
    from probes.task import Needs

    task = spec(needs=Needs(max_latency_s=0.5))
    options = options_of(lab(measurement, PROMPT_IS_ENOUGH), task)
    assert all("one answer takes is unknown" in option.barred[0] for option in options)


def test_references_that_good_models_contradict_alike_are_told(measurement: Make) -> None:
    """Three runs that say the same but the reference on the same six of the items."""
    wrong = [0.0] * 6 + [1.0] * (N - 6)
    runs = [
        measurement(wrong, rung=rung, method=method, params={"decoding": "generate"}, role="search")
        for rung, method in (("small", "zero_shot"), ("large", "zero_shot"), ("large", "few_shot"))
    ]
    alike = [answering(run, "all the same") for run in runs]
    (found,) = [f for f in findings(evidence_of(alike, spec())) if f.kind == "suspect-labels"]
    assert f"on 6 of {N} references" in found.text
    apart = [answering(run, f"each for itself {at}") for at, run in enumerate(runs)]
    assert "suspect-labels" not in kinds(apart, spec())


def answering(run: Measurement, wrong: str) -> Measurement:
    """The run with the reference as its answer where it is right, else with `wrong`."""
    texts = {s.item_id: EXAMPLES[s.item_id].output if s.quality else wrong for s in run.scores}
    told = tuple(Prediction(item_id=item, text=text) for item, text in texts.items())
    return run.model_copy(update={"predictions": told})


def test_facts_that_change_daily_are_not_trained_into_weights(measurement: Make) -> None:
    from probes.task import Needs

    data = DataSpec(train="x.jsonl", documents="docs.jsonl")
    shares = KNOWLEDGE | {("small", "lora"): (0.97, 0.97), ("small", "rag"): (0.90,)}
    daily = spec(needs=Needs(knowledge_changes="daily"), data=data)
    assert advice_of(lab(measurement, shares), daily).option == "rag @ small"


def test_right_answers_in_the_wrong_form_are_no_lack_of_ability(measurement: Make) -> None:
    badly_formed = measurement([0.0] * N, form=0.0, rung="small")
    good_content = badly_formed.model_copy(
        update={
            "content": badly_formed.quality.model_copy(update={"value": 0.9})
            if badly_formed.quality
            else None
        }
    )
    assert "form-limited" in kinds([good_content], spec())


def test_high_stakes_ask_for_more(measurement: Make) -> None:
    """The same options: good enough at low stakes, not at high ones."""
    measured = lab(measurement, ON_THE_EDGE | {("small", "lora"): (0.825, 0.825)})
    option = next(o for o in options_of(measured, spec()) if o.name == "lora @ small")
    assert choice.ENOUGH < option.p_meets < choice.ENOUGH_AT_HIGH_STAKES
    assert choice.choose([option], spec())[0] == "use"
    from probes.task import Needs

    assert choice.choose([option], spec(needs=Needs(high_stakes=True)))[0] == "not-enough-evidence"


def test_money_rules_an_option_out(measurement: Make) -> None:
    from probes.task import Budget, Needs

    task = spec(
        needs=Needs(requests_per_month=10**12),
        budget=Budget(serving_usd_per_month=0.0),
    )
    verdict, _ = choice.choose(options_of(lab(measurement, TUNING_WINS), task), task)
    assert verdict == "nothing-is-enough"


def test_options_come_cheapest_first(measurement: Make) -> None:
    options = options_of(lab(measurement, TUNING_WINS), spec())
    prices = [total_usd(option.price) for option in options]
    assert prices == sorted(prices)


def test_a_trial_that_won_the_search_is_not_its_own_evidence(measurement: Make) -> None:
    runs, n_tried = chosen_runs(lab(measurement, TUNING_WINS), "small", "lora")
    assert {run.cell.role for run in runs} == {"repeat"}
    assert n_tried == 1


def test_finalists_hold_the_choice_to_cheaper_and_larger_ones(measurement: Make) -> None:
    names = [
        o.name for o in decide.finalists(options_of(lab(measurement, TUNING_WINS), spec()), spec())
    ]
    assert names[0] == "lora @ small"
    assert "lora @ large" in names
    assert len(names) <= decide.MAX_FINALISTS


def test_a_refuted_choice_is_not_recommended(measurement: Make) -> None:
    options = options_of(lab(measurement, TUNING_WINS), spec())
    low = options[0].quality.model_copy(update={"value": 0.5, "low": 0.4, "high": 0.6})
    refuted = [
        o.model_copy(update={"test": low}) if o.name == "lora @ small" else o for o in options
    ]
    advice = advise(refuted, spec(), [], [], rehearsal=False)
    assert advice.verdict == "not-enough-evidence"
    assert advice.confirmed_on_test is False


def test_flips_are_computed(measurement: Make) -> None:
    advice = advice_of(lab(measurement, SIZE_IS_NEEDED), spec())
    assert any("lora @ small would do" in flip for flip in advice.what_would_change_it)


def test_rehearsals_say_so_in_the_headline(measurement: Make) -> None:
    options = options_of(lab(measurement, TUNING_WINS), spec())
    advice = advise(options, spec(), [], [], rehearsal=True)
    assert "rehearsal" in advice.headline
    assert "pocket" in advice.domain


def test_cells_of_failed_runs_are_told(measurement: Make) -> None:
    measured = lab(measurement, TUNING_WINS)
    cell = Cell(rung="small", method="lora", role="tune", split="dev", n_eval=N)
    measured.append(Measurement(key="f" * 64, cell=cell, status="failed", cause="time-limit: 9 s"))
    assert "measurement-failed" in kinds(measured, spec())


def test_no_options_is_an_error() -> None:
    with pytest.raises(ValueError, match="no option"):
        choice.choose([], spec())


def test_prices_count_every_answer_also_those_taken_over(measurement: Make) -> None:
    """The cost of the cell is of the answers that it gave itself; the price is of all."""
    from advisor.prices import price

    run = measurement(right(0.9))
    told = tuple(
        p.model_copy(update={"input_tokens": 30, "output_tokens": 2}) for p in run.predictions
    )
    whole = run.model_copy(update={"predictions": told})
    part = run.cost.model_copy(update={"input_tokens": 30, "output_tokens": 2})
    taken_over = whole.model_copy(update={"cost": part})
    machine = machines()["l4"]
    prices = [price([each], CARDS["small"], spec(), machine) for each in (whole, taken_over)]
    assert prices[0] == prices[1]
    assert prices[0].serving_usd_per_month


def test_a_setting_without_a_search_counts_as_one_that_was_tried(measurement: Make) -> None:
    repeats = [r for r in lora_runs(measurement, "small", 0.9, 0.8) if r.cell.role == "repeat"]
    (option,) = options_of(repeats, spec())
    assert (option.name, option.n_tried) == ("lora @ small", 1)
