"""A child process: its events, its last words, its end, and that nothing of it is left."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from pathlib import Path

from advisor.wizard.child import Child
from probes.records import Event


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def alive(pid: int) -> bool:
    """True for a process that runs; a zombie that init has not reaped yet does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def gone(pid: int) -> bool:
    end_s = time.monotonic() + 20
    while alive(pid) and time.monotonic() < end_s:
        time.sleep(0.01)
    return not alive(pid)


async def gathered(child: Child) -> tuple[list[Event], int]:
    async with child:
        events = [event async for event in child.events()]
        return events, await child.ended()


def test_events_last_words_and_exit_code() -> None:
    child = Child(
        python("""
import sys
print('{"kind":"note","payload":{"text":"one"}}')
print('no event')
print('{"kind":"note","payload":{"text":"' + 'x' * 300_000 + '"}}')
for at in range(50): print(at, file=sys.stderr)
sys.exit(4)
""")
    )
    events, code = asyncio.run(gathered(child))
    assert [event.kind for event in events] == ["note", "note"]
    assert len(events[1].payload["text"]) == 300_000
    assert code == 4
    assert child.last_words[-1] == "49"
    assert len(child.last_words) <= 20


def test_environment_is_passed() -> None:
    code = """import json, os
print(json.dumps({"kind": "note", "payload": {"text": os.environ["NO_COLOR"]}}))"""
    events, _ = asyncio.run(gathered(Child(python(code), env=dict(os.environ) | {"NO_COLOR": "7"})))
    assert events[0].payload["text"] == "7"


SPAWNS = """
import json, subprocess, sys, time
inner = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print(json.dumps({"kind": "note", "payload": {"text": str(inner.pid)}}), flush=True)
"""


def test_cancel_is_an_interrupt_and_leaves_no_grandchild() -> None:
    """The grandchild inherits the pipes: they close only because the whole group is ended."""
    code = f"""
try:
    {SPAWNS.strip().replace(chr(10), chr(10) + "    ")}
    time.sleep(600)
except KeyboardInterrupt:
    print("interrupted", file=sys.stderr)
    sys.exit(130)
"""

    async def main() -> tuple[int, int, tuple[str, ...]]:
        async with Child(python(code)) as child:
            async for event in child.events():
                inner = int(event.payload["text"])
                assert alive(inner)
                await child.cancel()
            return inner, await child.ended(), child.last_words

    inner, exit_code, words = asyncio.run(main())
    assert exit_code == 130
    assert "interrupted" in words  # the grandchild may have died while it started, and said so
    assert gone(inner)


def test_a_child_that_will_not_end_is_killed() -> None:
    code = f"""
import signal
signal.signal(signal.SIGINT, signal.SIG_IGN)
signal.signal(signal.SIGTERM, signal.SIG_IGN)
{SPAWNS}
time.sleep(600)
"""

    async def main() -> tuple[int, int]:
        async with Child(python(code), grace_s=0.2) as child:
            async for event in child.events():
                inner = int(event.payload["text"])
                await child.cancel()
            return inner, await child.ended()

    inner, exit_code = asyncio.run(main())
    assert exit_code == -9
    assert gone(inner)


def test_an_exception_leaves_nothing_behind() -> None:
    pids: list[int] = []

    async def main() -> None:
        async with Child(python(f"{SPAWNS}\ntime.sleep(600)")) as child:
            async for event in child.events():
                pids.append(int(event.payload["text"]))
                raise KeyError

    try:
        asyncio.run(main())
    except KeyError:
        assert gone(pids[0])
    else:
        raise AssertionError


def test_a_parent_that_exits_abruptly_leaves_nothing_behind() -> None:
    """As an app that crashes past its own cleaning up: only the interpreter's exit is left."""
    code = f"""
import asyncio, sys
from advisor.wizard.child import Child
async def main():
    child = await Child([sys.executable, "-c", {SPAWNS + "time.sleep(600)"!r}]).__aenter__()
    async for event in child.events():
        print(event.payload["text"], flush=True)
        sys.exit(3)
asyncio.run(main())
"""
    done = subprocess.run(python(code), capture_output=True, text=True, timeout=60)
    assert done.returncode == 3
    assert gone(int(done.stdout))


def test_cancelled_before_it_began() -> None:
    async def main() -> int:
        child = Child(python("import time; time.sleep(600)"))
        await child.cancel()
        async with child:
            return await child.ended()

    assert asyncio.run(main()) == -9
