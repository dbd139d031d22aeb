"""Last screen: what to do, how sure that is, and why."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.events import Resize
from textual.screen import Screen
from textual.widgets import Footer, Static

from advisor.records import Report
from advisor.wizard.screens.keys import COMMON, SCROLL
from advisor.wizard.tables import headline, report_head, report_rest, report_table


class VerdictScreen(Screen[None]):
    """Shows a report."""

    CSS_PATH = "verdict.tcss"
    AUTO_FOCUS = ""
    BINDINGS: ClassVar[list[BindingType]] = [
        *COMMON,
        Binding("b,escape", "app.pop_screen", "Back to the run"),
        *SCROLL,
    ]

    def __init__(self, report: Report, path: Path) -> None:
        super().__init__()
        self.report = report
        self._path = path

    def compose(self) -> ComposeResult:
        """Headline first, then the evidence."""
        yield Static(headline(self.report.spec.name, self.report.rehearsal, "verdict"), id="head")
        with VerticalScroll():
            yield Static(report_head(self.report), id="advice")
            yield Static(id="options")
            yield Static(report_rest(self.report, f"{self._path} (and report.json)"), id="why")
        yield Footer()

    def on_resize(self, event: Resize) -> None:
        """The table has the figures that there is room for."""
        self.query_one("#options", Static).update(report_table(self.report, event.size.width - 4))

    def action_scroll(self, lines: int) -> None:
        """For small terminals."""
        self.query_one(VerticalScroll).scroll_relative(y=lines, animate=False)
