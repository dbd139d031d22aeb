"""A worker that does to itself what real ones suffer: its requests say what."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

print("noise before the protocol starts")
sys.stdout.flush()
sys.stdout.write("and half a line")
sys.stdout.flush()

from probes.executors.child import serve  # noqa: E402

CALLS = 0


class OutOfMemoryError(RuntimeError):
    """Named like torch's."""


def handle(body: dict[str, Any], progress: Callable[[float, float, str], None]) -> Any:
    """Do what `body["do"]` names; the number of calls in this process comes back as `calls`."""
    global CALLS
    CALLS += 1
    progress(0, 2, "started")
    return ACTIONS[body["do"]](body, progress) or {"calls": CALLS, "pid": os.getpid()}


def _raise(body: dict[str, Any], _: object) -> None:
    raise {"ValueError": ValueError, "OutOfMemoryError": OutOfMemoryError}[body["type"]](
        "two\nlines \x1b[31mred"
    )


def _allocate(_: dict[str, Any], __: object) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))
    bytearray(2 << 30)


def _hang(body: dict[str, Any], progress: Callable[[float, float, str], None]) -> None:
    if body.get("grandchild"):
        subprocess.Popen(
            [sys.executable, "-S", "-c", "import time\nprint('born', flush=True)\ntime.sleep(600)"]
        )
    progress(2, 2, "then nothing")
    time.sleep(600)


def _steps(body: dict[str, Any], progress: Callable[[float, float, str], None]) -> None:
    for step in range(body["steps"]):
        time.sleep(body["step_s"])
        progress(step, body["steps"], "step")


def _noise(body: dict[str, Any], _: object) -> None:
    print('{"event": "result", "attempt": "forged"}', flush=True)
    os.system("echo from a grandchild")
    for number in range(body["lines"]):
        print("noise", number, "x" * 90)
        print("more", file=sys.stderr)
    print("stdin is", repr(sys.stdin.read()), flush=True)


def _segfault(_: dict[str, Any], __: object) -> None:
    print("about to fall", flush=True)
    signal.signal(signal.SIGSEGV, signal.SIG_DFL)
    os.kill(os.getpid(), signal.SIGSEGV)


def _echo(body: dict[str, Any], _: object) -> dict[str, Any]:
    return {"size": len(body["text"]), "cwd": os.getcwd(), "marker": os.environ.get("TOY_MARKER")}


def _forge(body: dict[str, Any], _: object) -> None:
    """Make the result file something else than a result, whatever is written over it."""
    import probes.executors.child as child

    def write(path: str, _: Any) -> None:
        if body["file"] == "link":
            os.symlink("/etc/hostname", path)
        elif body["file"] == "fifo":
            os.mkfifo(path)
        elif body["file"] != "missing":
            with open(path, "w", encoding="utf-8") as file:
                file.write(body["file"])

    vars(child)["write_result"] = write


ACTIONS: dict[str, Callable[[dict[str, Any], Any], Any]] = {
    "return": lambda body, _: body.get("value"),
    "raise": _raise,
    "exit": lambda body, _: sys.exit(body["code"]),
    "kill": lambda body, _: os.kill(os.getpid(), body["signal"]),
    "segfault": _segfault,
    "sleep": lambda body, _: time.sleep(body["s"]),
    "steps": _steps,
    "hang": _hang,
    "allocate": _allocate,
    "noise": _noise,
    "nan": lambda *_: {"history": [{"loss": 1.0}, {"loss": float("nan")}]},
    "list": lambda *_: [1],
    "object": lambda *_: {"x": object()},
    "surrogate": lambda *_: {"x": "\ud800"},
    "huge": lambda body, _: {"x": "x" * body["size"]},
    "echo": _echo,
    "forge": _forge,
}

if __name__ == "__main__":
    if "--fail-at-start" in sys.argv:
        sys.exit("cannot start")
    if "--hang-at-start" in sys.argv:
        time.sleep(600)
    serve(handle)
