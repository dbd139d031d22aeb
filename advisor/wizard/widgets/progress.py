"""A progress bar that reads without colour."""

from __future__ import annotations

from rich.text import Text
from textual.reactive import reactive
from textual.widget import Widget


class ProgressLine(Widget):
    """One line: a bar, the share in percent, what is left."""

    DEFAULT_CSS = "ProgressLine { height: 1; width: 1fr; }"

    share: reactive[float] = reactive(0.0)
    """0 to 1."""
    note: reactive[str] = reactive("")
    """What stands behind the bar; a text of our own."""

    def render(self) -> Text:
        """The bar takes what the words leave."""
        words = f" {self.share:4.0%}  {self.note}"
        width = max(4, min(60, self.size.width - len(words)))
        full = round(self.share * width)
        return Text("█" * full + "░" * (width - full) + words, no_wrap=True, overflow="ellipsis")
