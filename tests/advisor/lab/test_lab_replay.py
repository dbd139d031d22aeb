"""Replays: prices, scenarios, what is right, and the policies, on tables made without a model."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from advisor.lab.binding import binds
from advisor.lab.laboratory import Laboratory, NotMeasured, Place, Truth
from advisor.lab.openings import is_opened
from advisor.lab.policies import POLICIES, SCREENED_ITEMS, Choice
from advisor.lab.replay import laboratories, page, replayed, summaries
from advisor.lab.scenarios import NEAR, VOLUMES, scenarios, specification
from advisor.lab.scores import Outcome, calibration_error, judged, outcome, summarised
from knowledge.errors import UserError
from probes.lab.menu import FRACTIONS
from probes.lab.table import Table
from probes.pocket import RUNGS
from probes.records import Estimate
from tests.lab_tables import N_DEV, by_size, family, made_table, situation

OPENED = next(f"made-{at}" for at in range(100) if is_opened(f"made-{at}"))
CLOSED = next(f"made-{at}" for at in range(100) if not is_opened(f"made-{at}"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A laboratory of one opened and one unopened family."""
    lab = tmp_path_factory.mktemp("lab")
    for name in (OPENED, CLOSED):
        made_table(lab / "tables" / f"{name}.jsonl", name=name)
    return lab


@pytest.fixture(scope="module")
def lab(folder: Path) -> Laboratory:
    return Laboratory(Table(folder / "tables" / f"{OPENED}.jsonl"))


def _place(lab: Laboratory, target: float = 0.8) -> Place:
    return Place(lab, specification(lab.header.family, target, VOLUMES[1]))


def test_asking_costs_what_it_did_and_once(lab: Laboratory) -> None:
    place = _place(lab)
    cell = situation(RUNGS[0]).cell(
        "zero_shot", "baseline", params={"decoding": "generate", "list_labels": False}
    )
    assert place.price_s(cell) == pytest.approx(0.06)
    first = place.ask(cell, N_DEV // 2)
    assert place.spent_s == pytest.approx(0.03)
    assert first.quality is not None and first.quality.n == N_DEV // 2
    place.ask(cell)
    place.ask(cell)
    assert place.spent_s == pytest.approx(0.06)
    assert place.price_s(cell) == 0
    run = place.runs("lora", place.situations[RUNGS[0]])[0]
    place.ask(run, 1)  # training is paid whole, answering by the item
    assert 0.06 + 1.9 < place.spent_s < 0.06 + 2.0


def test_what_is_not_in_the_table_cannot_be_asked(lab: Laboratory) -> None:
    with pytest.raises(NotMeasured):
        _place(lab).ask(situation(RUNGS[0]).cell("full", "repeat"))


def test_the_truth_is_of_other_items_and_sorted_by_price(lab: Laboratory) -> None:
    truths = lab.truths(specification(lab.header.family, 0.8, VOLUMES[1]))
    assert [t.usd for t in truths] == sorted(t.usd for t in truths)
    best = next(t for t in truths if t.name == "lora @ pocket-m")
    assert best.quality.value == pytest.approx(0.95, abs=0.03)
    assert best.quality.n == lab.header.n_truth


def test_a_part_of_a_table_is_no_laboratory(tmp_path: Path) -> None:
    table = made_table(tmp_path / "part.jsonl", fractions=(1.0,))
    assert Laboratory(table, 1.0).complete
    assert not Laboratory(table, 0.5).complete


def test_scenarios_are_the_same_again_and_a_third_is_near_an_option(lab: Laboratory) -> None:
    asked = scenarios(lab)
    assert asked == scenarios(lab)
    near = [scenario for scenario in asked if scenario.near]
    assert len(near) >= len(asked) / 3
    levels = [t.quality.value for t in lab.truths(specification(lab.header.family, 0.8, 1))]
    assert all(min(abs(s.target - q) for q in levels) <= NEAR + 1e-3 for s in near)
    assert {scenario.requests_per_month for scenario in asked} == set(VOLUMES)


def _truth(name: str, value: float, usd: float, half: float = 0.02) -> Truth:
    quality = Estimate(value=value, low=value - half, high=value + half, n=300, basis="made")
    return Truth(name, "lora", name, 1, quality, usd)


@pytest.mark.parametrize(
    ("choice", "target", "verdict"),
    [
        (("use", "b"), 0.8, "right"),
        (("use", "c"), 0.8, "wrong"),  # dearer than need be
        (("use", "a"), 0.8, "wrong"),  # not enough
        (("use", "a"), 0.61, "near-tie"),  # by a figure within its interval
        (("use", "c"), 0.84, "near-tie"),  # the cheaper one could fail
        (("nothing", "c"), 0.99, "right"),
        (("nothing", "c"), 0.8, "wrong"),
        (("nothing", "c"), 0.94, "near-tie"),
        (("use", "c"), 0.96, "near-tie"),
    ],
)
def test_right_is_the_cheapest_that_is_truly_enough(
    choice: tuple[str, str], target: float, verdict: str
) -> None:
    truths = [_truth("a", 0.6, 1.0), _truth("b", 0.85, 2.0), _truth("c", 0.95, 3.0)]
    said = Choice(choice[0], "lora", choice[1], 0.9)  # type: ignore[arg-type]
    named = next(truth for truth in truths if truth.name == choice[1])
    assert judged(said, named, truths, target) == verdict


@pytest.mark.parametrize("name", POLICIES)
def test_every_policy_answers_every_scenario(lab: Laboratory, name: str) -> None:
    for scenario in scenarios(lab)[:3]:
        found = outcome(lab, scenario, POLICIES[name])
        assert 0 <= found.p_meets <= 1 and 0 <= found.share <= 1 + 1e-9
        assert found == outcome(lab, scenario, POLICIES[name])


def test_policies_spend_what_they_say(lab: Laboratory) -> None:
    scenario = scenarios(lab)[0]
    spent = {name: outcome(lab, scenario, policy).share for name, policy in POLICIES.items()}
    assert spent["flowchart"] == spent["random"] == 0
    assert spent["ours, everything"] == pytest.approx(1.0)
    assert 0 < spent["best-zero-shot"] < spent["uniform"] < 1
    assert 0 < spent["ours"] < 1
    assert SCREENED_ITEMS < N_DEV


def test_the_product_finds_the_clear_answer(lab: Laboratory) -> None:
    scenario = scenarios(lab)[0].model_copy(update={"target": 0.75, "near": False})
    for name in ("ours", "ours, everything"):
        assert outcome(lab, scenario, POLICIES[name]).verdict == "right"


def test_unopened_families_are_left_out_unless_asked_for(folder: Path) -> None:
    def names(unopened: bool) -> set[str]:
        found = laboratories(folder, (), unopened=unopened)
        return {each.header.family.name for each in found}

    assert names(False) == {OPENED}
    assert names(True) == {OPENED, CLOSED}
    with pytest.raises(UserError, match="E-LAB-NONE"):
        list(laboratories(folder, (CLOSED,), unopened=False))
    with pytest.raises(UserError, match="E-LAB-NAME"):
        list(laboratories(folder, ("nobody",), unopened=True))


def test_the_page_has_a_row_for_each_policy(folder: Path) -> None:
    labs = list(laboratories(folder, (), unopened=False))
    assert [each.fraction for each in labs] == list(FRACTIONS)
    found = replayed(labs[:1], ["uniform", "random"])
    text = page(summaries(found), [each.scenario for each in found["uniform"]])
    assert text.count("\n| ") == 3 and "| uniform |" in text


def test_sums_weigh_families_and_calibration_is_by_bins(lab: Laboratory) -> None:
    assert calibration_error([(0.9, True)] * 9 + [(0.9, False)]) == pytest.approx(0)
    assert calibration_error([(1.0, False)] * 4) == pytest.approx(1)
    first = outcome(lab, scenarios(lab)[0], POLICIES["uniform"])
    wrong = first.model_copy(
        update={
            "verdict": "wrong",
            "scenario": first.scenario.model_copy(update={"family": "another"}),
        }
    )
    right = first.model_copy(update={"verdict": "right"})
    row = summarised("uniform", [right, right, right, wrong])
    assert row.right == 0.75 and row.right_low == 0 and row.right_high == 1
    assert (row.n_families, row.n_scenarios) == (2, 4)
    with pytest.raises(ValueError, match="no scenarios"):
        summarised("uniform", [])
    assert isinstance(first, Outcome) and math.isfinite(row.shortfall)


def test_what_binds_is_read_from_the_figures(lab: Laboratory, tmp_path: Path) -> None:
    assert binds(lab, 0.75) == "tuning, capacity"
    assert binds(lab, 0.5) == "tuning"
    assert binds(lab, 0.99) == "data"

    def prompts(method: str, rung: str, share: float) -> float:
        return 0.9 if method == "zero_shot" and rung != RUNGS[0] else 0.3

    def nothing(method: str, rung: str, share: float) -> float:
        return 0.3

    def noisy(method: str, rung: str, share: float) -> float:
        return 0.7 if method == "lora" else 0.3

    for quality, wanted in ((prompts, "prompting-suffices, capacity"), (nothing, "nothing")):
        table = made_table(tmp_path / f"{wanted[:4]}.jsonl", quality)
        assert binds(Laboratory(table), 0.8).startswith(wanted)
    table = made_table(tmp_path / "noisy.jsonl", noisy, alike=True)
    assert binds(Laboratory(table), 0.8) == "label-noise"
    assert by_size("lora", RUNGS[2], 1.0) == 0.95 and family().target == 0.8
