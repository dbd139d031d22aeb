"""A cleaned copy has the safe fixes and nothing else; the data stay as they were."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from knowledge.errors import UserError
from probes.audit import duplicates
from probes.audit.cleaned import write_cleaned
from probes.audit.reading import read_sheet
from probes.audit.records import Found, Remedy
from probes.audit.runner import audit
from probes.audit.sheet import Sheet
from probes.spec import spec_from_mapping
from probes.tables import read_table
from probes.task import TaskSpec
from tests.probes.audit.test_duplicates import changed, stories

ROWS = [{"input": f"ask {at}", "output": f"say {at}", "note": 'ü, "x"\n2'} for at in range(5)]


def task(folder: Path, suffix: str, rows: list[Any] | None = None) -> tuple[Sheet, TaskSpec, Path]:
    rows, path = rows or ROWS, folder / f"rows{suffix}"
    if suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    elif suffix == ".json":
        path.write_text(json.dumps(rows))
    elif suffix == ".parquet":
        import pyarrow as pa
        import pyarrow.parquet as pq

        pq.write_table(pa.Table.from_pylist(rows), path)
    else:
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, rows[0], delimiter="\t" if suffix == ".tsv" else ",")
            writer.writeheader()
            writer.writerows(rows)
    spec = spec_from_mapping(
        {"version": 1, "name": "t", "task_type": "qa", "data": {"train": path.name}}
    )
    return read_sheet(spec, folder / "spec.yaml"), spec, path


def found(**remedy: Any) -> Found:
    return Found(kind="k", text="t", rows=[], of=5, fix="f", remedy=Remedy(**remedy))


@pytest.mark.parametrize("suffix", [".jsonl", ".json", ".csv", ".tsv", ".parquet"])
def test_rows_are_left_out_and_outputs_replaced_in_every_format(
    suffix: str, tmp_path: Path
) -> None:
    sheet, spec, path = task(tmp_path, suffix)
    before = path.read_bytes()
    log, copy = write_cleaned(
        sheet, [found(drop=[1]), found(drop=[3], outputs={0: "neu"})], spec, tmp_path / "spec.yaml"
    )
    assert path.read_bytes() == before
    kept = [row.values for row in read_table(copy).rows]
    assert kept == [{**ROWS[0], "output": "neu"}, ROWS[2], ROWS[4]]
    told = [json.loads(line) for line in log.read_text().splitlines()]
    assert [line["change"] for line in told] == ["output", "left out", "left out"]
    assert [line["was"] for line in told] == [ROWS[0], ROWS[1], ROWS[3]]


def test_the_answer_of_a_conversation_is_replaced_in_its_last_turn(tmp_path: Path) -> None:
    rows = [
        {"messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "ho"}]}
    ]
    sheet, spec, _ = task(tmp_path, ".jsonl", rows)
    _, copy = write_cleaned(sheet, [found(outputs={0: "hu"})], spec, tmp_path / "spec.yaml")
    (row,) = read_table(copy).rows
    assert row.values["messages"][1] == {"role": "assistant", "content": "hu"}


def test_the_dearer_finding_goes_first(tmp_path: Path) -> None:
    sheet, spec, _ = task(tmp_path, ".jsonl")
    _, copy = write_cleaned(
        sheet, [found(outputs={0: "a"}), found(outputs={0: "b"})], spec, tmp_path / "spec.yaml"
    )
    assert read_table(copy).rows[0].values["output"] == "a"


def test_a_copy_that_is_there_is_never_written_over(tmp_path: Path) -> None:
    sheet, spec, _ = task(tmp_path, ".jsonl")
    mine = tmp_path / "rows.cleaned.jsonl"
    mine.write_text("work of mine")
    with pytest.raises(UserError, match="E-AUDIT-EXISTS"):
        write_cleaned(sheet, [found(drop=[1])], spec, tmp_path / "spec.yaml")
    assert mine.read_text() == "work of mine"
    assert not (tmp_path / "rows.cleaned.jsonl.log.jsonl").exists()


def test_a_copy_without_rows_is_refused(tmp_path: Path) -> None:
    sheet, spec, _ = task(tmp_path, ".jsonl")
    with pytest.raises(UserError, match="E-AUDIT-ALL"):
        write_cleaned(sheet, [found(drop=range(5))], spec, tmp_path / "spec.yaml")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["rows.jsonl"]


def test_an_object_stays_an_object(tmp_path: Path) -> None:
    rows = [{"input": "ask", "output": {"a": 1}}]
    sheet, spec, _ = task(tmp_path, ".jsonl", rows)
    _, copy = write_cleaned(sheet, [found(outputs={0: '{"a": 2}'})], spec, tmp_path / "spec.yaml")
    assert read_table(copy).rows[0].values["output"] == {"a": 2}


def test_no_answer_is_lost_where_groups_cross_the_split(tmp_path: Path) -> None:
    rows = [
        {"input": f"ask {at % 40}", "output": f"say {at % 40}", "group": f"g{at}"}
        for at in range(80)
    ]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    columns = {"group": "group"}
    spec = spec_from_mapping(
        {
            "version": 1,
            "name": "t",
            "task_type": "qa",
            "data": {"train": "rows.jsonl", "columns": columns},
        }
    )
    sheet = read_sheet(spec, tmp_path / "spec.yaml")
    _, told = audit(sheet, "t")
    _, copy = write_cleaned(sheet, told, spec, tmp_path / "spec.yaml")
    kept = {row.values["input"] for row in read_table(copy).rows}
    assert kept == {row["input"] for row in rows}


def test_nothing_to_fix_writes_nothing(tmp_path: Path) -> None:
    sheet, spec, _ = task(tmp_path, ".jsonl")
    assert write_cleaned(sheet, [found()], spec, tmp_path / "spec.yaml") == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["rows.jsonl"]


@pytest.mark.parametrize("suffix", [".jsonl", ".json", ".csv", ".tsv", ".parquet"])
def test_sets_of_near_duplicates_get_a_column_that_keeps_them_on_one_side(
    suffix: str, tmp_path: Path
) -> None:
    base = stories(60)
    rows = [{"input": entry.text, "output": entry.output} for entry in base]
    copies = [{**row, "input": changed(row["input"], at % 4)} for at, row in enumerate(rows[:20])]
    sheet, spec, _ = task(tmp_path, suffix, [*rows, *copies])
    near = [each for each in duplicates.check(sheet) if each.kind == "near-duplicates"]
    copy = write_cleaned(sheet, near, spec, tmp_path / "spec.yaml")[1]
    kept = [row.values["near_group"] or None for row in read_table(copy).rows]
    assert len(kept) == 80
    assert kept[:20] == kept[60:]
    assert None not in kept[:20]
    assert len(set(kept[:20])) == 20
    assert set(kept[20:60]) == {None}
    data = {"train": copy.name, "columns": {"group": "near_group"}}
    grouped = spec_from_mapping(spec.model_dump() | {"data": data})
    sides = read_sheet(grouped, tmp_path / "spec.yaml")
    for at in range(20):
        assert sides.entries[at].side == sides.entries[60 + at].side
    assert not [each for each in duplicates.check(sides) if each.remedy and each.remedy.groups]


def test_rows_without_near_duplicates_have_no_group(tmp_path: Path) -> None:
    sheet, spec, path = task(tmp_path, ".csv")
    write_cleaned(sheet, [found(groups={1: "a", 3: "a"})], spec, tmp_path / "spec.yaml")
    kept = read_table(path.with_suffix(".cleaned.csv")).rows
    assert [row.values["near_group"] for row in kept] == ["", "a", "", "a", ""]
