"""The contract of every method: what it proposes is determined by what it is sent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from probes.asking import split_answer
from probes.batteries import BATTERIES
from probes.methods import METHODS, Battery, Request, Situation, best, method, observed
from probes.methods.few_shot import balanced_sample, nearest
from probes.methods.lora import central_learning_rate
from probes.methods.rag import retrieved_params, with_shots
from probes.methods.steps import steps_params
from probes.models import Conversation, Progress, Sampling
from probes.prompt import conversation, with_context, with_labels
from probes.records import (
    Cell,
    Estimate,
    Example,
    Item,
    Measurement,
    Passage,
    Prediction,
    Score,
    TakenOver,
    Turn,
)
from probes.retrieval import Library

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


def documented(**changes: object) -> Situation:
    """A question over documents on a rung whose weights may all be trained."""
    fields: dict[str, object] = {
        "task_type": "qa",
        "labels": (),
        "n_passages": 40,
        "tokens_per_passage": 10,
        "retrievers": ("bm25", "dense", "hybrid"),
        "gold": "given",
        "full_fits": True,
    }
    return situation(**(fields | changes))


def pretend(cell: Cell) -> Measurement:
    """A quality that is a fixed function of the cell."""
    value = (len(cell.model_dump_json()) * 7919 % 97) / 97
    estimate = Estimate(value=value, low=0, high=1, n=80, basis="test")
    history = tuple(
        {"epoch": e, "quality": value * e / 9} for e in range(1, int(cell.params.get("epochs", 1)))
    )
    return Measurement(key="k", cell=cell, status="ok", quality=estimate, history=history)


def play(name: str, situated: Situation) -> list[list[Cell]]:
    """What the method asks for, after all methods before it on the same rung."""
    known: dict[str, list[Measurement]] = {}
    for earlier in METHODS:
        asked: list[list[Cell]] = []
        seen: list[Measurement] = []
        proposals = observed(method(earlier).propose(situated, known), seen)
        answer: list[Measurement] | None = None
        while True:
            try:
                cells = proposals.send(answer) if answer is not None else next(proposals)
            except StopIteration:
                break
            asked.append(cells)
            answer = [pretend(cell) for cell in cells]
        known[earlier] = seen
        if earlier == name:
            return asked
    raise KeyError(name)


@pytest.mark.parametrize("name", METHODS)
def test_the_same_measurements_lead_to_the_same_cells(name: str) -> None:
    for situated in (situation(), documented()):
        assert play(name, situated) == play(name, situated)


@pytest.mark.parametrize("name", METHODS)
def test_proposals_stay_on_dev_and_within_the_data(name: str) -> None:
    for cell in (cell for batch in play(name, documented()) for cell in batch):
        assert cell.method == name
        assert cell.split == "dev"
        assert cell.n_eval == 80
        assert cell.n_train <= 200
        assert Cell.model_validate_json(cell.model_dump_json()) == cell


def test_prompts_of_a_large_model_are_screened_on_some_of_the_items() -> None:
    """Who is clearly worse leaves, who stays takes its answers along, the winner has seen all."""
    situated = situation(n_params=10**9, n_dev=200)
    proposals = method("few_shot").propose(situated, {})
    batches = [next(proposals)]
    while batches[-1][0].role == "screen":
        batches.append(proposals.send([answered(cell) for cell in batches[-1]]))
    assert [cells[0].n_eval for cells in batches] == [20, 40, 80, 140, 200]
    assert [cells[0].role for cells in batches] == ["screen"] * 4 + ["search"]
    assert len(batches[0]) > len(batches[-1])
    assert {cell.params["selection"] for cell in batches[-1]} == {"nearest"}
    assert all(cell.taken_over is None for cell in batches[0])
    assert all(
        cell.taken_over == TakenOver(key=f"{cell.params['shots']} nearest 140", n_items=140)
        for cell in batches[-1]
    )
    (constrained,) = proposals.send([answered(cell) for cell in batches[-1]])
    assert (constrained.taken_over, constrained.n_eval) == (None, 200)


def test_a_setting_that_fails_is_asked_once_and_the_others_go_on() -> None:
    proposals = method("few_shot").propose(situation(n_params=10**9, n_dev=200), {})
    first = next(proposals)
    failed = Measurement(key="f", cell=first[0], status="failed", cause="time-limit")
    second = proposals.send([failed, *(answered(cell) for cell in first[1:])])
    assert first[0].params not in [cell.params for cell in second]
    assert second


@pytest.mark.parametrize("changes", [{"independent": False}, {"n_params": 10**6}])
def test_no_screening_where_it_proves_or_saves_nothing(changes: dict[str, object]) -> None:
    situated = situation(**({"n_params": 10**9, "n_dev": 200} | changes))
    assert {cell.n_eval for cell in next(method("few_shot").propose(situated, {}))} == {200}


def answered(cell: Cell) -> Measurement:
    """Nearest examples are right on nine of ten items, random ones on one of three."""
    share = 10 if cell.params["selection"] == "nearest" else 3
    right = [float(at % share > 0 if share == 10 else at % share == 0) for at in range(cell.n_eval)]
    scores = tuple(
        Score(item_id=f"i{at}", form=True, content=value, quality=value)
        for at, value in enumerate(right)
    )
    key = f"{cell.params['shots']} {cell.params['selection']} {cell.n_eval}"
    return pretend(cell).model_copy(update={"scores": scores, "key": key})


@pytest.mark.parametrize("name", METHODS)
def test_a_method_survives_when_everything_fails(name: str) -> None:
    proposals = method(name).propose(documented(), {})
    answer: list[Measurement] | None = None
    for _ in range(100):
        try:
            cells = proposals.send(answer) if answer is not None else next(proposals)
        except StopIteration:
            return
        answer = [Measurement(key="k", cell=c, status="failed", cause="x") for c in cells]
    raise AssertionError("it never ends")


def test_every_method_is_proposed_where_it_can_serve() -> None:
    thorough = documented(battery=BATTERIES[0])
    assert [name for name in METHODS if play(name, thorough)] == list(METHODS)


def test_what_cannot_serve_is_not_proposed() -> None:
    bare = [name for name in METHODS if play(name, situation())]
    assert bare == ["zero_shot", "steps", "few_shot", "lora", "lora_steps"]


def test_retrieval_tries_each_k_by_bm25_then_the_other_searches_at_the_best_k() -> None:
    first, second, third = play("rag", documented())
    assert [c.params.get("shots") for c in third] == [2]
    assert [c.params.get("k") for c in first] == [1, 3, None]
    assert {c.params["context"] for c in first} == {"retrieved", "all"}
    assert [c.params["retriever"] for c in second] == ["dense", "hybrid"]
    assert len({c.params["k"] for c in second}) == 1


def test_retrieval_keeps_to_the_context() -> None:
    asked = play("rag", documented(context_tokens=64))
    assert {c.params.get("k", 40) for batch in asked for c in batch} == {1, 3}


def test_lora_on_retrieval_takes_over_how_passages_are_found() -> None:
    rag = [c for batch in play("rag", documented()) for c in batch if "k" in c.params]
    winner = best([pretend(cell) for cell in rag])
    assert winner is not None
    for cell in (cell for batch in play("lora_rag", documented()) for cell in batch):
        assert cell.params["k"] == winner.cell.params["k"]
        assert cell.params["retriever"] == winner.cell.params["retriever"]


def test_full_fine_tuning_searches_well_below_loras_rates() -> None:
    thorough = documented(battery=BATTERIES[0])
    rates = {
        name: [c.params["learning_rate"] for b in play(name, thorough) for c in b]
        for name in ("lora", "full")
    }
    assert max(rates["full"]) < min(rates["lora"]) * 4
    assert all("rank" not in c.params for b in play("full", thorough) for c in b)


def test_lost_steps_are_looked_for_with_the_adapter_of_a_repeat() -> None:
    (cell,) = play("lora_steps", documented())[0]
    assert cell.adapter is not None
    assert cell.role == "diagnostic"
    assert "trigger" in cell.params


def test_lora_tunes_confirms_then_measures_the_curve() -> None:
    cells = [cell for batch in play("lora", situation()) for cell in batch]
    roles = [cell.role for cell in cells]
    assert roles.count("tune") == BATTERY.n_trials + BATTERY.confirmed
    assert roles.count("repeat") == BATTERY.seeds
    assert {cell.n_train for cell in cells if cell.role == "curve"} == {50, 100}
    assert len({cell.seed for cell in cells if cell.role == "repeat"}) == BATTERY.seeds
    assert all("prune_below" not in c.params for c in cells if c.role in ("curve", "repeat"))


def test_larger_rungs_search_less() -> None:
    larger = situation().model_copy(update={"smallest": False})
    roles = [cell.role for batch in play("lora", larger) for cell in batch]
    assert roles.count("tune") == BATTERY.larger_trials + min(
        BATTERY.confirmed, BATTERY.larger_trials
    )


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

    def sample(
        self,
        conversations: Sequence[Conversation],
        item_ids: Sequence[str],
        sampling: Sampling,
        *,
        max_new_tokens: int,
        progress: Progress,
    ) -> list[list[Prediction]]:
        self.asked.extend(conversations)
        n = sampling.n
        texts = ["b", "so Answer: a", "b", "Answer: A"] * n
        return [
            [Prediction(item_id=i, text=text, output_tokens=3) for text in texts[:n]]
            for i in item_ids
        ]

    def log_likelihoods(
        self, conversations: Sequence[Conversation], answers: Sequence[str]
    ) -> list[float]:
        return [-float(len(answer)) for answer in answers]

    def choose(
        self,
        conversations: Sequence[Conversation],
        item_ids: Sequence[str],
        choices: Sequence[str],
        *,
        progress: Progress,
    ) -> list[Prediction]:
        return [Prediction(item_id=i, text=choices[0]) for i in item_ids]


PASSAGES = [Passage(id=f"p{at}", text=f"fact {at}") for at in range(40)]


def request_of(model: Echo, cell: Cell, **changes: object) -> Request:
    train = [made(f"train {at}", f"secret-of-train-{at}") for at in range(10)]
    request = Request(
        model=model,
        cell=cell,
        task_type="qa",
        instruction="Sort.",
        labels=("a", "b"),
        train=train,
        items=[made(f"dev {at}", "secret-of-dev").item for at in range(3)],
        max_new_tokens=4,
        progress=lambda done, total, what: None,
        library=Library(PASSAGES),
    )
    return replace(request, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["zero_shot", "few_shot", "steps", "rag", "oracle", "vote"])
def test_prompts_never_hold_the_answer(name: str) -> None:
    """Items reach a method without their outputs; only training outputs may be in a prompt."""
    model = Echo()
    by_words = documented(retrievers=("bm25",))  # the embedding model may not be installed
    request = request_of(model, play(name, by_words)[0][0])
    items = request.items
    found = method(name).answer(request)
    assert [p.item_id for p in found.predictions] == [item.id for item in items]
    assert not any("secret-of-dev" in t.content for c in model.asked for t in c)


# ---------------------------------------------------------------- passages, steps, samples


def test_retrieved_passages_stand_before_the_question_and_are_told() -> None:
    model = Echo()
    cell = situation().cell("rag", "search", params=retrieved_params(2, "bm25"))
    item = made("which fact 7", "").item
    (answer,) = method("rag").answer(request_of(model, cell, items=[item])).predictions
    assert answer.passages[0] == "p7"
    assert len(answer.passages) == 2
    (turn,) = model.asked[0]
    assert turn.content.startswith("Sort.\nContext: fact 7 fact ")
    assert turn.content.endswith("\nQuestion: which fact 7")


def test_examples_of_a_retrieving_prompt_stand_behind_their_passages() -> None:
    model = Echo()
    cell = situation().cell("rag", "search", params=with_shots(retrieved_params(1, "bm25")))
    train = [made("which fact 5", "five"), made("which fact 9", "nine")]
    train[1] = train[1].model_copy(update={"gold_passages": ("p30",)})
    item = made("which fact 7", "").item
    method("rag").answer(request_of(model, cell, items=[item], train=train))
    contents = [turn.content for turn in model.asked[0]]
    assert any("Context: fact 5\nQuestion: which fact 5" in content for content in contents)
    assert any("Context: fact 30\nQuestion: which fact 9" in content for content in contents)
    assert contents[-1] == "Context: fact 7\nQuestion: which fact 7"


def test_the_oracle_sees_gold_passages_and_nothing_where_there_are_none() -> None:
    model = Echo()
    params = {"context": "oracle", "decoding": "generate", "list_labels": False}
    cell = situation().cell("oracle", "tune", params=params)
    request = request_of(model, cell, gold={"dev 0": ("p3",)})
    answers = method("oracle").answer(request).predictions
    assert [answer.passages for answer in answers] == [("p3",), (), ()]
    assert model.asked[0][0].content == "Sort.\nContext: fact 3\nQuestion: dev 0"
    assert model.asked[1][0].content == "Sort.\ndev 1"


def test_other_inputs_are_not_called_questions() -> None:
    worded = with_context(made("ticket", "").item, ["a", "b"], "classification")
    assert worded.turns[-1].content == "Context: a b\nInput: ticket"


@pytest.mark.parametrize(
    ("text", "steps", "answer"),
    [
        ("1 + 2 = 3 Answer: 3", "1 + 2 = 3", "3"),
        ("Answer: 4, no. Final answer: 5", "Answer: 4, no. Final", "5"),
        ("Both answers agree: it is Paris.", "", "Both answers agree: it is Paris."),
        ("Answer: Paris. I hope this answers it.", "", "Paris. I hope this answers it."),
        ("so 7 apples\n#### 7", "so 7 apples", "7"),
        ("The answer is blue", "The", "blue"),
        ("no sign here", "", "no sign here"),
        ("cut off Answer:", "", "cut off Answer:"),
        ("", "", ""),
    ],
)
def test_the_final_answer_is_what_stands_behind_the_last_sign(
    text: str, steps: str, answer: str
) -> None:
    assert split_answer(text) == (steps, answer)


def test_a_vote_takes_the_answer_of_most_samples_and_pays_for_all() -> None:
    params = steps_params(situation(), "Think.") | {
        "samples": 4,
        "temperature": 0.8,
        "chooser": "majority",
    }
    cell = situation().cell("vote", "search", params=params)
    answers = method("vote").answer(request_of(Echo(), cell)).predictions
    assert {answer.text for answer in answers} == {"b"}  # two each; the first drawn wins
    assert {answer.samples for answer in answers} == {("b", "a", "b", "A")}
    assert {answer.output_tokens for answer in answers} == {12}


def test_the_best_of_n_is_the_likeliest() -> None:
    params = {
        "samples": 4,
        "temperature": 0.8,
        "chooser": "likelihood",
        "decoding": "generate",
        "list_labels": False,
    }
    cell = situation().cell("vote", "search", params=params)
    answers = method("vote").answer(request_of(Echo(), cell)).predictions
    assert {answer.text for answer in answers} == {"b"}  # the shortest


def test_cells_that_may_become_an_option_are_timed_one_by_one() -> None:
    params = {"decoding": "generate", "list_labels": False}
    timed = situation().cell("zero_shot", "baseline", params=params)
    latency = method("zero_shot").answer(request_of(Echo(), timed)).latency
    assert latency is not None
    assert latency.n == 3
    assert latency.p50_s >= 0
    assert latency.p95_s is None  # of three requests
    untimed = timed.model_copy(update={"role": "tune"})
    assert method("zero_shot").answer(request_of(Echo(), untimed)).latency is None


@pytest.mark.parametrize(("n_params", "n_train"), [(10**9, 100), (10**6, 400)])
def test_only_larger_models_are_searched_on_a_quarter_of_the_data(
    n_params: int, n_train: int
) -> None:
    situated = situation(n_params=n_params, n_train=400)
    first = next(method("lora").propose(situated, {}))
    assert {cell.n_train for cell in first} == {n_train}
