"""What is wrong with the data and what it costs; over the plan, before anything is measured."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.text import Text
from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.message import Message
from textual.screen import Screen
from textual.widgets import Footer, Static

from advisor.report.audit_text import GROUPS
from advisor.wizard.child import Child
from advisor.wizard.job import Job
from advisor.wizard.screens.keys import COMMON, SCROLL
from advisor.wizard.tables import headline, plain


class Audited(Message):
    """The audit command has ended."""

    def __init__(self, code: int, lines: Sequence[str], words: Sequence[str]) -> None:
        super().__init__()
        self.code, self.lines, self.words = code, lines, words


class AuditScreen(Screen[None]):
    """Shows the data audit; Escape goes back to the plan."""

    CSS_PATH = "audit.tcss"
    AUTO_FOCUS = ""
    BINDINGS: ClassVar[list[BindingType]] = [
        *COMMON,
        Binding("escape,d", "app.pop_screen", "Back to the plan", key_display="Esc"),
        *SCROLL,
    ]

    def __init__(self, job: Job) -> None:
        super().__init__()
        self._job = job
        self._child: Child | None = None

    def compose(self) -> ComposeResult:
        """Name, findings, keys."""
        yield Static(headline(self._job.name, self._job.rehearsal, "data"), id="head")
        with VerticalScroll():
            yield Static(Text("Looking at every row …"), id="findings")
        yield Footer()

    def on_mount(self) -> None:
        """Ask for the audit."""
        self._ask()

    async def on_unmount(self) -> None:
        """Nothing is left behind."""
        if self._child is not None:
            await self._child.close()

    @work(exclusive=True, group="child")
    async def _ask(self) -> None:
        self._child = Child(self._job.audit, env=self._job.env)
        async with self._child as child:
            lines = [line async for line in child.lines()]
            code = await child.ended()
        self.post_message(Audited(code, lines, child.last_words))

    @on(Audited)
    def audited(self, news: Audited) -> None:
        """Show the findings, or why there are none."""
        shown = Text()
        if news.code == 0:
            for line in news.lines:
                shown.append_text(plain(line + "\n", "bold" if line in GROUPS else ""))
        else:
            said = news.words[-1] if news.words else f"the audit ended with code {news.code}"
            shown.append("There is no audit\n", style="bold")
            shown.append_text(plain(said))
        self.query_one("#findings", Static).update(shown)

    def action_scroll(self, lines: int) -> None:
        """For small terminals."""
        self.query_one(VerticalScroll).scroll_relative(y=lines, animate=False)
