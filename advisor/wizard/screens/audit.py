"""What is wrong with the data and what it costs; over the plan, before anything is measured."""

from __future__ import annotations

from typing import ClassVar

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import Screen
from textual.widgets import Footer, Static

from advisor.report.audit_text import GROUPS
from advisor.wizard.job import Job
from advisor.wizard.screens.keys import COMMON, SCROLL
from advisor.wizard.tables import headline, plain
from advisor.wizard.widgets.told import Told, failed


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

    def compose(self) -> ComposeResult:
        """Name, findings, keys."""
        yield Static(headline(self._job.name, self._job.rehearsal, "data"), id="head")
        yield Told(self._job.audit, self._job.env, "Looking at every row …")
        yield Footer()

    @on(Told.Ended)
    def audited(self, news: Told.Ended) -> None:
        """Show the findings, or why there are none."""
        shown = failed(news, "audit") if news.code else Text()
        for line in news.lines if not news.code else ():
            shown.append_text(plain(line + "\n", "bold" if line in GROUPS else ""))
        self.query_one(Told).show(shown)

    def action_scroll(self, lines: int) -> None:
        """For small terminals."""
        self.query_one(Told).scroll_by(lines)
