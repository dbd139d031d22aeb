"""The live screen with a child that plays back events: plan, run, cancel, resume, verdict."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from advisor.wizard.app import AdvisorApp
from advisor.wizard.board import Board
from advisor.wizard.job import Job
from advisor.wizard.screens.dialogs import Ask, Help
from advisor.wizard.screens.live import LiveScreen
from advisor.wizard.screens.plan import PlanScreen
from advisor.wizard.screens.verdict import VerdictScreen
from advisor.wizard.widgets.curve import Curve
from advisor.wizard.widgets.log import LogPane
from advisor.wizard.widgets.panes import Panes
from advisor.wizard.widgets.progress import ProgressLine
from probes.methods import DIAGNOSTIC, METHODS
from probes.records import Event
from probes.task import TRAINED

REPORT = Path(__file__).parent / "fixtures" / "report-v1.json"
SIZES = ((80, 24), (40, 12), (120, 36))
HOSTILE = "[red]label[/] \x1b[31m[/nothing] \u202e"

# Plays the first part of its events, then waits for an interrupt; started again it goes on.
FAKE = """
import pathlib, sys, time
first, rest, marker, code = map(pathlib.Path, sys.argv[1:])
again = marker.exists()
with marker.open("a") as stream:
    stream.write("x")
for line in first.read_text().splitlines():
    print(line, flush=True)
if not again:
    try:
        time.sleep(600)
    except KeyboardInterrupt:
        sys.exit(130)
print(rest.read_text(), end="", flush=True)
sys.exit(int(str(code)))
"""
PLAN = 'print("plan: 3 cells")\nprint("  note: [red]kept[/] literally")'

AUDIT = 'print("60 rows: 1 finding\\n\\nWhat lowers quality\\n- secrets: [red]kept[/] literally")'


def estimate(value: float, n: int = 50) -> dict[str, Any]:
    low, high = max(0.0, value - 0.1), min(1.0, value + 0.1)
    return {"value": value, "low": low, "high": high, "n": n, "level": 0.95, "basis": "wilson"}


def described(rung: str, method: str, role: str, **more: Any) -> dict[str, Any]:
    params: dict[str, Any] = {"decoding": "generate", "list_labels": False}
    if method == "few_shot":
        params |= {"shots": 2, "selection": "random"}
    if method in TRAINED:
        params |= {"learning_rate": 1e-3, "rank": 8, "epochs": 2}
    return {
        "rung": rung,
        "method": method,
        "role": role,
        "split": "dev",
        "params": params,
        "n_train": 0,
        "n_eval": 50,
        "seed": 0,
        **more,
    }


def finished(at: int, quality: float, rung: str, method: str, role: str, **more: Any) -> str:
    return event(
        "cell-finished",
        id=f"{at:012d}",
        status="ok",
        cause="",
        cached=False,
        wall_s=1.0,
        form=estimate(1.0),
        content=estimate(quality),
        quality=estimate(quality),
        **described(rung, method, role, **more),
    )


def event(kind: str, **payload: Any) -> str:
    return json.dumps({"kind": kind, "payload": payload}) + "\n"


def beginning(folder: str = "results/runs/x") -> str:
    rungs = [
        {
            "rung": name,
            "n_params": size,
            "licence": "MIT",
            "cells": 2,
            "tokens": 10,
            "seconds": 5.0,
            "memory_bytes": 10**6,
        }
        for name, size in (("small", 10**5), ("large", 10**6))
    ]
    roles = (("zero_shot", "baseline"), ("lora", "curve"), ("lora", "repeat"))
    plan = {
        "battery": {"name": "quick", "n_trials": 1, "fractions": [0.5], "seeds": 1},
        "notes": [],
        "cells": 6,
        "n_dev": 50,
        "n_test": 50,
        "detectable_difference_dev": 0.1,
        "seconds": 10.0,
        "budget_seconds": 60.0,
        "workers": 1,
        "threads": 1,
        "rungs": rungs,
        "seconds_by_cell": [[row["rung"], *role, 5.0] for row in rungs for role in roles],
        "usd": 0.0,
        "price_note": "no money is spent",
    }
    run = event("run", folder=folder, name="x", rehearsal=True, rungs=["small", "large"])
    return (
        run
        + event("plan", **plan)
        + finished(1, 0.3, "small", "zero_shot", "baseline")
        + finished(2, 0.6, "large", "zero_shot", "baseline")
        + finished(3, 0.5, "small", "lora", "curve", n_train=25)
        + finished(4, 0.8, "small", "lora", "repeat", n_train=50)
        + event("cell-started", id="5" * 12, attempt=1, **described("large", "lora", "curve"))
        + event("progress", id="5" * 12, rung="large", done=1, total=2, what="epoch")
        + event("note", text=HOSTILE)
    )


Play = Callable[..., Job]


@pytest.fixture
def play(tmp_path: Path) -> Play:
    """A maker of jobs: what the child tells before it waits, what after it is started again."""

    def make(first: str, rest: str = "", *, code: int = 0, waits: bool = True) -> Job:
        (tmp_path / "first").write_text(first)
        (tmp_path / "rest").write_text(rest)
        if not waits:
            (tmp_path / "marker").write_text("x")
        files = [str(tmp_path / name) for name in ("first", "rest", "marker")]
        return Job(
            name="demo [b]task[/b]",
            target=0.7,
            rehearsal=True,
            plan=(sys.executable, "-c", PLAN),
            audit=(sys.executable, "-c", AUDIT),
            probe=(sys.executable, "-c", FAKE, *files, str(code)),
            env=dict(os.environ),
        )

    return make


def verdict() -> str:
    return event("done", verdict="use", report=str(REPORT), cells={"ok": 4}, cost={})


def text(app: AdvisorApp) -> str:
    """The screen as a reader sees it."""
    strips = app.screen._compositor.render_strips()
    return "\n".join("".join(part.text for part in strip).rstrip() for strip in strips)


async def until(pilot: Pilot[None], holds: Callable[[], object]) -> None:
    for _ in range(3000):
        if holds():
            return
        await pilot.pause(0.01)
    raise AssertionError(f"it never came; the screen shows\n{text(pilot.app)}")  # type: ignore[arg-type]


@asynccontextmanager
async def planned(job: Job, size: tuple[int, int] = (80, 24)) -> Any:
    app = AdvisorApp(job)
    async with app.run_test(size=size) as pilot:
        await until(pilot, lambda: isinstance(app.screen, PlanScreen) and "3 cells" in text(app))
        yield app, pilot


@asynccontextmanager
async def running(job: Job, size: tuple[int, int] = (80, 24)) -> Any:
    async with planned(job, size) as (app, pilot):
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, LiveScreen))
        live = app.screen
        await until(pilot, lambda: HOSTILE in " ".join(live.query_one(LogPane).said))
        await until(pilot, lambda: live.query_one("#sizes", Curve).curves)
        yield app, pilot, live


def run(main: Coroutine[Any, Any, None]) -> None:
    asyncio.run(main)


@pytest.mark.parametrize("size", SIZES)
def test_plan_run_cancel_resume_verdict(play: Play, size: tuple[int, int]) -> None:
    job = play(beginning(), finished(6, 0.9, "large", "lora", "repeat", n_train=50) + verdict())
    app_code: list[int | None] = []

    async def main() -> None:
        async with running(job, size) as (app, pilot, live):
            assert 0.5 < live.query_one(ProgressLine).share < 1
            assert live.query_one("#learning", Curve).curves.keys() == {"small"}
            assert [point.x for point in live.query_one("#learning", Curve).curves["small"]] == [
                25,
                50,
            ]
            assert live.query_one("#sizes", Curve).curves.keys() == {"zero-shot", "lora"}
            assert "REHEARSAL" in text(app)
            assert "demo [b]task[/b]" in text(app)
            assert "? Help" in text(app) and "q Quit" in text(app)

            await pilot.press("c")
            await until(pilot, lambda: isinstance(app.screen, Ask))
            await pilot.press("n")
            await until(pilot, lambda: app.screen is live)
            assert live.state == "running"
            await pilot.press("c")
            await until(pilot, lambda: isinstance(app.screen, Ask))
            await pilot.press("y")
            await until(pilot, lambda: live.state == "cancelled")
            assert live.exit_code == 130
            await until(pilot, lambda: "Cancelled" in text(app))

            await pilot.press("r")
            await until(pilot, lambda: isinstance(app.screen, VerdictScreen))
            await until(pilot, lambda: "Confidence" in text(app) or size[1] < 20)
            assert len(live.board.cells) == 5
            await pilot.press("b")
            await until(pilot, lambda: app.screen is live)
            await pilot.press("v")
            await until(pilot, lambda: isinstance(app.screen, VerdictScreen))
            await pilot.press("q")
        app_code.append(app.return_code)

    run(main())
    assert app_code == [0]


@pytest.mark.parametrize("code", [0, 1, 4])
def test_exit_code_is_the_probes(play: Play, code: int) -> None:
    async def main() -> None:
        async with planned(play(beginning(), verdict(), code=code, waits=False)) as (app, pilot):
            await pilot.press("s")
            await until(pilot, lambda: isinstance(app.screen, VerdictScreen))
            await pilot.press("q")
        assert app.return_code == code

    run(main())


def test_verdict_shows_what_the_report_says(play: Play) -> None:
    report = json.loads(REPORT.read_text())

    async def main() -> None:
        job = play(beginning(), verdict(), waits=False)
        async with planned(job, (200, 60)) as (app, pilot):
            await pilot.press("enter")
            await until(pilot, lambda: isinstance(app.screen, VerdictScreen))
            wanted = [option["name"] for option in report["options"]]
            wanted += [report["advice"]["headline"][:60], "Confidence", "Why not cheaper"]
            wanted += ["Next step", "report-v1.md"]
            await until(pilot, lambda: all(words in text(app) for words in wanted))

    run(main())


def test_hostile_text_is_shown_literally(play: Play) -> None:
    job = play(
        beginning()
        + finished(7, 0.4, "[red]rung[/]", "zero_shot", "baseline")
        + event(
            "cell-started", id="8" * 12, attempt=1, **described(HOSTILE, "zero_shot", "baseline")
        )
    )

    async def main() -> None:
        async with running(job, (120, 36)) as (app, pilot, _live):
            await until(pilot, lambda: "[red]label[/] \\x1b[31m[/nothing] \\u202e" in text(app))
            await until(pilot, lambda: "zero-shot @ [red]rung[/]" in text(app))
            await until(pilot, lambda: "now: [red]label[/] \\x1b[31m" in text(app))
            assert "\x1b" not in text(app) and "\u202e" not in text(app)

    run(main())


def group(rung: str = "small") -> tuple[list[str], str]:
    """Eight adapters that are trained together: their ids, and the events of their start."""
    ids = [f"{rung[0]}{at:011d}" for at in range(8)]
    told = described(rung, "lora", "repeat", n_train=50)
    return ids, "".join(event("cell-started", id=each, attempt=1, **told) for each in ids)


def progress(ids: list[str], rung: str = "small", done: int = 1) -> str:
    return "".join(
        event("progress", id=each, rung=rung, done=done, total=4, what="epoch") for each in ids
    )


def failed(at: str, rung: str = "small") -> str:
    told = described(rung, "lora", "repeat", n_train=50)
    return event("cell-failed", id=at, cause="memory: none; one by one", again=True, **told)


@pytest.mark.parametrize(("size", "lines"), [((80, 24), 2), ((40, 12), 1), ((120, 36), 2)])
def test_many_cells_at_once_fit(play: Play, size: tuple[int, int], lines: int) -> None:
    """Nine cells of two rungs run: each rung is told once, the rest is counted, nothing wraps."""
    ids, start = group()
    job = play(beginning() + start + progress(ids))

    async def main() -> None:
        async with running(job, size) as (app, pilot, live):
            more = f"and {9 - lines} more"
            share = "25%" if lines == 2 else "50%"
            await until(pilot, lambda: share in text(app) and more in text(app))
            rows = text(app).splitlines()
            at = [row for row, line in enumerate(rows) if line.strip().startswith("now:")]
            assert at == [2, 3][:lines]
            assert live.query_one("#now").size.height == lines
            assert rows[at[-1]].endswith(more)
            assert [rows[row].split()[1] for row in at] == ["large", "small"][:lines]
            assert "Progress" in rows[at[-1] + 1] or size[0] >= 120  # the tabs, or a pane's frame

    run(main())


def board(told: str, seen: Board | None = None) -> Board:
    """A board that was told this; a new one, or the one given."""
    seen = seen or Board()
    for line in told.splitlines():
        seen.event(Event.model_validate_json(line))
    return seen


def test_a_group_that_fails_no_longer_runs_and_its_time_is_still_to_come() -> None:
    """Only the first of the group is named; what runs on another rung goes on."""
    ids, start = group("large")
    other = event("cell-started", id="6" * 12, attempt=1, **described("small", "steps", "baseline"))
    before = board(beginning() + finished(int("5" * 12), 0.6, "large", "lora", "curve") + other)
    told = start + progress(ids, "large", done=3)
    seen = board(told, before)
    assert len(seen.running()) == 9
    done = seen.pace.done

    board(failed(ids[0], "large"), seen)
    assert [label.split()[0] for label, _ in seen.running()] == ["small"]
    assert done - seen.pace.done == pytest.approx(0.75 * 5 / 30)
    assert sum(seen.pace.predicted["large", "lora", "repeat"]) == 5

    again = described("large", "lora", "repeat", n_train=50)
    board(event("cell-started", id=ids[0], attempt=2, **again), seen)
    assert [(label.split()[0], share) for label, share in seen.running()] == [
        ("small", 0),
        ("large", 0),
    ]
    board(finished(50, 0.9, "large", "lora", "repeat").replace(f"{50:012d}", ids[0]), seen)
    assert [label.split()[0] for label, _ in seen.running()] == ["small"]
    assert seen.pace.done == pytest.approx(1)


def test_diagnoses_are_no_options_and_only_lora_has_a_learning_curve() -> None:
    told = beginning()
    for at, method in enumerate(METHODS, 20):
        role = "diagnostic" if method in DIAGNOSTIC else "repeat"
        told += finished(at, 0.9, "small", method, role, n_train=50)
    seen = board(told)
    here = {row.method for row in seen.standings() if row.rung == "small"}
    assert here == METHODS.keys() - DIAGNOSTIC.keys()
    assert seen.learning().keys() == {"small"}
    points = seen.learning()["small"]
    assert [(point.x, round(point.figure.value, 2)) for point in points] == [(25, 0.5), (50, 0.85)]
    assert seen.sizes().keys() == {row.name.split(" @ ")[0] for row in seen.standings()}


def test_a_system_of_the_users_own_is_an_option_without_a_size() -> None:
    """Even where it bears the name of a rung."""
    own = [
        finished(at, 0.4, name, "existing", "baseline")
        for at, name in ((20, "rules"), (21, "small"))
    ]
    seen = board(beginning() + "".join(own))
    assert {"existing @ rules", "existing @ small"} <= {row.name for row in seen.standings()}
    assert seen.sizes().keys() == {"zero-shot", "lora"}


def test_plan_is_shown_literally_and_quitting_it_runs_nothing(play: Play, tmp_path: Path) -> None:
    async def main() -> None:
        async with planned(play(beginning())) as (app, pilot):
            assert "note: [red]kept[/] literally" in text(app)
            await pilot.press("q")
        assert app.return_code == 0

    run(main())
    assert not (tmp_path / "marker").exists()


def test_a_plan_that_fails_says_why_and_its_code_is_ours(play: Play) -> None:
    code = "import sys; print('error[E-SPEC-X]: [b]spec[/b]; mend', file=sys.stderr); sys.exit(2)"
    job = replace(play(beginning()), plan=(sys.executable, "-c", code))

    async def main() -> None:
        app = AdvisorApp(job)
        async with app.run_test(size=(80, 24)) as pilot:
            await until(pilot, lambda: "error[E-SPEC-X]: [b]spec[/b]; mend" in text(app))
            await pilot.press("enter")
            await pilot.pause()
            assert isinstance(app.screen, PlanScreen)
            await pilot.press("q")
        assert app.return_code == 2

    run(main())


def test_a_crash_shows_the_last_words_and_can_be_started_again(play: Play) -> None:
    code = f"import sys; print({beginning()!r}, end=''); sys.exit('Boom: [i]lost[/i]')"
    job = replace(play(beginning()), probe=(sys.executable, "-c", code))

    async def main() -> None:
        async with running(job) as (app, pilot, live):
            await until(pilot, lambda: live.state == "failed")
            await until(pilot, lambda: "Boom: [i]lost[/i]" in text(app))
            await until(pilot, lambda: "r Resume" in text(app))
            await pilot.press("r")
            said = live.query_one(LogPane)
            await until(pilot, lambda: said.said.count("Boom: [i]lost[/i]") == 2)
            await until(pilot, lambda: live.state == "failed")
            await pilot.press("q")
        assert app.return_code == 1

    run(main())


def test_quit_while_running_asks_and_ends_with_130(play: Play) -> None:
    async def main() -> None:
        async with running(play(beginning())) as (app, pilot, live):
            await pilot.press("q")
            await until(pilot, lambda: isinstance(app.screen, Ask))
            await pilot.press("escape")
            await until(pilot, lambda: app.screen is live)
            await pilot.press("ctrl+q")
            await until(pilot, lambda: isinstance(app.screen, Ask))
            await pilot.press("y")
            await until(pilot, lambda: app.return_code is not None)
        assert app.return_code == 130

    run(main())


def test_closing_the_app_ends_the_child(play: Play) -> None:
    async def main() -> None:
        async with running(play(beginning())) as (app, _pilot, live):
            child = live._child
            assert child is not None and child._process is not None
            app.exit(return_code=143)
        assert child._process.returncode is not None

    run(main())


def test_a_signal_to_the_app_ends_the_child(play: Play) -> None:
    async def main() -> None:
        async with running(play(beginning())) as (app, pilot, live):
            child = live._child
            assert child is not None and child._process is not None
            os.kill(os.getpid(), signal.SIGTERM)
            await until(pilot, lambda: app.return_code is not None)
        assert app.return_code == 128 + signal.SIGTERM
        assert child._process.returncode is not None

    run(main())


def test_tabs_keys_and_help(play: Play) -> None:
    async def main() -> None:
        async with running(play(beginning())) as (app, pilot, live):
            for key, pane in (
                ("2", "learning"),
                ("tab", "sizes"),
                ("l", "log"),
                ("tab", "options"),
            ):
                await pilot.press(key)
                assert live.query_one(Panes).shown == pane
            await pilot.press("shift+tab")
            assert live.query_one(Panes).shown == "log"
            await pilot.press("2", "j", "k")
            await until(pilot, lambda: "training examples" in text(app) and "━━" in text(app))
            await pilot.press("question_mark")
            await until(pilot, lambda: isinstance(app.screen, Help) and "Cancel" in text(app))
            await pilot.press("q")
            await until(pilot, lambda: app.screen is live)

    run(main())


def test_a_small_room_has_tables_for_plots_and_a_resize_brings_them_back(play: Play) -> None:
    async def main() -> None:
        async with running(play(beginning()), (40, 12)) as (app, pilot, _live):
            await pilot.press("3")
            await until(pilot, lambda: "1,000,000" in text(app))
            assert "━" not in text(app)
            await pilot.resize_terminal(120, 36)
            await until(pilot, lambda: "╌ target 70 %" in text(app) and "100k" in text(app))
            for title in ("Progress", "Learning curve", "Size curve", "Log"):
                assert title in text(app)
            await pilot.resize_terminal(30, 10)
            await pilot.resize_terminal(80, 24)
            await until(pilot, lambda: "╌ target 70 %" in text(app))

    run(main())


def test_no_color(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    """textual-plot alone crashes here; children must still see the variable."""
    monkeypatch.setenv("NO_COLOR", "1")
    job = play(beginning())

    async def main() -> None:
        async with running(job, (120, 36)) as (app, pilot, _live):
            await until(pilot, lambda: "╌ target 70 %" in text(app) and "┻" in text(app))
            assert app.no_color

    run(main())
    assert job.env["NO_COLOR"] == "1"


def test_without_a_terminal_one_line_says_what_to_do(task_folder: Callable[..., Path]) -> None:
    spec = task_folder()
    command = [sys.executable, "-m", "advisor", "--task", str(spec)]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL
    )
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert f"advisor probe --task {spec}" in done.stderr


def test_task_before_a_command_is_refused() -> None:
    command = [sys.executable, "-m", "advisor", "-t", "x.yaml", "probe"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert "advisor probe --task" in done.stderr


def test_the_data_are_shown_over_the_plan(play: Play) -> None:
    async def go() -> None:
        async with planned(play(beginning())) as (app, pilot):
            await pilot.press("d")
            await until(pilot, lambda: "1 finding" in text(app))
            assert "[red]kept[/] literally" in text(app)
            await pilot.press("escape")
            await until(pilot, lambda: isinstance(app.screen, PlanScreen))
            assert "3 cells" in text(app)

    asyncio.run(go())


def test_an_audit_that_fails_says_why(play: Play) -> None:
    async def go() -> None:
        fails = (sys.executable, "-c", "import sys; sys.exit('error[E-X]: \\x1b[31mno')")
        async with planned(replace(play(beginning()), audit=fails)) as (app, pilot):
            await pilot.press("d")
            await until(pilot, lambda: "There is no audit" in text(app))
            assert "error[E-X]" in text(app)
            assert "\x1b" not in text(app)

    asyncio.run(go())
