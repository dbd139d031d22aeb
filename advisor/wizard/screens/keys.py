"""Keys that every screen has; Help and Quit first, because a narrow footer clips the last ones."""

from __future__ import annotations

from textual.binding import Binding, BindingType

COMMON: list[BindingType] = [
    Binding("question_mark", "app.keys", "Help", key_display="?"),
    Binding("q", "app.quit", "Quit"),
]
SCROLL: list[BindingType] = [
    Binding("j,down", "scroll(1)", "Scroll down", show=False),
    Binding("k,up", "scroll(-1)", "Scroll up", show=False),
    Binding("pagedown", "scroll(10)", "Scroll down", show=False),
    Binding("pageup", "scroll(-10)", "Scroll up", show=False),
]
