"""What a command tells, from the moment it is started until it is shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.text import Text
from textual import work
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.message import Message
from textual.widgets import Static

from advisor.wizard.child import Child
from advisor.wizard.tables import plain


class Told(VerticalScroll):
    """Runs a command as a child and waits; whoever holds it says what is shown of the lines."""

    class Ended(Message):
        """The command has ended."""

        def __init__(self, code: int, lines: Sequence[str], words: Sequence[str]) -> None:
            super().__init__()
            self.code, self.lines, self.words = code, lines, words

    def __init__(self, command: Sequence[str], env: Mapping[str, str], waiting: str) -> None:
        super().__init__()
        self._child = Child(command, env=env)
        self._waiting = waiting

    def compose(self) -> ComposeResult:
        """What is waited for, until there is more."""
        yield Static(Text(self._waiting))

    def on_mount(self) -> None:
        """Start the command."""
        self._run_child()

    async def on_unmount(self) -> None:
        """Nothing is left behind."""
        await self._child.close()

    @work(exclusive=True, group="child")
    async def _run_child(self) -> None:
        async with self._child as child:
            lines = [line async for line in child.lines()]
            code = await child.ended()
        self.post_message(self.Ended(code, lines, child.last_words))

    def show(self, text: Text) -> None:
        """Show this in place of the waiting."""
        self.query_one(Static).update(text)

    def scroll_by(self, lines: int) -> None:
        """For small terminals."""
        self.scroll_relative(y=lines, animate=False)


def failed(news: Told.Ended, what: str) -> Text:
    """That there is no plan or audit, and why."""
    said = news.words[-1] if news.words else f"the command ended with exit code {news.code}"
    shown = Text(f"There is no {what}\n", style="bold")
    shown.append_text(plain(said))
    return shown
