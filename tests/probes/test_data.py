from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from knowledge.errors import UserError
from probes.data import normalised, read_documents, read_examples
from probes.records import Example, Passage, TaskSpec
from probes.spec import spec_from_mapping


def spec_of(data: dict[str, Any], task_type: str = "qa") -> TaskSpec:
    return spec_from_mapping({"version": 1, "name": "t", "task_type": task_type, "data": data})


def examples_of(
    tmp_path: Path, rows: list[Any], columns: dict[str, str] | None = None
) -> tuple[Example, ...]:
    (tmp_path / "rows.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    spec = spec_of({"train": "rows.jsonl", "columns": columns or {}})
    return read_examples(spec, tmp_path / "spec.yaml")[0]


def filled(value: Any, number: int) -> Any:
    """The value with each `#` in it replaced by a number, so that rows differ."""
    return json.loads(json.dumps(value).replace("#", str(number)))


def message(role: str, content: Any) -> dict[str, Any]:
    return {"role": role, "content": content}


ASKED = [("user", "ask #")]
DIALOGUE = [("system", "be kind"), ("user", "hi"), ("assistant", "ho"), ("user", "ask #")]
CHAT = [message(role, content) for role, content in DIALOGUE]
SHARED = [
    {"from": "system", "value": "be kind"},
    {"from": "human", "value": "hi"},
    {"from": "gpt", "value": "ho"},
    {"from": "human", "value": "ask #"},
    {"from": "gpt", "value": "say #"},
]
SHAPES: dict[str, tuple[dict[str, Any], list[tuple[str, str]]]] = {
    "prompt/completion": ({"prompt": "ask #", "completion": "say #"}, ASKED),
    "prompt/completion of messages": (
        {"prompt": CHAT, "completion": [message("assistant", "say #")]},
        DIALOGUE,
    ),
    "messages": ({"messages": [*CHAT, message("assistant", "say #")]}, DIALOGUE),
    "messages with a tail": (
        {"messages": [*CHAT, message("assistant", "say #"), message("user", "thanks")]},
        DIALOGUE,
    ),
    "messages in parts": (
        {
            "messages": [
                message("user", [{"type": "text", "text": "ask #"}]),
                message("assistant", "say #"),
            ]
        },
        ASKED,
    ),
    "messages as JSON text": (
        {"messages": json.dumps([*CHAT, message("assistant", "say #")])},
        DIALOGUE,
    ),
    "ShareGPT": ({"conversations": SHARED, "id": "#"}, DIALOGUE),
    "Alpaca": (
        {"instruction": "ask", "input": "of #", "output": "say #", "text": "all"},
        [("user", "ask\n\nof #")],
    ),
    "Alpaca without input": ({"instruction": "ask #", "input": "", "output": "say #"}, ASKED),
    "input/output": ({"input": "ask #", "output": "say #"}, ASKED),
    "question/answer": ({"id": "#", "Question": "ask #", "Answer": "say #"}, ASKED),
    "text/label": ({"text": "ask #", "label": "say #"}, ASKED),
    "text/category": ({"text": "ask #", "category": "say #"}, ASKED),
    "sentence/label": ({"sentence": "ask #", "label": "say #", "idx": 3}, ASKED),
    "preference": ({"prompt": "ask #", "chosen": "say #", "rejected": "no"}, ASKED),
    "preference of whole conversations": (
        {
            "chosen": [*CHAT, message("assistant", "say #")],
            "rejected": [*CHAT, message("assistant", "no")],
        },
        DIALOGUE,
    ),
    "preference beside messages": (
        {"prompt": "ask #", "chosen": "say #", "rejected": "no", "messages": CHAT},
        DIALOGUE,
    ),
}


@pytest.mark.parametrize("name", SHAPES)
def test_shapes(tmp_path: Path, name: str) -> None:
    row, turns = SHAPES[name]
    examples = examples_of(tmp_path, [filled(row, number) for number in range(30)])
    assert len(examples) == 30
    last = examples[29]
    assert [(turn.role, turn.content) for turn in last.item.turns] == [
        (role, filled(content, 29)) for role, content in turns
    ]
    assert (last.output, last.row) == ("say 29", 30)
    assert last.rejected == ("no" if "preference" in name else None)


def test_explicit_columns(tmp_path: Path) -> None:
    rows = [
        {
            "q": f"ask {n}",
            "label": "x",
            "a": f"say {n}",
            "who": n % 7,
            "bad": "no",
            "docs": "d1; d2",
        }
        for n in range(30)
    ]
    columns = {"input": "q", "output": "a", "group": "who", "rejected": "bad"}
    example = examples_of(tmp_path, rows, {**columns, "gold_passages": "docs"})[8]
    assert (example.item.text, example.output) == ("ask 8", "say 8")
    assert (example.group, example.rejected) == ("1", "no")
    assert example.gold_passages == ("d1", "d2")


def test_gold_passages_as_a_list(tmp_path: Path) -> None:
    rows = [{"input": f"{n}", "output": "x", "gold": ["a;b", n]} for n in range(30)]
    assert examples_of(tmp_path, rows, {"gold_passages": "gold"})[3].gold_passages == ("a;b", "3")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (True, "true"),
        (1, "1"),
        (1.0, "1.0"),
        ("001", "001"),
        ("NA", "NA"),
        (" x ", " x "),
        ({"b": [1, None], "a": "é"}, '{"b":[1,null],"a":"é"}'),
        ([{"name": "f", "arguments": {}}], '[{"name":"f","arguments":{}}]'),
    ],
)
def test_outputs_become_their_json_text(tmp_path: Path, value: Any, text: str) -> None:
    rows = [{"input": f"ask {n}", "output": value} for n in range(30)]
    assert examples_of(tmp_path, rows)[0].output == text


def test_blank_rows_are_counted_and_named(tmp_path: Path) -> None:
    rows = [{"input": f"ask {n}", "output": "" if n % 3 == 0 else "x"} for n in range(30)]
    with pytest.raises(UserError) as caught:
        examples_of(tmp_path, rows)
    assert "10 rows have an empty output: lines 1, 4, 7, 10, 13, …" in str(caught.value)


def test_one_class_matters_to_classification_only(tmp_path: Path) -> None:
    rows = [{"text": f"ask {n}", "label": "x"} for n in range(30)]
    assert len(examples_of(tmp_path, rows)) == 30
    with pytest.raises(UserError, match="E-DATA-ONE-CLASS"):
        read_examples(spec_of({"train": "rows.jsonl"}, "classification"), tmp_path / "spec.yaml")


def test_labels_lose_their_spaces_and_nothing_else(tmp_path: Path) -> None:
    rows = "".join(f"a{number}, {number % 2:03}\n" for number in range(30))
    (tmp_path / "a.csv").write_text("text, label\n" + rows)
    spec = spec_of({"train": "a.csv"}, "classification")
    train, test = read_examples(spec, tmp_path / "spec.yaml")
    assert {each.output for each in train} == {"000", "001"}
    assert test is None


def test_test_file_may_be_in_another_format(tmp_path: Path) -> None:
    rows = "".join(f"ask {n},x{n}\n" for n in range(30))
    (tmp_path / "a.csv").write_text("text,label\n" + rows)
    (tmp_path / "b.json").write_text('[{"text": "t", "label": 1}]')
    spec = spec_of({"train": "a.csv", "test": "b.json"})
    train, test = read_examples(spec, tmp_path / "spec.yaml")
    assert len(train) == 30
    assert test is not None and [each.output for each in test] == ["1"]


# ---------------------------------------------------------------- ids


def ids_by_content(examples: tuple[Example, ...]) -> dict[tuple[str, str], set[str]]:
    result: dict[tuple[str, str], set[str]] = {}
    for example in examples:
        result.setdefault((example.item.text, example.output), set()).add(example.item.id)
    return result


def test_ids_do_not_depend_on_the_order_of_rows(tmp_path: Path) -> None:
    rows = [{"text": f"ask {n % 40}", "label": f"x{n % 60}"} for n in range(200)]
    first = examples_of(tmp_path, rows)
    random.Random(0).shuffle(rows)
    second = examples_of(tmp_path, rows)
    assert len({each.item.id for each in first}) == 200
    assert ids_by_content(first) == ids_by_content(second)


def test_a_repeated_row_changes_no_other_id(tmp_path: Path) -> None:
    rows = [{"text": f"ask {n % 40}", "label": f"x{n}"} for n in range(60)]
    before = ids_by_content(examples_of(tmp_path, rows))
    after = ids_by_content(
        examples_of(tmp_path, [*rows, rows[0], {"text": "ask 0", "label": "x0"}])
    )
    assert all(before[content] <= after[content] for content in before)


def test_normalised() -> None:
    assert normalised("  The\u00a0ﬁrst\n TEST ") == "the first test"
    assert normalised("Straße") == normalised("STRASSE")


# ---------------------------------------------------------------- documents


def documents_of(tmp_path: Path, documents: str) -> tuple[Passage, ...]:
    spec = spec_of({"train": "rows.jsonl", "documents": documents})
    return read_documents(spec, tmp_path / "spec.yaml")


def test_no_documents(tmp_path: Path) -> None:
    assert read_documents(spec_of({"train": "rows.jsonl"}), tmp_path / "spec.yaml") == ()


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
