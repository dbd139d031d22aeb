"""What is private is named by its kind, in no finding whole."""

from __future__ import annotations

import json

import pytest

from probes.audit import label_noise, languages, output_shapes
from probes.audit.runner import Check
from probes.audit.sheet import Entry, Sheet
from probes.audit.shown import shown
from probes.task import MetricName, TaskType
from tests.probes.audit.test_label_noise import flipped, generated

ADDRESS = "Anna.Schmidt@web.de"


def sheet(pairs: list[tuple[str, str]], task: TaskType, metric: MetricName) -> Sheet:
    entries = [Entry(i, o, n, "train", "train") for n, (i, o) in enumerate(pairs, 1)]
    return Sheet(entries, task, metric)


def told(given: Sheet, *checks: Check) -> str:
    """Texts and details of all that is found, which must not be nothing."""
    found = [each for check in (output_shapes.check, *checks) for each in check(given)]
    assert found
    return json.dumps([[each.text, each.fix, each.details] for each in found], ensure_ascii=False)


@pytest.mark.parametrize(
    ("text", "written"),
    [
        (f"write to {ADDRESS}", "(an e-mail address)"),
        ("x" * 99 + f" {ADDRESS}", "(an e-mail address)"),
        ("+44 20 7946 0958", "(a phone number)"),
        ("AKIAABCDEFGHIJKLMNOP", "(an AWS key)"),
        ("a\n'b'", "a\\n'b'"),
    ],
)
def test_a_value_is_shown_on_one_line_or_by_its_kind(text: str, written: str) -> None:
    assert shown(text) == written
    assert len(shown("long " * 99)) <= 41


def test_a_label_with_an_address_is_in_no_finding() -> None:
    texts, labels = generated(400, 3)
    given, _ = flipped([ADDRESS if label == "label 0" else label for label in labels], 0.2)
    for at in range(0, 40, 7):
        given[at] = ADDRESS.upper()
    given[41:44] = [f"label {ADDRESS}", f"The answer is {ADDRESS}", f"-> {ADDRESS}"]
    rows = list(zip(texts, given, strict=True))
    text = told(sheet(rows, "classification", "accuracy"), label_noise.check, languages.check)
    assert "of the labels look wrong" in text and "(an e-mail address)" in text
    assert "schmidt" not in text.lower() and "web.de" not in text.lower()


def test_a_frame_with_an_address_is_in_no_finding() -> None:
    outputs = [f"label {at % 5}" for at in range(200)]
    for at in range(20):
        outputs[at] = f"{outputs[at]} by {ADDRESS}"
    text = told(sheet([("x", o) for o in outputs], "classification", "accuracy"))
    assert "(an e-mail address)" in text and "schmidt" not in text.lower()


@pytest.mark.parametrize("name", [ADDRESS, "4111111111111111"])
@pytest.mark.parametrize("inside", [False, True])
def test_a_private_name_of_a_field_is_in_no_finding(name: str, inside: bool) -> None:
    def written(fields: dict[str, object]) -> str:
        return json.dumps({"user": fields} if inside else fields)

    outputs = [written({"a": at, "b": "x"}) for at in range(100)]
    outputs[7] = written({"a": 7, "b": "x", name: 1})
    outputs[9] = written({"a": 9, name: "x"})
    rows = [("x", output) for output in outputs]
    text = told(sheet(rows, "extraction", "json_fields"))
    assert name.lower() not in text.lower() and "(a" in text
