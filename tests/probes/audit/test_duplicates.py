from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import replace

import pytest

from probes.audit.duplicates import check
from probes.audit.records import FileName, Found
from probes.audit.same_question import difference, one_letter_apart, questions
from probes.audit.sheet import Entry, Sheet
from probes.data import wording
from probes.pocket.example_rows import Row
from probes.pocket.tasks import TASKS, Task, drawn
from probes.records import Passage, SplitName

NAMES = ("Anna", "Ben", "Carla", "Dmitri", "Elena", "Farid", "Grace", "Hugo", "Ines", "Jonas")
THINGS = ("box", "boat", "lamp", "coat", "piano", "ladder", "mirror", "kettle")
VERBS = ("lost", "sold", "painted", "broke", "found", "hid", "mended", "borrowed", "cleaned")
PLACES = ("harbour", "market", "station", "garden", "library", "bakery", "museum", "bridge")


def entry(
    text: str, output: str = "x", side: SplitName = "train", file: FileName = "train", row: int = 1
) -> Entry:
    return Entry(text=text, output=output, row=row, file=file, side=side)


def sheet(entries: Sequence[Entry], passages: Sequence[Passage] = ()) -> Sheet:
    return Sheet(entries=entries, task_type="qa", metric="exact_match", passages=passages)


def found(entries: Sequence[Entry], passages: Sequence[Passage] = ()) -> dict[str, Found]:
    return {each.kind: each for each in check(sheet(entries, passages))}


def stories(n: int) -> list[Entry]:
    """Different questions with different answers, on train, dev and test in turns."""
    draw = random.Random(5)
    sides: tuple[SplitName, ...] = ("train", "train", "train", "dev", "test")
    rows = []
    for number in range(n):
        parts = [
            f"{draw.choice(NAMES)} {draw.choice(VERBS)} the {draw.choice(THINGS)}"
            f" near the {draw.choice(PLACES)}"
            for _ in range(4)
        ]
        rows.append(entry(f"{'. '.join(parts)}. Why?", f"because {number}", sides[number % 5]))
    return rows


def test_clean_data_give_nothing() -> None:
    assert found(stories(200)) == {}
    assert found([]) == {}
    assert found([entry("alone")]) == {}
    assert found([entry("", ""), entry(" ", "x"), entry("a", "")]) == {}


def test_exact_repeats_are_found_and_dropped() -> None:
    rows = stories(100)
    copies = [replace(rows[at], text=rows[at].text.upper() + " ") for at in (3, 3, 8)]
    other = [entry(rows[9].text, "another answer", rows[9].side)]
    only = found([*rows, *copies, *other])
    assert set(only) == {"exact-duplicates"}
    exact = only["exact-duplicates"]
    assert list(exact.rows) == [3, 100, 101, 8, 102]
    assert exact.remedy is not None and list(exact.remedy.drop) == [100, 101, 102]
    assert exact.text.startswith("3 rows are an exact repeat")
    assert exact.of == 104


def changed(text: str, way: int) -> str:
    parts = text.split()
    if way == 0:
        return text.replace("painted", "paintd", 1).rstrip("?") + "!"
    if way == 1:
        return f"Hello, {text}"
    if way == 2:
        return " ".join([*parts[:6], "quite", *parts[6:]])
    return " ".join([*parts[:4], *parts[5:]])


def test_planted_near_repeats_are_found_and_nothing_else() -> None:
    rows = stories(200)
    planted = range(0, 200, 5)  # on the train side
    copies = [
        entry(changed(rows[at].text, way % 4), rows[at].output, "train")
        for way, at in enumerate(planted)
    ]
    only = found([*rows, *copies])
    assert set(only) == {"near-duplicates"}
    near = only["near-duplicates"]
    assert set(near.rows) == {*planted, *range(200, 240)}
    assert near.details["n_groups"] == 40
    assert near.remedy is not None
    assert (near.remedy.drop, near.remedy.outputs) == ((), {})
    names = near.remedy.groups
    assert all(names[at] == names[200 + way] for way, at in enumerate(planted))
    assert len(set(names.values())) == 40


def test_near_rows_with_other_answers_are_no_repeats() -> None:
    rows = stories(100)
    copies = [entry(f"Hello, {rows[at].text}", "something else") for at in range(30)]
    assert found([*rows, *copies]) == {}


def test_a_test_file_that_stands_in_train() -> None:
    rows = [entry(row.text, row.output, "train") for row in stories(100)]
    exam = [replace(row, side="test", file="test") for row in stories(140)[100:]]
    leaked = [entry(rows[at].text, "another answer", "test", "test") for at in range(4)]
    nearly = [entry(f"Hello, {rows[at].text}", rows[at].output, "test", "test") for at in (7, 9)]
    only = found([*rows, *exam, *leaked, *nearly])
    assert set(only) == {"test-leakage", "near-test-leakage"}
    exact, near = only["test-leakage"], only["near-test-leakage"]
    assert list(exact.rows) == [140, 0, 141, 1, 142, 2, 143, 3]
    assert exact.remedy is not None and list(exact.remedy.drop) == [0, 1, 2, 3]
    assert list(near.rows) == [144, 7, 145, 9]
    assert near.remedy is None
    assert near.of == 46 and near.effect.on == "figure"
    assert near.effect.high == pytest.approx(100 * 2 / 46, abs=0.01)
    assert near.text.startswith("2 of 46 rows of the test file stand in nearly the same words")


def test_without_a_test_file_the_sides_are_compared() -> None:
    rows = stories(100)
    copies = [entry(f"Hello, {rows[at].text}", rows[at].output, "train") for at in (3, 4)]
    only = found([*rows, *copies])
    assert set(only) == {"near-duplicates", "near-test-leakage"}
    assert list(only["near-test-leakage"].rows) == [3, 100, 4, 101]
    assert "2 of the sets lie on both sides" in only["near-duplicates"].text


def test_questions_with_their_answers_in_the_documents() -> None:
    rows = stories(100)
    faq = Passage(id="faq", text=f"Q: {rows[4].text.upper()}\nA: It was {rows[4].output}.")
    bare = Passage(id="bare", text=f"Somebody asked: {rows[9].text}")
    only = found(rows, [faq, bare, Passage(id="other", text="Nothing of that kind.")])
    assert set(only) == {"answers-in-documents"}
    assert list(only["answers-in-documents"].rows) == [4]
    assert only["answers-in-documents"].details["documents"] == ["faq"]


def test_order_of_rows_changes_nothing() -> None:
    rows = stories(120)
    rows += [entry(changed(rows[at].text, at % 4), rows[at].output, "train") for at in range(30)]
    rows += rows[:10]
    order = random.Random(6).sample(range(len(rows)), len(rows))
    straight, shuffled = found(rows), found([rows[at] for at in order])
    assert set(straight) == set(shuffled)
    for kind, each in straight.items():
        there = shuffled[kind]
        assert sorted(order[at] for at in there.rows) == sorted(each.rows)
        assert (there.details, there.text, there.of) == (each.details, each.text, each.of)


# ---------------------------------------------------------------- templates


PREFIXES = (
    "Think about it calmly and then write your answer on a line of its own without any comment",
    "You are a clerk who has to deal with very many requests in a day so please be brief and clear",
    "Below is one question of a customer of our shop that has waited since the evening of Friday",
)


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_rows_made_from_templates_are_no_repeats(task: Task) -> None:
    draw = random.Random(task.name)
    rows = drawn(task, 1, 400)
    for prefixes in (("",), PREFIXES[:1], PREFIXES):
        texts = [f"{draw.choice(prefixes)} {row.input}" for row in rows]
        asked = questions(texts, [row.output for row in rows])
        wrong = set()
        for pair in asked.pairs:
            one, other = (rows[asked.of_row.index(number)] for number in pair)
            if one.output != other.output or names_and_numbers(one) != names_and_numbers(other):
                wrong.add(pair)
        assert len(wrong) == 0, wrong


def names_and_numbers(row: Row) -> set[str]:
    """What no wording adds: words with a capital in the middle of a sentence, and numbers."""
    return set(re.findall(r"(?<=[a-z] )[A-Z]\w+|\d+", row.input))


def test_names_that_carry_the_question() -> None:
    draw = random.Random(7)
    colours = {
        (name, thing): draw.choice(["red", "blue", "green"]) for name in NAMES for thing in THINGS
    }
    rows = [
        entry(
            f"Please tell me as soon as you can in which colour the {thing} that belongs to {name} "
            "was painted by the people of the shop",
            colour,
        )
        for (name, thing), colour in colours.items()
    ]
    assert found(rows) == {}


def test_numbers_that_carry_the_question() -> None:
    rows = [
        entry(
            f"On the shelf of the shop stand {first} jars of honey and {second} jars of jam, and "
            "the owner asks how many jars there are",
            "many",
        )
        for first in range(2, 12)
        for second in range(2, 12)
    ]
    assert found(rows) == {}


@pytest.mark.parametrize(
    ("one", "other", "kind"),
    [
        ("how do I change my old pin today", "how do I change my old pins today", "more or other"),
        ("where is my package please tell me", "where is my pakcage please tell me", "spelling"),
        ("where is the top up that I asked for", "where is the topup that I asked for", "spelling"),
        ("can I get a card in the US", "in the US can I get a card", "order"),
        ("please where is the card I ordered", "where is the card I ordered", "more"),
        ("I paid 20 for the card last week", "I paid 30 for the card last week", "number"),
        ("what is 7 + 5 in this world of ours", "what is 7 - 5 in this world of ours", "number"),
        ("one two three", "four five six", None),
    ],
)
def test_differences(one: str, other: str, kind: str | None) -> None:
    found_kind = difference(one, other)
    if kind == "more or other":
        assert found_kind in (None, "other")
    else:
        assert found_kind == kind


@pytest.mark.parametrize("other", ["pakcage", "packge", "packagge", "pavkage", "packages"])
def test_one_letter_apart(other: str) -> None:
    assert one_letter_apart("package", other)
    assert one_letter_apart(other, "package")


@pytest.mark.parametrize(("one", "other"), [("red", "bed"), ("before", "after"), ("first", "last")])
def test_more_than_one_letter_apart(one: str, other: str) -> None:
    assert not one_letter_apart(one, other)


def test_wordings() -> None:
    assert wording("Sum: 76 + 49 =") == wording("sum 76 + 49?")
    assert wording("76 + 49") != wording("76 - 49")
    assert wording("5 - 3") != wording("5 3")
    assert wording("a top-up") == wording("A top up")
    assert wording("…") != wording("?!")
    assert wording("") == ""
