from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from knowledge.errors import UserError
from probes.data import normalised, read_examples
from probes.records import Example
from probes.spec import spec_from_mapping
from probes.task import TaskSpec


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
