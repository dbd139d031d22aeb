"""The driver against an executor that does as it is told: what crashes, fails, or is cached."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from knowledge.errors import UserError
from probes.driver import MAX_CRASHES, Driver, Limits, Rules
from probes.executors.local import Outcome, Progress, Request
from probes.methods import Proposals
from probes.records import Cell, Event, Json, Measurement
from probes.stats import estimate_mean
from probes.store import RunStore, cell_key


def cell(name: str, role: str = "search") -> Cell:
    return Cell.model_validate(
        {"rung": "small", "method": "zero_shot", "params": {"name": name}, "split": "dev",
         "n_eval": 4, "role": role}
    )  # fmt: skip


def key_of(wanted: Cell) -> str:
    return cell_key(wanted.model_dump(mode="json", exclude={"role"}))


def measured(wanted: Cell) -> Json:
    half = estimate_mean([1.0, 0.0, 1.0, 0.0])
    return Measurement(
        key=key_of(wanted), cell=wanted, status="ok", form=half, content=half, quality=half
    ).model_dump()


class Obedient:
    """Ends each request as `script` says for the cell's name, in turn; "ok" once it is used up."""

    def __init__(self, script: dict[str, list[str]]) -> None:
        self.script = script
        self.queue: list[Request] = []
        self.begun: list[str] = []

    def submit(self, rung: str, request: Request) -> None:
        self.queue.append(request)

    def poll(self, timeout_s: float) -> list[Progress | Outcome]:
        request = self.queue.pop(0)
        wanted = [Cell.model_validate_json(each["cell"]) for each in request.body["cells"]]
        names = "+".join(str(each.params["name"]) for each in wanted)
        self.begun.append(names)
        end = self.script.get(names, [])
        kind = end.pop(0) if end else "ok"
        bodies = {
            "ok": [measured(each) for each in wanted],
            "other cell": [measured(cell("another"))],
            "one left out": [measured(each) for each in wanted[:-1]],
        }
        if kind in bodies:
            progress = Progress(key=request.key, done=1, total=2, what="answers")
            body = {"measurements": bodies[kind]}
            return [progress, Outcome(key=request.key, status="ok", kind="result", body=body)]
        kind, _, cause = kind.partition(": ")
        return [Outcome.model_validate(
            {"key": request.key, "status": "failed", "kind": kind, "cause": cause or kind}
        )]  # fmt: skip


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    return RunStore.create(tmp_path / "run", {"name": "test"})


Run = Callable[..., "tuple[list[Event], Obedient, list[list[Measurement]]]"]


@pytest.fixture
def run(store: RunStore) -> Run:
    """Drive batches of cells through a script; the events, the executor, what was sent back."""

    def drive(
        *batches: list[Cell],
        script: dict[str, list[str]] | None = None,
        refused: Callable[[Cell], str] = lambda wanted: "",
    ) -> tuple[list[Event], Obedient, list[list[Measurement]]]:
        executor, sent = Obedient(script or {}), []

        def proposals() -> Proposals:
            for batch in batches:
                sent.append((yield batch))

        driver = Driver(
            store,
            executor,  # type: ignore[arg-type]
            Rules(
                key_of,
                lambda wanted: Limits(time_s=1, no_progress_s=1),
                lambda wanted: 2,
                refused,
            ),
            engine={"versions": {}},
            at_once=1,
        )
        return list(driver.run({"small": proposals()})), executor, sent

    return drive


def told(events: list[Event], kind: str) -> Iterator[dict[str, Any]]:
    return (event.payload for event in events if event.kind == kind)


def test_measurements_are_sent_in_the_order_of_the_cells(run: Run) -> None:
    _, _, sent = run([cell("a"), cell("b"), cell("c")], [cell("d")])
    assert [[m.cell.params["name"] for m in batch] for batch in sent] == [["a", "b", "c"], ["d"]]


def test_what_is_stored_is_not_measured_again(run: Run) -> None:
    run([cell("a")])
    events, executor, sent = run([cell("a"), cell("b")])
    assert executor.begun == ["b"]
    assert [row["cached"] for row in told(events, "cell-finished")] == [True, False]
    assert [m.status for m in sent[0]] == ["ok", "ok"]


def test_a_role_is_no_part_of_what_is_measured(run: Run) -> None:
    run([cell("a", role="search")])
    _, executor, sent = run([cell("a", role="repeat")])
    assert executor.begun == []
    assert sent[0][0].cell.role == "repeat"


def test_the_same_cell_twice_in_a_batch_is_measured_once(run: Run) -> None:
    _, executor, sent = run([cell("a"), cell("a")])
    assert executor.begun == ["a"]
    assert sent[0][0] == sent[0][1]


def test_a_crash_is_tried_again(run: Run, store: RunStore) -> None:
    events, executor, sent = run([cell("a")], script={"a": ["crash"]})
    assert executor.begun == ["a", "a"]
    assert sent[0][0].status == "ok"
    assert len(list(told(events, "cell-failed"))) == 1
    assert store.attempts(key_of(cell("a"))) == 2


def test_a_cell_that_always_crashes_is_recorded_and_the_run_goes_on(run: Run) -> None:
    _, executor, sent = run(
        [cell("a"), cell("b")], script={"a": ["crash: killed by signal 11"] * 9}
    )
    assert executor.begun == ["a"] * MAX_CRASHES + ["b"]
    assert [m.status for m in sent[0]] == ["failed", "ok"]
    assert "signal 11" in sent[0][0].cause


@pytest.mark.parametrize(
    "kind", ["oom-kill", "time-limit", "no-progress", "exception", "bad-result"]
)
def test_limits_and_exceptions_are_recorded_at_once(run: Run, store: RunStore, kind: str) -> None:
    _, executor, sent = run([cell("a"), cell("b")], script={"a": [f"{kind}: because"]})
    assert executor.begun == ["a", "b"]
    assert sent[0][0].cause == f"{kind}: because"
    stored = store.measurement(key_of(cell("a")))
    assert stored is not None
    assert stored.status == "failed"


def test_the_answer_to_another_cell_is_not_taken(run: Run) -> None:
    _, _, sent = run([cell("a")], script={"a": ["other cell"]})
    assert sent[0][0].status == "failed"
    assert "another cell" in sent[0][0].cause


def test_what_the_user_can_mend_ends_the_run(run: Run, store: RunStore) -> None:
    line = "exception: UserError: error[E-MODEL-NOTFOUND]: m: no config.json; give the folder"
    with pytest.raises(UserError) as caught:
        run([cell("a")], script={"a": [line]})
    assert caught.value.code == "E-MODEL-NOTFOUND"
    assert str(caught.value) == "error[E-MODEL-NOTFOUND]: m: no config.json; give the folder"
    assert store.measurement(key_of(cell("a"))) is None


def test_what_is_refused_is_recorded_and_never_sent(run: Run, store: RunStore) -> None:
    def refused(wanted: Cell) -> str:
        return "needs 9 GB, 5 GB are free" if wanted.params["name"] == "b" else ""

    batch = [cell("a"), cell("b"), cell("c")]
    _, executor, sent = run(batch, refused=refused)
    assert executor.begun == ["a", "c"]
    assert [m.status for m in sent[0]] == ["ok", "failed", "ok"]
    assert sent[0][1].cause == "needs 9 GB, 5 GB are free"
    store.retire_failed()
    _, executor, sent = run(batch)
    assert executor.begun == ["b"]


def test_failures_are_measured_again_when_asked(run: Run, store: RunStore) -> None:
    run([cell("a"), cell("b")], script={"a": ["oom-kill"]})
    assert store.retire_failed() == 1
    _, executor, sent = run([cell("a"), cell("b")])
    assert executor.begun == ["a"]
    assert [m.status for m in sent[0]] == ["ok", "ok"]


# ---------------------------------------------------------------- adapters trained together


def shared(name: str, n_train: int = 8) -> Cell:
    """A cell that trains an adapter; cells of one `n_train` are of one stack."""
    params = {"name": name, "rank": 8, "learning_rate": 0.1, "epochs": 1, "alpha": 32}
    return Cell.model_validate(
        {"rung": "small", "method": "lora", "role": "tune", "split": "dev", "n_eval": 4,
         "n_train": n_train, "params": params}
    )  # fmt: skip


@pytest.fixture(autouse=True)
def names_do_not_part_stacks(monkeypatch: pytest.MonkeyPatch) -> None:
    """The name that these tests give a cell is none of what must be shared."""
    from probes.methods import trained

    monkeypatch.setattr(trained, "OWN", (*trained.OWN, "name"))


def test_adapters_of_one_stack_go_to_the_worker_together(run: Run) -> None:
    cells = [shared("a"), shared("b"), shared("c"), shared("d", n_train=4), cell("e")]
    events, executor, sent = run(cells)
    assert executor.begun == ["a+b", "c", "d", "e"]
    assert [m.status for m in sent[0]] == ["ok"] * 5
    assert len(list(told(events, "cell-started"))) == 5
    assert len(list(told(events, "cell-finished"))) == 5


def test_what_is_refused_keeps_nobody_company(run: Run) -> None:
    batch = [shared("a"), shared("b"), shared("c")]
    _, executor, _ = run(batch, refused=lambda wanted: "large" * (wanted.params["name"] == "b"))
    assert executor.begun == ["a+c"]


def test_a_group_that_fails_is_tried_one_by_one(run: Run) -> None:
    events, executor, sent = run([shared("a"), shared("b")], script={"a+b": ["time-limit"]})
    assert executor.begun == ["a+b", "a", "b"]
    assert [m.status for m in sent[0]] == ["ok", "ok"]
    (failed,) = told(events, "cell-failed")
    assert "one by one" in failed["cause"]


def test_a_cell_that_the_worker_leaves_out_has_failed(run: Run) -> None:
    _, executor, sent = run([shared("a"), shared("b")], script={"a+b": ["one left out"]})
    assert executor.begun == ["a+b"]
    assert [m.status for m in sent[0]] == ["ok", "failed"]
    assert "left this cell out" in sent[0][1].cause


def test_a_group_that_crashes_is_tried_again_first(run: Run) -> None:
    script = {"a+b": ["crash"]}
    _, executor, sent = run([shared("a"), shared("b")], script=script)
    assert executor.begun == ["a+b", "a+b"]
    assert [m.status for m in sent[0]] == ["ok", "ok"]


def test_a_resumed_group_keeps_its_company_and_publishes_what_is_missing(
    run: Run, store: RunStore
) -> None:
    stored = Measurement.model_validate(measured(shared("a")))
    store.publish(stored)
    events, executor, sent = run([shared("a"), shared("b")])
    assert executor.begun == ["a+b"]
    assert [m.key for m in sent[0]] == [key_of(shared("a")), key_of(shared("b"))]
    assert [p["cached"] for p in told(events, "cell-finished")] == [True, False]
    assert store.attempts(stored.key) == 0


def test_a_group_that_is_all_stored_is_not_trained(run: Run, store: RunStore) -> None:
    for name in ("a", "b"):
        store.publish(Measurement.model_validate(measured(shared(name))))
    _, executor, _ = run([shared("a"), shared("b")])
    assert executor.begun == []
