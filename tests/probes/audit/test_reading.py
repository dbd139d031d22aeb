"""The sheet holds every row, with what a probe would refuse of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from probes.audit.faulty_rows import check
from probes.audit.reading import read_sheet
from probes.audit.sheet import Sheet
from probes.data import read_examples
from probes.spec import spec_from_mapping
from probes.split import split_examples


def sheet_of(
    folder: Path, rows: list[dict[str, Any]], test: list[dict[str, Any]] | None = None, **spec: Any
) -> Sheet:
    data = {"train": "rows.jsonl"} | ({"test": "test.jsonl"} if test is not None else {})
    for name, some in (("rows", rows), ("test", test or [])):
        lines = "".join(json.dumps(row) + "\n" for row in some)
        (folder / f"{name}.jsonl").write_text(lines, encoding="utf-8")
    whole = {"version": 1, "name": "t", "task_type": "qa", "data": data} | spec
    return read_sheet(spec_from_mapping(whole), folder / "spec.yaml")


def test_every_row_is_there_in_order_with_its_line(tmp_path: Path) -> None:
    rows = [{"input": f"ask {at}", "output": "" if at == 3 else f"say {at}"} for at in range(6)]
    sheet = sheet_of(tmp_path, rows, test=rows[:2])
    assert [entry.row for entry in sheet.entries] == [1, 2, 3, 4, 5, 6, 1, 2]
    assert [entry.file for entry in sheet.entries] == ["train"] * 6 + ["test"] * 2
    assert sheet.usable == [0, 1, 2, 4, 5, 6, 7]
    assert sheet.entries[3].output == ""


def test_sides_are_those_of_the_split(tmp_path: Path) -> None:
    rows = [{"input": f"ask {at}", "output": f"say {at}"} for at in range(200)]
    sheet = sheet_of(tmp_path, rows)
    spec = spec_from_mapping(
        {"version": 1, "name": "t", "task_type": "qa", "data": {"train": "rows.jsonl"}}
    )
    examples, test = read_examples(spec, tmp_path / "spec.yaml")
    splits = split_examples(examples, test)
    sides = {row.row: name for name in ("train", "dev", "test") for row in getattr(splits, name)}
    assert {entry.row: entry.side for entry in sheet.entries} == sides


def test_rows_that_a_probe_refuses_are_told_together(tmp_path: Path) -> None:
    def chat(*roles: str) -> dict[str, Any]:
        return {"messages": [{"role": role, "content": role} for role in roles]}

    rows = [chat("user", "assistant"), chat("user"), chat("user", "robot"), chat("assistant")]
    sheet = sheet_of(tmp_path, rows)
    found, few = check(sheet)
    assert few.kind == "too-few-rows"
    assert found.rows == [1, 2, 3]
    assert found.remedy is not None
    assert list(found.remedy.drop) == [1, 2, 3]
    assert sum(found.details["causes"].values()) == 3
    assert [each.kind for each in check(sheet_of(tmp_path, rows[:1]))] == ["too-few-rows"]


def test_what_a_probe_refuses_a_file_for_is_told(tmp_path: Path) -> None:
    same = [{"input": f"ask {at}", "output": "yes"} for at in range(40)]
    (found,) = check(sheet_of(tmp_path, same, task_type="classification"))
    assert found.kind == "one-class"
    (found,) = check(sheet_of(tmp_path, [same[0]] * 40))
    assert found.kind == "too-few-rows"
    assert not list(check(sheet_of(tmp_path, same)))


def test_a_user_who_says_nothing_under_a_system_prompt(tmp_path: Path) -> None:
    def chat(text: str) -> dict[str, Any]:
        turns = [("system", "be kind"), ("user", text), ("assistant", "ho")]
        return {"messages": [{"role": role, "content": content} for role, content in turns]}

    (found,) = check(sheet_of(tmp_path, [*(chat(f"ask {at}") for at in range(40)), chat(" ")]))
    assert (found.kind, list(found.rows)) == ("empty-input", [40])


def test_a_conversation_is_kept_whole(tmp_path: Path) -> None:
    turns = [("system", "be kind"), ("user", "hi"), ("assistant", "ho"), ("user", "ask")]
    messages = [
        {"role": role, "content": content} for role, content in (*turns, ("assistant", "!"))
    ]
    (entry,) = sheet_of(tmp_path, [{"messages": messages}]).entries
    assert entry.turns is not None
    assert [(turn.role, turn.content) for turn in entry.turns] == [*turns, ("assistant", "!")]
    assert entry.text == "be kind\nhi\nho\nask"
    assert entry.output == "!"


def test_a_sample_does_not_depend_on_the_order_of_rows(tmp_path: Path) -> None:
    rows = [{"input": f"ask {at}", "output": f"say {at}"} for at in range(50)]
    one, other = sheet_of(tmp_path, rows), sheet_of(tmp_path, rows[::-1])
    drawn = [{sheet.entries[at].text for at in sheet.sample(7)} for sheet in (one, other)]
    assert drawn[0] == drawn[1]
    assert len(drawn[0]) == 7
    assert one.sample(1000) == one.usable
