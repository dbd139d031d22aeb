"""First screen: what would be measured, and what it takes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, cast

from rich.text import Text
from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.message import Message
from textual.screen import Screen
from textual.widgets import Footer, Static

from advisor.wizard.child import Child
from advisor.wizard.job import Job
from advisor.wizard.screens.audit import AuditScreen
from advisor.wizard.screens.keys import COMMON, SCROLL
from advisor.wizard.tables import headline, plain, squeezed

if TYPE_CHECKING:
    from advisor.wizard.app import AdvisorApp


class Planned(Message):
    """The plan command has ended."""

    def __init__(self, code: int, lines: Sequence[str], words: Sequence[str]) -> None:
        super().__init__()
        self.code, self.lines, self.words = code, lines, words


class PlanScreen(Screen[None]):
    """Shows the plan; Enter starts."""

    CSS_PATH = "plan.tcss"
    AUTO_FOCUS = ""
    BINDINGS: ClassVar[list[BindingType]] = [
        *COMMON,
        Binding("s,enter", "start", "Start", key_display="Enter"),
        Binding("d", "data", "Data audit"),
        *SCROLL,
    ]

    def __init__(self, job: Job) -> None:
        super().__init__()
        self._job = job
        self.exit_code = 0
        """What quitting here gives: that of the plan command."""
        self._ready = False
        self._child: Child | None = None

    def compose(self) -> ComposeResult:
        """Name, plan, keys."""
        yield Static(headline(self._job.name, self._job.rehearsal, "plan"), id="head")
        with VerticalScroll():
            yield Static(Text("Planning …"), id="plan")
        yield Footer()

    def on_mount(self) -> None:
        """Ask for the plan."""
        self._ask()

    async def on_unmount(self) -> None:
        """Nothing is left behind."""
        if self._child is not None:
            await self._child.close()

    @work(exclusive=True, group="child")
    async def _ask(self) -> None:
        self._child = Child(self._job.plan, env=self._job.env)
        async with self._child as child:
            lines = [line async for line in child.lines()]
            code = await child.ended()
        self.post_message(Planned(code, lines, child.last_words))

    @on(Planned)
    def planned(self, news: Planned) -> None:
        """Show the plan, or why there is none."""
        self._ready, self.exit_code = news.code == 0, news.code if news.code >= 0 else 1
        shown = Text()
        if self._ready:
            for line in squeezed(news.lines):
                shown.append_text(plain(line + "\n"))
            shown.append("\nPress Enter to start measuring. ", style="bold")
            shown.append("Nothing has been run or written yet.")
        else:
            said = news.words[-1] if news.words else f"the plan ended with exit code {news.code}"
            shown.append("There is no plan\n", style="bold")
            shown.append_text(plain(said))
            shown.append("\n\nMend this, then start again; q quits.")
        self.query_one("#plan", Static).update(shown)
        self.refresh_bindings()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Starting needs a plan."""
        return action != "start" or self._ready

    def action_start(self) -> None:
        """Measure."""
        cast("AdvisorApp", self.app).begin()

    def action_data(self) -> None:
        """Look at the data first."""
        self.app.push_screen(AuditScreen(self._job))

    def action_scroll(self, lines: int) -> None:
        """For small terminals."""
        self.query_one(VerticalScroll).scroll_relative(y=lines, animate=False)
