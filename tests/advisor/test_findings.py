"""Which ceilings bind, on measurements whose truth is plain."""

from __future__ import annotations

from dataclasses import replace

import pytest

from advisor.findings import findings
from probes.records import Cell, Measurement, Prediction
from tests.advisor.plain_truth import (
    EXAMPLES,
    KNOWLEDGE,
    NOTHING,
    ON_THE_EDGE,
    PROMPT_IS_ENOUGH,
    READING,
    RETRIEVAL,
    SAMPLING,
    SIZE_IS_NEEDED,
    STEPS,
    TUNING_WINS,
    Make,
    N,
    advice_of,
    evidence_of,
    kinds,
    lab,
    lora_runs,
    right,
    spec,
)


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


def test_samples_that_stay_below_a_tuned_model_limit_nothing(measurement: Make) -> None:
    shares = SAMPLING | {("small", "lora"): (0.78, 0.78)}
    assert "sampling-limited" in kinds(lab(measurement, SAMPLING), spec())
    assert "sampling-limited" not in kinds(lab(measurement, shares), spec())


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


def test_cells_of_failed_runs_are_told(measurement: Make) -> None:
    measured = lab(measurement, TUNING_WINS)
    cell = Cell(rung="small", method="lora", role="tune", split="dev", n_eval=N)
    measured.append(Measurement(key="f" * 64, cell=cell, status="failed", cause="time-limit: 9 s"))
    assert "measurement-failed" in kinds(measured, spec())
