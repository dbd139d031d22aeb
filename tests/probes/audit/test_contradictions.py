"""The same input with other outputs is counted exactly; templates are left alone."""

from __future__ import annotations

from collections.abc import Sequence

from probes.audit.contradictions import check
from probes.audit.sheet import Entry, Sheet


def sheet(pairs: Sequence[tuple[str, str]], task: str) -> Sheet:
    entries = [
        Entry(text=text, output=output, row=at + 1, file="train", side="train")
        for at, (text, output) in enumerate(pairs)
    ]
    return Sheet(entries=entries, task_type=task, metric="exact_match")  # type: ignore[arg-type]


CITIES = ("Oslo", "Rome", "Lima", "Kyiv", "Bern", "Riga", "Doha", "Baku", "Suva", "Bonn")


def test_the_same_input_with_other_labels() -> None:
    pairs = [(f"text number {n}", "a") for n in range(16)]
    pairs += [("Same  text", "a"), ("same text", "b"), ("SAME TEXT", "a"), ("other", "a")]
    (found,) = check(sheet(pairs, "classification"))
    assert found.kind == "contradictions"
    assert list(found.rows) == [17, 16, 18]
    assert found.figures["exact_match_ceiling"].value == 19 / 20
    assert found.effect.points == 5


def test_texts_that_differ_in_case_agree() -> None:
    assert list(check(sheet([("q", "An answer"), ("q", "an  answer")], "qa"))) == []


def test_templates_that_differ_in_a_name_or_a_number_are_no_contradictions() -> None:
    pairs = [(f"What is the capital where {city} lies?", f"{city} land") for city in CITIES]
    pairs += [(f"Add {n} to {n + 1}, please.", str(2 * n + 1)) for n in range(40)]
    pairs += [(f"Add {n} to {n + 1}.", str(2 * n + 1)) for n in range(40)]
    assert list(check(sheet(pairs, "qa"))) == []


def test_inputs_that_differ_in_fillers_and_have_unlike_outputs() -> None:
    pairs = [(f"Describe the town {city} by night", f"{city} lies far north") for city in CITIES]
    pairs += [(f"Please describe town {city} by night", f"bread {city[::-1]}") for city in CITIES]
    (found,) = check(sheet(pairs, "generation"))
    assert found.kind == "neighbour-disagreement"
    assert len(found.rows) == 20 and found.figures["neighbour_disagreement"].n == 10


def test_inputs_that_differ_in_fillers_and_agree() -> None:
    pairs = [(f"Describe the town {city} by night", f"{city} is dark") for city in CITIES]
    pairs += [(f"Please describe town {city} by night", f"{city} is dark then") for city in CITIES]
    assert list(check(sheet(pairs, "generation"))) == []


def test_nothing_to_read() -> None:
    assert list(check(sheet([], "qa"))) == []
    assert list(check(sheet([("a", "b")], "generation"))) == []
