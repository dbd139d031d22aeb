"""Wrong answers: every kind and their precedence, clusters, confusions, references."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from probes.mistakes import (
    Cluster,
    Kind,
    clusters,
    confusions,
    guess_labels,
    kind_of,
    suspect_references,
    words,
)
from probes.records import Example, Item, Passage, Prediction, Score, Turn
from probes.scoring import make_scorer
from probes.task import DataSpec, MetricName, TaskSpec, TaskType

LABELS = frozenset({"card", "card arrival", "card_lost", "refund", "I don't know"})
TASKS: dict[MetricName, TaskType] = {
    "accuracy": "classification",
    "exact_match": "qa",
    "token_f1": "qa",
    "json_fields": "extraction",
}
MIKA = '{"name": "Mika", "item": "lamp", "count": 3}'


def make_example(
    output: str, text: str = "?", item_id: str = "i1", group: str | None = None
) -> Example:
    item = Item(id=item_id, turns=(Turn(role="user", content=text),))
    return Example(item=item, output=output, row=1, group=group)


def answer(text: str, item_id: str = "i1", n_tokens: int = 3) -> Prediction:
    return Prediction(item_id=item_id, text=text, input_tokens=9, output_tokens=n_tokens)


def make_score(content: float, *, form: bool = True, item_id: str = "i1") -> Score:
    return Score(item_id=item_id, form=form, content=content, quality=content if form else 0.0)


def kind(
    given: str,
    wanted: str,
    text: str = "?",
    *,
    form: bool = True,
    content: float = 0.0,
    labels: frozenset[str] = frozenset(),
    passages: Sequence[str] = (),
) -> Kind:
    score = make_score(content, form=form)
    return kind_of(
        score, answer(given), make_example(wanted, text), labels=labels, passages=passages
    )


# ---------------------------------------------------------------- kinds


@pytest.mark.parametrize(
    "metric, reference, text, expected",
    [
        ("accuracy", "card", "card", ""),
        ("accuracy", "card", " ", "empty"),
        ("accuracy", "card", "The card", "form"),
        ("accuracy", "card", "refund", "wrong-label"),
        ("accuracy", "card arrival", "card", "wrong-label"),
        ("accuracy", "card", "refund refund refund refund", "repetition"),
        ("exact_match", "Paris", "in Paris, France", "near-miss"),
        ("exact_match", "Paris", "Rome", "wrong"),
        ("exact_match", "Montevideo", "Montevidio", "near-miss"),
        ("exact_match", "1988", "1989", "wrong"),
        ("token_f1", "red apple", "red pear", "near-miss"),
        ("json_fields", MIKA, "name = Mika", "form"),
        ("json_fields", MIKA, MIKA.replace("3", "4"), "near-miss"),
    ],
)
def test_kinds_as_scored(metric: MetricName, reference: str, text: str, expected: Kind) -> None:
    train = {"accuracy": sorted(LABELS), "json_fields": [MIKA]}.get(metric, [reference])
    data = DataSpec(train="x.jsonl")
    spec = TaskSpec(version=1, name="t", task_type=TASKS[metric], data=data, metric=metric)
    example = make_example(reference)
    (score,) = make_scorer(spec, [make_example(o) for o in train])([answer(text)], [example])
    labels = LABELS if metric == "accuracy" else frozenset[str]()
    assert kind_of(score, answer(text), example, labels=labels) == expected


def test_nothing_generated_is_too_long_and_spaces_are_empty() -> None:
    wrong, example = make_score(0, form=False), make_example("Paris")
    assert kind_of(wrong, answer("", n_tokens=0), example) == "too-long"
    assert kind_of(wrong, answer("", n_tokens=1), example) == "empty"
    assert kind_of(wrong, answer(" \n", n_tokens=0), example) == "empty"
    assert kind_of(wrong, answer("Rome", n_tokens=0), example) == "form"
    assert kind_of(make_score(1), answer("", n_tokens=0), make_example("")) == ""


SENTENCE = "We walked along the river until the old mill came into sight again. "


@pytest.mark.parametrize(
    "given, wanted, expected",
    [
        ("no no no no", "yes", "repetition"),
        ("no no no", "yes", "wrong"),
        ("Well. No, no, no, no, n", "yes", "repetition"),
        ("the cat sat the cat sat the cat sat the cat sat the c", "a dog", "repetition"),
        ("the cat sat the cat sat the cat sat", "a dog", "wrong"),
        (SENTENCE * 4, "a dog", "repetition"),
        (SENTENCE * 4 + "The end is another and says more.", "a dog", "wrong"),
        ("哈哈哈哈哈", "好", "repetition"),
        ("नमस्ते नमस्ते नमस्ते नमस्ते", "दिल्ली", "repetition"),
        ("9" * 5_000, "42", "repetition"),
        ("=" * 60, "42", "repetition"),
        ("ha ha ha ha", "ha ha ha ha ha", "near-miss"),
        ("1,000,000,000,000", "2", "wrong"),
        ("Paris\nParis", "Paris", "repetition"),
        ("Paris. It is in France. It is in France.", "Paris", "repetition"),
        ("Paris. It is in France.", "Paris", "near-miss"),
        ("} } } }", "{ }", "wrong"),
        ('{"a": 0, "b": 0, "c": 0, "d": 0}', "x", "wrong"),
    ],
)
def test_repetition(given: str, wanted: str, expected: Kind) -> None:
    assert kind(given, wanted) == expected
    if expected == "repetition":
        assert kind(given, wanted, form=False) == "repetition"


@pytest.mark.parametrize(
    "given, wanted, text, expected",
    [
        ("I'm sorry, but I cannot help with that.", "Paris", "?", "refusal"),
        ("I\u2019m unable to answer this.", "Paris", "?", "refusal"),
        ("As an AI language model, I have no view.", "Paris", "?", "refusal"),
        ("I don't know.", "Paris", "?", "refusal"),
        ("I do not know it.", "I do not know the name.", "?", "wrong"),
        ("Tell me: I cannot answer!", "I cannot answer him, he said.", "?", "wrong"),
        ("I don't know my PIN", "forgot PIN", "Help, I don't know my PIN", "copied"),
        ("I'm sorry to hear that, the parcel is late.", "It is late.", "?", "wrong"),
        ("No.", "Yes", "?", "wrong"),
        ("x " * 200 + "I cannot help you with this", "Paris", "?", "wrong"),
    ],
)
def test_refusal(given: str, wanted: str, text: str, expected: Kind) -> None:
    assert kind(given, wanted, text) == expected


def test_a_refusal_comes_before_its_form() -> None:
    assert kind("I cannot answer that.", MIKA, form=False) == "refusal"


CITY = "The team of Denver beat the team of Carolina in Santa Clara, on 7 February 2016."


@pytest.mark.parametrize(
    "given, wanted, text, expected",
    [
        ("Carolina", "Denver", CITY, "copied"),
        ("7 February", "Denver", CITY, "copied"),
        ("SANTA CLARA!", "Denver", CITY, "copied"),
        ("Clara Santa", "Denver", CITY, "wrong"),
        ("Caro", "Denver", CITY, "wrong"),
        ("Denver beat", "Denver", CITY, "near-miss"),
        ("Carolina", "Rome", CITY, "wrong"),
        ("2016", "2000", CITY, "wrong"),
        ("beat the team of Carolina", "a victory", CITY, "copied"),
        ("大阪", "東京", "東京と大阪の間", "copied"),
    ],
)
def test_copied(given: str, wanted: str, text: str, expected: Kind) -> None:
    assert kind(given, wanted, text) == expected
    assert kind(given, wanted, "Who won?", passages=["Nothing.", text]) == expected


def test_a_label_that_the_input_holds_is_not_copied() -> None:
    text = "Where is my card? I want a refund, I don't know why I paid."
    assert kind("refund", "card arrival", text, labels=LABELS) == "wrong-label"
    assert kind("Refund", "card arrival", text, labels=LABELS) == "wrong-label"
    assert kind("I don't know", "card", labels=LABELS) == "wrong-label"
    assert kind("card", "card_lost", labels=LABELS) == "wrong-label"
    assert kind("It says refund", "card", text, form=False, labels=LABELS) == "form"
    assert kind("refund", "card arrival", text) == "wrong"


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=60), st.text(max_size=30), st.text(max_size=60), st.booleans())
def test_any_text_has_a_kind(text: str, wanted: str, prompt: str, form: bool) -> None:
    found = kind(text, wanted, prompt, form=form)
    assert found != "" and found != "too-long"
    assert (found == "empty") == (not text.strip())
    assert kind(text, wanted, prompt, content=1.0) == ""


@pytest.mark.parametrize(
    "hostile",
    ["\x1b[2J" * 5_000, "\u202e" * 30_000, "(" * 100_000, "ﷺ" * 20_000, "a b " * 50_000, "\0", "'"],
)
def test_hostile_text_is_sorted_and_kept_raw(hostile: str) -> None:
    example = make_example("x", hostile)
    (cluster,) = clusters([make_score(0)], [answer(hostile)], [example])
    (shown,) = cluster.examples
    assert shown.given[:50] == hostile[:50]
    assert max(len(shown.given), len(shown.input)) <= 200


def test_words() -> None:
    assert words("Don’t PANIC, it's card_lost-7!") == ["don't", "panic", "it's", "card_lost", "7"]
    assert words("नमस्ते दुनिया") == ["नमस्ते", "दुनिया"]
    assert words("東京 ｔｏｋｙｏ") == ["東", "京", "tokyo"]
    assert words("re\u00adfund \u200bnow") == ["refund", "now"]
    assert words("''' !!") == []


# ---------------------------------------------------------------- clusters


def make_answers(
    texts: Sequence[str], wanted: Sequence[str]
) -> tuple[list[Score], list[Prediction], list[Example]]:
    ids = [f"i{at:03}" for at in range(len(texts))]
    examples = [make_example(w, "Which?", i) for w, i in zip(wanted, ids, strict=True)]
    scores = [
        make_score(float(t == w), item_id=i, form=bool(t.strip()))
        for t, w, i in zip(texts, wanted, ids, strict=True)
    ]
    return scores, [answer(t, i) for t, i in zip(texts, ids, strict=True)], examples


def test_clusters() -> None:
    texts = ["a"] * 70 + ["b"] * 25 + [""] * 5
    scores, predictions, examples = make_answers(texts, ["a"] * 99 + ["b"])
    first, second = clusters(scores, predictions, examples)
    assert (first.kind, first.n, first.share) == ("wrong-label", 25, 25 / 30)
    assert (second.kind, second.n) == ("empty", 5)
    assert first.share_of_all.value == 0.25 and first.share_of_all.n == 100
    assert first.share_of_all.low < 0.19 and first.share_of_all.high > 0.33
    assert first.item_ids == tuple(f"i{at:03}" for at in range(70, 90))
    assert [shown.item_id for shown in first.examples] == ["i070", "i071", "i072"]
    assert (first.examples[0].wanted, first.examples[0].given) == ("a", "b")
    assert Cluster.model_validate_json(first.model_dump_json()) == first


def test_clusters_do_not_depend_on_the_order() -> None:
    texts = random.Random(0).choices(["a", "b", "", "no no no no", "c d"], k=80)
    scores, predictions, examples = make_answers(texts, ["a", "b"] * 40)
    expected = clusters(scores, predictions, examples)
    assert sum(cluster.n for cluster in expected) == sum(s.quality < 1 for s in scores)
    assert sum(cluster.share for cluster in expected) == pytest.approx(1)
    for seed in range(3):
        mix = random.Random(seed)
        for rows in (scores, predictions, examples):
            mix.shuffle(rows)
        assert clusters(scores, predictions, examples) == expected


def test_all_right_has_no_clusters_and_lost_items_are_errors() -> None:
    scores, predictions, examples = make_answers(["a", "a"], ["a", "a"])
    assert clusters(scores, predictions, examples) == []
    assert clusters([], [], []) == []
    for bad in (
        (scores, predictions[:1], examples),
        (scores, predictions, examples[:1]),
        ([scores[0], scores[0]], predictions, examples),
    ):
        with pytest.raises(ValueError, match="without answer or example"):
            clusters(*bad)


def test_items_of_one_group_widen_the_share() -> None:
    scores, predictions, examples = make_answers(["a"] * 30 + ["b"] * 10, ["a"] * 40)
    grouped = [e.model_copy(update={"group": f"g{at // 5}"}) for at, e in enumerate(examples)]
    (alone,) = clusters(scores, predictions, examples)
    (together,) = clusters(scores, predictions, grouped)
    assert together.share_of_all.high > alone.share_of_all.high
    assert "clusters" in together.share_of_all.basis


def test_passages_of_the_prompt_count_as_its_text() -> None:
    prediction = answer("Carolina").model_copy(update={"passages": ("p1", "gone")})
    rows = [make_score(0)], [prediction], [make_example("Denver", "Who won?")]
    library = {"p1": Passage(id="p1", text=CITY), "p2": Passage(id="p2", text="Who won?")}
    assert [cluster.kind for cluster in clusters(*rows)] == ["wrong"]
    assert [cluster.kind for cluster in clusters(*rows, library)] == ["copied"]


def test_long_texts_are_shown_with_both_ends() -> None:
    example = make_example("x", f"START {'word ' * 500}Who was it?")
    (cluster,) = clusters([make_score(0)], [answer("y" * 201)], [example])
    (shown,) = cluster.examples
    assert shown.input.startswith("START") and shown.input.endswith("Who was it?")
    assert len(shown.input) == 200 and " … " in shown.given


# ---------------------------------------------------------------- labels


def test_labels_are_guessed_only_where_outputs_recur() -> None:
    def guess(outputs: Sequence[str]) -> frozenset[str]:
        return guess_labels([make_example(output) for output in outputs])

    assert guess(["a", "b ", "a", "b"]) == {"a", "b"}
    assert guess([f"label {n % 77}" for n in range(150)]) == {f"label {n}" for n in range(77)}
    assert guess(["1", "-1", "1"]) == {"1", "-1"}
    assert guess([str(n % 30) for n in range(90)]) == frozenset()
    assert guess(["Paris", "Rome", "Oslo", "Rome"]) == frozenset()
    assert guess(["a"] * 9) == frozenset()
    assert guess(["long " * 20, "b"] * 9) == frozenset()
    assert guess([]) == frozenset()


def test_confusions() -> None:
    given = ["refund"] * 4 + ["It is: refund."] * 2 + ["card"] * 3 + ["Card", "nothing", "refund"]
    wanted = ["card"] * 6 + ["card_lost"] * 3 + ["card", "card", "refund"]
    scores, predictions, examples = make_answers(given, wanted)
    right = {"i009": {"form": False, "content": 1.0, "quality": 0.0}}
    scores = [score.model_copy(update=right.get(score.item_id, {})) for score in scores]
    found = confusions(scores, predictions, examples, labels=LABELS)
    assert [(c.wanted, c.given, c.n) for c in found] == [
        ("card", "refund", 6),
        ("card_lost", "card", 3),
    ]
    assert confusions(scores, predictions, examples) == found
    assert confusions(scores, predictions, examples, labels=()) == []


def test_at_most_five_confusions_in_a_fixed_order() -> None:
    wanted = [f"w{n}" for n in range(8) for _ in range(2)]
    rows = make_answers(["w0" if w != "w0" else "w1" for w in wanted], wanted)
    found = confusions(*rows)
    assert [confusion.wanted for confusion in found] == ["w0", "w1", "w2", "w3", "w4"]


# ---------------------------------------------------------------- references


def test_suspect_references() -> None:
    wanted = ["Rome", "Paris", "12+30=42 #### 42", "Oslo", "Bonn", "Bern", "Riga"]
    examples = [make_example(text, item_id=f"i{at}") for at, text in enumerate(wanted)]
    texts = [
        ["Milan", "Paris.", "42", "", "I don't know", "Basel", "Riga"],
        [" the MILAN!", "Paris", "42", "", "I don't know", "Genf", "Riga"],
    ]
    runs = [[answer(t, f"i{at}") for at, t in enumerate(run)] for run in texts]
    (only,) = suspect_references(runs, examples[::-1])
    assert (only.item_id, only.answer, only.n_models) == ("i0", "Milan", 2)
    assert suspect_references(runs[:1], examples) == []
    assert suspect_references(runs, examples, min_runs=3) == []
    assert suspect_references([*runs, runs[0][1:]], examples) == []
    assert suspect_references([*runs, [answer("Turin", "i0")]], examples) == []


def test_what_the_metric_accepts_is_no_suspect() -> None:
    gold = json.dumps({"area": {"base": [10], "height": [5]}})
    runs = [[answer("area(base=10, height=5)")], [answer("area(base=10, height=5)")]]
    example = make_example(gold)
    assert len(suspect_references(runs, [example])) == 1
    right = [[make_score(1)], [make_score(1)]]
    assert suspect_references(runs, [example], scores=right) == []
    assert len(suspect_references(runs, [example], scores=[[make_score(0)]])) == 1
