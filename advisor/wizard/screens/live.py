"""Second screen: the probe as it runs, in a child process whose events it draws."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import ValidationError
from rich.text import Text
from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.events import Resize
from textual.message import Message
from textual.screen import Screen
from textual.widgets import Footer, Static

from advisor.commands.narrate import event_text
from advisor.records import Report
from advisor.wizard.board import Board
from advisor.wizard.child import Child
from advisor.wizard.job import Job
from advisor.wizard.screens.dialogs import Ask
from advisor.wizard.screens.keys import COMMON, SCROLL
from advisor.wizard.screens.verdict import VerdictScreen
from advisor.wizard.tables import headline, now_text, plain
from advisor.wizard.widgets.panes import PANES, Panes
from advisor.wizard.widgets.progress import ProgressLine
from probes.records import Event
from probes.sinks import one_line

State = Literal["running", "cancelling", "cancelled", "failed", "done"]
VERDICTS = (0, 1, 4)
"""Exit codes of a probe that came to a verdict."""
INTERRUPTED = 130
DRAW_S = 0.25
"""How often news is drawn; events come faster than anyone reads."""


@dataclass(frozen=True)
class Ending:
    """How the child ended."""

    code: int
    words: tuple[str, ...]
    """Its last lines on stderr."""


class News(Message):
    """Everything that the child tells, in order: an event or its end."""

    def __init__(self, what: Event | Ending) -> None:
        super().__init__()
        self.what = what


class LiveScreen(Screen[None]):
    """Draws a run; cancels and resumes it."""

    CSS_PATH = "live.tcss"
    AUTO_FOCUS = ""
    BINDINGS: ClassVar[list[BindingType]] = [
        *COMMON,
        Binding("c", "cancel", "Cancel"),
        Binding("r", "resume", "Resume"),
        Binding("v", "verdict", "Verdict"),
        Binding("l", "pane('log')", "Log"),
        Binding("tab", "next_pane(1)", "Next tab", show=False),
        Binding("shift+tab", "next_pane(-1)", "Previous tab", show=False),
        *(
            Binding(str(at), f"pane('{name}')", title, show=False)
            for at, (name, title) in enumerate(PANES.items(), 1)
        ),
        *SCROLL,
    ]

    def __init__(self, job: Job) -> None:
        super().__init__()
        self._job = job
        self.board = Board(rehearsal=job.rehearsal)
        self.state: State = "running"
        self.exit_code = INTERRUPTED
        """What quitting gives, once nothing runs."""
        self._said = ""
        """Why the child failed."""
        self._report: Path | None = None
        self._child: Child | None = None
        self._leaving = False
        self._stale = True
        """True where cells came that are not drawn yet."""

    def compose(self) -> ComposeResult:
        """Head, progress, what runs now, four panes, keys."""
        yield Static(id="head")
        yield ProgressLine(id="progress")
        yield Static(id="now")
        yield Panes(target=self._job.target)
        yield Footer()

    def on_mount(self) -> None:
        """Start the probe and the clock that draws it."""
        self.set_interval(DRAW_S, self._draw)
        self._begin()

    def on_resize(self, event: Resize) -> None:
        """Tables say less where there is less room."""
        self._stale = True

    # ------------------------------------------------------------ the child

    def _begin(self) -> None:
        self.state, self._report, self._said = "running", None, ""
        self.board.begin()
        self._measure()
        self._draw()
        self.refresh_bindings()

    @work(exclusive=True, group="child")
    async def _measure(self) -> None:
        self._child = Child(self._job.probe, env=self._job.env)
        async with self._child as child:
            async for event in child.events():
                self.post_message(News(event))
            code = await child.ended()
        self.post_message(News(Ending(code, child.last_words)))

    @on(News)
    def heard(self, news: News) -> None:
        """Take note; the clock draws it."""
        if isinstance(news.what, Ending):
            self._ended(news.what)
            return
        event = news.what
        self.board.event(event)
        self._stale = self._stale or event.kind in ("cell-finished", "plan", "run")
        if event.kind == "done":
            self._report = Path(event.payload["report"])
        if text := event_text(event):
            self._tell(text)

    def _ended(self, end: Ending) -> None:
        cancelled = self._child is not None and self._child.cancelled
        if end.code in VERDICTS and self._report is not None:
            self.state, self.exit_code = "done", end.code
        elif cancelled or end.code == INTERRUPTED:
            self.state, self.exit_code = "cancelled", INTERRUPTED
            self._tell("cancelled; what is measured is kept, r goes on where it was")
        else:
            self.state, self.exit_code = "failed", end.code if end.code > 0 else 1
            self._said = end.words[-1] if end.words else f"exit code {end.code}, without a word"
            for line in end.words:
                self._tell(line)
        if self._leaving:
            self.app.exit(return_code=self.exit_code)
            return
        while self.app.screen is not self and isinstance(self.app.screen, Ask):
            self.app.pop_screen()  # the question has answered itself
        self._stale = True
        self._draw()
        self.refresh_bindings()
        if self.state == "done":
            self.action_verdict()

    async def on_unmount(self) -> None:
        """Nothing is left behind, however the app ends."""
        if self._child is not None:
            await self._child.close()

    # ------------------------------------------------------------ drawing

    def _draw(self) -> None:
        pace = self.board.pace
        self.query_one("#head", Static).update(
            headline(self._job.name, self.board.rehearsal, _state_text(self.state))
        )
        bar = self.query_one(ProgressLine)
        bar.share = 1.0 if self.state == "done" else pace.done
        bar.note = f"about {pace.left()} left" if self.state == "running" else ""
        self.query_one("#now", Static).update(self._now())
        if self._stale:
            self._stale = False
            self.query_one(Panes).draw(self.board)

    def _now(self) -> Text:
        if self.state == "failed":
            return plain(f"The probe ended: {one_line(self._said, 500)}")
        if self.state == "cancelled":
            return Text("Cancelled. What is measured is kept: r goes on where it was, q quits.")
        if self.state == "cancelling":
            return Text("Cancelling: the workers end, what is measured is kept …")
        if self.state == "done":
            return Text(f"Done; v shows the verdict again. Run: {one_line(self.board.folder, 200)}")
        lines = 1 if self.has_class("-short") else 2
        room = self.query_one("#now").content_region.width
        return now_text(self.board.running(), room, lines)

    def _tell(self, text: str) -> None:
        self.query_one(Panes).tell(text)

    # ------------------------------------------------------------ panes

    def action_pane(self, name: str) -> None:
        """By number or letter."""
        self.query_one(Panes).bring(name)

    def action_next_pane(self, step: int) -> None:
        """By tab."""
        self.query_one(Panes).bring_next(step)

    def action_scroll(self, lines: int) -> None:
        """By arrow or letter."""
        self.query_one(Panes).scroll_shown(lines)

    # ------------------------------------------------------------ cancel, resume, leave

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """The footer shows what can be done now."""
        if action == "cancel":
            return self.state == "running"
        if action == "resume":
            return self.state in ("cancelled", "failed")
        if action == "verdict":
            return self.state == "done"
        return True

    def action_cancel(self) -> None:
        """Ask once."""
        question = "Cancel the probe? What is measured is kept; r goes on where it was."
        self.app.push_screen(Ask(question, "cancel", "go on"), self._cancel)

    def action_resume(self) -> None:
        """The same command again."""
        self._tell("started again")
        self._begin()

    def action_verdict(self) -> None:
        """Show the report."""
        if self._report is None:
            return
        try:
            report = Report.model_validate_json(self._report.read_bytes())
        except (OSError, ValidationError) as error:
            self.state, self._said = "failed", f"its report cannot be read: {error}"
            self._draw()
            return
        self.app.push_screen(VerdictScreen(report, self._report.with_suffix(".md")))

    def leave(self) -> None:
        """Quit; while a probe runs, after a question."""
        if self.state == "cancelling":
            self._leaving = True
        elif self.state == "running":
            question = "A probe is running. Cancel it and quit? The same command goes on later."
            self.app.push_screen(Ask(question, "cancel and quit", "go on"), self._cancel_and_leave)
        else:
            self.app.exit(return_code=self.exit_code)

    def _cancel_and_leave(self, yes: bool | None) -> None:
        if yes and self.state != "running":
            self.app.exit(return_code=self.exit_code)
        elif yes:
            self._leaving = True
            self._cancel(yes)

    def _cancel(self, yes: bool | None) -> None:
        if yes and self.state == "running":
            self.state = "cancelling"
            self._draw()
            self.refresh_bindings()
            self._end_child()

    @work(group="cancel")
    async def _end_child(self) -> None:
        if self._child is not None:
            await self._child.cancel()


def _state_text(state: State) -> str:
    return {"running": "measuring", "failed": "ended with an error"}.get(state, state)
