from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from knowledge.errors import UserError
from probes.spec import read_spec, resolve, spec_from_mapping
from probes.task import TaskSpec
from tests.probes.bad_inputs import GOOD_SPEC

MINIMAL: dict[str, Any] = {
    "version": 1,
    "name": "demo",
    "task_type": "classification",
    "data": {"train": "rows.csv"},
}

FULL = """\
# Every field.
version: 1
name: card-questions
task_type: classification
instruction: |
  Which intent?
  \tOne label.
data:
  train: train.csv
  test: ../test.csv
  columns: {input: text, output: category}
metric: macro_f1
target: 1
needs:
  knowledge_changes: never
  on_premises: true
  max_latency_s: 1e-4
  requests_per_month: 0x10
  error_costs: {no: 2, "1": 1.0e-4}
hardware: {device: cpu, threads: 2}
budget: {probe_minutes: 20, training_usd: .5}
ladder: [HuggingFaceTB/SmolLM2-135M-Instruct, ./models/mine, smollm2-135m]
seed: 7
"""


def reads(tmp_path: Path, text: str | bytes) -> TaskSpec:
    path = tmp_path / "spec.yaml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return read_spec(path)


def test_every_field(tmp_path: Path) -> None:
    spec = reads(tmp_path, FULL.replace("\t", ""))
    assert spec.instruction == "Which intent?\nOne label.\n"
    assert spec.data.columns.output == "category"
    assert spec.needs.max_latency_s == 1e-4
    assert spec.needs.requests_per_month == 16
    assert spec.needs.error_costs == {"no": 2.0, "1": 1e-4}
    assert spec.budget.training_usd == 0.5
    assert isinstance(spec.ladder, list)


def test_a_spec_survives_the_way_through_a_mapping(tmp_path: Path) -> None:
    spec = reads(tmp_path, FULL.replace("\t", ""))
    assert spec_from_mapping(spec.model_dump()) == spec


def test_byte_order_mark_and_crlf_are_accepted(tmp_path: Path) -> None:
    spec = reads(tmp_path, b"\xef\xbb\xbf" + GOOD_SPEC.replace("\n", "\r\n").encode())
    assert spec == spec_from_mapping(MINIMAL)


@pytest.mark.parametrize(
    "written", ["1e-1", "1.0e-1", "0.1", ".1", "+0.1", "1E-1"], ids=lambda text: text
)
def test_floats_of_yaml_1_2(tmp_path: Path, written: str) -> None:
    assert reads(tmp_path, GOOD_SPEC + f"target: {written}\n").target == 0.1


@pytest.mark.parametrize("written", ["no", "yes", "on", "2024-01-31", "12:30:45", "1_000", "1.1.0"])
def test_what_yaml_1_2_leaves_as_text(tmp_path: Path, written: str) -> None:
    assert reads(tmp_path, GOOD_SPEC + f"instruction: {written}\n").instruction == written


def test_place_has_line_column_and_field(tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        reads(tmp_path, GOOD_SPEC + "needs:\n  on_premises: perhaps\n")
    assert caught.value.place.endswith("spec.yaml:7:3 needs.on_premises")
    assert "'perhaps' is text, true or false is wanted" in str(caught.value)


def test_column_of_a_list_entry(tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        reads(tmp_path, GOOD_SPEC + "ladder: [a/b, a/b/c]\n")
    assert caught.value.place.endswith("spec.yaml:6:15 ladder.1")


def test_text_from_the_spec_cannot_steer_the_terminal(tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        reads(tmp_path, GOOD_SPEC + 'metric: "\\e]0;owned\\a\\u202e' + "x" * 500 + '"\n')
    message = str(caught.value)
    assert "\x1b" not in message and "\u202e" not in message
    assert len(message) < 400


def test_secret_is_never_repeated(tmp_path: Path) -> None:
    for line in ("hardware: {hf_token: CANARY}", "scorer: [x, sk-CANARY-0123456789abcdef]"):
        with pytest.raises(UserError) as caught:
            reads(tmp_path, GOOD_SPEC + line)
        assert caught.value.code == "E-SPEC-SECRET"
        assert "CANARY" not in str(caught.value)


def test_labels_may_be_named_like_secrets(tmp_path: Path) -> None:
    spec = reads(tmp_path, GOOD_SPEC + "needs: {error_costs: {token: 2, password: 3}}\n")
    assert spec.needs.error_costs["password"] == 3


def test_first_problem_only(tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        reads(tmp_path, "version: 1\nname: UPPER\ntask_type: nonsense\nseed: x\n")
    assert str(caught.value).count("error[") == 1


@pytest.mark.parametrize(
    ("changes", "code", "field"),
    [
        ({"version": True}, "E-SPEC-VERSION", "version"),
        ({"modle": 1}, "E-SPEC-UNKNOWN-KEY", "modle"),
        ({"metric": "rouge_l"}, "E-SPEC-METRIC", "metric"),
        ({"target": float("nan")}, "E-SPEC-VALUE", "target"),
        ({"name": 3}, "E-SPEC-QUOTE", "name"),
        ({"ladder": [3]}, "E-SPEC-LADDER", "ladder.0"),
        ({"ladder": {}}, "E-SPEC-TYPE", "ladder"),
        ({"scorer": ["x"]}, "E-SPEC-VALUE", "scorer"),
        ({"instruction": "\ud800"}, "E-SPEC-VALUE", "instruction"),
        ({"instruction": "x" * 20_001}, "E-SPEC-VALUE", "instruction"),
        ({"data": {"train": None}}, "E-SPEC-TYPE", "data.train"),
        ({"needs": {"error_costs": {1: 2}}}, "E-SPEC-KEY", "needs.error_costs.1"),
        ({3: 4}, "E-SPEC-KEY", ""),
        ({"seed": 10**5000}, "E-SPEC-VALUE", "seed"),
    ],
)
def test_mapping_names_the_field(changes: dict[Any, Any], code: str, field: str) -> None:
    with pytest.raises(UserError) as caught:
        spec_from_mapping({**MINIMAL, **changes})
    assert (caught.value.code, caught.value.place) == (code, field)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize("version", [True, 1.0, "1", 2])
def test_the_record_takes_no_other_version(version: Any) -> None:
    with pytest.raises(ValidationError):
        TaskSpec.model_validate({**MINIMAL, "version": version})


def test_which_metric_fits_is_what_can_be_scored() -> None:
    spec = spec_from_mapping({**MINIMAL, "task_type": "extraction", "metric": "numeric"})
    assert spec.metric == "numeric"
    with pytest.raises(UserError) as caught:
        spec_from_mapping({**MINIMAL, "task_type": "function-calling", "metric": "json_fields"})
    assert "one of: function_call, command" in str(caught.value)


def test_command_fits_every_task() -> None:
    spec = spec_from_mapping({**MINIMAL, "metric": "command", "scorer": ["./score"]})
    assert spec.scorer == ["./score"]


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@given(st.sampled_from([*TaskSpec.model_fields, "other"]), VALUES)
def test_any_value_is_taken_or_refused_in_one_line(field: str, value: Any) -> None:
    try:
        spec_from_mapping({**MINIMAL, field: value})
    except UserError as error:
        assert len(str(error)) < 400
        assert len(str(error).splitlines()) == 1


@given(st.text(st.sampled_from("abc:-[]{}?!&*#|>'\"%@`,\n \t0.~<"), max_size=60))
def test_any_text_is_read_or_refused_in_one_line(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.yaml"
    path.write_text(text, encoding="utf-8", newline="")
    with pytest.raises(UserError) as caught:
        read_spec(path)
    assert len(str(caught.value).splitlines()) == 1
    assert len(str(caught.value)) < 400


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_unreadable(tmp_path: Path) -> None:
    path = tmp_path / "spec.yaml"
    path.touch(mode=0o000)
    with pytest.raises(UserError, match="E-SPEC-UNREADABLE"):
        read_spec(path)


# ---------------------------------------------------------------- paths


def test_paths_are_relative_to_the_spec(tmp_path: Path) -> None:
    (tmp_path / "specs").mkdir()
    rows = tmp_path / "rows.csv"
    rows.write_text("x")
    spec = tmp_path / "specs" / "spec.yaml"
    assert resolve("../rows.csv", spec).read_text() == "x"
    assert resolve(str(rows), spec) == rows
    assert resolve("..", spec, folder=True).is_dir()


@pytest.mark.parametrize("text", ["http://x/y", "file:///x", "file:x", "s3://b/c", "", "  "])
def test_urls_are_no_paths(tmp_path: Path, text: str) -> None:
    with pytest.raises(UserError) as caught:
        resolve(text, tmp_path / "spec.yaml")
    assert caught.value.code == "E-DATA-PATH"
    assert "spec.yaml" in caught.value.place


@pytest.mark.parametrize("text", ["a\0b", "\ud800", "x" * 5000])
def test_strange_paths_are_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(UserError):
        resolve(text, tmp_path / "spec.yaml")


@pytest.mark.parametrize("text", ["/proc", "/proc/self/fd", "/dev", "/sys/kernel"])
def test_kernel_folders_are_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(UserError):
        resolve(text, tmp_path / "spec.yaml", folder=True)


def test_missing_file_has_a_near_name(tmp_path: Path) -> None:
    (tmp_path / "train.jsonl").touch()
    with pytest.raises(UserError, match=r"did you mean train\.jsonl"):
        resolve("trian.jsonl", tmp_path / "spec.yaml")
