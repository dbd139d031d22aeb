from __future__ import annotations

import pytest

from probes.records import Passage
from probes.retrieval import words
from probes.retrieval_health import (
    RetrievalHealth,
    _sample,
    near_duplicates,
    retrieval_health,
)
from probes.retrieval_text import health_text, questions_needed
from probes.self_queries import extracted_query, sentences
from probes.stats import wilson

TOPICS = """
    boiler kettle steam pressure valve water heating radiator thermostat furnace
    violin cello orchestra rehearsal concert conductor sonata melody harmony rhythm
    glacier summit avalanche climber rope blizzard ridge altitude basecamp crevasse
    invoice payment ledger audit balance receipt refund currency account deposit
""".split()  # noqa: SIM905


def clean_collection(n: int = 40) -> list[Passage]:
    """Passages of two sentences, each about its own mixture of words."""
    passages = []
    for at in range(n):
        mixed = [TOPICS[(at * 7 + step * step + step) % len(TOPICS)] for step in range(9)]
        first = f"The {mixed[0]} of {mixed[1]} and {mixed[2]} makes {mixed[3]} number {at} better."
        second = f"See {mixed[4]} with {mixed[5]}, {mixed[6]} and {mixed[7]} for {mixed[8]}."
        passages.append(Passage(id=f"p{at}", text=f"{first} {second}"))
    return passages


def test_a_clean_collection_finds_itself() -> None:
    health = retrieval_health(clean_collection())
    assert (health.n_passages, health.n_queries) == (40, 40)
    recall = health.self_recall["bm25"]
    assert list(recall) == ["1", "5", "10"]
    assert recall["1"].value >= 0.9 and recall["1"].n == 40
    assert recall["1"].value <= recall["5"].value <= recall["10"].value == 1.0
    assert health.near_duplicates.n == 0
    assert health.boilerplate_share == 0 and health.n_sentences == 80
    assert health.lengths.p5_words <= health.lengths.p50_words <= health.lengths.p95_words


def test_duplicates_are_counted_and_spoil_search() -> None:
    clean = clean_collection()
    copies = [Passage(id=f"copy-of-{p.id}", text=p.text.replace("See", "Read")) for p in clean]
    health = retrieval_health([*clean, *copies])
    assert health.near_duplicates.n == 40
    assert health.near_duplicates.examples[0] == ("p0", "copy-of-p0")
    assert len(health.near_duplicates.examples) == 5
    assert health.self_recall["bm25"]["1"].value <= 0.6
    assert health.n_not_found >= 32
    assert len(health.confusable) == 10
    twins = [{c.id.removeprefix("copy-of-"), c.found_id.removeprefix("copy-of-")} for c in
             health.confusable]  # fmt: skip
    assert any(len(pair) == 1 for pair in twins)
    assert all(not each.id.startswith("copy-of-") for each in health.label_first)
    assert any(
        "nearly the same words as an earlier one: 40" in line for line in health_text(health)
    )


def test_the_passage_found_instead_is_named_and_labelled_first() -> None:
    about = "parking permit resident zone street fee renew office form city"
    passages = [
        *clean_collection(12),
        Passage(id="short", text=f"Ask about the {about}, please."),
        Passage(id="greedy", text=f"{about}. {about}. {about} please ask the."),
    ]
    health = retrieval_health(passages)
    missed = {each.id: each for each in health.confusable}
    assert health.n_not_found == len(missed) >= 1
    name, other = ("short", "greedy") if "short" in missed else ("greedy", "short")
    assert missed[name].found_id == other
    assert missed[name].rank == 2
    assert set(missed[name].query.split()) < set(words(f"{about} ask the please"))


def test_boilerplate_and_lengths() -> None:
    footer = "All rights reserved by the company."
    passages = [Passage(id=p.id, text=f"{p.text}\n{footer}") for p in clean_collection(20)]
    passages.append(Passage(id="scrap", text="Page 7"))
    passages.append(Passage(id="tome", text=" ".join(f"word{at}" for at in range(300))))
    health = retrieval_health(passages)
    assert health.n_sentences == 61  # "Page 7" is too short to be one
    assert health.boilerplate_share == pytest.approx(20 / 61)
    assert (health.lengths.n_too_short, health.lengths.n_too_long) == (1, 1)
    assert "scrap" not in [each.id for each in health.label_first]
    text = " ".join(health_text(health))
    assert "33 % of 61 sentences stand in many passages" in text


def test_label_first_spreads_over_the_collection() -> None:
    flowers = "rose tulip poppy daisy lily iris peony violet aster"
    red = [Passage(id=f"red{at}", text=f"{flowers} garden r{at}") for at in range(50)]
    blue = Passage(id="blue", text="whale ocean " * 6)
    grey = Passage(id="grey", text="concrete tower crane " * 5)
    health = retrieval_health([*red, blue, grey])
    ids = [each.id for each in health.label_first]
    # The reds are near-duplicates of the first of them, so three passages are worth a question.
    assert sorted(ids) == ["blue", "grey", "red0"]
    assert [each.reason for each in health.label_first][1:] == [
        "it is unlike the passages listed before it"
    ] * 2
    assert len({each.id for each in retrieval_health(clean_collection(40)).label_first}) == 20


def test_the_same_collection_gives_the_same_record() -> None:
    passages = clean_collection(60)
    health = retrieval_health(passages, n_queries=25)
    assert health == retrieval_health(passages, n_queries=25)
    assert health.n_queries == health.self_recall["bm25"]["5"].n == 25
    assert RetrievalHealth.model_validate_json(health.model_dump_json()) == health


def test_more_passages_leave_the_old_ones_in_the_same_order_of_the_sample() -> None:
    passages = clean_collection(60)
    old = [passages[at].id for at in _sample(passages[:30])]
    among_all = [passages[at].id for at in _sample(passages)]
    assert [name for name in among_all if name in old] == old
    assert old != [passage.id for passage in passages[:30]]


def test_tiny_and_wordless_collections() -> None:
    empty = retrieval_health([])
    assert (empty.n_passages, empty.n_queries, empty.self_recall) == (0, 0, {})
    assert health_text(empty) == ["There is no passage to search."]
    wordless = retrieval_health([Passage(id="a", text="…"), Passage(id="b", text="-")])
    assert wordless.n_queries == 0 and wordless.label_first == ()
    assert "unknown until some are labelled" in health_text(wordless)[-1]
    single = retrieval_health([Passage(id="a", text="Only this.")])
    assert single.self_recall["bm25"]["1"].value == 1.0
    assert [each.id for each in single.label_first] == ["a"]
    with pytest.raises(ValueError, match="no retriever"):
        retrieval_health([], retrievers=())


def test_queries_are_made_of_a_part_of_one_sentence() -> None:
    text = "It is so. Curie discovered polonium and radium in Paris in 1898. It is."
    idf = {word: 1.0 for word in words(text)} | {"polonium": 9.0, "radium": 8.0, "in": 0.1}
    query = extracted_query(text, idf).split()
    # of 8 distinct words the two rarest fall away, the order stays
    assert query == ["curie", "discovered", "and", "in", "paris", "1898"]
    assert len(extracted_query("a b c d e f g h i j k l m n o p", dict.fromkeys("abcdefghijklmnop", 1.0)).split()) == 10  # fmt: skip  # noqa: E501
    assert extracted_query("…", {}) == ""


def test_sentences_in_several_scripts() -> None:
    assert sentences("One. Two!\n\nThree? …") == ["One.", "Two!", "Three?"]
    assert sentences("北京是首都。上海很大。") == ["北京是首都。", "上海很大。"]
    assert sentences("एक है। दो है।") == ["एक है।", "दो है।"]
    assert sentences("version 3.5 is out") == ["version 3.5 is out"]


def test_near_duplicates_agree_with_comparing_all_pairs() -> None:
    vocabulary = [f"w{at}" for at in range(30)]
    bags = [
        [vocabulary[(seed * 13 + step * (1 + seed % 3)) % 30] for step in range(5 + seed % 12)]
        for seed in range(120)
    ]
    expected: dict[int, int] = {}
    for at, bag in enumerate(bags):
        for earlier in (number for number in range(at) if number not in expected):
            one, other = set(bag), set(bags[earlier])
            if len(one & other) / len(one | other) >= 0.8:
                expected[at] = earlier
                break
    assert 10 < len(expected) < 110
    assert near_duplicates(bags) == expected
    assert near_duplicates([[], []]) == {}


def test_questions_needed_is_the_smallest_number() -> None:
    assert questions_needed(0.05, 0.5) == 381
    for recall in (0.5, 0.9):
        n = questions_needed(0.05, recall)
        low, high = wilson(recall * n, n)
        assert high - low <= 0.1
        low, high = wilson(recall * (n - 1), n - 1)
        assert high - low > 0.1


def test_text_says_what_is_unknown_and_hides_nothing_in_ids() -> None:
    passages = [Passage(id=f"evil\x1b[31m{p.id}", text=p.text) for p in clean_collection(12)]
    lines = health_text(retrieval_health(passages))
    assert all("\x1b" not in line and "\n" not in line for line in lines)
    assert "12 passages" in lines[0]
    assert any("optimistic" in line for line in lines)
    assert "381 give it to ±5 points" in lines[-1]
