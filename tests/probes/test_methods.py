"""The contract of every method: what it proposes is determined by what it is sent."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from probes.batteries import BATTERIES
from probes.methods import METHODS, Battery, Request, Situation, best, method
from probes.methods.few_shot import balanced_sample, nearest
from probes.methods.lora import central_learning_rate
from probes.models import Conversation, Progress
from probes.prompt import conversation, with_labels
from probes.records import Cell, Estimate, Example, Item, Measurement, Prediction, Turn

BATTERY = BATTERIES[2]


def situation(battery: Battery = BATTERY, **changes: object) -> Situation:
    fields = {
        "rung": "small",
        "n_params": 10**6,
        "hidden_size": 128,
        "context_tokens": 512,
        "task_type": "classification",
        "instruction": "Sort.",
        "labels": ("a", "b"),
        "n_train": 200,
        "n_dev": 80,
        "tokens_per_input": 12,
        "tokens_per_output": 2,
        "mean_tokens": 10.0,
        "battery": battery,
        "seed": 0,
    }
    return Situation.model_validate(fields | changes)


def pretend(cell: Cell) -> Measurement:
    """A quality that is a fixed function of the cell."""
    value = (len(cell.model_dump_json()) * 7919 % 97) / 97
    estimate = Estimate(value=value, low=0, high=1, n=80, basis="test")
    history = tuple(
        {"epoch": e, "quality": value * e / 9} for e in range(1, int(cell.params.get("epochs", 1)))
    )
    return Measurement(key="k", cell=cell, status="ok", quality=estimate, history=history)


def play(name: str, situated: Situation) -> list[list[Cell]]:
    proposals = method(name).propose(situated)
    asked = []
    cells = next(proposals)
    while True:
        asked.append(cells)
        try:
            cells = proposals.send([pretend(cell) for cell in cells])
        except StopIteration:
            return asked


@pytest.mark.parametrize("name", METHODS)
def test_the_same_measurements_lead_to_the_same_cells(name: str) -> None:
    assert play(name, situation()) == play(name, situation())


@pytest.mark.parametrize("name", METHODS)
def test_proposals_stay_on_dev_and_within_the_data(name: str) -> None:
    for cell in (cell for batch in play(name, situation()) for cell in batch):
        assert cell.method == name
        assert cell.split == "dev"
        assert cell.n_eval == 80
        assert cell.n_train <= 200
        assert Cell.model_validate_json(cell.model_dump_json()) == cell


@pytest.mark.parametrize("name", METHODS)
def test_a_method_survives_when_everything_fails(name: str) -> None:
    proposals = method(name).propose(situation())
    cells = next(proposals)
    for _ in range(100):
        try:
            cells = proposals.send(
                [Measurement(key="k", cell=cell, status="failed", cause="x") for cell in cells]
            )
        except StopIteration:
            return
    raise AssertionError("it never ends")


def test_lora_tunes_confirms_then_measures_the_curve() -> None:
    cells = [cell for batch in play("lora", situation()) for cell in batch]
    roles = [cell.role for cell in cells]
    assert roles.count("tune") == BATTERY.n_trials + BATTERY.confirmed
    assert roles.count("repeat") == BATTERY.seeds
    assert {cell.n_train for cell in cells if cell.role == "curve"} == {50, 100}
    assert len({cell.seed for cell in cells if cell.role == "repeat"}) == BATTERY.seeds
    assert all("prune_below" not in c.params for c in cells if c.role in ("curve", "repeat"))


def test_lora_bars_come_from_earlier_trials_only() -> None:
    tuned = [
        c for batch in play("lora", situation(BATTERIES[1])) for c in batch if c.role == "tune"
    ]
    assert [c.params.get("prune_below") for c in tuned[:3]] == [[], [], []]
    assert any(c.params.get("prune_below") for c in tuned[3:])


def test_learning_rate_falls_with_width() -> None:
    assert central_learning_rate(64) > central_learning_rate(896) > central_learning_rate(3584)
    assert central_learning_rate(2000) == pytest.approx(5e-4)


def test_few_shot_keeps_to_the_context() -> None:
    tight = situation(context_tokens=64)
    shots = [c.params["shots"] for batch in play("few_shot", tight) for c in batch]
    assert max(shots, default=0) * 22 <= 64


def test_zero_shot_lists_labels_only_where_the_instruction_does_not() -> None:
    listed = play("zero_shot", situation(instruction="Say a or b."))[0]
    assert {cell.params["list_labels"] for cell in listed} == {False}
    free = play("zero_shot", situation(labels=(), task_type="qa"))[0]
    assert [cell.params["decoding"] for cell in free] == ["generate"]


def test_best_prefers_the_shorter_prompt_among_equals() -> None:
    cells = [situation().cell("few_shot", "search", params={"shots": k}) for k in (8, 2)]
    equal = [
        pretend(cell).model_copy(
            update={
                "quality": Estimate(value=0.5, low=0, high=1, n=9, basis="t"),
                "cost": pretend(cell).cost.model_copy(update={"input_tokens": k}),
            }
        )
        for cell, k in zip(cells, (8, 2), strict=True)
    ]
    chosen = best(equal)
    assert chosen is not None
    assert chosen.cell.params["shots"] == 2
    assert best(list(reversed(equal))) == chosen


# ---------------------------------------------------------------- prompts and shots


def made(text: str, output: str) -> Example:
    item = Item(id=text, turns=(Turn(role="user", content=text),))
    return Example(item=item, output=output, row=1)


def test_instruction_stands_once_at_the_head() -> None:
    turns = conversation("Sort.", made("x", "").item, [made("s", "a")])
    assert [turn.content for turn in turns] == ["Sort.\ns", "a", "x"]
    assert [turn.role for turn in turns] == ["user", "assistant", "user"]


def test_with_labels_names_each() -> None:
    assert with_labels("Sort.", ["a", "b"]) == "Sort.\nAnswer with one of: a, b."


def test_random_shots_cover_labels_first() -> None:
    pool = [made(f"{label}{at}", label) for label in "abc" for at in range(20)]
    chosen = balanced_sample(pool, 6, seed=0)
    assert sorted(shot.output for shot in chosen) == ["a", "a", "b", "b", "c", "c"]
    assert balanced_sample(pool, 6, seed=0) == chosen != balanced_sample(pool, 6, seed=1)
    assert len(balanced_sample(pool[:2], 5, seed=0)) == 2


def test_nearest_puts_the_nearest_last() -> None:
    pool = [made("red apple", "1"), made("blue sky", "2"), made("green apple pie", "3")]
    (chosen,) = nearest([made("a red apple tree", "").item], pool, 2)
    assert [shot.output for shot in chosen] == ["3", "1"]


class Echo:
    """A model that answers with the last word, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[Conversation] = []

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return [len(text.split()) for text in texts]

    def prompt_tokens(self, conversation: Conversation) -> int:
        return sum(len(turn.content.split()) for turn in conversation)

    def generate(
        self,
        conversations: Sequence[Conversation],
        item_ids: Sequence[str],
        *,
        max_new_tokens: int,
        progress: Progress,
    ) -> list[Prediction]:
        self.asked.extend(conversations)
        return [
            Prediction(item_id=i, text=c[-1].content.split()[-1])
            for i, c in zip(item_ids, conversations, strict=True)
        ]

    def sample(self, *_: object, **__: object) -> list[list[Prediction]]:
        raise NotImplementedError

    def choose(
        self,
        conversations: Sequence[Conversation],
        item_ids: Sequence[str],
        choices: Sequence[str],
        *,
        progress: Progress,
    ) -> list[Prediction]:
        return [Prediction(item_id=i, text=choices[0]) for i in item_ids]


@pytest.mark.parametrize("name", ["zero_shot", "few_shot"])
def test_prompts_never_hold_the_answer(name: str) -> None:
    """Items reach a method without their outputs; only training outputs may be in a prompt."""
    model = Echo()
    train = [made(f"train {at}", f"secret-of-train-{at}") for at in range(10)]
    cell = play(name, situation())[0][0]
    items = [made(f"dev {at}", "secret-of-dev").item for at in range(3)]
    request = Request(
        model=model,
        cell=cell,
        instruction="Sort.",
        labels=("a", "b"),
        train=train,
        items=items,
        max_new_tokens=4,
        progress=lambda done, total, what: None,
    )
    found = method(name).answer(request)
    assert [p.item_id for p in found.predictions] == [item.id for item in items]
    assert not any("secret-of-dev" in t.content for c in model.asked for t in c)
