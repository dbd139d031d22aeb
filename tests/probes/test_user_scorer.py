"""The user's own scorer: what it gets, what it may answer, and how it may fail."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from knowledge.errors import UserError
from probes import user_scorer
from probes.records import Example, Item, Prediction, Score, Turn
from probes.scoring import make_scorer
from probes.task import DataSpec, TaskSpec


def make_spec(scorer: list[str]) -> TaskSpec:
    data = DataSpec(train="x.jsonl")
    return TaskSpec(
        version=1, name="t", task_type="code", data=data, metric="command", scorer=scorer
    )


def make_examples(outputs: Sequence[str]) -> list[Example]:
    return [
        Example(
            item=Item(id=f"i{row}", turns=(Turn(role="user", content="?"),)), output=text, row=row
        )
        for row, text in enumerate(outputs, start=1)
    ]


def answer(text: str, item_id: str = "i1") -> Prediction:
    return Prediction(item_id=item_id, text=text)


ECHO = """
import json, sys
for line in sys.stdin:
    row = json.loads(line)
    print(json.dumps({"id": row["id"], "score": float(row["prediction"] == row["output"])}))
"""


def run_command(code: str, texts: Sequence[str] = ("lamp", "")) -> list[Score]:
    examples = make_examples(["lamp"] * len(texts))
    spec = make_spec([sys.executable, "-S", "-c", code])
    answers = [answer(text, e.item.id) for text, e in zip(texts, examples, strict=True)]
    return make_scorer(spec, examples)(answers, examples)


def test_command_scores() -> None:
    scores = run_command(ECHO, ["lamp", "", "desk", "€\n\u2028"])
    assert [(s.form, s.quality) for s in scores] == [(True, 1), (False, 0), (True, 0), (True, 0)]


def test_command_may_give_form_in_any_order() -> None:
    code = 'print(\'{"id": "i2", "score": 1}\\n\\n{"id": "i1", "score": 0.5, "form": false}\')'
    scores = run_command(code, ["a", "b"])
    assert [(s.form, s.content, s.quality) for s in scores] == [(False, 0.5, 0), (True, 1, 1)]


def test_command_gets_all_fields_no_shell_and_no_secrets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_API_KEY", "hidden")
    code = (
        "import json, os, sys\n"
        "row = json.loads(sys.stdin.readline())\n"
        "open('seen.json', 'w').write(json.dumps([row, sys.argv[1], 'MY_API_KEY' in os.environ]))\n"
        "print(json.dumps({'id': row['id'], 'score': 1}))"
    )
    spec = make_spec([sys.executable, "-c", code, "$HOME; echo `id`"])
    examples = make_examples(["lamp"])
    make_scorer(spec, examples, tmp_path)([answer("x")], examples)
    assert json.loads((tmp_path / "seen.json").read_text()) == [
        {"id": "i1", "input": "?", "output": "lamp", "prediction": "x"},
        "$HOME; echo `id`",
        False,
    ]


@pytest.mark.parametrize(
    "code, error",
    [
        ("import sys; sys.exit('no\\x1b[2J luck')", r"E-SCORER-EXIT.*1: 'no\\x1b\[2J luck'"),
        ("import os; os.kill(os.getpid(), 9)", "E-SCORER-EXIT.*-9"),
        ("print('hello')", "E-SCORER-OUTPUT.*:1: not a JSON line"),
        ("print('[1]')", "E-SCORER-OUTPUT.*no `id`"),
        ('print(\'{"id": 1, "score": 1}\')', "E-SCORER-OUTPUT.*no `id`"),
        ('print(\'{"id": "i1"}\')', "E-SCORER-OUTPUT.*`score`"),
        ('print(\'{"id": "i1", "score": "1"}\')', "E-SCORER-OUTPUT.*`score`"),
        ('print(\'{"id": "i1", "score": true}\')', "E-SCORER-OUTPUT.*`score`"),
        ('print(\'{"id": "i1", "score": 1, "form": 1}\')', "E-SCORER-OUTPUT.*`form`"),
        ('print(\'{"id": "i1", "score": NaN}\')', "E-SCORER-OUTPUT.*NaN"),
        ('print(\'{"id": "i1", "score": 1e999}\')', "E-SCORER-RANGE"),
        ('print(\'{"id": "i1", "score": 1.2}\')', "E-SCORER-RANGE"),
        ('print(\'{"id": "i1", "score": -0.1}\')', "E-SCORER-RANGE"),
        ('print(\'{"id": "i1", "score": \' + "9" * 400 + "}")', "E-SCORER-RANGE"),
        ('print(\'{"id": "i1", "score": 1}\')', "E-SCORER-ID.*1 ids.*'i2'"),
        ('print(\'{"id": "i1", "score": 1}\\n\' * 2)', "E-SCORER-ID.*:2: .*scored twice"),
        ('print(\'{"id": "i3", "score": 1}\')', "E-SCORER-ID.*not asked"),
        ("import sys; sys.stdout.buffer.write(b'\\xff\\xfe')", "E-SCORER-OUTPUT"),
        ("pass", "E-SCORER-ID"),
    ],
)
def test_command_failures(code: str, error: str) -> None:
    with pytest.raises(UserError) as caught:
        run_command(code)
    assert "\n" not in str(caught.value) and "\x1b" not in str(caught.value)
    caught.match(error)


@pytest.mark.parametrize("command", [["/no/such/program"], ["/etc"], [""], [], ["a\0b"]])
def test_command_that_cannot_start(command: list[str]) -> None:
    examples = make_examples(["lamp"])
    with pytest.raises(UserError, match="E-SCORER-NOTFOUND"):
        make_scorer(make_spec(command), examples)([answer("x")], examples)


def test_command_that_hangs_or_floods_is_ended(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    examples, answers = make_examples(["lamp"]), [answer("x")]
    note = tmp_path / "pid"
    child = (
        "import subprocess\n"
        "started = subprocess.Popen(['sleep', '60'])\n"
        f"open({str(note)!r}, 'w').write(str(started.pid))\n"
        "started.wait()"
    )
    with pytest.raises(UserError, match="E-SCORER-TIMEOUT"):
        user_scorer.run_scorer([sys.executable, "-c", child], answers, examples, None, 1.0)
    grandchild = Path("/proc") / note.read_text()
    for _ in range(50):
        if not grandchild.exists() or "Z" in (grandchild / "stat").read_text().split()[2]:
            break
        time.sleep(0.05)
    else:
        pytest.fail("the scorer's child is still running")
    monkeypatch.setattr(user_scorer, "MAX_OUTPUT_BYTES", 1_000)
    flood = "import sys\nwhile True: sys.stdout.write('x' * 1000); sys.stdout.flush()"
    with pytest.raises(UserError, match="E-SCORER-SIZE"):
        user_scorer.run_scorer([sys.executable, "-c", flood], answers, examples, None, 20.0)
