"""What a run has brought so far, in four panes; behind tabs where there is no room for all."""

from __future__ import annotations

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.containers import Container, Vertical, VerticalScroll
from textual.events import Resize
from textual.widget import Widget
from textual.widgets import Static, Tab, Tabs

from advisor.wizard.board import Board
from advisor.wizard.tables import standings_table
from advisor.wizard.widgets.curve import Curve
from advisor.wizard.widgets.log import LogPane

PANES = {"options": "Progress", "learning": "Learning curve", "sizes": "Size curve", "log": "Log"}
"""Titles by id, in the order of their keys."""


class Panes(Vertical):
    """Four panes, one of them in front; draws a board, starts and decides nothing."""

    def __init__(self, *, target: float) -> None:
        super().__init__()
        self._target = target

    def compose(self) -> ComposeResult:
        """Tabs, and the panes under them."""
        tabs = Tabs(*(Tab(title, id=f"tab-{name}") for name, title in PANES.items()))
        tabs.can_focus = False  # its arrow keys would be a second way of doing the same
        yield tabs
        with Container(id="panes"):
            with VerticalScroll(id="options", classes="pane"):
                target = f"target {100 * self._target:g} %"
                yield Static(
                    Text(f"Best setting so far on dev, 95 % interval; {target}"), id="target"
                )
                yield Static(Text("nothing measured yet"), id="standings")
            yield Curve(
                "lora on dev, %; training examples, log scale",
                "examples",
                target=self._target,
                id="learning",
                classes="pane",
            )
            yield LogPane(id="log", classes="pane")
            yield Curve(
                "quality on dev, %; parameters, log scale",
                "params",
                target=self._target,
                id="sizes",
                classes="pane",
            )

    def on_mount(self) -> None:
        """Titles, and the options in front."""
        for name, title in PANES.items():
            self.query_one(f"#{name}").border_title = title
        self.bring("options")

    def on_resize(self, event: Resize) -> None:
        """Tabs say less where there is less room."""
        for at, (name, title) in enumerate(PANES.items(), 1):
            short = title.split()[0] if event.size.width < 60 else title
            self.query_one(f"#tab-{name}", Tab).label = f"{at} {short}"

    def draw(self, board: Board) -> None:
        """Show what the board holds."""
        rows = board.standings()
        if rows:
            room = self.query_one("#options").scrollable_content_region.width
            table = standings_table(rows, room or self.size.width - 4)
            self.query_one("#standings", Static).update(table)
        self.query_one("#learning", Curve).show(board.learning())
        self.query_one("#sizes", Curve).show(board.sizes())

    def tell(self, text: str) -> None:
        """One more line of the log."""
        self.query_one(LogPane).tell(text)

    @property
    def shown(self) -> str:
        """The pane in front."""
        return self.query_one(".pane.-active").id or ""

    def bring(self, name: str) -> None:
        """Bring a pane to the front; where all are on the screen, mark it."""
        for each in self.query(".pane"):
            each.set_class(each.id == name, "-active")
        tabs = self.query_one(Tabs)
        if tabs.active != f"tab-{name}":
            tabs.active = f"tab-{name}"

    def bring_next(self, step: int) -> None:
        """Round and round."""
        names = list(PANES)
        self.bring(names[(names.index(self.shown) + step) % len(names)])

    def scroll_shown(self, lines: int) -> None:
        """Scroll the pane in front."""
        pane: Widget = self.query_one(".pane.-active")
        if isinstance(pane, Curve):
            pane = pane.query_one(VerticalScroll)
        pane.scroll_relative(y=lines, animate=False)

    @on(Tabs.TabActivated)
    def picked(self, news: Tabs.TabActivated) -> None:
        """A tab was clicked."""
        news.stop()
        if news.tab.id and news.tab.id == self.query_one(Tabs).active:
            self.bring(news.tab.id.removeprefix("tab-"))
