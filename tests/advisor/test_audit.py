"""`advisor audit` as a user types it."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import jsonschema
import pytest

from advisor.report.audit_html import audit_html
from advisor.report.audit_text import audit_lines, audit_markdown
from probes.audit.records import Audit, AuditFinding, Effect, Place
from probes.sinks import terminal
from tests.advisor.command import assert_one_line, run_main
from tests.probes.bad_inputs import BAD_DATA, write

NASTY = "</script><img src=x onerror=alert(1)> [link](http://x) \x1b]0;own\x07 | `code`"


def spec_in(folder: Path, n: int = 60) -> Path:
    rows = [{"input": f"what is {at} and {at * 7}?", "output": f"it is {at}"} for at in range(n)]
    rows[5]["output"] = ""
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    spec = folder / "spec.yaml"
    spec.write_text(
        "version: 1\nname: t\ntask_type: qa\ndata: {train: rows.jsonl}\nladder: pocket\n"
    )
    return spec


def test_findings_are_data_on_stdout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    spec = spec_in(tmp_path)
    assert run_main(["audit", "--task", str(spec)], monkeypatch) == 0
    out, err = capfd.readouterr()
    assert out.startswith("60 rows: ")
    assert err == ""
    assert run_main(["audit", "--task", str(spec), "--strict"], monkeypatch) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["rows.jsonl", "spec.yaml"]


def test_json_and_pages_follow_the_schema(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    spec = spec_in(tmp_path)
    pages = tmp_path / "pages"
    assert run_main(["audit", "-t", str(spec), "--json", "--out", str(pages)], monkeypatch) == 0
    printed = json.loads(capfd.readouterr().out)
    jsonschema.validate(printed, Audit.model_json_schema())
    assert json.loads((pages / "audit.json").read_text()) == printed
    assert sorted(path.name for path in pages.iterdir()) == [
        "audit.html",
        "audit.json",
        "audit.md",
    ]


def test_fix_writes_a_copy_that_a_probe_takes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    spec = spec_in(tmp_path)
    assert run_main(["plan", "-t", str(spec)], monkeypatch) == 2
    assert "advisor audit" in capfd.readouterr().err
    assert run_main(["audit", "-t", str(spec), "--fix"], monkeypatch) == 0
    copy = tmp_path / "rows.cleaned.jsonl"
    assert len(copy.read_text().splitlines()) == 59
    spec.write_text(spec.read_text().replace("rows.jsonl", copy.name))
    assert run_main(["plan", "-t", str(spec)], monkeypatch) == 0


@pytest.mark.parametrize("bad", BAD_DATA, ids=lambda bad: bad.name)
def test_bad_data_is_told_and_nothing_is_written(
    bad: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    spec = write(bad, tmp_path)
    before = sorted(path.name for path in tmp_path.rglob("*"))
    code = run_main(["audit", "--task", str(spec)], monkeypatch)
    out, err = capfd.readouterr()
    assert code in (0, 2)
    if code == 2:
        assert_one_line(out, err)
    assert sorted(path.name for path in tmp_path.rglob("*")) == before


def test_what_stands_in_data_is_shown_as_text() -> None:
    finding = AuditFinding(
        kind="mixed-outputs", text=NASTY, n=1, of=9, rows=(Place(file="train", row=3),),
        effect=Effect(points=3, low=1, high=5, on="model", basis=NASTY), fix=NASTY, fixable=True,
        figures={}, details={NASTY: {NASTY: 3, "b": 4}},
    )  # fmt: skip
    audit = Audit(
        name="t", task_type="qa", n_rows=9, n_test_rows=0, findings=(finding,),
        checks={"x": NASTY}, seconds=0.1, peak_memory_bytes=1,
    )  # fmt: skip
    page = audit_html(audit)
    assert "<script" not in page
    assert "<img" not in page
    assert "href" not in page
    markdown = "\n".join(audit_markdown(audit))
    assert "\\<img" in markdown
    assert markdown.count("<img") == markdown.count("\\<img")
    assert "\\[link\\]" in markdown
    for shown in (page, markdown, terminal("\n".join(audit_lines(audit)))):
        assert "\x1b" not in shown
        assert "\x07" not in shown


def test_no_torch_is_loaded(tmp_path: Path) -> None:
    import subprocess

    spec = spec_in(tmp_path)
    code = (
        "import sys; sys.argv = ['advisor', 'audit', '-t', sys.argv[1]]\n"
        "from advisor.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print(sorted({'torch', 'transformers', 'peft', 'textual'} & sys.modules.keys()))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(spec)], capture_output=True, text=True, timeout=120
    )
    assert done.stdout.splitlines()[-1] == "[]", done.stderr


def test_lines_are_folded_between_words() -> None:
    finding = AuditFinding(
        kind="secrets", text="many words " * 20, n=1, of=9, rows=(Place(file="train", row=3),),
        effect=Effect(points=0, low=0, high=0, on="safety", basis=""), fix="Take them out.",
        fixable=False, figures={}, details={},
    )  # fmt: skip
    audit = Audit(
        name="t", task_type="qa", n_rows=9, n_test_rows=0, findings=(finding,), checks={},
        seconds=0.1, peak_memory_bytes=1,
    )  # fmt: skip
    folded = list(audit_lines(audit, 40))
    assert max(map(len, folded)) <= 40
    assert " ".join(" ".join(folded).split()) == " ".join(" ".join(audit_lines(audit)).split())
