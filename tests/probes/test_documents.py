"""The user's documents as passages, and which of them answer which items."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from knowledge.errors import UserError
from probes.documents import Documents, documents_of, read_documents
from probes.records import Example, Item, Passage, Splits, Turn
from probes.spec import spec_from_mapping
from probes.task import DataSpec, TaskSpec


def spec_of(**data: Any) -> TaskSpec:
    data = {"train": "rows.jsonl", **data}
    return spec_from_mapping({"version": 1, "name": "t", "task_type": "qa", "data": data})


def passages_of(tmp_path: Path, documents: str) -> tuple[Passage, ...]:
    spec = spec_of(documents=documents)
    return read_documents(spec, tmp_path / "spec.yaml")


def test_no_documents(tmp_path: Path) -> None:
    assert read_documents(spec_of(), tmp_path / "spec.yaml") == ()


def test_folder_of_documents(tmp_path: Path) -> None:
    (tmp_path / "docs" / "sub").mkdir(parents=True)
    (tmp_path / "docs" / ".git").mkdir()
    (tmp_path / "docs" / ".git" / "x.txt").write_text("never")
    (tmp_path / "docs" / "b.txt").write_bytes(b"\xef\xbb\xbfplain\r\ntext")
    (tmp_path / "docs" / "c.pdf").write_bytes(b"%PDF")
    (tmp_path / "docs" / "sub" / "a.MD").write_text("# One\n\nfirst\n\n## Two\n\nsecond\n")
    passages = passages_of(tmp_path, "docs")
    assert [(passage.id, passage.text) for passage in passages] == [
        ("b.txt#1", "plain\ntext"),
        ("sub/a.MD#1", "# One\n\nfirst"),
        ("sub/a.MD#2", "## Two\n\nsecond"),
    ]


def test_long_documents_are_cut_and_nothing_is_lost(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    sentences = [f"This is sentence number {number}." for number in range(400)]
    paragraphs = [" ".join(sentences[start : start + 7]) for start in range(0, 200, 7)]
    text = "# Title\n\n" + "\n\n".join(paragraphs) + "\n\n" + " ".join(sentences[203:])
    (tmp_path / "docs" / "a.md").write_text(text + "\n\n" + "x" * 4000)
    passages = passages_of(tmp_path, "docs")
    assert max(len(passage.text) for passage in passages) <= 1500
    assert " ".join(" ".join(passage.text for passage in passages).split())[:9000] in " ".join(
        text.split()
    )
    assert sum(passage.text.count("x") for passage in passages) >= 4000


def test_rows_as_documents_keep_their_ids(tmp_path: Path) -> None:
    rows = [{"id": number, "text": f"text {number} " * 500} for number in range(3)]
    (tmp_path / "docs.jsonl").write_text("\n".join(map(json.dumps, rows)))
    passages = passages_of(tmp_path, "docs.jsonl")
    assert [passage.id for passage in passages] == ["0", "1", "2"]
    assert passages[2].text == rows[2]["text"]


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([{"id": "a", "text": "x"}, {"id": "a", "text": "y"}], "'a' again: line 2"),
        ([{"id": "a", "text": ""}], "an empty id or text: line 1"),
        ([{"id": "a", "txt": "x"}], "did you mean txt"),
    ],
)
def test_bad_rows_of_documents(tmp_path: Path, rows: list[Any], words: str) -> None:
    (tmp_path / "docs.jsonl").write_text("\n".join(map(json.dumps, rows)))
    with pytest.raises(UserError) as caught:
        passages_of(tmp_path, "docs.jsonl")
    assert words in str(caught.value)


# ---------------------------------------------------------------- which passages answer which items


CITIES = ("Oslo", "Rome", "Lima", "Cairo", "Paris", "Quito")
LIBRARY = [
    Passage(id=f"p{at}", text=f"The office number {at} is in {city}.")
    for at, city in enumerate(CITIES)
]


def asked(at: int, output: str, *gold: str) -> Example:
    item = Item(id=f"i{at}", turns=(Turn(role="user", content=f"Where is office number {at}?"),))
    return Example(item=item, output=output, row=at + 10, gold_passages=gold)


def split(dev: Sequence[Example], test: Sequence[Example], train: Sequence[Example] = ()) -> Splits:
    return Splits(train=tuple(train), dev=tuple(dev), test=tuple(test))


@pytest.mark.parametrize("side", ["train", "dev", "test"])
def test_an_unknown_gold_passage_is_told_with_its_row(side: str) -> None:
    rows = {"train": [asked(0, "Oslo")], "dev": [asked(1, "Rome")], "test": [asked(2, "Lima")]}
    rows[side].append(asked(7, "Cairo", "p3", "gone\x1b[2J"))
    with pytest.raises(UserError) as caught:
        documents_of(LIBRARY, split(**rows), DataSpec(train="rows.jsonl"))
    assert caught.value.code == "E-DATA-GOLD"
    assert "rows.jsonl:17" in str(caught.value) and "'gone" in str(caught.value)
    assert "\x1b" not in str(caught.value)


def test_given_gold_is_that_of_held_out_items_alone() -> None:
    splits = split(
        train=[asked(0, "Oslo", "p0")],
        dev=[asked(1, "Rome", "p1", "p2"), asked(2, "Lima")],
        test=[asked(3, "Cairo", "p3")],
    )
    found = documents_of(LIBRARY, splits, DataSpec(train="rows.jsonl"))
    assert found.kind == "given" and found.passages == tuple(LIBRARY)
    assert found.gold == {"i1": ("p1", "p2"), "i3": ("p3",)}


def test_gold_is_silver_where_answers_stand_in_passages() -> None:
    splits = split([asked(0, "Oslo"), asked(1, "Atlantis")], [asked(2, "lima."), asked(3, "Troy")])
    found = documents_of(LIBRARY, splits, DataSpec(train="rows.jsonl"))
    assert (found.kind, found.gold) == ("silver", {"i0": ("p0",), "i2": ("p2",)})


def test_no_gold_where_fewer_than_half_of_the_answers_stand_in_passages() -> None:
    dev, test = [asked(0, "Oslo"), asked(1, "Atlantis")], [asked(2, "Lima"), asked(3, "Troy")]
    found = documents_of(
        LIBRARY, split(dev, [*test, asked(4, "Utopia")]), DataSpec(train="rows.jsonl")
    )
    assert (found.kind, found.gold, len(found.passages)) == ("none", {}, len(LIBRARY))


def test_without_documents_there_is_nothing_to_know() -> None:
    found = documents_of(
        [], split([asked(0, "Oslo")], [asked(1, "Rome")]), DataSpec(train="rows.jsonl")
    )
    assert found == Documents() and found.fingerprint == ""


def test_the_fingerprint_is_that_of_passages_and_gold() -> None:
    dev, test = [asked(0, "Oslo")], [asked(1, "Rome")]
    first = documents_of(LIBRARY, split(dev, test), DataSpec(train="rows.jsonl"))
    assert documents_of(
        LIBRARY, split(dev, test), DataSpec(train="elsewhere.jsonl")
    ).fingerprint == (first.fingerprint)
    changed = [*LIBRARY[:-1], Passage(id="p5", text=f"{LIBRARY[-1].text} Or so.")]
    renamed = [*LIBRARY[:-1], Passage(id="p6", text=LIBRARY[-1].text)]
    given = split([asked(0, "Oslo", "p1")], test)
    others = [
        documents_of(changed, split(dev, test), DataSpec(train="rows.jsonl")),
        documents_of(renamed, split(dev, test), DataSpec(train="rows.jsonl")),
        documents_of(LIBRARY[:-1], split(dev, test), DataSpec(train="rows.jsonl")),
        documents_of(LIBRARY, given, DataSpec(train="rows.jsonl")),
    ]
    assert len({first.fingerprint, *(each.fingerprint for each in others)}) == 5
