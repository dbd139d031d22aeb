from __future__ import annotations

import re
from pathlib import Path

import pytest

from knowledge.errors import UserError
from probes.data import read_examples
from probes.documents import read_documents
from probes.scoring import make_scorer
from probes.spec import read_spec
from probes.split import split_examples
from probes.systems import read_systems
from tests.probes.bad_inputs import (
    BAD_DATA,
    BAD_SPECS,
    BAD_SYSTEMS,
    GOOD_ANSWERS,
    GOOD_CSV,
    GOOD_SPEC,
    WITH_SYSTEM,
    Bad,
    write,
)


def by_name(bad: Bad) -> str:
    return bad.name.replace(" ", "-")


def check(bad: Bad, error: UserError, folder: Path) -> None:
    message = str(error)
    said = message.replace(f"{folder}/", "")
    assert error.code == bad.code, message
    assert bad.fragment in said
    assert (bad.names or bad.file) in error.place
    assert len(message) < 400
    assert not re.search(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\ud800-\udfff]", message)
    assert error.hint
    assert "CANARY" not in message


@pytest.mark.parametrize("bad", BAD_SPECS, ids=by_name)
def test_bad_spec_is_one_line(bad: Bad, tmp_path: Path) -> None:
    path = write(bad, tmp_path)
    with pytest.raises(UserError) as caught:
        read_spec(path)
    check(bad, caught.value, tmp_path)


@pytest.mark.parametrize("bad", BAD_DATA, ids=by_name)
def test_bad_data_is_one_line(bad: Bad, tmp_path: Path) -> None:
    path = write(bad, tmp_path)
    spec = read_spec(path)
    with pytest.raises(UserError) as caught:
        split_examples(*read_examples(spec, path))
        read_documents(spec, path)
    check(bad, caught.value, tmp_path)


@pytest.mark.parametrize("bad", BAD_SYSTEMS, ids=by_name)
def test_bad_answers_of_a_system_are_one_line(bad: Bad, tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text(GOOD_CSV, encoding="utf-8")
    path = write(bad, tmp_path)
    spec = read_spec(path)
    splits = split_examples(*read_examples(spec, path))
    scorer = make_scorer(spec, splits.train)
    with pytest.raises(UserError) as caught:
        read_systems(spec, path, splits, scorer)
    check(bad, caught.value, tmp_path)


def test_the_good_answers_of_a_system_pass(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text(GOOD_CSV, encoding="utf-8")
    good = Bad("good", "", "", GOOD_ANSWERS.encode(), "answers.csv", WITH_SYSTEM)
    path = write(good, tmp_path)
    spec = read_spec(path)
    splits = split_examples(*read_examples(spec, path))
    assert len(read_systems(spec, path, splits, make_scorer(spec, splits.train))) == 2


def test_the_good_ones_pass(tmp_path: Path) -> None:
    path = tmp_path / "spec.yaml"
    path.write_text(GOOD_SPEC, encoding="utf-8")
    (tmp_path / "rows.csv").write_text(GOOD_CSV, encoding="utf-8")
    spec = read_spec(path)
    splits = split_examples(*read_examples(spec, path))
    assert len(splits.train) + len(splits.dev) + len(splits.test) == 80


def test_names_are_unique() -> None:
    names = [bad.name for bad in (*BAD_SPECS, *BAD_DATA, *BAD_SYSTEMS)]
    assert len(set(names)) == len(names)
