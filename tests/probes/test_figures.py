"""What search found and what some sample got right, against counting by hand."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import pytest

from probes.figures import pass_at, recall_figures, sampling_figures
from probes.records import Example, Item, Prediction, Score, Turn


def predicted(
    item_id: str, *, passages: Sequence[str] = (), samples: Sequence[str] = ()
) -> Prediction:
    return Prediction(item_id=item_id, text="?", passages=tuple(passages), samples=tuple(samples))


def wanted(item_id: str, output: str = "right") -> Example:
    item = Item(id=item_id, turns=(Turn(role="user", content="?"),))
    return Example(item=item, output=output, row=1)


def score_exactly(predictions: Sequence[Prediction], examples: Sequence[Example]) -> list[Score]:
    """1 for the output itself, half for its first half, in the order given."""
    outputs = {each.item.id: each.output for each in examples}
    found = []
    for each in predictions:
        output = outputs[each.item_id]
        value = 1.0 if each.text == output else 0.5 if output.startswith(each.text) else 0.0
        found.append(Score(item_id=each.item_id, form=True, content=value, quality=value))
    return found


# ---------------------------------------------------------------- recall


def test_recall_over_items_whose_gold_is_known_and_that_were_given_passages() -> None:
    predictions = [
        predicted("first", passages=("a", "b", "c")),
        predicted("third", passages=("b", "c", "a")),
        predicted("half", passages=("a", "b", "c")),
        predicted("missed", passages=("b", "c", "d")),
        predicted("no-gold", passages=("a", "b", "c")),
        predicted("empty-gold", passages=("a", "b", "c")),
        predicted("closed-book"),
    ]
    gold = {
        "first": ("a",),
        "third": ("a",),
        "half": ("a", "z"),
        "missed": ("a",),
        "empty-gold": (),
        "closed-book": ("a",),
        "never-asked": ("a",),
    }
    found = recall_figures(predictions, gold)
    assert set(found) == {"recall@1", "recall@3"}
    assert found["recall@1"].value == pytest.approx((1 + 0 + 0.5 + 0) / 4)
    assert found["recall@3"].value == pytest.approx((1 + 1 + 0.5 + 0) / 4)
    assert {each.n for each in found.values()} == {4}
    assert all(each.low < each.value < each.high for each in found.values())


def test_recall_where_one_passage_stands_in_the_prompt_is_one_figure() -> None:
    found = recall_figures([predicted("i", passages=("a",))], {"i": ("a",)})
    assert {name: each.value for name, each in found.items()} == {"recall@1": 1.0}


@pytest.mark.parametrize(
    ("predictions", "gold"),
    [
        ([], {"i": ("a",)}),
        ([predicted("i")], {"i": ("a",)}),
        ([predicted("i", passages=("a",))], {}),
        ([predicted("i", passages=("a",))], {"i": ()}),
    ],
)
def test_no_recall_without_passages_or_gold(
    predictions: list[Prediction], gold: dict[str, tuple[str, ...]]
) -> None:
    assert recall_figures(predictions, gold) == {}


# ---------------------------------------------------------------- samples


def counted(passes: Sequence[bool], k: int) -> float:
    """The share of all choices of k samples in which one passes."""
    choices = list(combinations(passes, k))
    return sum(any(choice) for choice in choices) / len(choices)


@pytest.mark.parametrize("n", [1, 2, 5, 8])
def test_pass_at_is_the_share_of_all_choices(n: int) -> None:
    for right in range(n + 1):
        passes = [at < right for at in range(n)]
        for k in range(1, n + 1):
            assert pass_at(n, right, k) == pytest.approx(counted(passes, k))


def test_sampling_figures_are_the_means_over_items() -> None:
    draws = {
        "never": ("wrong", "no", "wrong", "ri"),
        "once": ("wrong", "right", "wrong", "no"),
        "often": ("right", "right", "wrong", "right"),
    }
    predictions = [predicted(name, samples=samples) for name, samples in draws.items()]
    examples = [wanted(name) for name in reversed(draws)]
    found = sampling_figures(predictions, score_exactly, examples)
    assert set(found) == {"pass@1", "pass@4"}
    for k in (1, 4):
        by_hand = [counted([text == "right" for text in each], k) for each in draws.values()]
        assert found[f"pass@{k}"].value == pytest.approx(sum(by_hand) / 3)
        assert found[f"pass@{k}"].n == 3


def test_only_a_full_mark_passes() -> None:
    found = sampling_figures([predicted("i", samples=("rig", "ri"))], score_exactly, [wanted("i")])
    assert {name: each.value for name, each in found.items()} == {"pass@1": 0, "pass@2": 0}


def test_uneven_draws_count_as_many_as_all_items_have() -> None:
    predictions = [
        predicted("long", samples=("no", "no", "right")),
        predicted("short", samples=("right", "no")),
        predicted("greedy"),
    ]
    found = sampling_figures(predictions, score_exactly, [wanted(p.item_id) for p in predictions])
    assert {name: (each.value, each.n) for name, each in found.items()} == {
        "pass@1": (0.25, 2),
        "pass@2": (0.5, 2),
    }


def test_one_sample_each_is_one_figure() -> None:
    found = sampling_figures([predicted("i", samples=("right",))], score_exactly, [wanted("i")])
    assert {name: each.value for name, each in found.items()} == {"pass@1": 1.0}


def test_nothing_is_scored_where_nothing_was_sampled() -> None:
    def never(predictions: Sequence[Prediction], examples: Sequence[Example]) -> list[Score]:
        raise AssertionError("no scorer is needed")

    assert sampling_figures([predicted("i")], never, [wanted("i")]) == {}
    assert sampling_figures([], never, []) == {}
