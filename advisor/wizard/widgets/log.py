"""A log that wraps its lines at the width it has now."""

from __future__ import annotations

from collections import deque

from textual.events import Resize
from textual.widgets import RichLog

from advisor.wizard.tables import plain

LINES = 1000


class LogPane(RichLog):
    """Lines of text from data, shown literally; written again where the width changes."""

    def __init__(self, *, id: str, classes: str) -> None:
        super().__init__(
            id=id, classes=classes, wrap=True, min_width=1, markup=False, highlight=False
        )
        self._said: deque[str] = deque(maxlen=LINES)
        self._wrapped_at = 0

    @property
    def said(self) -> tuple[str, ...]:
        """Every line, the oldest first."""
        return tuple(self._said)

    def tell(self, text: str) -> None:
        """One more line."""
        self._said.append(text)
        if self._wrapped_at:
            self.write(plain(text), width=self._wrapped_at)

    def on_resize(self, event: Resize) -> None:
        """A hidden log has no width: it is written when it is shown."""
        width = self.scrollable_content_region.width
        if width and width != self._wrapped_at:
            self._wrapped_at = width
            self.clear()
            for text in self._said:
                self.write(plain(text), width=width)
