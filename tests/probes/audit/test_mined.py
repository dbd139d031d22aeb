from __future__ import annotations

import json
from pathlib import Path

import pytest

from probes.audit.mined import as_rows, check, pairs
from probes.audit.reading import read_sheet
from probes.audit.records import Found, NotChecked
from probes.audit.sheet import Answered, Entry, Sheet
from probes.records import Turn
from probes.spec import read_spec
from tests.advisor.command import run_main

LABELS = ("billing", "refund", "sales")


def sheet(*systems: Answered, metric: str = "accuracy", outputs: tuple[str, ...] = LABELS) -> Sheet:
    entries = [
        Entry(f"Question {at}?", outputs[at % len(outputs)], at + 1, "train", "train")
        for at in range(30)
    ]
    kind = "classification" if metric == "accuracy" else "generation"
    return Sheet(entries, kind, metric, systems=systems)


def only(at: Sheet) -> Found:
    (found,) = check(at)
    return found


def why(at: Sheet) -> str:
    with pytest.raises(NotChecked) as raised:
        list(check(at))
    return str(raised.value)


def test_wrong_answers_are_counted_by_form_and_content() -> None:
    said = {
        0: ("billing",),
        1: ("It is refund, I think.",),
        2: ("billing", "billing ", " "),
        3: ("refund", "sales"),
    }
    found = only(sheet(Answered("old", said), Answered("new", {0: ("sales",)})))
    assert found.kind == "mineable-pairs"
    assert found.effect.points == 0 and found.effect.on == "model"
    assert "5 preference pairs" in found.text and "4 train rows (old 4, new 1)" in found.text
    assert "4 wrong in content, 1 in form alone" in found.text
    assert list(found.rows) == [0, 2, 3, 1]  # what is wrong in form alone comes last
    assert found.of == 4 and found.figures["wrong"].value == 1
    assert "pairs.jsonl" in found.fix


def test_two_systems_with_one_answer_make_one_pair() -> None:
    one, other = (Answered(name, {0: ("sales",)}) for name in ("one", "other"))
    assert [(pair.at, pair.rejected, pair.system) for pair in pairs(sheet(one, other))] == [
        (0, "sales", "one")
    ]


def test_words_in_common_count_as_another_wording() -> None:
    said = {0: ("the cat sat on a mat",), 1: ("rain fell all night in Rome",)}
    at = sheet(Answered("old", said), metric="rouge_l", outputs=("the cat sat on the mat",))
    assert [pair.at for pair in pairs(at)] == [1]


def test_what_cannot_be_mined_says_why() -> None:
    assert "no system in use" in why(sheet()) and "no pairs" in why(sheet())
    assert why(sheet(Answered("old", {}))) == "old: no answer to a train row"
    assert why(sheet(Answered("old", {}, "gone"))) == "old: gone"
    own = sheet(Answered("old", {0: ("a",)}), metric="command")
    assert "does not run" in why(own)
    unfit = sheet(Answered("old", {0: ("a",)}), metric="json_fields")
    assert "invalid-outputs" in why(unfit)
    paired = Sheet(
        [Entry("a", "b", 1, "train", "train", rejected="c")],
        "generation",
        "rouge_l",
        systems=[Answered("old", {0: ("a",)})],
    )
    assert why(paired) == "the data have pairs"


def test_right_answers_alone_make_no_pair() -> None:
    found = only(sheet(Answered("old", {0: ("billing",)}), Answered("new", {}, "gone")))
    assert not found.rows and "0 preference pairs" in found.text
    assert "Not read: new: gone" in found.text
    assert "sample several" in found.fix


def test_conversations_keep_their_turns() -> None:
    turns = (Turn(role="system", content="Be brief."), Turn(role="user", content="Which?"))
    entry = Entry(
        "Be brief.\nWhich?", "billing", 1, "train", "train",
        turns=(*turns, Turn(role="assistant", content="billing")),
    )  # fmt: skip
    whole = sheet(Answered("old", {0: ("sales",)}))
    at = Sheet([entry, *whole.entries[1:]], "classification", "accuracy", systems=whole.systems)
    (row,) = as_rows(pairs(at), at)
    assert row == {
        "input": [turn.model_dump() for turn in turns],
        "chosen": "billing",
        "rejected": "sales",
        "source": "old",
    }


# ---------------------------------------------------------------- from files


def spec_in(folder: Path, answers: list[dict[str, str]]) -> Path:
    rows = [
        {"input": f"ticket {at} on {LABELS[at % 3]}", "output": LABELS[at % 3]} for at in range(90)
    ]
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "said.jsonl").write_text("".join(json.dumps(row) + "\n" for row in answers))
    spec = folder / "spec.yaml"
    spec.write_text(
        "version: 1\nname: t\ntask_type: classification\ndata: {train: rows.jsonl}\n"
        "ladder: pocket\nsystems: [{name: old, predictions: said.jsonl}]\n"
    )
    return spec


def always_sales(n: int = 90) -> list[dict[str, str]]:
    said = {"prediction": "sales"}
    return [{"input": f"ticket {at} on {LABELS[at % 3]}", **said} for at in range(n)]


def test_answers_are_those_to_train_rows_alone(tmp_path: Path) -> None:
    path = spec_in(tmp_path, [*always_sales(), {"input": "of nobody", "prediction": "sales"}])
    at = read_sheet(read_spec(path), path)
    (system,) = at.systems
    assert system.fault == ""
    assert {at.entries[row].side for row in system.answers} == {"train"}
    assert len(system.answers) == sum(entry.side == "train" for entry in at.entries)
    assert {pair.at % 3 for pair in pairs(at)} == {0, 1}


def test_a_file_of_answers_that_cannot_be_read_stops_nothing(tmp_path: Path) -> None:
    path = spec_in(tmp_path, [{"input": "x", "said": "y"}])
    (system,) = read_sheet(read_spec(path), path).systems
    assert "no column" in system.fault
    (tmp_path / "rows.jsonl").write_text('{"input": "a", "output": ""}\n' * 40)
    (system,) = read_sheet(read_spec(path), path).systems
    assert system.fault == "a probe would refuse the data"


def test_pairs_are_written_where_none_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    spec, out = spec_in(tmp_path, always_sales()), tmp_path / "out"
    asked = ["audit", "-t", str(spec), "--out", str(out)]
    assert run_main(asked, monkeypatch) == 0
    assert "pairs.jsonl" in capfd.readouterr().err
    rows = [json.loads(line) for line in (out / "pairs.jsonl").read_text().splitlines()]
    assert rows and all(row["rejected"] == "sales" != row["chosen"] for row in rows)
    assert {tuple(row) for row in rows} == {("input", "chosen", "rejected", "source")}
    assert run_main(asked, monkeypatch) == 2
    assert "E-AUDIT-EXISTS" in capfd.readouterr().err
