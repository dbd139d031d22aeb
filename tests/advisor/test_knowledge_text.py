"""What is believed in words: lists, whole records, what names what, search."""

from __future__ import annotations

from datetime import date

import pytest

from advisor.knowledge_index import Known, named, named_by
from advisor.knowledge_search import search
from advisor.knowledge_text import (
    aligned,
    coverage_table,
    folded,
    list_rows,
    overview,
    rule_rows,
    size_text,
    stale_lines,
)
from advisor.knowledge_whole import effect_text, record_lines, rule_lines, scope_text
from knowledge.errors import UserError
from knowledge.statements import Effect, Scope, stale
from tests.advisor.known import RULES, small

TODAY = date(2026, 4, 1)
KNOWN = small()


def whole(name: str) -> str:
    return "\n".join(
        line
        for kind, each, record in named(KNOWN, name)
        for line in record_lines(KNOWN, kind, each, record, TODAY)
    )


def test_a_claim_is_told_with_all_that_it_rests_on() -> None:
    text = whole("adapters-forget-less")
    for part in (
        "adapters-forget-less (claim, tuning)",
        "Adapters of low rank forget less than full tuning does.",
        "Grade: primary",
        "Status: relaxed",
        "Checked: 2026-01-01, 90 days ago",
        "Seen on: code; 7 billion parameters; 1,000 to 20,000 training examples; two",
        "- points lost: 1.5 [-0.5, 3] points (n=1,200)",
        "- time taken: 0.5 (up to 0.6) ratio",
        "- On {50 %} & more; Table 3; arXiv:2401.00001; 2024-01-02; read whole; checked 2026-01-01",
        "Against it:\n- A rejoinder; https://x.org/a_b; its abstract read",
        "Note: Relaxed for zebras.",
        "Re-test by probe: Run a probe with both methods.",
        "- method adapters: Adapters",
        "- model Tiny-7M: how it tunes",
        "- rule prefer-adapters: strong",
        "- document s1: LoRA | forgets less",
    ):
        assert part in text
    assert "due for another look" not in text


def test_a_claim_without_grounds_says_so() -> None:
    text = whole("labels-are-enough")
    assert "Sources:\n- none" in text
    assert "Seen on" not in text
    assert "Figures" not in text
    assert "- method adapters: its rank" in text
    assert "- symptom same-answers: Too few rows" in text


def test_a_claim_says_when_it_is_due() -> None:
    claim = KNOWN.claims["labels-are-enough"]
    late = "\n".join(record_lines(KNOWN, "claims", claim.id, claim, date(2026, 12, 1)))
    assert "275 days ago, due for another look" in late


def test_one_name_may_mean_a_claim_and_a_failure_mode() -> None:
    assert [kind for kind, *_ in named(KNOWN, "Adapters-Forget-Less")] == ["claims", "failures"]
    text = whole("adapters-forget-less")
    assert "adapters-forget-less (failure mode)" in text
    assert "Fix: Lower the learning rate." in text
    assert "- method adapters: is prone to it" in text


def test_the_other_kinds_are_told_whole() -> None:
    method = whole("adapters")
    assert "- rank: 8 to 16 (labels-are-enough)" in method
    assert "- adapters-forget-less: Named as the claim is" in method
    assert "(primary, relaxed, checked 90 days ago)" in method
    assert "- a-claim-of-later (no such claim in this version)" in method
    symptom = whole("same-answers")
    assert "Cause 1: Too few rows\n  - measure: The share of repeats." in symptom
    assert "Cause 2: Wrong template" in symptom
    model = whole("MAKER/tiny-7m")
    assert "Parameters: 7,000,000" in model
    assert "- ladder tiny: rung 1" in model
    assert "- Tiny-7M: 7,000,000 parameters, MIT" in whole("tiny")
    assert named_by(KNOWN, "ladders", "tiny") == []


@pytest.mark.parametrize(
    ("given", "hint"),
    [
        ("forget", "did you mean adapters-forget-less?"),
        ("same-answer", "did you mean same-answers?"),
        ("tiny-8m", "did you mean Tiny-7M or tiny?"),
        ("qqqqqq", "see `advisor knowledge search`"),
        ("", "see `advisor knowledge search`"),
    ],
)
def test_an_unknown_name_is_answered_with_those_like_it(given: str, hint: str) -> None:
    with pytest.raises(UserError) as raised:
        named(KNOWN, given)
    assert raised.value.code == "E-KNOWLEDGE-UNKNOWN"
    assert hint in raised.value.hint


def test_scope_and_figures_in_words() -> None:
    assert scope_text(Scope()) == ""
    assert scope_text(Scope(params_b=(0.5, 8))) == "0.5 to 8 billion parameters"
    large = Effect(what="tokens", value=1_250_000, low=1e6, unit="tokens")
    assert effect_text(large) == "tokens: 1,250,000 (from 1,000,000) tokens"
    assert [size_text(n) for n in (108_048, 494_032_768, 7_615_616_512)] == [
        "108K",
        "494M",
        "7.62B",
    ]


def test_the_overview_counts_everything() -> None:
    text = "\n".join(overview(KNOWN))
    assert "primary 1, ungrounded 1" in text
    assert "relaxed 1, holds 1" in text
    assert "1 with claims, 1 left out with a reason" in text
    assert "advisor knowledge show ID" in text
    assert list(overview(Known({}, {}, {}, {}, {}, {})))


def test_lists_are_cut_to_a_terminal_only() -> None:
    rows = list_rows(KNOWN.claims.values(), TODAY)
    piped = list(aligned(rows, 0))
    assert piped[1] == (
        "labels-are-enough     ungrounded  holds    perishable    31 d"
        "  Fifty labels are said to be enough."
    )
    wide = list(aligned(rows, 110))
    assert len(wide) == 2
    assert max(map(len, wide)) == 110
    assert wide[0].endswith("…")
    narrow = list(aligned(rows, 70))
    assert len(narrow) == 4
    assert narrow[1] == "    Adapters of low rank forget less than full tuning does."
    assert list(aligned([], 80)) == []
    for kind in ("methods", "models", "ladders", "symptoms", "failures"):
        assert list(aligned(list_rows(KNOWN.of(kind).values(), TODAY), 20))


def test_folding_breaks_no_id_and_keeps_entries_under_their_dash() -> None:
    lines = list(folded(["", "- named by a-very-long-id-of-a-claim and another one"], 24))
    assert lines == ["", "- named by", "  a-very-long-id-of-a-claim", "  and another one"]


def test_what_is_stale_says_how_to_test_it_again() -> None:
    late = stale(tuple(KNOWN.claims.values()), TODAY, 30)
    text = list(stale_lines(late, 2, TODAY, 30))
    assert (
        text[0]
        == "2 of 2 claims last checked more than 30 days before 2026-04-01 (durable ones: 60)"
    )
    assert text[1] == "- adapters-forget-less: 90 days, durable, primary"
    assert text[2] == "    re-test by probe: Run a probe with both methods."
    assert next(stale_lines([], 2, TODAY, 1)).startswith("none of 2 claims")


def test_a_rule_is_told_by_its_docstring_and_its_claims() -> None:
    text = "\n".join(rule_lines(RULES["prefer-adapters"], KNOWN, TODAY))
    assert "Tune an adapter, not all weights." in text
    assert "It costs less, and forgets less." in text
    assert "Strength: strong" in text
    assert "- adapters-forget-less: Adapters of low rank" in text
    assert "Rests on no claim." in list(rule_lines(RULES["no-grounds"], KNOWN, TODAY))
    assert rule_rows(RULES)[0] == ("prefer-adapters", "strong", "Tune an adapter, not all weights.")


def test_coverage_is_a_table_that_nothing_breaks() -> None:
    table = list(coverage_table(KNOWN.coverage))
    assert table[2] == "| s1 | LoRA \\| forgets less | `adapters-forget-less` |"
    assert table[3] == "| s2 | Buy now | none: an advert, \\*no\\* statement |"


def found(query: str) -> list[str]:
    return [hit.id for hit in search(KNOWN, query)]


def test_search_finds_by_beginnings_and_ranks_names_first() -> None:
    assert found("ADAPTERS")[0] in ("adapters", "adapters-forget-less")
    assert found("zebra") == ["adapters-forget-less"]
    assert found("template") == ["same-answers"]
    assert found("2401") == ["adapters-forget-less"]
    assert found("fifty label")[0] == "labels-are-enough"
    assert found("ti") == []
    assert set(found("tiny")) == {"tiny", "Tiny-7M"}
    assert found("") == found("…") == found("qqq") == []
    scores = [hit.score for hit in search(KNOWN, "adapters forget rows")]
    assert scores == sorted(scores, reverse=True)
    assert search(Known({}, {}, {}, {}, {}, {}), "lora") == []


def test_more_words_of_the_query_are_worth_more() -> None:
    one = {hit.id: hit.score for hit in search(KNOWN, "forget")}
    two = {hit.id: hit.score for hit in search(KNOWN, "forget less")}
    assert two["adapters-forget-less"] > one["adapters-forget-less"]
