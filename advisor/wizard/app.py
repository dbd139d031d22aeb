"""The screen app: it owns the job and the way out; screens decide everything else."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from pathlib import Path
from typing import ClassVar

from textual.app import App
from textual.binding import Binding, BindingType

from advisor.wizard.job import Job
from advisor.wizard.screens.dialogs import Ask, Help
from advisor.wizard.screens.live import LiveScreen
from advisor.wizard.screens.plan import PlanScreen
from knowledge.errors import UserError


class AdvisorApp(App[None]):
    """Plan, live, verdict."""

    ENABLE_COMMAND_PALETTE = False
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (120, "-wide")]  # noqa: RUF012 - as in App
    VERTICAL_BREAKPOINTS = [(0, "-short"), (20, "-tall")]  # noqa: RUF012
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+q", "quit", "Quit", show=False, priority=True)
    ]

    def __init__(self, job: Job) -> None:
        super().__init__()
        self.job = job
        self.title = "advisor"

    async def on_mount(self) -> None:
        """Show the plan; end in order where the terminal goes away or the app is told to."""
        loop = asyncio.get_running_loop()
        for sign in (signal.SIGTERM, signal.SIGHUP):
            with contextlib.suppress(ValueError, NotImplementedError, RuntimeError):
                loop.add_signal_handler(sign, self._told_to_end, sign)
        await self.push_screen(PlanScreen(self.job))

    def begin(self) -> None:
        """The plan is accepted: measure."""
        self.switch_screen(LiveScreen(self.job))

    async def action_quit(self) -> None:
        """The screen in front may ask first."""
        if isinstance(self.screen, Ask):
            return
        if isinstance(self.screen, Help):
            self.pop_screen()
        live = [screen for screen in self.screen_stack if isinstance(screen, LiveScreen)]
        if live:
            live[-1].leave()
        elif isinstance(self.screen, PlanScreen):
            self.exit(return_code=self.screen.exit_code)
        else:
            self.exit()

    def action_keys(self) -> None:
        """The keys that do something now."""
        keys: dict[str, list[str]] = {}
        for active in self.screen.active_bindings.values():
            binding = active.binding
            if active.enabled and binding.description and not binding.system:
                keys.setdefault(binding.description, []).append(self.get_key_display(binding))
        keys.pop("Copy selected text", None)
        self.push_screen(Help([(", ".join(shown), what) for what, shown in keys.items()]))

    def _told_to_end(self, sign: signal.Signals) -> None:
        self.exit(return_code=128 + sign)


def open_screen(task: Path) -> int:
    """Open the screen for a spec; the exit code.

    Raises:
        UserError: there is no terminal, or the spec is not valid.
    """
    streams = (sys.stdin, sys.stdout, sys.__stderr__)
    attached = all(stream is not None and stream.isatty() for stream in streams)
    if not attached or os.environ.get("TERM", "dumb") == "dumb":
        raise UserError(
            "E-TERMINAL",
            "the screen needs a terminal",
            hint=f"use `advisor probe --task {task}`",
        )
    app = AdvisorApp(Job.of(task))
    app.run()
    return app.return_code or 0
