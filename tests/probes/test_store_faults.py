"""Kills, full disks and other writers at any call: a measurement is there whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import pytest

from knowledge.errors import UserError
from probes.records import Event
from probes.store import RunStore, cell_key
from tests.probes.stored import KEY, LATER, measured, temps

FALLIBLE = ("open", "write", "fsync", "link", "replace", "rename", "ftruncate", "mkdir")
DEADLY = (*FALLIBLE, "unlink")  # a failing unlink is nobody's error


def shim(
    n: int, act: Callable[[str, tuple[Any, ...]], None], names: tuple[str, ...]
) -> dict[str, Any]:
    """Functions of `os` of which the `n`-th call, of any, does `act` first."""
    calls = 0

    def wrap(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **options: Any) -> Any:
            nonlocal calls
            calls += 1
            if calls == n:
                act(name, args)
            return real(*args, **options)

        return call

    return {name: wrap(name, getattr(os, name)) for name in names}


REAL_WRITE = os.write


def half_write(name: str, args: tuple[Any, ...]) -> None:
    if name == "write":
        REAL_WRITE(args[0], bytes(args[1])[: len(args[1]) // 2])


def die(name: str, args: tuple[Any, ...]) -> NoReturn:
    half_write(name, args)
    os._exit(9)


def full(name: str, args: tuple[Any, ...]) -> NoReturn:
    half_write(name, args)
    raise OSError(errno.ENOSPC, "no space")


Operation = Callable[[RunStore], Any]
Check = Callable[[RunStore, bool], bool]


def publish(store: RunStore) -> None:
    store.publish(measured())


def prepare(folder: Path) -> RunStore:
    store = RunStore.create(folder, {})
    unpublished_adapter(store)
    return store


def unpublished_adapter(store: RunStore) -> Path:
    temp = store.scratch / "new"
    temp.mkdir(exist_ok=True)
    for name in ("a", "b"):
        (temp / name).write_text(name)
    return temp


def adapter(store: RunStore) -> None:
    store.publish_adapter(store.scratch / "new", KEY)


def whole_adapter(store: RunStore, done: bool) -> bool:
    folder = store.adapter_folder(KEY)
    return not done if folder is None else len(list(folder.iterdir())) == 2


OPERATIONS: dict[str, tuple[Operation, Check]] = {
    "publish": (
        publish,
        lambda s, done: s.measurements() in ([measured()], *([] if done else [[]])),
    ),
    "freeze": (
        lambda s: s.freeze("plan", {"x": 1}),
        lambda s, done: s.frozen("plan") in ({"x": 1}, *([] if done else [None])),
    ),
    "attempt": (
        lambda s: s.begin_attempt(KEY),
        lambda s, done: s.attempts(KEY) in (1, *([] if done else [0])),
    ),
    "opening": (
        lambda s: s.log_test_opening({"x": 1}),
        lambda s, done: s.test_openings() in ([{"x": 1}], *([] if done else [[]])),
    ),
    "event": (
        lambda s: s.append_event(Event(kind="run"), LATER),
        lambda s, done: len(s.events()) in (1, *([] if done else [0])),
    ),
    "adapter": (adapter, whole_adapter),
}


@pytest.mark.parametrize("name", OPERATIONS)
def test_a_kill_at_any_call_leaves_all_or_nothing(tmp_path: Path, name: str) -> None:
    operation, check = OPERATIONS[name]
    for n in range(1, 100):
        store = prepare(tmp_path / str(n))
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                vars(os).update(shim(n, die, DEADLY))
                operation(store)
                code = 0
            finally:
                os._exit(code)
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        assert code in (0, 9)
        store = RunStore.open(store.folder)
        with store.lock():
            assert check(store, code == 0), f"call {n}"
            assert not temps(store)
            assert not list((store.folder / "quarantine").iterdir())
            if not check(store, True):
                unpublished_adapter(store)  # the lock has removed the old one
                operation(store)
            assert check(store, True), f"call {n}, second try"
        if code == 0:
            assert n > 2
            return
    pytest.fail("the operation needs more calls than thought")


@pytest.mark.parametrize("name", OPERATIONS)
def test_a_full_disk_at_any_call_leaves_all_or_nothing(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    operation, check = OPERATIONS[name]
    for n in range(1, 100):
        store = prepare(tmp_path / str(n))
        error: UserError | None = None
        with monkeypatch.context() as patch:
            for function, replacement in shim(n, full, FALLIBLE).items():
                patch.setattr(os, function, replacement)
            try:
                operation(store)
            except UserError as raised:
                error = raised
        assert check(store, error is None), f"call {n}"
        assert not temps(store), "the writer lives and can clean up"
        if not check(store, True):
            operation(store)
        assert check(store, True), f"call {n}, second try"
        if error is None:
            assert n > 2
            return
        assert error.code == "E-RUN-DISK-FULL"
        assert "nothing that was measured is lost" in str(error)
    pytest.fail("the operation needs more calls than thought")


def test_a_kill_while_creating_leaves_what_create_can_finish(tmp_path: Path) -> None:
    for n in range(1, 100):
        folder = tmp_path / str(n)
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                vars(os).update(shim(n, die, DEADLY))
                RunStore.create(folder, {"name": "first"})
                code = 0
            finally:
                os._exit(code)
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        assert code in (0, 9)
        with contextlib.suppress(UserError):  # complete already
            RunStore.create(folder, {"name": "second"})
        spec = RunStore.open(folder).frozen("spec")
        assert spec == {"name": "first"} or (code == 9 and spec == {"name": "second"})
        if code == 0:
            return
    pytest.fail("the operation needs more calls than thought")


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (errno.EDQUOT, "E-RUN-DISK-FULL"),
        (errno.EACCES, "E-RUN-NO-ACCESS"),
        (errno.EROFS, "E-RUN-READ-ONLY"),
        (errno.EIO, "E-RUN-DISK-ERROR"),
        (errno.EPERM, "E-RUN-FILESYSTEM"),
    ],
)
def test_disk_errors_say_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, code: str
) -> None:
    def refuse(*_: object) -> NoReturn:
        raise OSError(number, "no")

    store = prepare(tmp_path / "run")
    monkeypatch.setattr(os, "link", refuse)
    with pytest.raises(UserError) as raised:
        store.publish(measured())
    assert raised.value.code == code
    assert raised.value.hint
    assert not temps(store)


def test_of_many_publishers_one_wins(tmp_path: Path) -> None:
    store = prepare(tmp_path / "run")
    gate, open_gate = os.pipe()
    pids = []
    for number in range(8):
        pid = os.fork()
        if pid == 0:
            code = 2
            try:
                os.close(open_gate)
                os.read(gate, 1)  # all start together
                wins = [
                    store.publish(measured(cell_key({"cell": c}), value=float(number)))
                    for c in range(20)
                ]
                (store.folder / "scratch" / str(number)).write_text(json.dumps(wins))
                code = 0
            finally:
                os._exit(code)
        pids.append(pid)
    os.close(gate)
    os.close(open_gate)
    assert [os.waitpid(pid, 0)[1] for pid in pids] == [0] * 8
    won: list[list[bool]] = [
        json.loads((store.folder / "scratch" / str(n)).read_text()) for n in range(8)
    ]
    for c in range(20):
        (winner,) = [number for number in range(8) if won[number][c]]
        found = store.measurement(cell_key({"cell": c}))
        assert found
        assert found.quality
        assert found.quality.value == winner
    assert not temps(store)
