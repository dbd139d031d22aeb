"""A command as a child process in a session of its own, read line by line; no Textual in here."""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import os
import signal
from collections import deque
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Self

from pydantic import ValidationError

from probes.records import Event

LINE_BYTES = 2**26
"""Longest line of an event; longer ones are told as unreadable."""
WORDS = 20
"""How many of the last lines on stderr are kept."""
GRACE_S = 20.0
"""How long a child may take to end by itself once it is asked to."""


def heed_interrupts() -> None:
    """In the child, before it becomes the command: an interrupt ends it, also where we ignore them.

    A shell starts background jobs with interrupts ignored, and children inherit that.
    """
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class Child:
    """One run of a command. Use it as a context manager: on leaving, its whole group is gone."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        grace_s: float = GRACE_S,
    ) -> None:
        """Start nothing yet; `env` replaces the environment."""
        self._command, self._env, self._grace_s = list(command), env, grace_s
        self._process: asyncio.subprocess.Process | None = None
        self._words: deque[str] = deque(maxlen=WORDS)
        self._listening: asyncio.Task[None] | None = None
        self._watching: asyncio.Task[int] | None = None
        self._closing: asyncio.Task[None] | None = None
        self.cancelled = False
        """True once the child was asked to end."""

    async def __aenter__(self) -> Self:
        self._process = await asyncio.create_subprocess_exec(
            *self._command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=self._env,
            limit=LINE_BYTES,
            start_new_session=True,
            preexec_fn=heed_interrupts,
        )
        atexit.register(self.kill)  # however this process ends
        self._listening = asyncio.create_task(self._listen())
        self._watching = asyncio.create_task(self._watch())
        if self.cancelled:  # before it had begun
            self.kill()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Kill what is left and wait until nothing is; the same work for all who call it."""
        if self._process is None:
            return
        if self._closing is None:
            self._closing = asyncio.create_task(self._close())
        await asyncio.shield(self._closing)

    async def _close(self) -> None:
        self.kill()
        await self.ended()
        assert self._process is not None and self._process.stdout is not None
        while await self._process.stdout.read(2**16):
            pass  # the pipe is closed once its end is read
        atexit.unregister(self.kill)

    @property
    def last_words(self) -> tuple[str, ...]:
        """The last lines that the child wrote on stderr, and what could not be read."""
        return tuple(self._words)

    async def lines(self) -> AsyncIterator[str]:
        """What the child writes on stdout, without line ends, until it closes it."""
        assert self._process is not None and self._process.stdout is not None
        async for line in _lines(self._process.stdout):
            yield line

    async def events(self) -> AsyncIterator[Event]:
        """The events among the lines on stdout; other lines count as last words."""
        async for line in self.lines():
            if not line.strip():
                continue
            try:
                event = Event.model_validate_json(line)
            except ValidationError:
                self._words.append(f"unreadable event: {line[:200]}")
                continue
            yield event

    async def ended(self) -> int:
        """The exit code, negative for a signal, once the child and its stderr have ended."""
        assert self._watching is not None and self._listening is not None
        code = await asyncio.shield(self._watching)
        await asyncio.shield(self._listening)
        return code

    async def cancel(self) -> None:
        """Ask the group to end as Ctrl-C does, then more firmly; returns when it is gone."""
        self.cancelled = True
        if self._watching is None:
            return
        for sign, wait_s in ((signal.SIGINT, self._grace_s), (signal.SIGTERM, self._grace_s / 4)):
            self._signal(sign)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(asyncio.shield(self._watching), wait_s)
                return
        self.kill()
        await asyncio.shield(self._watching)

    def kill(self) -> None:
        """End the whole group at once; safe to call at any time and without a running loop."""
        self._signal(signal.SIGKILL)

    def _signal(self, sign: signal.Signals) -> None:
        # A group whose leader was reaped has been emptied by _watch: its number may be another's.
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, sign)

    async def _watch(self) -> int:
        """Wait for the child; end what it left in its group, or its pipes would never close."""
        assert self._process is not None
        code = await self._process.wait()
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        return code

    async def _listen(self) -> None:
        assert self._process is not None and self._process.stderr is not None
        async for line in _lines(self._process.stderr):
            if line.strip():
                self._words.append(line[:2000])


async def _lines(stream: asyncio.StreamReader) -> AsyncIterator[str]:
    while True:
        try:
            line = await stream.readline()
        except ValueError:  # longer than the limit; what was read of it is dropped
            yield "(a line too long to be read)"
            continue
        if not line:
            return
        yield line.decode("utf-8", errors="replace").rstrip("\r\n")
