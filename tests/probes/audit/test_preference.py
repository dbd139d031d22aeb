from __future__ import annotations

from random import Random

import pytest

from probes.audit.preference import check
from probes.audit.records import Found, NotChecked
from probes.audit.sheet import Entry, Sheet


def found(pairs: list[tuple[str, str, str]]) -> dict[str, Found]:
    entries = [
        Entry(text, chosen, at, "train", "train", rejected=rejected)
        for at, (text, chosen, rejected) in enumerate(pairs, 1)
    ]
    return {each.kind: each for each in check(Sheet(entries, "generation", "rouge_l"))}


def balanced(n: int = 200) -> list[tuple[str, str, str]]:
    rng = Random(0)
    return [
        (f"Question {at}?", f"good {at} " * rng.randint(1, 9), f"bad {at} " * rng.randint(1, 9))
        for at in range(n)
    ]


def test_balanced_pairs_say_nothing() -> None:
    assert not found(balanced())


def test_no_rejected_column_is_said_so() -> None:
    rows = [Entry("a", "b", at, "train", "train") for at in range(50)]
    with pytest.raises(NotChecked, match="no pairs"):
        list(check(Sheet(rows, "generation", "rouge_l")))


def test_equal_form_only_and_contradicting_pairs() -> None:
    pairs = balanced()
    pairs[3] = ("Three?", "It is so.", "It is so. ")
    pairs[5] = ("Five?", "**It is so!**\n", "it is so")
    pairs[7], pairs[9] = ("Q?", "yes, do", "no, stop"), ("Q?", "no, stop", "yes, do")
    pairs[11] = ("Q?", "no, stop", "never mind")
    pairs[13] = ("Other?", "no, stop", "yes, do")
    kinds = found(pairs)
    assert list(kinds["equal-pairs"].rows) == [3]
    assert kinds["equal-pairs"].remedy is not None and list(kinds["equal-pairs"].remedy.drop) == [3]
    assert list(kinds["form-only-pairs"].rows) == [5]
    assert list(kinds["contradicting-pairs"].rows) == [7, 9, 11]


def test_length_bias_needs_more_than_chance() -> None:
    biased = [
        (q, c + " and so on" * 3 * (at % 5 != 0), c) for at, (q, c, _) in enumerate(balanced())
    ]
    one = found(biased)["length-bias"]
    assert one.figures["chosen is longer"].low > 0.65
    few = [(q, c + " and so on" * 9, c) for q, c, _ in balanced(20)]
    assert "length-bias" not in found(few)
