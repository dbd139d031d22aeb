from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from probes.audit.output_forms import container, date_style, number_style, wrapper
from probes.audit.output_shapes import check
from probes.audit.records import Found
from probes.audit.sheet import Entry, Sheet
from probes.pocket.tasks import TASKS, drawn

DATA = Path(__file__).resolve().parents[4] / "shared" / "data"
LABELS = ["card_arrival", "card_lost", "top_up", "exchange_rate", "pin_blocked"]
WORDS = ["red", "Paris", "a large dog", "42 miles", "May 2013", "the Treaty of Rome", "two", "NASA"]


def sheet(pairs: list[tuple[str, str]], task: str, metric: str) -> Sheet:
    entries = [Entry(i, o, n, "train", "train") for n, (i, o) in enumerate(pairs, 1)]
    return Sheet(entries, task, metric)  # type: ignore[arg-type]


def planted(
    outputs: list[str], change: Callable[[str], str], task: str, metric: str
) -> tuple[list[Found], list[int]]:
    """Findings where every 17th output is changed, and the rows that were."""
    rows = list(range(3, len(outputs), 17))
    changed = [change(o) if at in rows else o for at, o in enumerate(outputs)]
    pairs = [(f"What is the case of number {at}?", o) for at, o in enumerate(changed)]
    return list(check(sheet(pairs, task, metric))), rows


def labels(n: int = 200) -> list[str]:
    return [LABELS[at * at % 5] for at in range(n)]


def objects(n: int = 200) -> list[str]:
    return [json.dumps({"name": f"N{at}", "count": str(at)}) for at in range(n)]


@pytest.mark.parametrize(
    "change",
    [str.upper, str.title, lambda o: o + ".", lambda o: o.replace("_", " "), lambda o: f"'{o}'"],
)
def test_spellings_of_one_label_are_unified(change: Callable[[str], str]) -> None:
    found, rows = planted(labels(), change, "classification", "accuracy")
    kinds = {each.kind: each for each in found}
    assert sorted(kinds["label-variants"].rows) == rows
    remedy = kinds["label-variants"].remedy
    assert remedy is not None and [remedy.outputs[at] for at in rows] == [
        labels()[at] for at in rows
    ]


def test_labels_that_differ_in_a_sign_are_two_labels() -> None:
    outputs = ["C", "C++", "C#", "-1", "1"] * 20
    assert not list(check(sheet([("x", o) for o in outputs], "classification", "accuracy")))


def test_a_power_is_no_spelling_of_the_digits() -> None:
    outputs = ["5²", "5²", "52", "7"] * 25
    assert not list(check(sheet([("x", o) for o in outputs], "qa", "token_f1")))
    assert not list(check(sheet([("x", o) for o in outputs], "classification", "accuracy")))


@pytest.mark.parametrize(
    ("usual", "other", "task", "mended"),
    [
        ("MB", "Mb", "qa", False),
        ("5 MW", "5 mW", "qa", False),
        ("US", "us", "qa", False),
        ("The answer is MB", "The answer is Mb", "qa", False),
        ("yes", "Yes", "qa", True),
        ("Paris", "PARIS", "qa", True),
        ("MB", "Mb", "classification", True),
    ],
)
def test_case_that_may_tell_answers_apart_is_left(
    usual: str, other: str, task: str, mended: bool
) -> None:
    outputs = [usual, usual, "one", "two"] * 25
    outputs[40] = other
    found = list(check(sheet([("x", o) for o in outputs], task, "token_f1")))
    variants = next(each for each in found if each.kind == "label-variants")
    assert list(variants.rows) == [40]
    assert (variants.remedy is not None) is mended
    assert any(each.remedy is not None for each in found) is mended


@pytest.mark.parametrize(
    "change",
    [
        lambda o: f"The answer is {o}.",
        lambda o: f"Label: {o}",
        lambda o: f"This is {o}",
        lambda o: f"**{o}**",
    ],
)
def test_words_around_a_label_are_taken_off(change: Callable[[str], str]) -> None:
    found, rows = planted(labels(), change, "classification", "accuracy")
    kinds = {each.kind: each for each in found}
    one = kinds.get("wrapped-outputs") or kinds["label-variants"]
    assert sorted(one.rows) == rows and one.remedy is not None
    assert all(one.remedy.outputs[at] == labels()[at] for at in rows)


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        (lambda o: o.replace('"name"', '"Name"'), "mixed-fields"),
        (lambda o: json.dumps({"name": json.loads(o)["name"]}), "mixed-fields"),
        (lambda o: o.replace("}", ', "note": "x"}'), "mixed-fields"),
        (lambda o: json.dumps({**json.loads(o), "count": 7}), "mixed-types"),
        (lambda o: o[:-2], "invalid-outputs"),
        (lambda o: f"```json\n{o}\n```", "invalid-outputs"),
        (lambda o: "none", "invalid-outputs"),
    ],
)
def test_json_outputs_of_another_make(change: Callable[[str], str], kind: str) -> None:
    found, rows = planted(objects(), change, "extraction", "json_fields")
    assert sorted({each.kind: each for each in found}[kind].rows) == rows


def test_a_code_fence_around_json_is_taken_off() -> None:
    found, rows = planted(objects(), lambda o: f"```json\n{o}\n```", "extraction", "json_fields")
    outputs = {at: o for each in found if each.remedy for at, o in each.remedy.outputs.items()}
    assert outputs == {at: objects()[at] for at in rows}


def test_optional_fields_and_nulls_are_no_drift() -> None:
    outputs = [
        json.dumps({"a": at, **({"b": None if at % 3 else 1.5} if at % 4 else {})})
        for at in range(100)
    ]
    assert not list(check(sheet([("x", o) for o in outputs], "extraction", "json_fields")))


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        (lambda o: o.replace("#### ", "So "), "mixed-outputs"),
        (lambda o: o.split("#### ")[1], "mixed-outputs"),
        (lambda o: "I cannot say.", "invalid-outputs"),
    ],
)
def test_steps_without_the_sign_of_the_others(change: Callable[[str], str], kind: str) -> None:
    outputs = [
        f"We add {at} and then {at} to get the sum of both.\n#### {2 * at}" for at in range(99)
    ]
    found, rows = planted(outputs, change, "reasoning", "numeric")
    assert sorted({each.kind: each for each in found}[kind].rows) == rows


@pytest.mark.parametrize("change", [lambda o: o + " km", lambda o: "$" + o, lambda o: o + ".0"])
def test_numbers_in_another_style(change: Callable[[str], str]) -> None:
    found, rows = planted([str(at) for at in range(100)], change, "reasoning", "numeric")
    assert sorted({each.kind: each for each in found}["mixed-outputs"].rows) == rows


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        (lambda o: f"According to the text the right one is {o} in this case.", "wrapped-outputs"),
        (lambda o: f"{o} is the answer", "wrapped-outputs"),
        (lambda o: f"-> {o}", "wrapped-outputs"),
        (lambda o: "Nobody really knows what it was or might be.", "mixed-outputs"),
        (lambda o: json.dumps({"answer": o}), "mixed-outputs"),
        (lambda o: f"The answer is {o}", "wrapped-outputs"),
        (lambda o: o + "\n", "padded-outputs"),
        (lambda o: "не указано в тексте", "output-languages"),
    ],
)
def test_answers_in_another_form_than_phrases(change: Callable[[str], str], kind: str) -> None:
    outputs = [f"{WORDS[at % 8]} {at}" for at in range(200)]
    found, rows = planted(outputs, change, "qa", "token_f1")
    assert [each.kind for each in found] == [kind] and sorted(found[0].rows) == rows


def test_a_call_among_calls_of_another_syntax() -> None:
    calls = [f'find(name="x", k={at})' for at in range(100)]
    other = json.dumps({"name": "find", "arguments": {"k": 1}})
    found, rows = planted(calls, lambda o: other, "function-calling", "function_call")
    assert [each.kind for each in found] == ["mixed-outputs"] and sorted(found[0].rows) == rows
    found, rows = planted(calls, lambda o: o[:-1], "function-calling", "function_call")
    assert sorted({each.kind: each for each in found}["invalid-outputs"].rows) == rows


def test_free_text_may_take_any_form() -> None:
    outputs = [
        "Sure.",
        '{"a": 1}',
        "```py\nx\n```",
        "The answer is 5",
        "No",
        "A long one. Yes.",
    ] * 20
    assert not list(check(sheet([("x", o) for o in outputs], "generation", "rouge_l")))


def test_the_small_readings() -> None:
    assert container('{"name": "f", "arguments": {}}')[0] == "JSON call"
    assert container("Panthers (NFL)")[0] == "text" and container("f(x=1)")[0] == "Python call"
    assert wrapper("Final answer: 12.") == ("The answer is …", "12")
    assert wrapper("The answering machine is on") is None
    assert number_style("1,000") == {"thousands": "1,000", "unit": "5", "whole numbers": "5"}
    assert number_style("two") is None and number_style("1349 of them all were sold out") is None
    assert date_style("2024-05-06") != date_style("May 6, 2024") is not None


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_no_false_alarm_on_the_pocket_tasks(task: object) -> None:
    rows = drawn(task, 1, 300)  # type: ignore[arg-type]
    pairs = [(row.input, row.output) for row in rows]
    assert not list(check(sheet(pairs, task.task_type, task.metric)))  # type: ignore[attr-defined]


@pytest.mark.skipif(not DATA.is_dir(), reason="the real data are not beside the repository")
def test_no_false_alarm_on_real_answers() -> None:
    with (DATA / "banking77" / "train.csv").open(encoding="utf-8", newline="") as file:
        pairs = [(row["text"], row["category"]) for row in csv.DictReader(file)]
    assert not list(check(sheet(pairs, "classification", "accuracy")))
    articles = json.loads((DATA / "xquad_en" / "xquad.en.json").read_text(encoding="utf-8"))["data"]
    questions = [q for a in articles for p in a["paragraphs"] for q in p["qas"]]
    pairs = [(q["question"], q["answers"][0]["text"]) for q in questions]
    assert not list(check(sheet(pairs, "qa", "token_f1")))


def test_frames_that_nobody_listed_are_learnt_but_compound_labels_stay() -> None:
    found, rows = planted(
        labels(400), lambda o: f"{o} [done, checked]", "classification", "accuracy"
    )
    assert [each.kind for each in found] == ["wrapped-outputs"] and sorted(found[0].rows) == rows
    assert found[0].remedy is None
    found, _ = planted(labels(400), lambda o: f"urgent_{o}", "classification", "accuracy")
    assert not found


def test_a_few_outputs_in_another_language_than_most() -> None:
    outputs = [f"The card {WORDS[at % 8]} was sent to the new address {at}" for at in range(60)]
    outputs[7] = outputs[30] = "nie mogę znaleźć mojej karty i chciałbym dostać nową"
    (found,) = check(sheet([("x", o) for o in outputs], "generation", "rouge_l"))
    assert found.kind == "output-languages" and sorted(found.rows) == [7, 30]
    assert found.details == {"languages": {"Polish": 2}, "usual": "English"}


def test_a_title_in_another_language_is_no_fault_among_names() -> None:
    outputs = [f"{WORDS[at % 8]} {at}" for at in range(60)]
    outputs[7] = "Ein neues Lied wir heben an und das ist gut"
    asked = "Who wrote the song that was sung in the town?"
    kinds = [each.kind for each in check(sheet([(asked, o) for o in outputs], "qa", "token_f1"))]
    assert "output-languages" not in kinds


def test_all_fields_under_other_names() -> None:
    old = [json.dumps({"customer": f"n{at}", "qty": at}) for at in range(40)]
    new = [json.dumps({"name": f"n{at}", "count": at}) for at in range(60)]
    (found,) = check(sheet([("x", o) for o in old + new], "extraction", "json_fields"))
    assert found.kind == "mixed-fields" and sorted(found.rows) == list(range(40))
    kinds = [json.dumps({"kind": "a", "size": at, "age": at}) for at in range(40)]
    others = [json.dumps({"kind": "b", "name": "n", "count": at}) for at in range(60)]
    assert not list(check(sheet([("x", o) for o in kinds + others], "extraction", "json_fields")))


def test_quotes_around_numbers_cost_little_where_they_are_read_alike() -> None:
    def cost(odd: object) -> float:
        outputs = [json.dumps({"n": odd if at < 20 else str(at)}) for at in range(100)]
        (found,) = check(sheet([("x", o) for o in outputs], "extraction", "json_fields"))
        assert found.kind == "mixed-types"
        return found.effect.points

    assert cost(3) < 2 < cost([3])


def test_spellings_cost_less_where_the_metric_reads_them_as_one() -> None:
    outputs = [WORDS[at % 8].title() if at < 30 else WORDS[at % 8] for at in range(160)]
    (one,) = check(sheet([("x", o) for o in outputs], "qa", "exact_match"))
    (two,) = check(sheet([("x", o) for o in outputs], "classification", "accuracy"))
    assert one.kind == two.kind == "label-variants"
    assert one.effect.points < two.effect.points / 3 + 0.1
