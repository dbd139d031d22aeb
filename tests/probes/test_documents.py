from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from knowledge.errors import UserError
from probes.documents import read_documents
from probes.records import Passage
from probes.spec import spec_from_mapping
from probes.task import TaskSpec


def spec_of(**data: Any) -> TaskSpec:
    data = {"train": "rows.jsonl", **data}
    return spec_from_mapping({"version": 1, "name": "t", "task_type": "qa", "data": data})


def documents_of(tmp_path: Path, documents: str) -> tuple[Passage, ...]:
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
    passages = documents_of(tmp_path, "docs")
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
    passages = documents_of(tmp_path, "docs")
    assert max(len(passage.text) for passage in passages) <= 1500
    assert " ".join(" ".join(passage.text for passage in passages).split())[:9000] in " ".join(
        text.split()
    )
    assert sum(passage.text.count("x") for passage in passages) >= 4000


def test_rows_as_documents_keep_their_ids(tmp_path: Path) -> None:
    rows = [{"id": number, "text": f"text {number} " * 500} for number in range(3)]
    (tmp_path / "docs.jsonl").write_text("\n".join(map(json.dumps, rows)))
    passages = documents_of(tmp_path, "docs.jsonl")
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
        documents_of(tmp_path, "docs.jsonl")
    assert words in str(caught.value)
