"""First screen: what would be measured, and what it takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, cast

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import Screen
from textual.widgets import Footer, Static

from advisor.wizard.job import Job
from advisor.wizard.screens.audit import AuditScreen
from advisor.wizard.screens.keys import COMMON, SCROLL
from advisor.wizard.tables import headline, plain, squeezed
from advisor.wizard.widgets.told import Told, failed

if TYPE_CHECKING:
    from advisor.wizard.app import AdvisorApp


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

    def compose(self) -> ComposeResult:
        """Name, plan, keys."""
        yield Static(headline(self._job.name, self._job.rehearsal, "plan"), id="head")
        yield Told(self._job.plan, self._job.env, "Planning …")
        yield Footer()

    @on(Told.Ended)
    def planned(self, news: Told.Ended) -> None:
        """Show the plan, or why there is none."""
        self._ready, self.exit_code = news.code == 0, news.code if news.code >= 0 else 1
        if self._ready:
            shown = Text()
            for line in squeezed(news.lines):
                shown.append_text(plain(line + "\n"))
            shown.append("\nPress Enter to start measuring. ", style="bold")
            shown.append("Nothing has been run or written yet.")
        else:
            shown = failed(news, "plan")
            shown.append("\n\nMend this, then start again; q quits.")
        self.query_one(Told).show(shown)
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
        self.query_one(Told).scroll_by(lines)
