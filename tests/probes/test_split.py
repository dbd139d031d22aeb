from __future__ import annotations

import hashlib
import random
from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from knowledge.errors import UserError
from probes.records import Example, Item, SplitName, Splits, Turn
from probes.split import split_examples, splits_fingerprint

NAMES: tuple[SplitName, ...] = ("train", "dev", "test")


def example(text: str, output: str = "x", group: str | None = None) -> Example:
    name = hashlib.sha256(f"{text}|{output}|{group}".encode()).hexdigest()[:16]
    item = Item(id=name, turns=(Turn(role="user", content=text),))
    return Example(item=item, output=output, row=1, group=group)


def many(numbers: Iterable[int]) -> list[Example]:
    return [example(f"question {number}", f"label {number % 5}") for number in numbers]


def sides(splits: Splits) -> dict[str, str]:
    return {each.item.id: name for name in NAMES for each in getattr(splits, name)}


def test_shares() -> None:
    splits = split_examples(many(range(4000)), None)
    assert len(splits.train) == pytest.approx(2400, abs=120)
    assert len(splits.dev) == pytest.approx(800, abs=100)
    assert len(splits.test) == pytest.approx(800, abs=100)
    assert splits.notes == ()


def test_the_rule_is_the_written_one() -> None:
    splits = split_examples(many(range(200)), None)
    digest = hashlib.sha256(b"advisor-split-1\0question 7").hexdigest()
    fraction = int(digest[:16], 16) / 2**64
    expected = "train" if fraction < 0.6 else "dev" if fraction < 0.8 else "test"
    assert sides(splits)[example("question 7", "label 2").item.id] == expected


def test_a_test_file_is_the_test_split() -> None:
    test = [example(f"exam {number}") for number in range(50)]
    splits = split_examples(many(range(2000)), test)
    assert {each.item.id for each in splits.test} == {each.item.id for each in test}
    assert len(splits.train) == pytest.approx(1500, abs=80)


def test_rows_of_the_test_file_are_dropped_elsewhere() -> None:
    test = [example(f"QUESTION  {number}", "label 1") for number in range(20)]
    splits = split_examples(many(range(200)), test)
    kept = {each.item.text for each in (*splits.train, *splits.dev)}
    assert not kept & {f"question {number}" for number in range(20)}
    assert len(kept) == 180
    lost = [int(word) for note in splits.notes for word in note.split() if word.isdigit()]
    assert sum(lost) == 20


def test_one_wording_with_one_answer_stays_on_one_side() -> None:
    test = [example(f"Question: {number}!", f"label {number % 5}") for number in range(20)]
    test += [example(f"question - {number}", f"label {number % 5}") for number in range(20, 40)]
    test += [example(f"(question {number})", "another label") for number in range(40, 60)]
    splits = split_examples(many(range(200)), test)
    kept = {each.item.text for each in (*splits.train, *splits.dev)}
    assert kept == {f"question {number}" for number in range(20, 200)}


def test_groups_stay_together_and_their_inputs_apart() -> None:
    rows = [example(f"question {n % 150}", "x", f"group {n % 61}") for n in range(400)]
    splits = split_examples(rows, None)
    seen: dict[str, str] = {}
    for name in NAMES:
        for each in getattr(splits, name):
            assert seen.setdefault(f"group {each.group}", name) == name
            assert seen.setdefault(f"input {each.item.text}", name) == name
    assert any(note.startswith("left out of train") for note in splits.notes)


def test_groups_of_the_test_file_are_dropped_elsewhere() -> None:
    rows = [example(f"question {n}", "x", f"group {n % 50}") for n in range(500)]
    test = [example(f"exam {n}", "x", "group 1") for n in range(10)]
    splits = split_examples(rows, test)
    assert "group 1" not in {each.group for each in (*splits.train, *splits.dev)}


def test_repeats_are_kept_once_and_contradictions_noted() -> None:
    rows = many(range(100))
    extra = [example("Question 3", "label 3"), example("question 4", "label 0")]
    splits = split_examples([*rows, *rows[:10], *extra], None)
    assert len(sides(splits)) == 101
    assert splits.notes == (
        "left out of the data: 11 rows, repeats of others",
        "1 input with different outputs (2 rows)",
    )


def test_label_that_train_lacks_is_noted() -> None:
    test = [example(f"exam {number}", "new\x1b label") for number in range(20)]
    splits = split_examples(many(range(200)), test)
    assert splits.notes[-1] == "1 label of test never in train: new\\x1b label"


def test_free_text_is_not_taken_for_labels() -> None:
    rows = [example(f"question {number}", f"answer {number}") for number in range(200)]
    assert split_examples(rows, None).notes == ()


def test_too_few_rows() -> None:
    with pytest.raises(UserError, match="E-DATA-SPLIT") as caught:
        split_examples(many(range(20)), None)
    assert "8 are needed" in str(caught.value)


def test_a_prefix_of_train_is_a_random_sample() -> None:
    """Half of the rows are older: the first 500 must hold about half of them."""
    splits = split_examples(many(range(4000)), None)
    old = sum(int(each.item.text.split()[1]) < 2000 for each in splits.train[:500])
    assert old == pytest.approx(250, abs=45)
    fractions = [hashlib.sha256(f"advisor-split-1\0{e.item.text}".encode()).digest()[0] / 256
                 for e in splits.train[:500]]  # fmt: skip
    assert sum(fractions) / 500 == pytest.approx(0.3, abs=0.03)


def test_another_salt_gives_other_splits() -> None:
    rows = many(range(200))
    assert sides(split_examples(rows, None)) != sides(split_examples(rows, None, salt="other"))


def test_fingerprint_sees_content_and_not_row_numbers() -> None:
    rows = many(range(200))
    first = splits_fingerprint(split_examples(rows, None))
    moved = [each.model_copy(update={"row": 9}) for each in reversed(rows)]
    assert splits_fingerprint(split_examples(moved, None)) == first
    changed = [rows[0].model_copy(update={"output": "y"}), *rows[1:]]
    assert splits_fingerprint(split_examples(changed, None)) != first
    assert len(first) == 64


@settings(max_examples=30, deadline=None)
@given(st.sets(st.integers(0, 10_000), min_size=120, max_size=200), st.randoms())
def test_the_order_of_rows_does_not_matter(numbers: set[int], chance: random.Random) -> None:
    rows = many(sorted(numbers))
    shuffled = list(rows)
    chance.shuffle(shuffled)
    assert split_examples(rows, None) == split_examples(shuffled, None)


@settings(max_examples=30, deadline=None)
@given(
    st.sets(st.integers(0, 10_000), min_size=120, max_size=200),
    st.lists(st.tuples(st.integers(0, 10_000), st.text(max_size=5)), max_size=50),
)
def test_more_rows_never_move_old_ones(numbers: set[int], more: list[tuple[int, str]]) -> None:
    rows = many(sorted(numbers))
    before = sides(split_examples(rows, None))
    added = [example(f"question {number}", output) for number, output in more]
    after = sides(split_examples([*rows, *added], None))
    assert {name: after[name] for name in before} == before


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 300), st.integers(0, 60)), min_size=200, max_size=400))
def test_no_input_and_no_group_on_two_sides(pairs: list[tuple[int, int]]) -> None:
    rows = [example(f"question {number}", "x", f"{group}") for number, group in pairs]
    try:
        splits = split_examples(rows, None)
    except UserError:
        return
    inputs = [{each.item.text for each in getattr(splits, name)} for name in NAMES]
    groups = [{each.group for each in getattr(splits, name)} for name in NAMES]
    for parts in (inputs, groups):
        assert not (parts[0] & parts[1] or parts[0] & parts[2] or parts[1] & parts[2])
