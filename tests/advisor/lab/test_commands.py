"""`advisor lab`: families from elsewhere are checked before they are kept; replays are tables."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from advisor.lab.added import FAMILIES, kept_family
from advisor.lab.openings import PAGE, is_opened, log_opening, read_page
from probes.lab.menu import STAGES
from probes.lab.table import Table
from probes.pocket import RUNGS
from tests.lab_tables import made_table

OPENED = next(f"made-{at}" for at in range(100) if is_opened(f"made-{at}"))
CLOSED = next(f"made-{at}" for at in range(100) if not is_opened(f"made-{at}"))
SPEC = """\
name: {name}
task_type: classification
metric: accuracy
instruction: Route it.
target: 0.8
claim: tuning
n_train: 40
"""
GENERATOR = """\
import json, random, sys
seed, count = map(int, sys.argv[1:])
r = random.Random(seed)
for at in range(count):
    row = {"input": f"{at} " + r.choice(["cat", "saw"]), "output": r.choice(["A", "B"])}
    print(json.dumps(row))
"""


def run(argv: list[str], monkeypatch: pytest.MonkeyPatch) -> int:
    from advisor.cli import main

    monkeypatch.setattr(sys, "argv", ["advisor", "lab", *argv])
    with pytest.raises(SystemExit) as stopped:
        main()
    return int(stopped.value.code or 0)


def _folder(tmp_path: Path, spec: str = SPEC, generator: str = GENERATOR) -> Path:
    folder = tmp_path / "theirs"
    folder.mkdir()
    (folder / "family.yaml").write_text(spec.format(name="theirs"))
    (folder / "generate.py").write_text(generator)
    return folder


def test_a_family_from_elsewhere_is_taken_in_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    lab, folder = tmp_path / "lab", _folder(tmp_path)
    assert run(["add", str(folder), "--lab", str(lab)], monkeypatch) == 0
    assert capfd.readouterr().out.startswith("theirs: classification, 40 rows to train on, ")
    family, rows = kept_family(lab / FAMILIES / "theirs")
    assert family.n_train == 40 and len(rows) == 700
    assert (lab / FAMILIES / "theirs" / "generate.py").read_text() == GENERATOR
    assert run(["add", str(folder), "--lab", str(lab)], monkeypatch) == 2
    assert capfd.readouterr().err.startswith("error[E-LAB-THERE]")


def test_what_was_added_is_measured_into_its_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    asked: list[tuple[str, int]] = []
    monkeypatch.setattr(
        "probes.lab.measure.Bench.measure",
        lambda bench, rung, stage: asked.append((rung, stage)) or 2,
    )
    lab = ["--lab", str(tmp_path / "lab")]
    assert run(["add", str(_folder(tmp_path)), *lab], monkeypatch) == 0
    assert run(["measure", *lab], monkeypatch) == 0
    assert "theirs stage 0: 6 new cells, 0 not ok" in capfd.readouterr().out
    assert asked == [(rung, stage) for stage in range(len(STAGES)) for rung in RUNGS]
    assert Table(tmp_path / "lab" / "tables" / "theirs.jsonl").header is not None


BAD: dict[str, tuple[str, str, str]] = {
    "no-yaml": (": [", GENERATOR, "E-LAB-SPEC"),
    "a-list": ("- 1", GENERATOR, "E-LAB-SPEC"),
    "unknown-type": (SPEC.replace("classification", "poetry"), GENERATOR, "E-LAB-SPEC"),
    "unknown-field": (SPEC + "colour: red\n", GENERATOR, "E-LAB-SPEC"),
    "no-scorer": (SPEC.replace("accuracy", "command"), GENERATOR, "E-LAB-SPEC"),
    "no-mean": (SPEC.replace("accuracy", "macro_f1"), GENERATOR, "E-LAB-METRIC"),
    "raises": (SPEC, "raise SystemExit('no luck today')", "E-LAB-GENERATOR"),
    "no-rows": (SPEC, "print('hello')", "E-LAB-GENERATOR"),
    "too-few": (SPEC, GENERATOR.replace("range(count)", "range(9)"), "E-LAB-ROWS"),
    "twice": (SPEC, GENERATOR.replace('f"{at} "', 'f"{at % 9} "'), "E-LAB-ROWS"),
    "unseeded": (SPEC, GENERATOR.replace("Random(seed)", "SystemRandom()"), "E-LAB-SEED"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_family_is_one_line_and_keeps_nothing(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    spec, generator, code = BAD[name]
    lab, folder = tmp_path / "lab", _folder(tmp_path, spec, generator)
    assert run(["add", str(folder), "--lab", str(lab)], monkeypatch) == 2
    out, err = capfd.readouterr()
    assert out == "" and err.startswith(f"error[{code}]") and err.count("\n") == 1
    assert not lab.exists()


def test_a_generator_that_hangs_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("advisor.lab.added.LIMIT_S", 0.5)
    folder = _folder(tmp_path, generator="import time\ntime.sleep(60)\n")
    assert run(["add", str(folder), "--lab", str(tmp_path / "lab")], monkeypatch) == 2
    assert "more than 0.5 s" in capfd.readouterr().err


@pytest.mark.parametrize(
    "argv",
    [
        ["add", "nowhere"],
        ["measure", "--lab", "nowhere"],
        ["measure", "--family", "nobody"],
        ["replay", "--lab", "nowhere"],
        ["replay", "--policy", "nonsense"],
        ["replay", "--unopened"],
        ["replay", "--unopened", "--who", "me"],
    ],
)
def test_bad_input_is_one_line_and_writes_nothing(
    argv: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(argv, monkeypatch) == 2
    out, err = capfd.readouterr()
    assert out == "" and err.startswith("error[E-") and err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_a_replay_prints_a_table_and_logs_what_it_opens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    for name in (OPENED, CLOSED):
        made_table(tmp_path / "tables" / f"{name}.jsonl", name=name, fractions=(1.0,))
    lab = ["--lab", str(tmp_path), "--policy", "random"]
    assert run(["replay", *lab], monkeypatch) == 0
    assert "15 scenarios over 1 families" in capfd.readouterr().out
    assert not (tmp_path / PAGE).exists()
    why = ["--unopened", "--who", "a test", "--why", "to see", "--json"]
    assert run(["replay", *lab, *why], monkeypatch) == 0
    (row,) = json.loads(capfd.readouterr().out)
    assert (row["policy"], row["n_families"]) == ("random", 2)
    (entry,) = read_page(tmp_path)["log"]
    assert (entry["who"], entry["families"]) == ("a test", [CLOSED])


def test_the_log_grows_and_what_else_the_page_says_stays(tmp_path: Path) -> None:
    (tmp_path / PAGE).write_text("rule: by name\nlog:\n- {who: first}\n")
    log_opening(tmp_path, ["b", "a"], "second", "why not")
    page = read_page(tmp_path)
    assert page["rule"] == "by name" and [entry["who"] for entry in page["log"]] == [
        "first",
        "second",
    ]
    assert page["log"][1]["families"] == ["a", "b"]
