"""The answers of a system in use: which items they belong to, and what is measured of them."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from knowledge.errors import UserError
from probes.data import read_examples
from probes.records import Example, Latency, Measurement, Splits
from probes.scoring import make_scorer
from probes.sealed import is_key
from probes.spec import spec_from_mapping
from probes.split import split_examples
from probes.summary import summarise
from probes.systems import read_systems
from probes.task import TaskSpec

Row = dict[str, Any]
N_ROWS = 100


def label_of(number: int) -> str:
    return "even" if number % 2 == 0 else "odd"


def plain(number: int) -> Row:
    return {"text": f"How do I do number {number}?", "label": label_of(number)}


def chat(number: int) -> Row:
    asked = [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": "ho"},
        {"role": "user", "content": f"number {number}?"},
    ]
    return {"messages": [*asked, {"role": "assistant", "content": label_of(number)}]}


class Question:
    """A task of 100 rows in a folder, and what its systems get."""

    def __init__(self, folder: Path, row_of: Callable[[int], Row] = plain, **changes: Any) -> None:
        self.folder, self.changes = folder, changes
        self.rows = [row_of(number) for number in range(N_ROWS)]
        self.write("rows.jsonl", self.rows)
        examples = read_examples(self.spec(), self.path)
        self.splits: Splits = split_examples(*examples)
        self.of_row = {each.row: each for each in (*self.splits.dev, *self.splits.test)}

    @property
    def path(self) -> Path:
        return self.folder / "spec.yaml"

    def spec(self, *systems: Row) -> TaskSpec:
        base = {"version": 1, "name": "t", "task_type": "classification"}
        data = {"data": {"train": "rows.jsonl"}, "systems": list(systems)}
        return spec_from_mapping({**base, **data, **self.changes})

    def write(self, name: str, rows: list[Row]) -> None:
        with (self.folder / name).open("w", encoding="utf-8", newline="") as file:
            if name.endswith(".csv"):
                writer = csv.DictWriter(file, list(rows[0]))
                writer.writeheader()
                writer.writerows(rows)
            else:
                file.writelines(json.dumps(row) + "\n" for row in rows)

    def read(self, rows: list[Row], file: str = "a.jsonl", **system: Any) -> list[Measurement]:
        self.write(file, rows)
        spec = self.spec({"name": "ours", "predictions": file, **system})
        return read_systems(spec, self.path, self.splits, make_scorer(spec, self.splits.train))

    def answered(self, answer: Callable[[int], str] = label_of) -> list[Row]:
        """A row for each of the data, with an answer; the label that was wanted is there too."""
        return [{**row, "prediction": answer(number)} for number, row in enumerate(self.rows)]


def sometimes(number: int) -> str:
    return "no label" if number % 5 == 0 else label_of(number)


def shown(measurement: Measurement, splits: Splits) -> list[Example]:
    """The examples of a measurement's predictions."""
    by_id = {each.item.id: each for each in (*splits.dev, *splits.test)}
    return [by_id[prediction.item_id] for prediction in measurement.predictions]


@pytest.mark.parametrize("name", ["a.jsonl", "a.csv"])
def test_answers_belong_to_inputs(tmp_path: Path, name: str) -> None:
    question = Question(tmp_path)
    rows = [{"TEXT": row["text"].upper() + "  ", "Answer": row["label"]} for row in question.rows]
    dev, test = question.read([*rows[::-1], {"TEXT": "else", "Answer": "odd"}], name)
    splits = question.splits
    assert [each.item_id for each in dev.predictions] == [each.item.id for each in splits.dev]
    assert [each.item_id for each in test.predictions] == [each.item.id for each in splits.test]
    for measured in (dev, test):
        assert measured.quality is not None and measured.quality.value == 1
        assert measured.history == (
            {
                "rows": N_ROWS + 1,
                "matched_train": len(splits.train),
                "matched_dev": len(splits.dev),
                "matched_test": len(splits.test),
                "unmatched": 1,
            },
        )
    cells = [(each.cell.role, each.cell.split, each.cell.n_eval) for each in (dev, test)]
    assert cells == [("baseline", "dev", len(splits.dev)), ("final", "test", len(splits.test))]
    assert (dev.cell.rung, dev.cell.method, dev.cell.params) == ("ours", "existing", {})
    assert dev.status == "ok" and dev.latency is None


def test_answers_belong_to_ids(tmp_path: Path) -> None:
    question = Question(tmp_path)
    rows = [{"id": each.item.id, "output": each.output} for each in question.of_row.values()]
    dev, test = question.read(rows)
    assert dev.quality is not None and dev.quality.value == 1
    assert dev.cell.n_eval + test.cell.n_eval == len(rows)


def test_ids_of_the_users_own_do_not_stand_in_the_way(tmp_path: Path) -> None:
    question = Question(tmp_path)
    rows = [{"id": number, **row} for number, row in enumerate(question.answered())]
    assert question.read(rows)[0].cell.n_eval == len(question.splits.dev)


SYSTEM_TURN = {"role": "system", "content": "Answer with a label."}
DIALOGUES: dict[str, Callable[[Row], Row]] = {
    "answer as last turn": lambda row: row,
    "answer beside the wanted one": lambda row: {**row, "prediction": row["messages"][-1:]},
    "answer beside the prompt": lambda row: {
        "messages": row["messages"][:-1],
        "response": row["messages"][-1]["content"],
    },
    "a prompt of its own": lambda row: {"messages": [SYSTEM_TURN, *row["messages"]]},
    "as JSON text": lambda row: {
        "messages": json.dumps(row["messages"][:-1]),
        "response": row["messages"][-1]["content"],
    },
}


@pytest.mark.parametrize("name", DIALOGUES)
def test_dialogues(tmp_path: Path, name: str) -> None:
    question = Question(tmp_path, chat)
    rows = [DIALOGUES[name](row) for row in question.rows]
    dev, test = question.read(rows)
    assert dev.quality is not None and dev.quality.value == 1
    assert dev.cell.n_eval == len(question.splits.dev)
    assert test.history[0]["unmatched"] == 0


def test_an_answer_to_a_later_turn_is_none_to_an_earlier(tmp_path: Path) -> None:
    question = Question(tmp_path)
    tail = [{"role": "assistant", "content": "so"}, {"role": "user", "content": "and then?"}]
    rows: list[Row] = [
        {"text": [{"role": "user", "content": row["text"]}, *tail], "prediction": "odd"}
        for row in question.rows
    ]
    with pytest.raises(UserError, match="100 of 100 rows match no input"):
        question.read(rows)


def test_scores_are_those_of_the_scorer(tmp_path: Path) -> None:
    question = Question(tmp_path, metric="macro_f1")
    for measured in question.read(question.answered(sometimes)):
        seen, spec = shown(measured, question.splits), question.spec()
        scores = make_scorer(spec, question.splits.train)(measured.predictions, seen)
        assert list(measured.scores) == scores
        assert [each.text for each in measured.predictions] == [
            sometimes(each.row - 1) for each in seen
        ]
        figures = summarise(spec, scores, seen, measured.predictions)
        assert figures == {name: getattr(measured, name) for name in figures}
        assert 0 < figures["quality"].value < 1


def test_an_empty_answer_has_no_form(tmp_path: Path) -> None:
    question = Question(tmp_path)
    rows = question.answered()
    for row in rows[::2]:
        row["prediction"] = None
    for score, example in zip(question.read(rows)[0].scores, question.splits.dev, strict=True):
        assert score.form == (example.row % 2 == 0) == (score.quality == 1)


def test_a_part_of_the_items_will_do(tmp_path: Path) -> None:
    question = Question(tmp_path)
    kept = {example.row for example in (*question.splits.dev[:9], *question.splits.test[:7])}
    rows = [row for number, row in enumerate(question.answered(), start=1) if number in kept]
    (dev,) = question.read(rows)
    assert dev.cell.n_eval == 9 and dev.quality is not None and dev.quality.n == 9
    assert dev.history[0]["matched_test"] == 7


def test_items_without_cost_are_no_measure(tmp_path: Path) -> None:
    question = Question(tmp_path, needs={"error_costs": {"odd": 0}})
    rows = [row for row in question.answered() if row["label"] == "odd"]
    with pytest.raises(UserError, match="has a cost") as caught:
        question.read(rows)
    assert caught.value.code == "E-SYSTEM-ITEMS"


def test_one_input_has_one_answer(tmp_path: Path) -> None:
    question = Question(tmp_path)
    rows = question.answered()
    first = min(question.of_row)
    again = {**rows[first - 1], "prediction": rows[first - 1]["prediction"] + " "}
    assert question.read([*rows, again])[0].history[0]["rows"] == N_ROWS + 1
    other = {**again, "prediction": "neither"}
    with pytest.raises(UserError) as caught:
        question.read([*rows, other])
    assert caught.value.code == "E-SYSTEM-REPEAT"
    assert caught.value.place.endswith("a.jsonl:101")
    assert f"lines {first} and 101" in caught.value.what


def test_only_what_is_measured_must_agree(tmp_path: Path) -> None:
    question = Question(tmp_path)
    rows = question.answered()
    trained = rows[question.splits.train[0].row - 1]
    assert question.read([*rows, {**trained, "prediction": "neither"}])


def test_one_answer_serves_all_items_of_its_input(tmp_path: Path) -> None:
    question = Question(tmp_path, lambda number: {**plain(number // 2), "label": label_of(number)})
    rows = [{**row, "prediction": "even", "latency_s": 1} for row in question.rows[::2]]
    dev, _ = question.read(rows)
    assert dev.cell.n_eval == len(question.splits.dev)
    assert dev.quality is not None and dev.quality.value == 0.5
    assert dev.latency is not None and dev.latency.n == dev.cell.n_eval // 2


# ---------------------------------------------------------------- latency


def test_latency_of_the_rows(tmp_path: Path) -> None:
    question = Question(tmp_path)
    rows = question.answered()
    for place, example in enumerate(question.splits.dev):
        rows[example.row - 1]["latency_s"] = None if place == 0 else place / 4
    dev, test = question.read(rows, latency_s=9.0)
    n = len(question.splits.dev) - 1
    times = [place / 4 for place in range(1, n + 1)]
    assert dev.latency == Latency(
        p50_s=times[(n - 1) // 2],
        p95_s=times[int(0.95 * (n - 1) + 0.5)],
        n=n,
        tokens_per_s=0,
    )
    assert test.latency == Latency(p50_s=9, p95_s=9, n=0, tokens_per_s=0)


def test_latency_of_a_csv_is_text(tmp_path: Path) -> None:
    question = Question(tmp_path)
    rows = [
        {"": number, **row, "latency_s": "0.50"} for number, row in enumerate(question.answered())
    ]
    dev = question.read(rows, "a.csv")[0]
    assert dev.latency is not None and (dev.latency.p50_s, dev.latency.p95_s) == (0.5, 0.5)


def test_a_column_without_a_name_is_no_latency(tmp_path: Path) -> None:
    question = Question(tmp_path)
    rows = [{"": "7", **row} for row in question.answered()]
    assert question.read(rows, "a.csv")[0].latency is None


@pytest.mark.parametrize(
    "value", [True, -1, [1], "nan", "inf", 1e9, 10**90], ids=lambda v: str(v)[:9]
)
def test_what_is_no_latency(tmp_path: Path, value: Any) -> None:
    question = Question(tmp_path)
    rows = [*question.answered(), {**question.answered()[0], "latency_s": value}]
    with pytest.raises(UserError) as caught:
        question.read(rows)
    assert caught.value.code == "E-SYSTEM-LATENCY"
    assert caught.value.place.endswith("a.jsonl:101")
    assert len(str(caught.value)) < 400


# ---------------------------------------------------------------- columns


def test_a_column_called_prediction_goes_first(tmp_path: Path) -> None:
    question = Question(tmp_path)
    rows = [{**row, "answer": "x", "output": "y"} for row in question.answered()]
    dev = question.read(rows)[0]
    assert dev.quality is not None and dev.quality.value == 1


def test_the_wanted_answer_is_not_taken_for_the_systems(tmp_path: Path) -> None:
    data = {"train": "rows.jsonl", "columns": {"input": "text", "output": "answer"}}
    question = Question(
        tmp_path, lambda number: {"text": f"n {number}", "answer": label_of(number)}, data=data
    )
    dev = question.read([{**row, "response": "neither"} for row in question.rows])[0]
    assert {prediction.text for prediction in dev.predictions} == {"neither"}
    dev = question.read(question.rows)[0]  # its only column of answers
    assert dev.quality is not None and dev.quality.value == 1


def test_predictions_may_stand_in_the_data_file(tmp_path: Path) -> None:
    question = Question(tmp_path)
    assert len(question.read(question.answered(), "rows.jsonl")) == 2


# ---------------------------------------------------------------- keys


def test_keys(tmp_path: Path) -> None:
    question = Question(tmp_path)

    def keys(answer: Callable[[int], str] = label_of, **system: Any) -> list[str]:
        return [each.key for each in question.read(question.answered(answer), **system)]

    first = keys()
    assert all(map(is_key, first)) and len(set(first)) == 2
    assert keys() == first
    assert keys(usd_per_request=0.01, on_premises=True) == first
    assert keys(file="b.jsonl") == first
    for other in (keys(sometimes), keys(latency_s=1.0)):
        assert not set(other) & set(first)
    question.changes["metric"] = "macro_f1"
    assert not set(keys()) & set(first)


def test_several_systems_in_the_order_of_the_spec(tmp_path: Path) -> None:
    question = Question(tmp_path)
    question.write("a.jsonl", question.answered())
    systems = [{"name": name, "predictions": "a.jsonl"} for name in ("b", "a")]
    spec = question.spec(*systems)
    scorer = make_scorer(spec, question.splits.train)
    found = read_systems(spec, question.path, question.splits, scorer)
    assert [each.cell.rung for each in found] == ["b", "b", "a", "a"]
    assert len({each.key for each in found}) == 4
    assert read_systems(question.spec(), question.path, question.splits, scorer) == []
