from __future__ import annotations

import csv
import io
import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import probes.rows
import probes.tables
from knowledge.errors import UserError
from probes.json_text import parse_json
from probes.tables import Table, read_table

ODD_LABELS = ["NA", "null", "None", "nan", "001", "1.0", "1", "no", "true", "1e5", " "]


def table(tmp_path: Path, name: str, content: str | bytes) -> Table:
    path = tmp_path / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_table(path)


def values(read: Table) -> list[dict[str, Any]]:
    return [row.values for row in read.rows]


def test_labels_stay_text(tmp_path: Path) -> None:
    read = table(tmp_path, "a.csv", "text,label\n" + "".join(f"x,{each}\n" for each in ODD_LABELS))
    assert [row.values["label"] for row in read.rows] == ODD_LABELS
    read = table(
        tmp_path, "a.tsv", "text\tlabel\n" + "".join(f"x\t{each}\n" for each in ODD_LABELS)
    )
    assert [row.values["label"] for row in read.rows] == ODD_LABELS


def test_csv_numbers_the_line_on_which_a_row_starts(tmp_path: Path) -> None:
    read = table(
        tmp_path, "a.csv", '\ufefftext,label\r\n"two\r\nlines",a\r\n\r\n"say ""hi""",b\r\n'
    )
    assert [row.number for row in read.rows] == [2, 5]
    assert values(read)[0] == {"text": "two\r\nlines", "label": "a"}
    assert values(read)[1]["text"] == 'say "hi"'
    assert (read.unit, read.columns) == ("line", ("text", "label"))


def test_json_lines(tmp_path: Path) -> None:
    read = table(tmp_path, "a.ndjson", '{"a": 1}\r\n\n{"b": [true, 1.5, {"c": null}]}')
    assert [row.number for row in read.rows] == [1, 3]
    assert values(read) == [{"a": 1}, {"b": [True, 1.5, {"c": None}]}]
    assert read.columns == ("a", "b")


def test_json_array(tmp_path: Path) -> None:
    read = table(tmp_path, "a.json", ' [\n {"a": "x"} , {"a": "ü"}\n]\n')
    assert values(read) == [{"a": "x"}, {"a": "ü"}]
    assert [row.number for row in read.rows] == [1, 2]


def test_json_array_error_has_row_and_line(tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        table(tmp_path, "a.json", '[{"a": 1},\n{"a": 2},\n{"a" 3}]')
    assert caught.value.place.endswith("a.json:3")
    assert "row 3: Expecting ':'" in str(caught.value)


def test_parquet(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = {
        "text": ["a", "b", None],
        "label": pa.array(["x", "y", "x"]).dictionary_encode(),
        "number": [1, 2, 3],
        "score": [0.5, float("nan"), None],
        "flag": [True, False, None],
        "day": pa.array([0, 1, None], type=pa.date32()),
    }
    pq.write_table(pa.table(columns), tmp_path / "a.parquet")
    read = read_table(tmp_path / "a.parquet")
    assert read.unit == "row"
    assert values(read)[1] == {
        "text": "b",
        "label": "y",
        "number": 2,
        "score": None,
        "flag": False,
        "day": "1970-01-02",
    }


def test_parquet_with_a_damaged_middle(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"text": [str(number) for number in range(1000)]}), path)
    raw = bytearray(path.read_bytes())
    raw[8:60] = bytes(52)
    path.write_bytes(raw)
    with pytest.raises(UserError, match="E-DATA-PARQUET"):
        read_table(path)


def test_text_that_would_be_markup_elsewhere_is_just_text(tmp_path: Path) -> None:
    odd = [
        "\x1b[2J",
        "[@click=app.quit]x[/]",
        "{{7*7}}",
        "=cmd|'/c calc'!A1",
        "\u202e",
        "</script>",
    ]
    lines = "\n".join(json.dumps({"text": each}) for each in odd)
    assert [row["text"] for row in values(table(tmp_path, "a.jsonl", lines))] == odd


@pytest.mark.parametrize(
    ("limit", "name"), [("MAX_ROWS", "more than"), ("MAX_FILE_BYTES", "bytes; the limit")]
)
def test_caps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str, name: str) -> None:
    monkeypatch.setattr(probes.tables, limit, 10)
    with pytest.raises(UserError, match=name) as caught:
        table(tmp_path, "a.csv", "text,label\n" + "a,b\n" * 11)
    assert caught.value.code == "E-DATA-TOO-BIG"


def test_a_line_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probes.rows, "MAX_LINE_BYTES", 100)
    with pytest.raises(UserError, match="line 2 is longer than 100 bytes"):
        table(tmp_path, "a.jsonl", '{"a": 1}\n' + " " * 200)


def test_a_file_that_grows_while_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    collect = probes.tables._collect

    def and_append(path: Path, *others: Any) -> Any:
        rows = collect(path, *others)
        with path.open("a") as file:
            file.write("c,d\n")
        return rows

    monkeypatch.setattr(probes.tables, "_collect", and_append)
    with pytest.raises(UserError, match="changed while it was read"):
        table(tmp_path, "a.csv", "text,label\na,b\n")


def test_a_fifo_does_not_block(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.csv")
    with pytest.raises(UserError, match="a FIFO"):
        read_table(tmp_path / "a.csv")


def test_parse_json_is_strict() -> None:
    assert parse_json('{"a": [1, "x"]}') == {"a": [1, "x"]}
    for text in ('{"a": 1, "a": 2}', "NaN", '"\\ud800"', "[" * 100_000, "[" * 50 + "]" * 50, ""):
        with pytest.raises(ValueError):
            parse_json(text)


CELL = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\r"), max_size=20)


@given(st.lists(st.tuples(CELL, CELL), min_size=1, max_size=8))
def test_csv_keeps_every_cell(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str]]
) -> None:
    text = io.StringIO(newline="")
    csv.writer(text, quoting=csv.QUOTE_ALL).writerows([("text", "label"), *rows])
    read = table(tmp_path_factory.getbasetemp(), "any.csv", text.getvalue())
    assert [(row["text"], row["label"]) for row in values(read)] == rows


@given(st.sampled_from(["csv", "tsv", "json", "jsonl", "parquet"]), st.binary(max_size=80))
def test_any_bytes_are_read_or_refused_in_one_line(
    tmp_path_factory: pytest.TempPathFactory, suffix: str, content: bytes
) -> None:
    starts = {"json": b"[", "jsonl": b'{"a":', "parquet": b"PAR1"}
    try:
        table(tmp_path_factory.getbasetemp(), f"any.{suffix}", starts.get(suffix, b"") + content)
    except UserError as error:
        assert len(str(error).splitlines()) == 1
        assert len(str(error)) < 400
