"""Options and verdicts on measurements whose truth is plain."""

from __future__ import annotations

import pytest

from advisor import choice, decide
from advisor.advice import advise
from advisor.chosen import chosen_runs, diagnosed
from advisor.prices import total_usd
from knowledge.load import machines
from probes.documents import Documents
from probes.records import Latency
from probes.task import DataSpec
from tests.advisor.plain_truth import (
    CARDS,
    KNOWLEDGE,
    NOTHING,
    ON_THE_EDGE,
    PROMPT_IS_ENOUGH,
    SAMPLING,
    SIZE_IS_NEEDED,
    TUNING_WINS,
    Make,
    N,
    advice_of,
    kinds,
    lab,
    lora_runs,
    options_of,
    right,
    spec,
)


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


def test_the_oracle_counts_on_known_items_alone(measurement: Make) -> None:
    measured = lab(measurement, KNOWLEDGE | {("small", "oracle"): (0.5,)})
    (oracle,) = [run for run in measured if run.cell.method == "oracle"]
    known = {score.item_id: ("p",) for score in oracle.scores if score.quality}
    documents = Documents(gold=known, kind="given")
    found = diagnosed(measured, "small", "oracle", documents)
    assert found is not None and found.quality is not None
    assert (found.quality.value, found.quality.n) == (1.0, N // 2)


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


def test_facts_that_change_daily_are_not_trained_into_weights(measurement: Make) -> None:
    from probes.task import Needs

    data = DataSpec(train="x.jsonl", documents="docs.jsonl")
    shares = KNOWLEDGE | {("small", "lora"): (0.97, 0.97), ("small", "rag"): (0.90,)}
    daily = spec(needs=Needs(knowledge_changes="daily"), data=data)
    assert advice_of(lab(measurement, shares), daily).option == "rag @ small"


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
