"""Whatever a worker does becomes one outcome, and no process outlives its parent."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from probes.executors import local
from probes.executors.child import load_result, one_line, write_result
from probes.executors.local import Limits, LocalExecutor, Outcome, Progress, Request

ROOT = Path(__file__).parents[2]
TOY = Path(__file__).with_name("toy_worker.py")
COMMAND = [sys.executable, "-S", str(TOY)]
PARENT = f"""
import sys
from pathlib import Path
from probes.executors.local import LocalExecutor, Request
executor = LocalExecutor(
    lambda rung: {COMMAND!r}, max_workers=2, attempt_folder=Path(sys.argv[1])
)
body = {{"do": "hang", "grandchild": True}}
for rung in "ab":
    executor.submit(rung, Request(key=rung, body=body, time_limit_s=600, no_progress_s=600))
print("submitted", flush=True)
while True:
    for news in executor.poll(1.0):
        print(news.what, flush=True)
"""


def environment(marker: str) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), "TOY_MARKER": marker}


def marked(marker: str) -> list[psutil.Process]:
    """Living processes that inherited the marker, sentinels included."""
    found = []
    for process in psutil.process_iter():
        try:
            if (
                process.environ().get("TOY_MARKER") == marker
                and process.status() != psutil.STATUS_ZOMBIE
            ):
                found.append(process)
        except psutil.Error:
            continue
    return found


def wait_for(marker: str, count: int, limit_s: float = 10.0) -> list[psutil.Process]:
    """Poll, because the environment of a process in the middle of exec reads as empty."""
    end_s = time.monotonic() + limit_s
    while len(found := marked(marker)) != count and time.monotonic() < end_s:
        time.sleep(0.02)
    return found


def wait_until_gone(marker: str) -> list[psutil.Process]:
    return wait_for(marker, 0)


def request(
    do: str, *, key: str = "k", limit_s: float = 20.0, quiet_s: float = 20.0, **body: Any
) -> Request:
    return Request(key=key, body={"do": do, **body}, time_limit_s=limit_s, no_progress_s=quiet_s)


def outcomes(executor: LocalExecutor, limit_s: float = 20.0) -> list[Outcome]:
    """Poll until every request has its outcome."""
    found: list[Outcome] = []
    end_s = time.monotonic() + limit_s
    while executor.pending:
        assert time.monotonic() < end_s, "an outcome is missing"
        found += [news for news in executor.poll(1.0) if isinstance(news, Outcome)]
    return found


def executor_marker(executor: LocalExecutor) -> str:
    return executor._env["TOY_MARKER"]


def run(executor: LocalExecutor, do: str, **options: Any) -> Outcome:
    executor.submit("r", request(do, **options))
    (outcome,) = outcomes(executor)
    return outcome


@pytest.fixture
def marker() -> str:
    return uuid.uuid4().hex


@pytest.fixture
def executor(tmp_path: Path, marker: str) -> Iterator[LocalExecutor]:
    limits = Limits(start_s=20.0, close_s=2.0, result_bytes=100_000, log_bytes=20_000)
    with LocalExecutor(
        lambda rung: COMMAND,
        max_workers=2,
        limits=limits,
        attempt_folder=tmp_path / "attempts",
        log_folder=tmp_path / "logs",
        env=environment(marker),
    ) as executor:
        yield executor
    assert not wait_until_gone(marker)
    assert not list((tmp_path / "attempts").iterdir()), "a result file was left"


def test_a_warm_worker_answers_again_and_again(executor: LocalExecutor) -> None:
    first, second = run(executor, "return"), run(executor, "return")
    assert (first.status, first.kind, first.cause) == ("ok", "result", "")
    assert first.body
    assert second.body
    assert (first.body["calls"], second.body["calls"]) == (1, 2)
    assert first.body["pid"] == second.body["pid"]
    assert first.wall_s >= 0


@pytest.mark.parametrize(
    ("do", "options", "kind", "causes", "replaced"),
    [
        ("raise", {"type": "ValueError"}, "exception", ["ValueError: two lines [31mred"], False),
        ("raise", {"type": "OutOfMemoryError"}, "exception", ["out of memory: Out"], True),
        ("allocate", {}, "exception", ["out of memory: MemoryError"], True),
        ("exit", {"code": 3}, "crash", ["exited with code 3 in the middle"], True),
        ("exit", {"code": 0}, "crash", ["exited with code 0 in the middle"], True),
        ("segfault", {}, "crash", ["signal 11 (SIGSEGV)", "about to fall"], True),
        ("kill", {"signal": signal.SIGABRT}, "crash", ["(SIGABRT)", "in handle"], True),
        ("kill", {"signal": signal.SIGKILL}, "crash", ["killed by signal 9 (SIGKILL)"], True),
        ("kill", {"signal": signal.SIGTERM}, "crash", ["exited with code 143"], True),
        ("kill", {"signal": signal.SIGSTOP, "limit_s": 0.4}, "time-limit", ["0 of 2 st"], True),
        ("sleep", {"s": 60, "limit_s": 0.3}, "time-limit", ["over the time limit of 0.3 s"], True),
        ("hang", {"quiet_s": 0.3}, "no-progress", ["no progress for 0.3 s", "2 of 2 then"], True),
        ("hang", {"quiet_s": 0.4, "grandchild": True}, "no-progress", ["0.4 s"], True),
        ("nan", {}, "bad-result", ["nan at history[1].loss"], False),
        ("list", {}, "bad-result", ["a list, not a JSON object"], False),
        ("object", {}, "bad-result", ["not JSON serializable"], False),
        ("surrogate", {}, "bad-result", ["not valid Unicode"], False),
        ("huge", {"size": 200_000}, "bad-result", ["the limit is 100000 bytes"], False),
        ("forge", {"file": "missing"}, "bad-result", ["cannot be read"], False),
        ("forge", {"file": "link"}, "bad-result", ["cannot be read"], False),
        ("forge", {"file": "fifo"}, "bad-result", ["not a regular file"], False),
        ("forge", {"file": '{"x": NaN}'}, "bad-result", ["not a finite number: NaN"], False),
        ("forge", {"file": '{"x": 1e999}'}, "bad-result", ["not a finite number"], False),
        ("forge", {"file": '{"x": 1'}, "bad-result", ["not JSON"], False),
        ("forge", {"file": "[" * 100_000}, "bad-result", ["not JSON"], False),
    ],
)
def test_every_end_has_its_outcome(
    executor: LocalExecutor,
    do: str,
    options: dict[str, Any],
    kind: str,
    causes: list[str],
    replaced: bool,
) -> None:
    outcome = run(executor, do, **options)
    assert (outcome.status, outcome.kind, outcome.body) == ("failed", kind, None)
    assert all(cause in outcome.cause for cause in causes), outcome.cause
    assert outcome.cause.isprintable()
    if do != "forge":  # which spoils its worker for good
        after = run(executor, "return")
        assert after.body
        assert after.body["calls"] == (1 if replaced else 2)
    if options.get("grandchild"):
        left = wait_for(executor_marker(executor), 2)
        assert len(left) == 2, "a grandchild outlived its request"


def test_a_kill_by_the_kernel_for_memory_is_told_apart(
    executor: LocalExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts = iter([5, 6])
    monkeypatch.setattr(local, "oom_kills", lambda: next(counts))
    outcome = run(executor, "kill", signal=signal.SIGKILL)
    assert (outcome.kind, outcome.cause) == ("oom-kill", "killed: host out of memory")


def test_the_kernels_count_is_readable() -> None:
    assert local.oom_kills() >= 0


def test_noise_neither_breaks_the_protocol_nor_fills_the_disk(
    executor: LocalExecutor, tmp_path: Path
) -> None:
    assert run(executor, "noise", lines=3000).kind == "result"
    logs = sorted((tmp_path / "logs").glob("r.log*"))
    assert len(logs) == 2
    assert all(log.stat().st_size <= 20_000 for log in logs)
    assert b"stdin is ''" in logs[0].read_bytes()


def test_early_noise_and_grandchildren_go_to_the_log(
    executor: LocalExecutor, tmp_path: Path
) -> None:
    assert run(executor, "noise", lines=1).kind == "result"
    log = (tmp_path / "logs/r.log").read_text()
    for text in ("noise before the protocol", "half a line", "from a grandchild", "forged"):
        assert text in log


def test_progress_keeps_a_slow_request_alive(executor: LocalExecutor) -> None:
    executor.submit("r", request("steps", steps=6, step_s=0.15, quiet_s=0.5))
    news: list[Progress | Outcome] = []
    while executor.pending:
        news += executor.poll(1.0)
    steps = [n.done for n in news if isinstance(n, Progress)]
    assert steps == sorted(steps)
    assert len(steps) >= 5
    assert isinstance(news[-1], Outcome)
    assert news[-1].kind == "result"


def test_a_large_request_reaches_its_worker(executor: LocalExecutor, marker: str) -> None:
    outcome = run(executor, "echo", text="x" * 8_000_000)
    assert outcome.body == {"size": 8_000_000, "cwd": os.getcwd(), "marker": marker}


def test_a_large_request_to_a_stopped_worker_does_not_block(executor: LocalExecutor) -> None:
    body = run(executor, "return").body
    assert body
    os.kill(body["pid"], signal.SIGSTOP)
    begun_s = time.monotonic()
    outcome = run(executor, "echo", text="x" * 8_000_000, limit_s=0.5)
    assert outcome.kind == "time-limit"
    assert time.monotonic() - begun_s < 5


def test_rungs_share_the_workers(executor: LocalExecutor, marker: str) -> None:
    for rung in "abcab":
        executor.submit(rung, request("return", key=rung))
    assert executor.pending == 5
    found = outcomes(executor)
    assert sorted(o.key for o in found) == list("aabbc")
    assert [o.body["calls"] for o in found if o.body and o.key == "a"] == [1, 2]
    workers = [
        p for p in marked(marker) if str(TOY) in p.cmdline() and "/bin/sh" not in p.cmdline()
    ]
    assert len(workers) == 2


def test_an_idle_worker_that_died_is_nobodys_crash(executor: LocalExecutor) -> None:
    body = run(executor, "return").body
    assert body
    os.kill(body["pid"], signal.SIGKILL)
    time.sleep(0.1)
    assert run(executor, "return").kind == "result"


@pytest.mark.parametrize(
    ("command", "kind", "cause"),
    [
        ([*COMMAND, "--fail-at-start"], "crash", "before it was ready; log ends: "),
        ([*COMMAND, "--hang-at-start"], "no-progress", "not ready after 0.5 s"),
        (["/nonexistent/program"], "crash", "not found"),
    ],
)
def test_a_worker_that_does_not_start(
    tmp_path: Path, marker: str, command: list[str], kind: str, cause: str
) -> None:
    with LocalExecutor(
        lambda rung: command,
        max_workers=1,
        limits=Limits(start_s=0.5),
        attempt_folder=tmp_path,
        env=environment(marker),
    ) as executor:
        outcome = run(executor, "return")
    assert outcome.kind == kind
    assert cause in outcome.cause
    assert not wait_until_gone(marker)


def test_bugs_of_the_caller_are_exceptions(executor: LocalExecutor, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        executor.submit("r", request("return", value=float("nan")))
    with pytest.raises(ValueError, match="max_workers"):
        LocalExecutor(lambda rung: COMMAND, max_workers=0, attempt_folder=tmp_path)
    executor.close()
    executor.close()
    with pytest.raises(RuntimeError, match="closed"):
        executor.submit("r", request("return"))


def test_close_ends_a_busy_worker_and_its_children(executor: LocalExecutor, marker: str) -> None:
    executor.submit("r", request("hang", grandchild=True))
    while not any(isinstance(n, Progress) and n.done == 2 for n in executor.poll(1.0)):
        pass
    assert len(wait_for(marker, 3)) == 3  # worker, sentinel, grandchild
    begun_s = time.monotonic()
    executor.close()
    assert time.monotonic() - begun_s < 1.0, "SIGTERM should have been enough"
    assert not wait_until_gone(marker)


def test_terminate_now_ends_stopped_workers(executor: LocalExecutor, marker: str) -> None:
    executor.submit("r", request("kill", signal=signal.SIGSTOP))
    executor.poll(5.0)
    executor.terminate_now()
    assert not wait_until_gone(marker)


@contextlib.contextmanager
def a_parent(tmp_path: Path, marker: str) -> Iterator[subprocess.Popen[str]]:
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(tmp_path)],
        env=environment(marker),
        stdout=subprocess.PIPE,
        text=True,
    )
    with parent:
        try:
            yield parent
        finally:
            parent.kill()


@pytest.mark.parametrize("stopped", [False, True])
def test_no_orphan_survives_a_killed_parent(tmp_path: Path, marker: str, stopped: bool) -> None:
    with a_parent(tmp_path, marker) as parent:
        assert parent.stdout
        seen = 0
        for line in parent.stdout:
            seen += line == "then nothing\n"
            if seen == 2:
                break
        family = wait_for(marker, 7)
        sentinels = [p for p in family if p.name() == "sh"]
        assert (len(family), len(sentinels)) == (7, 2)  # parent, 2 x (worker, grandchild, sentinel)
        if stopped:
            for process in family:
                if process.pid != parent.pid and process not in sentinels:
                    process.suspend()
        parent.kill()
        parent.wait()
        assert not wait_until_gone(marker)


@pytest.mark.parametrize("delay_s", [0.0, 0.002, 0.01, 0.04])
def test_no_orphan_when_the_parent_dies_while_workers_start(
    tmp_path: Path, marker: str, delay_s: float
) -> None:
    with a_parent(tmp_path, marker) as parent:
        assert parent.stdout
        assert parent.stdout.readline() == "submitted\n"
        time.sleep(delay_s)
        parent.kill()
        parent.wait()
        assert not wait_until_gone(marker)


@pytest.mark.skipif(sys.platform != "linux", reason="/proc")
def test_only_the_parent_holds_the_write_end(executor: LocalExecutor, marker: str) -> None:
    executor.submit("a", request("hang", grandchild=True))
    executor.submit("b", request("hang", grandchild=True))
    seen = 0
    while seen < 2:
        seen += sum(isinstance(n, Progress) and n.done == 2 for n in executor.poll(1.0))
    pipe = os.readlink(f"/proc/self/fd/{executor._alive_fd}")
    for process in marked(marker):
        for fd in Path(f"/proc/{process.pid}/fd").iterdir():
            with contextlib.suppress(FileNotFoundError):  # closed since it was listed
                if os.readlink(fd) != pipe:
                    continue
                flags = Path(f"/proc/{process.pid}/fdinfo/{fd.name}").read_text().split()[3]
                assert int(flags, 8) & os.O_ACCMODE == os.O_RDONLY
    pid = os.fork()
    if pid == 0:
        try:
            os.fstat(executor._alive_fd)
        except OSError:
            os._exit(0)
        os._exit(1)
    assert os.waitpid(pid, 0)[1] == 0, "a forked child kept the write end"


@pytest.mark.skipif(sys.platform != "linux", reason="/proc")
def test_the_worker_and_not_the_sentinel_is_the_kernels_first_choice(
    executor: LocalExecutor, marker: str
) -> None:
    body = run(executor, "return").body
    assert body
    mine = int(Path("/proc/self/oom_score_adj").read_text())
    for process in marked(marker):
        score = int(Path(f"/proc/{process.pid}/oom_score_adj").read_text())
        assert score == (500 if process.pid == body["pid"] else mine)


def test_results_round_trip(tmp_path: Path) -> None:
    path = str(tmp_path / "r.json")
    value = {"x": [1, 2.5, -0.0, None, True, "é\n"], "y": {"z": 10**30}}
    write_result(path, value)
    assert load_result(path, 1000) == value
    with pytest.raises(ValueError, match="limit is 10 bytes"):
        load_result(path, 10)


def test_one_line_is_short_and_printable() -> None:
    assert one_line("a\nb\x1b\x00\tc") == "a b c"
    clipped = one_line("x" * 5000 + "end", 100)
    assert len(clipped) <= 100
    assert clipped.endswith("end")
