from __future__ import annotations

import json
from random import Random

import pytest

from probes.audit.cut_texts import check as cut
from probes.audit.records import NotChecked
from probes.audit.sheet import Entry, Sheet
from probes.audit.slipped import check as slipped

WORDS = ("robe", "pie", "axe", "plum", "cake", "belt", "saw", "coat", "mitten", "drill", "tart")


def sheet(rows: list[tuple[str, str]], task: str = "extraction") -> Sheet:
    entries = [Entry(text, out, at, "train", "train") for at, (text, out) in enumerate(rows, 1)]
    return Sheet(entries, task, "exact_match")  # type: ignore[arg-type]


def orders(n: int = 200) -> list[tuple[str, str]]:
    rng = Random(0)
    names = [f"{a}{b}{c}" for a in "BDKLM" for b in "aeiou" for c in ("ra", "no", "ti", "lio")]
    return [
        (f"{rng.choice(names)} orders {rng.randint(2, 999)} {w} for {rng.choice(names)}, soon", w)
        for w in (rng.choice(WORDS) for _ in range(n))
    ]


@pytest.mark.parametrize("as_json", [False, True])
@pytest.mark.parametrize("step", [-1, 1])
def test_a_column_that_slips(step: int, as_json: bool) -> None:
    rows = orders()
    outputs = [out for _, out in rows]
    moved = [(rows[at][0], outputs[at + step]) for at in range(50, 90)]
    rows[50:90] = moved
    if as_json:
        rows = [(text, json.dumps({"item": out})) for text, out in rows]
    (found,) = slipped(sheet(rows))
    wrong = {at for at in range(50, 90) if outputs[at] != outputs[at + step]}
    assert set(found.rows) == wrong and found.effect.on == "figure"
    assert ("above" if step < 0 else "below") in found.text


def test_nothing_slips_in_sound_or_shuffled_rows() -> None:
    assert not list(slipped(sheet(orders())))
    rows = orders()
    drawn = Random(1).sample(rows[:40], 40)
    rows[:40] = [(text, out) for (text, _), (_, out) in zip(rows[:40], drawn, strict=True)]
    assert not list(slipped(sheet(rows)))
    with pytest.raises(NotChecked, match="do not come"):
        list(slipped(sheet([(text, "yes") for text, _ in orders()])))
    with pytest.raises(NotChecked):
        list(slipped(sheet(orders(), "classification")))


def test_texts_that_end_in_the_middle() -> None:
    rows = orders(300)
    assert not list(cut(sheet(rows)))
    (found,) = cut(sheet([(text[:28], out) for text, out in rows]))
    assert found.kind == "cut-texts" and "28 characters" in found.text
    assert all(len(rows[at][0]) >= 28 for at in found.rows)
    (found,) = cut(sheet([("q", text[:28]) for text, _ in rows]))
    assert "an output" in found.text


def test_texts_of_one_length_that_end_in_whole_words_are_left_alone() -> None:
    rng = Random(0)
    rows = [(f"Calculate {rng.randint(100, 999)} plus {rng.randint(100, 999)}", "1")] * 3
    rows += [
        (f"Calculate {rng.randint(100, 999)} plus {rng.randint(100, 999)}", "1") for _ in WORDS * 20
    ]
    assert not list(cut(sheet(rows)))
