"""Dialogs: each returns a type."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Button, Static

from advisor.wizard.tables import table


class Ask(ModalScreen[bool]):
    """A question that is answered with yes or no."""

    CSS_PATH = "dialogs.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "answer(True)", "Yes"),
        Binding("n,q,escape", "answer(False)", "No"),
    ]

    def __init__(self, question: str, yes: str, no: str) -> None:
        super().__init__()
        self._question, self._yes, self._no = question, yes, no

    def compose(self) -> ComposeResult:
        """The question and two buttons, which name their keys."""
        with VerticalScroll(classes="dialog"):
            yield Static(Text(self._question))
            with Horizontal():
                yield Button(Text(f"y  {self._yes}"), id="yes", compact=True)
                yield Button(Text(f"n  {self._no}"), id="no", compact=True)

    @on(Button.Pressed)
    def pressed(self, news: Button.Pressed) -> None:
        """By mouse, or Enter on the one in focus."""
        self.dismiss(news.button.id == "yes")

    def action_answer(self, yes: bool) -> None:
        """By key."""
        self.dismiss(yes)


class Help(ModalScreen[None]):
    """The keys of the screen behind; read from its own bindings."""

    CSS_PATH = "dialogs.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,question_mark,enter", "dismiss", "Close"),
        Binding("j,down", "scroll(1)", "Down", show=False),
        Binding("k,up", "scroll(-1)", "Up", show=False),
    ]

    def __init__(self, keys: Sequence[tuple[str, str]]) -> None:
        super().__init__()
        self._keys = keys

    def compose(self) -> ComposeResult:
        """One key a line."""
        with VerticalScroll(classes="dialog"):
            yield Static(table(["key", ""], self._keys, words=2))
            yield Static(
                Text("\nCancelling keeps what is measured: the same command goes on.\nEsc closes.")
            )

    def action_scroll(self, lines: int) -> None:
        """For small terminals."""
        self.query_one(VerticalScroll).scroll_relative(y=lines, animate=False)
