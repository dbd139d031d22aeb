"""What wrong answers go with: found where it was planted, and seldom where nothing was."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest

from probes.mistakes import fisher_greater, topics
from probes.records import Example, Item, Score, Turn

VOCABULARY = [f"word{n}" for n in range(120)]


def make_example(output: str, text: str, item_id: str) -> Example:
    item = Item(id=item_id, turns=(Turn(role="user", content=text),))
    return Example(item=item, output=output, row=1)


def make_inputs(n: int, seed: int) -> list[Example]:
    draw = random.Random(seed)
    return [
        make_example(
            draw.choice("abcd"),
            "please " + " ".join(draw.choices(VOCABULARY, k=draw.randint(6, 18))),
            f"i{at:03}",
        )
        for at in range(n)
    ]


def make_scores(examples: Sequence[Example], wrong: Sequence[bool]) -> list[Score]:
    return [
        Score(item_id=e.item.id, form=True, content=float(not bad), quality=float(not bad))
        for e, bad in zip(examples, wrong, strict=True)
    ]


def test_random_errors_have_topics_in_at_most_one_run_of_twenty() -> None:
    false_alarms = 0
    for seed in range(100):
        draw, examples = random.Random(1_000 + seed), make_inputs(120, seed)
        false_alarms += bool(
            topics(make_scores(examples, [draw.random() < 0.3 for _ in examples]), examples)
        )
    assert false_alarms <= 8  # of 100; a rate of .05 gives more in 6 % of all such tests


def test_a_planted_word_is_found() -> None:
    found = 0
    for seed in range(20):
        draw, examples = random.Random(seed), make_inputs(200, seed)
        hard = ["word7" in e.item.text.split() for e in examples]
        wrong = [draw.random() < (0.95 if bad else 0.15) for bad in hard]
        first = next(iter(topics(make_scores(examples, wrong), examples)), None)
        if first is not None and first.term == "word7":
            found += 1
            assert first.n_with == sum(hard) and first.n_with + first.n_without == 200
            assert first.wrong_with + first.wrong_without == sum(wrong)
            assert first.p_value < 0.05 and len(first.item_ids) == min(20, first.wrong_with)
    assert found >= 18


def test_a_label_and_the_longest_quarter_are_found() -> None:
    examples = make_inputs(200, 1)
    wrong = [e.output == "b" for e in examples]
    (first, *_) = topics(make_scores(examples, wrong), examples)
    assert (first.term, first.wrong_without) == ("label: b", 0)
    assert all(
        t.term != "label: b" for t in topics(make_scores(examples, wrong), examples, labels=())
    )
    lengths = sorted(len(e.item.text) for e in examples)
    wrong = [len(e.item.text) > lengths[150] for e in examples]
    (first, *_) = topics(make_scores(examples, wrong), examples)
    assert first.term == "longest quarter" and first.n_with <= 50


def make_topical(texts: Sequence[str], wrong: Sequence[bool]) -> tuple[list[Score], list[Example]]:
    examples = [make_example(f"o{at}", text, f"i{at:03}") for at, text in enumerate(texts)]
    return make_scores(examples, wrong), examples


def test_words_of_the_same_items_are_one_topic() -> None:
    texts = ["my Visa overdraft 東 failed"] * 15 + ["hello world"] * 45
    scores, examples = make_topical(texts, [True] * 15 + [False] * 45)
    (only,) = topics(scores, examples)
    assert only.term == "longest quarter"
    texts = [text.ljust(30, ".") for text in texts]
    scores, examples = make_topical(texts, [True] * 15 + [False] * 45)
    (only,) = topics(scores, examples)
    assert (only.term, only.wrong_with, only.n_without) == ("overdraft", 15, 45)


def test_common_rare_and_few_are_no_topics() -> None:
    texts = ["bank error"] * 14 + ["bank"] * 30 + ["café"] * 16
    scores, examples = make_topical(texts, [True] * 14 + [False] * 46)
    assert [topic.term for topic in topics(scores, examples)] in (["error"], ["longest quarter"])
    scores, examples = make_topical(texts, [True] * 9 + [False] * 51)
    assert topics(scores, examples) == []
    common = ["bank x".ljust(9)] * 40 + ["other xy"[:6].ljust(9)] * 20
    assert topics(*make_topical(common, [True] * 30 + [False] * 30)) == []
    rare = ["fee".ljust(9)] * 4 + [f"w{at}".ljust(9) for at in range(56)]
    assert topics(*make_topical(rare, [True] * 10 + [False] * 50)) == []
    assert topics([], []) == []
    assert topics(*make_topical(["x y"] * 20, [True] * 20)) == []


def test_one_group_is_no_topic() -> None:
    texts = [(f"fee n{at}" if at < 12 else f"n{at}").ljust(9) for at in range(60)]
    scores, examples = make_topical(texts, [True] * 12 + [False] * 48)
    assert [topic.term for topic in topics(scores, examples)] == ["fee"]
    grouped = [e.model_copy(update={"group": f"g{at // 4}"}) for at, e in enumerate(examples)]
    assert topics(scores, grouped) == []


def test_graded_scores_and_limits() -> None:
    texts = [f"w{at % 7} {'fee' if at < 30 else 'tax'} n{at}".ljust(14) for at in range(90)]
    scores, examples = make_topical(texts, [False] * 90)
    graded = [
        s.model_copy(update={"content": q, "quality": q})
        for s, q in zip(scores, [0.2] * 30 + [0.6] * 60, strict=True)
    ]
    (only,) = topics(graded, examples)
    assert (only.term, only.n_with, only.wrong_with) == ("fee", 30, 30)
    assert len(only.item_ids) == 20 and list(only.item_ids) == sorted(only.item_ids)
    assert topics(graded, examples, 0) == []
    assert topics(graded[::-1], examples[::-1]) == [only]
    with pytest.raises(ValueError):
        topics(graded, examples[1:])


def test_fisher_is_that_of_scipy() -> None:
    scipy_stats = pytest.importorskip("scipy.stats")
    for wrong_with, n_with, n_wrong, n in [
        (3, 5, 10, 40),
        (0, 5, 9, 30),
        (9, 9, 9, 9),
        (7, 9, 20, 500),
    ]:
        table = [
            [wrong_with, n_with - wrong_with],
            [n_wrong - wrong_with, n - n_with - n_wrong + wrong_with],
        ]
        expected = scipy_stats.fisher_exact(table, alternative="greater").pvalue
        assert fisher_greater(wrong_with, n_with, n_wrong, n) == pytest.approx(expected, rel=1e-9)
