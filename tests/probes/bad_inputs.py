"""Specs and data files that must be refused: each with the code and the words that say why.

The numbers in the names are those of the list in facts/reliability.md, section 8.
"""

# A table is read line by line, long lines too.
# ruff: noqa: E501

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

GOOD_SPEC = """\
version: 1
name: demo
task_type: classification
data:
  train: rows.csv
"""


@dataclass(frozen=True)
class Bad:
    """One bad file."""

    name: str
    code: str
    fragment: str
    """Words that the message must have."""
    content: bytes | Callable[[Path], object]
    """Bytes of the file, or what makes it at the path that is given."""
    file: str = "spec.yaml"
    spec: str = GOOD_SPEC
    """For bad data: the good spec beside it."""
    names: str = ""
    """What the message names, where that is not the bad file."""


def write(bad: Bad, folder: Path) -> Path:
    """Puts the bad file into `folder`, and a good spec beside bad data; returns the spec's path."""
    spec = folder / "spec.yaml"
    if bad.file != "spec.yaml":
        spec.write_text(bad.spec.replace(": rows.csv", f": {bad.file}"), encoding="utf-8")
    path = folder / bad.file
    if isinstance(bad.content, bytes):
        path.write_bytes(bad.content)
    else:
        bad.content(path)
    return spec


def nothing(path: Path) -> None:
    """Leaves the path empty."""


def link_to(target: str) -> Callable[[Path], object]:
    return lambda path: path.symlink_to(target)


def spec(extra: str = "", **replaced: str) -> bytes:
    """The good spec with lines replaced by their key, and more lines at its end."""
    lines = GOOD_SPEC.splitlines()
    for key, line in replaced.items():
        lines = [line if old.startswith(key) else old for old in lines]
    return "\n".join([*filter(None, lines), extra]).encode()


NESTED = spec("x: " + "[" * 3000)
BOMB = "a: &a [1]\nb: &b [*a, *a]\nc: [*b, *b]\n"
SYSTEM = "{name: ours, predictions: a.csv}"
TWO_TYPES = "!!python/object/apply:os.system ['true']"

BAD_SPECS = (
    Bad("01 missing", "E-SPEC-NOTFOUND", "no such file", nothing),
    Bad("02 a folder", "E-SPEC-NOT-A-FILE", "a folder", Path.mkdir),
    Bad("03 a FIFO", "E-SPEC-NOT-A-FILE", "a FIFO", lambda path: os.mkfifo(path)),
    Bad("03 a device", "E-SPEC-NOT-A-FILE", "a device", link_to("/dev/zero")),
    Bad("03 a kernel file", "E-SPEC-NOT-A-FILE", "kernel", link_to("/proc/self/status")),
    Bad("04 a loop of links", "E-SPEC-UNREADABLE", "symbolic links", link_to("spec.yaml")),
    Bad("05 empty", "E-SPEC-EMPTY", "nothing in it", b""),
    Bad("06 comments only", "E-SPEC-EMPTY", "nothing in it", b"# version: 1\n\n# name: x\n"),
    Bad("06 null only", "E-SPEC-EMPTY", "nothing in it", b"---\n~\n"),
    Bad("07 too large", "E-SPEC-TOO-BIG", "1000000", b"#" * 1_000_001),
    Bad("08 not UTF-8", "E-SPEC-ENCODING", "byte 12 is not UTF-8", b"version: 1\n\xff"),
    Bad("09 UTF-16", "E-SPEC-ENCODING", "save as UTF-8", "version: 1".encode("utf-16")),
    Bad("10 NUL", "E-SPEC-ENCODING", "NUL byte at byte 9", b"version:\0 1"),
    Bad("10 NUL as an escape", "E-SPEC-ENCODING", "NUL", spec('instruction: "\\0"')),
    Bad("11 tab", "E-SPEC-YAML", "spec.yaml:2:1: a tab", b"data:\n\ttrain: x\n"),
    Bad("12 unclosed bracket", "E-SPEC-YAML", "expected", spec("needs: {on_premises: true\n")),
    Bad(
        "12 unclosed quote",
        "E-SPEC-YAML",
        "spec.yaml:6:14: found unexpected end",
        spec('instruction: "abc\n'),
    ),
    Bad(
        "12 control character",
        "E-SPEC-YAML",
        "spec.yaml:6:15: unacceptable",
        spec("instruction: a\x1b[2Jb"),
    ),
    Bad("13 duplicate key", "E-SPEC-DUPLICATE-KEY", "lines 2 and 6", spec("name: again")),
    Bad("13 nested duplicate", "E-SPEC-DUPLICATE-KEY", "lines 5 and 6", spec("  train: b.csv")),
    Bad("14 unknown key", "E-SPEC-UNKNOWN-KEY", "did you mean `metric`", spec("metrc: accuracy")),
    Bad("14 unknown nested", "E-SPEC-UNKNOWN-KEY", "did you mean `test`", spec("  tset: b.csv")),
    Bad("15 a list", "E-SPEC-SHAPE", "a list", b"- version: 1\n"),
    Bad("15 a scalar", "E-SPEC-SHAPE", "a single value", b"hello\n"),
    Bad("16 two documents", "E-SPEC-SHAPE", "second document", spec("---\nversion: 1\n")),
    Bad("17 python tag", "E-SPEC-TAG", "!!python/object", spec(f"instruction: {TWO_TYPES}")),
    Bad("18 function tag", "E-SPEC-TAG", "!function", spec("metric: !function os.system")),
    Bad("19 anchors", "E-SPEC-ALIAS", "spec.yaml:6:4 a: &a", spec(BOMB)),
    Bad("20 nested", "E-SPEC-DEPTH", "deeper than 50", NESTED),
    Bad("21 undefined alias", "E-SPEC-ALIAS", "*nowhere", spec("metric: *nowhere")),
    Bad("22 a number as key", "E-SPEC-KEY", "`7` is not text", spec("7: seven")),
    Bad("22 a list as key", "E-SPEC-KEY", "is not text", spec("? [a, b]\n: c")),
    Bad("23 a boolean as text", "E-SPEC-QUOTE", 'quote it: "true"', spec(name="name: true")),
    Bad("24 a number as text", "E-SPEC-QUOTE", 'quote it: "1.10"', spec(name="name: 1.10")),
    Bad("25 leading zero", "E-SPEC-QUOTE", "0777", spec("seed: 0777")),
    Bad("25 a time as number", "E-SPEC-TYPE", "text, a whole number is wanted", spec("seed: 1:30")),
    Bad("26 a word as number", "E-SPEC-TYPE", "a number is wanted", spec("target: high")),
    Bad("27 not a number", "E-SPEC-VALUE", "not a finite number", spec("target: .nan")),
    Bad(
        "27 infinity", "E-SPEC-VALUE", "not a finite number", spec("budget: {probe_minutes: .inf}")
    ),
    Bad("27 too large", "E-SPEC-VALUE", "not a finite number", spec("target: 1e400")),
    Bad("27 5,000 digits", "E-SPEC-VALUE", "not a finite number", spec("seed: " + "9" * 5000)),
    Bad("28 true as number", "E-SPEC-TYPE", "a number is wanted", spec("target: true")),
    Bad("29 zero", "E-SPEC-VALUE", "at least 1", spec("needs: {requests_per_month: 0}")),
    Bad("29 a fraction", "E-SPEC-TYPE", "whole number", spec("hardware: {threads: 2.5}")),
    Bad("29 above the range", "E-SPEC-VALUE", "at most 1", spec("target: 90")),
    Bad("30 negative seed", "E-SPEC-VALUE", "at least 0", spec("seed: -1")),
    Bad("30 large seed", "E-SPEC-VALUE", "below 4294967296", spec("seed: 18446744073709551616")),
    Bad("31 unit", "E-SPEC-TYPE", "'3 hours'", spec("budget:\n  probe_minutes: 3 hours")),
    Bad("31 negative", "E-SPEC-VALUE", "at least 0", spec("budget: {training_usd: -5}")),
    Bad("31 negative cost", "E-SPEC-VALUE", "below 0", spec("needs: {error_costs: {a: -1}}")),
    Bad("32 newer", "E-SPEC-VERSION", "install a newer", spec(version="version: 2")),
    Bad("32 no version", "E-SPEC-VERSION", "add `version: 1`", spec(version="")),
    Bad("32 version as float", "E-SPEC-VERSION", "1.0 is not", spec(version="version: 1.0")),
    Bad("33 unknown metric", "E-SPEC-METRIC", "did you mean accuracy", spec("metric: acuracy")),
    Bad("33 unknown task", "E-SPEC-TASK-TYPE", "known: class", spec(task_type="task_type: chess")),
    Bad("34 unfit metric", "E-SPEC-METRIC", "rouge_l does not fit", spec("metric: rouge_l")),
    Bad("34 no scorer", "E-SPEC-VALUE", "go together", spec("metric: command")),
    Bad("36 empty ladder", "E-SPEC-LADDER", "the list is empty", spec("ladder: []")),
    Bad("36 twice", "E-SPEC-LADDER", "there twice", spec("ladder: [a/b, A/b]")),
    Bad("37 dots", "E-SPEC-LADDER", "'../../etc'", spec("ladder: [../../etc]")),
    Bad("37 three parts", "E-SPEC-LADDER", "'a/b/c'", spec("ladder: [a/b/c]")),
    Bad("37 spaces", "E-SPEC-LADDER", "owner/name", spec("ladder: [my model]")),
    Bad("37 long", "E-SPEC-LADDER", "96", spec(f"ladder: [a/{'b' * 100}]")),
    Bad("37 homoglyph", "E-SPEC-LADDER", "not an id", spec("ladder: [Qwеn/Qwen2.5-0.5B]")),
    Bad("38 revision", "E-SPEC-LADDER", "40 hexadecimal", spec("ladder: [a/b@main]")),
    Bad("92 key", "E-SPEC-SECRET", "rotate", spec("api_key: sk-CANARY-0123456789abcdefgh")),
    Bad("92 key in text", "E-SPEC-SECRET", "rotate", spec("instruction: hf_" + "a1" * 17)),
    Bad("no train file", "E-SPEC-MISSING", "spec.yaml:4:1 data.train", spec(data="data: {test: b}", **{"  train": ""})),
    Bad("system twice", "E-SPEC-SYSTEM", "'ours' is there twice", spec(f"systems: [{SYSTEM}, {SYSTEM}]")),
    Bad("system with a slash", "E-SPEC-VALUE", "'a/b' is not a short name", spec("systems: [{name: a/b, predictions: a.csv}]")),
    Bad("system without answers", "E-SPEC-MISSING", "systems.0.predictions", spec("systems: [{name: ours}]")),
    Bad("system with unknown key", "E-SPEC-UNKNOWN-KEY", "did you mean `latency_s`", spec("systems:\n- name: ours\n  latency: 2")),
    Bad("system is text", "E-SPEC-TYPE", "a mapping is wanted", spec("systems: [answers.csv]")),
    Bad("system below no price", "E-SPEC-VALUE", "at least 0", spec(f"systems: [{SYSTEM[:-1]}, usd_per_request: -1}}]")),
    Bad("system that takes no time", "E-SPEC-VALUE", "above 0", spec(f"systems: [{SYSTEM[:-1]}, latency_s: 0}}]")),
    Bad("nine systems", "E-SPEC-VALUE", "at most 8", spec("systems:\n" + "".join(f"- {{name: s{n}, predictions: a.csv}}\n" for n in range(9)))),
    Bad("data is text", "E-SPEC-TYPE", "a mapping", spec(data="data: rows.csv", **{"  train": ""})),
)  # fmt: skip


# ---------------------------------------------------------------- data

HEADER = "text,label\n"
ROWS = [
    f"how do I do number {number},{'even' if number % 2 == 0 else 'odd'}" for number in range(80)
]
GOOD_CSV = HEADER + "\n".join(ROWS) + "\n"
OBJECTS = [dict(zip(("text", "label"), row.split(","), strict=True)) for row in ROWS]
GOOD_JSONL = "\n".join(map(json.dumps, OBJECTS)) + "\n"
GOOD_JSON = json.dumps(OBJECTS, indent=1)


def csv_with(line: str, header: str = HEADER) -> bytes:
    """The good rows with a bad one as line 4."""
    return "\n".join([header.strip(), *ROWS[:2], line, *ROWS[2:], ""]).encode()


def jsonl_with(line: str) -> bytes:
    """The good rows with a bad one as line 3."""
    lines = GOOD_JSONL.splitlines()
    return "\n".join([*lines[:2], line, *lines[2:], ""]).encode("utf-8")


def jsonl(*rows: object) -> bytes:
    """Forty rows of each kind that is given."""
    return "\n".join(json.dumps(row) for row in rows for _ in range(40)).encode()


def parquet(**columns: object) -> Callable[[Path], object]:
    """A Parquet file of 40 rows: each column's one value, repeated."""

    def make(path: Path) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        pq.write_table(pa.table({name: [value] * 40 for name, value in columns.items()}), path)

    return make


def parquet_with_uuids(path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    storage = pa.array([bytes(16)] * 40, type=pa.binary(16))
    ids = pa.ExtensionArray.from_storage(pa.uuid(), storage)
    pq.write_table(pa.table({"text": ["a"] * 40, "label": ids}), path)


def broken_parquet(path: Path) -> None:
    parquet(text="a", label="b")(path)
    path.write_bytes(path.read_bytes()[:-30])


def empty_test_file(path: Path) -> None:
    path.with_name("train.csv").write_text(GOOD_CSV, encoding="utf-8")
    path.write_text(HEADER, encoding="utf-8")


def short_test_file(path: Path) -> None:
    path.with_name("train.csv").write_text(GOOD_CSV, encoding="utf-8")
    path.write_text(HEADER + "a,even\nb,odd\n", encoding="utf-8")


def document_in_latin_1(path: Path) -> None:
    path.mkdir()
    (path / "a.md").write_bytes(b"caf\xe9")
    path.with_name("rows.csv").write_text(GOOD_CSV, encoding="utf-8")


def folder_of_pictures(path: Path) -> None:
    path.mkdir()
    (path / "a.png").write_bytes(b"\x89PNG")
    path.with_name("rows.csv").write_text(GOOD_CSV, encoding="utf-8")


CHAT = {"messages": [{"role": "user", "content": "hi"}, {"role": "tool", "content": "ho"}]}
PLAIN = {"messages": [{"role": "user", "content": "hi"}, {"role": "user", "content": "ho"}]}
WITH_COLUMNS = GOOD_SPEC + "  columns: {input: text, output: lable}\n"
WITH_GROUP = GOOD_SPEC + "  columns: {group: topic}\n"
WITH_TEST = GOOD_SPEC.replace("rows.csv", "./train.csv") + "  test: rows.csv\n"
WITH_DOCUMENTS = GOOD_SPEC.replace("rows.csv", "./rows.csv") + "  documents: documents\n"
ONE_GROUP = "text,label,topic\n" + "".join(f"{row},same\n" for row in ROWS)

J, N, P, C, T = "rows.jsonl", "rows.json", "rows.parquet", "rows.csv", "rows.tsv"

BAD_DATA = (
    Bad("50 missing", "E-DATA-NOTFOUND", "no such file", nothing, C),
    Bad("50 a folder", "E-DATA-NOT-A-FILE", "a folder", Path.mkdir, C),
    Bad("50 a FIFO", "E-DATA-NOT-A-FILE", "a FIFO", lambda path: os.mkfifo(path), C),
    Bad("51 a device", "E-DATA-NOT-A-FILE", "a device", link_to("/dev/urandom"), J),
    Bad("51 a kernel file", "E-DATA-NOT-A-FILE", "kernel", link_to("/proc/self/environ"), C),
    Bad("52 URL", "E-DATA-PATH", "'https://example.com/rows.csv'", nothing, "notes.txt",
        GOOD_SPEC.replace("rows.csv", "https://example.com/rows.csv"), "spec.yaml"),
    Bad("52 file URL", "E-DATA-PATH", "is not a path", nothing, "notes.txt",
        GOOD_SPEC.replace("rows.csv", "file:///etc/passwd"), "spec.yaml"),
    Bad("53 pickle", "E-DATA-SUFFIX", ".jsonl", b"\x80\x04N.", "rows.pkl"),
    Bad("53 spreadsheet", "E-DATA-SUFFIX", ".xlsx", b"PK\x03\x04", "rows.xlsx"),
    Bad("53 Arrow", "E-DATA-SUFFIX", ".arrow", b"ARROW1\0\0", "rows.arrow"),
    Bad("54 CSV named JSONL", "E-DATA-FORMAT", "does not begin", GOOD_CSV.encode(), J),
    Bad("54 JSON named CSV", "E-DATA-FORMAT", "looks like JSON", GOOD_JSON.encode(), C),
    Bad("54 Parquet named CSV", "E-DATA-FORMAT", "Parquet", b"PAR1....PAR1", C),
    Bad("54 CSV named Parquet", "E-DATA-FORMAT", "not Parquet", GOOD_CSV.encode(), P),
    Bad("54 zip named CSV", "E-DATA-FORMAT", "zip", b"PK\x03\x04....", C),
    Bad("54 object named JSON", "E-DATA-FORMAT", "array of objects", b'{"data": []}', N),
    Bad("55 0 bytes", "E-DATA-EMPTY", "0 bytes", b"", C),
    Bad("55 header only", "E-DATA-EMPTY", "no rows", HEADER.encode(), C),
    Bad("55 empty array", "E-DATA-EMPTY", "no rows", b"[]", N),
    Bad("55 blank lines", "E-DATA-EMPTY", "no rows", b"\n\n\n", J),
    Bad("56 too few", "E-DATA-TOO-FEW", "30 are needed", "\n".join(ROWS[:9]).join([HEADER, ""]).encode(), C),
    Bad("57 long cell", "E-DATA-TOO-BIG", "1000000", csv_with("x" * 1_000_001 + ",even"), C),
    Bad("57 long value", "E-DATA-TOO-BIG", "line 3", jsonl_with(json.dumps({"text": "x" * 1_000_001})), J),
    Bad("57 many columns", "E-DATA-TOO-BIG", "columns", (",".join(map(str, range(1500))) + "\n").encode() * 2, C),
    Bad("59 not UTF-8", "E-DATA-ENCODING", "line 4, byte 4", csv_with("caf\0,odd").replace(b"\0", b"\xe9"), C),
    Bad("60 UTF-16", "E-DATA-ENCODING", "UTF-16", GOOD_CSV.encode("utf-16"), C),
    Bad("61 long row", "E-DATA-CSV", "line 4 has 3 cells", csv_with("a,b,c"), C),
    Bad("61 short row", "E-DATA-CSV", "line 4 has 1 cells", csv_with("a"), C),
    Bad("62 unclosed quote", "E-DATA-CSV", "line 4 is never closed", csv_with('"a,even'), C),
    Bad("62 text after a quote", "E-DATA-CSV", "line 4", csv_with('"a"b,even'), C),
    Bad("63 column twice", "E-DATA-CSV", "named 'label'", csv_with("a,b,c", "text,label, label"), C),
    Bad("64 missing column", "E-DATA-COLUMNS", "did you mean label", GOOD_CSV.encode(), C, WITH_COLUMNS),
    Bad("64 unknown columns", "E-DATA-COLUMNS", "there are: a, b", b"a,b\n1,2\n" * 40, C),
    Bad("64 two outputs", "E-DATA-COLUMNS", "'label' and 'category'", b"text,label,category\n1,2,3\n", C),
    Bad("65 semicolons", "E-DATA-CSV", "one column found", GOOD_CSV.replace(",", ";").encode(), C),
    Bad("65 commas in TSV", "E-DATA-CSV", "one column found", GOOD_CSV.encode(), T),
    Bad("66 CR only", "E-DATA-CSV", "carriage returns", GOOD_CSV.replace("\n", "\r").encode(), C),
    Bad("67 NUL", "E-DATA-ENCODING", "NUL byte in line 4", csv_with("a\0,even"), C),
    Bad("69 blank outputs", "E-DATA-BLANK", "1 row has an empty output: line 4", csv_with("a, "), C),
    Bad("69 blank inputs", "E-DATA-BLANK", "empty input: line 4", csv_with(",odd"), C),
    Bad("69 null output", "E-DATA-BLANK", "line 3", jsonl_with('{"text": "a", "label": null}'), J),
    Bad("70 one class", "E-DATA-ONE-CLASS", "'even'", GOOD_CSV.replace("odd", "even").encode(), C),
    Bad("73 all the same", "E-DATA-TOO-FEW", "1 different rows of 40", jsonl({"text": "a", "label": "b"}), J),
    Bad("80 one group", "E-DATA-SPLIT", "there are 1", ONE_GROUP.encode(), C, WITH_GROUP, "data"),
    Bad("81 bad line", "E-DATA-JSON", "line 3", jsonl_with('{"text": "a"'), J),
    Bad("81 trailing comma", "E-DATA-JSON", "trailing comma", jsonl_with('{"text": "a",}'), J),
    Bad("81 array in lines", "E-DATA-FORMAT", "begin with `{`", GOOD_JSON.encode(), J),
    Bad("81 list as a row", "E-DATA-TYPE", "line 3 holds list", jsonl_with("[1, 2]"), J),
    Bad("81 duplicate keys", "E-DATA-JSON", "'text' occurs twice", jsonl_with('{"text": "a", "text": "b"}'), J),
    Bad("81 NaN", "E-DATA-JSON", "NaN is not JSON", jsonl_with('{"text": "a", "label": NaN}'), J),
    Bad("81 Infinity", "E-DATA-JSON", "-Infinity", jsonl_with('{"text": -Infinity}'), J),
    Bad("81 1e400", "E-DATA-JSON", "too large", jsonl_with('{"text": 1e400}'), J),
    Bad("81 5,000 digits", "E-DATA-JSON", "5000 digits", jsonl_with('{"text": ' + "9" * 5000 + "}"), J),
    Bad("81 depth", "E-DATA-JSON", "deeper", jsonl_with('{"text": ' + "[" * 100_000), J),
    Bad("81 less depth", "E-DATA-JSON", "deeper than 32", jsonl_with(f'{{"text": {"[" * 60}{"]" * 60}}}'), J),
    Bad("81 surrogate", "E-DATA-ENCODING", "surrogate", jsonl_with('{"text": "\\ud800", "label": "a"}'), J),
    Bad("81 array cut short", "E-DATA-JSON", "complete", GOOD_JSON[:-2].encode(), N),
    Bad("81 comma in array", "E-DATA-JSON", "trailing comma", (GOOD_JSON[:-2] + ",]").encode(), N),
    Bad("81 text after array", "E-DATA-JSON", "only `,`", (GOOD_JSON + "x").encode(), N),
    Bad("82 no conversation", "E-DATA-SHAPE", "not a list of messages", jsonl({"messages": "hello"}), J),
    Bad("82 unknown role", "E-DATA-SHAPE", "'tool'", jsonl(CHAT), J),
    Bad("82 no answer", "E-DATA-SHAPE", "no assistant turn", jsonl(PLAIN), J),
    Bad("82 no prompt", "E-DATA-SHAPE", "no prompt", jsonl({"chosen": "a", "rejected": "b"}), J),
    Bad("83 broken footer", "E-DATA-PARQUET", "damaged", broken_parquet, P),
    Bad("83 binary", "E-DATA-PARQUET", "binary values", parquet(text="a", label=b"b"), P),
    Bad("83 nested", "E-DATA-PARQUET", "nested values", parquet(text="a", label=["b"]), P),
    Bad("83 extension", "E-DATA-PARQUET", "extension type", parquet_with_uuids, P),
    Bad("84 gzip", "E-DATA-ARCHIVE", "unpack", b"\x1f\x8b\x08", "rows.jsonl.gz"),
    Bad("85 zip", "E-DATA-ARCHIVE", "unpack", b"PK\x03\x04", "rows.zip"),
    Bad("55 test without rows", "E-DATA-EMPTY", "no rows", empty_test_file, C, WITH_TEST),
    Bad("56 short test", "E-DATA-SPLIT", "the test split has 2 rows", short_test_file, C, WITH_TEST, "data"),
    Bad("78 Latin-1 document", "E-DATA-ENCODING", "byte 4", document_in_latin_1, "documents", WITH_DOCUMENTS),
    Bad("78 no documents", "E-DATA-EMPTY", "no text in any", folder_of_pictures, "documents", WITH_DOCUMENTS),
)  # fmt: skip


# ---------------------------------------------------------------- answers of systems in use

SYSTEM_HEADER = "text,prediction,latency_s\n"
ANSWERS = [f"{row},0.5" for row in ROWS]
GOOD_ANSWERS = SYSTEM_HEADER + "\n".join(ANSWERS) + "\n"
WITH_SYSTEM = (
    GOOD_SPEC.replace("rows.csv", "./rows.csv")
    + "systems:\n- name: ours\n  predictions: rows.csv\n"
)
ITSELF = (
    GOOD_SPEC.replace("rows.csv", "./rows.csv")
    + "systems:\n- name: ours\n  predictions: ./rows.csv\n"
)


def answers_with(line: str) -> bytes:
    """The good answers with a bad one as their last line."""
    return (GOOD_ANSWERS + line + "\n").encode()


A = "answers.csv"

BAD_SYSTEMS = (
    Bad("system missing", "E-DATA-NOTFOUND", "no such file", nothing, A, WITH_SYSTEM),
    Bad("system URL", "E-DATA-PATH", "is not a path", nothing, A, WITH_SYSTEM.replace(": rows.csv", ": https://x.org/a.csv"), "spec.yaml"),
    Bad("system suffix", "E-DATA-SUFFIX", ".jsonl", b"even", "answers.txt", WITH_SYSTEM),
    Bad("system without rows", "E-DATA-EMPTY", "no rows", SYSTEM_HEADER.encode(), A, WITH_SYSTEM),
    Bad("system without answer", "E-SYSTEM-COLUMNS", "name it `prediction`; there are: text, label", GOOD_CSV.encode(), A, WITH_SYSTEM),
    Bad("system with two answers", "E-SYSTEM-COLUMNS", "'answer' and 'response'", b"text,response,answer\na,b,c\n", A, WITH_SYSTEM),
    Bad("system without input", "E-DATA-COLUMNS", "to be the input", b"id,prediction\n1,even\n", A, WITH_SYSTEM),
    Bad("system is the data", "E-SYSTEM-COLUMNS", "the data file itself", nothing, "unused", ITSELF, "rows.csv"),
    Bad("system has no conversation", "E-DATA-SHAPE", "not a list of messages: line 1", jsonl({"messages": "hello"}), "answers.jsonl", WITH_SYSTEM),
    Bad("system knows few", "E-SYSTEM-ITEMS", "8 are needed; 1 of 4 rows match no input", "\n".join([SYSTEM_HEADER.strip(), "else,odd,1", *ANSWERS[:3]]).encode(), A, WITH_SYSTEM),
    Bad("system time", "E-SYSTEM-LATENCY", "'2 s' is no time in seconds: line 82", answers_with("a,even,2 s"), A, WITH_SYSTEM),
    Bad("system negative time", "E-SYSTEM-LATENCY", "'-1'", answers_with("a,even,-1"), A, WITH_SYSTEM),
)  # fmt: skip
