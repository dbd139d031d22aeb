from __future__ import annotations

import json

import pytest

from probes.audit.placeholders import check, is_placeholder
from probes.audit.records import NotChecked
from probes.audit.sheet import Entry, Sheet


def sheet(outputs: list[str], task: str = "extraction") -> Sheet:
    entries = [Entry(f"q{at}", each, at + 1, "train", "train") for at, each in enumerate(outputs)]
    return Sheet(entries, task, "exact_match")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "output",
    ["n/a", " N/A ", "TBD", "???", "-", "—", "…", "null", "#N/A", '{"a": "n/a", "b": "-"}',
     '{"a": "n/a", "b": null}'],
)  # fmt: skip
def test_what_stands_in_for_an_answer(output: str) -> None:
    assert is_placeholder(output)


@pytest.mark.parametrize(
    "output",
    ["none", "unknown", "NA", "0", "robe", "-1", "C#", "a ?", "{}", '{"a": null}', '{"a": ""}',
     '{"a": "n/a", "b": 3}', '{"a": "n/a"', "[]", "***bold***", "n/a in March, then 3 a week"],
)  # fmt: skip
def test_what_may_be_an_answer(output: str) -> None:
    assert not is_placeholder(output)


def test_a_few_among_answers_are_found() -> None:
    outputs = [f"item {at}" for at in range(50)]
    outputs[3] = outputs[9] = "n/a"
    assert not list(check(sheet(outputs)))
    outputs[20] = json.dumps({"name": "TBD"})
    (found,) = check(sheet(outputs))
    assert list(found.rows) == [3, 9, 20] and found.kind == "placeholder-outputs"
    with pytest.raises(NotChecked):
        list(check(sheet(outputs, "classification")))
