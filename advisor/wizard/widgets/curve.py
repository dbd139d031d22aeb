"""Quality against data or size: a plot where there is room, else a table of the same points."""

from __future__ import annotations

import math
from collections.abc import Sequence

from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Grid, Vertical, VerticalScroll
from textual.events import Resize
from textual.strip import Strip
from textual.widgets import Static
from textual_hires_canvas import Canvas, HiResMode
from textual_plot import PlotWidget
from textual_plot.axis_formatter import NumericAxisFormatter
from textual_plot.plot_widget import Legend

from advisor.wizard.board import Curves, Point
from advisor.wizard.tables import curve_table
from probes.sinks import one_line

ROWS, COLUMNS = 12, 36
"""Least room for a plot."""
MARKERS = "ox+*#@%&"
COLOURS = ("#56b4e9", "#e69f00", "#009e73", "#cc79a7", "#d55e00", "#f0e442", "#999999")
"""Told apart with all common kinds of colour blindness (Okabe and Ito, 2008)."""
TICK_ROWS = 2.5
"""Least distance of labels on the axis of quality, so that a line between two is between them."""
DODGE = 0.04
"""How far the series stand apart, as a share of the axis, so that intervals do not overlap."""


class PlainCanvas(Canvas):
    """A canvas whose blank pixels have a style: Textual's NO_COLOR filter reads one everywhere."""

    def render_line(self, y: int) -> Strip:
        """The line, no segment of it without a style."""
        strip = super().render_line(y)
        segments = [
            segment
            if segment.style is not None
            else Segment(segment.text, Style.null(), segment.control)
            for segment in strip
        ]
        return Strip(segments, strip.cell_length)


class Plot(PlotWidget, can_focus=False):
    """textual-plot on plain canvases, without keys of its own."""

    def __init__(self) -> None:
        super().__init__(allow_pan_and_zoom=False)

    def compose(self) -> ComposeResult:
        """As in PlotWidget, on our canvases."""
        with Grid():
            for name in ("margin-top", "margin-left", "plot", "margin-bottom"):
                yield PlainCanvas(1, 1, id=name)
        yield Legend(id="legend")


class Powers(NumericAxisFormatter):
    """Labels of an axis whose numbers are powers of two: 64, 1.5k, 108k, 7B."""

    def get_labels_for_ticks(self, ticks: Sequence[float]) -> list[str]:
        """The numbers themselves."""
        return [short(2**tick) for tick in ticks]


def short(number: float) -> str:
    """`252`, `108k`, `1.02M`, `7B`: three digits."""
    for unit, name in ((1e9, "B"), (1e6, "M"), (1e3, "k")):
        if number >= 0.9995 * unit:
            return f"{number / unit:.3g}{name}"
    return f"{number:.3g}"


class Curve(Vertical):
    """A family of curves with intervals, and the target as a line."""

    DEFAULT_CSS = """
    Curve > .legend { height: auto; max-height: 2; }
    Curve > .caption { height: 1; text-style: dim; }
    Curve > VerticalScroll { display: none; }
    Curve.-table > VerticalScroll { display: block; }
    Curve.-table > Plot, Curve.-table > .caption, Curve.-table > .legend { display: none; }
    Curve Plot { height: 1fr; }
    Curve Plot > .plot--axis, Curve Plot > .plot--tick { color: $foreground; text-style: none; }
    """

    def __init__(self, caption: str, x_head: str, *, target: float, id: str, classes: str) -> None:
        super().__init__(id=id, classes=classes)
        self._caption, self._x_head, self._target = caption, x_head, target
        self._curves: Curves = {}

    def compose(self) -> ComposeResult:
        """Caption, legend and plot; the table in their place."""
        yield Static(Text(self._caption), classes="caption")
        yield Static(Text("nothing measured yet"), classes="legend")
        yield Plot()
        with VerticalScroll():
            yield Static(Text("nothing measured yet"), classes="points")

    def on_mount(self) -> None:
        """The fixed parts of the plot."""
        plot = self.query_one(Plot)
        plot.margin_left, plot.margin_top, plot.margin_bottom = 5, 0, 1
        plot.set_x_formatter(Powers())
        self._draw()

    def on_resize(self, event: Resize) -> None:
        """A plot needs room."""
        self.set_class(self.size.height < ROWS or self.size.width < COLUMNS, "-table")
        self._draw()

    @property
    def curves(self) -> Curves:
        """What is shown."""
        return self._curves

    def show(self, curves: Curves) -> None:
        """Show these points; nothing happens where they are on the screen already."""
        if curves != self._curves:
            self._curves = curves
            self._draw()

    def _draw(self) -> None:
        points = [point for series in self._curves.values() for point in series]
        if not points:
            return
        self.query_one(".points", Static).update(
            curve_table(self._curves, self._x_head, self.size.width)
        )
        self.query_one(".legend", Static).update(self._legend())
        plot = self.query_one(Plot)
        plot.clear()
        self._axes(plot, points)
        for at, series in enumerate(self._curves.values()):
            self._series(plot, at, series)

    def _legend(self) -> Text:
        text = Text()
        for at, name in enumerate(self._curves):
            text.append(f"{_marker(at)} ", style=f"bold {_colour(at)}")
            text.append(f"{one_line(name, 30)}   ")
        text.append(f"╌ target {100 * self._target:g} %")
        return text

    def _axes(self, plot: Plot, points: Sequence[Point]) -> None:
        values = sorted({math.log2(point.x) for point in points if point.x > 0})
        low, high = values[0], values[-1]
        pad = 0.12 * (high - low) or 1.0
        self._left, self._right = low - pad, high + pad
        plot.set_xlimits(self._left, self._right)
        room = max(2, (self.size.width - 8) // 7)
        plot.set_xticks(_spread(values, (self._right - self._left) / room))
        floor = min([self._target, *(point.figure.low for point in points)])
        bottom = max(0, math.floor(floor * 10 - 0.5) * 10)
        plot.set_ylimits(bottom, 104)
        rows = self.size.height - 4  # less caption, legend, frame and labels
        fits = (step for step in (10, 20, 25, 50) if step * rows >= TICK_ROWS * (104 - bottom))
        step = next(fits, 100)
        plot.set_yticks([float(tick) for tick in range(0, 101, step) if tick >= bottom])
        width = max(8, self.size.width)
        across = [
            self._left + (self._right - self._left) * (at + 0.5) / width for at in range(width)
        ]
        plot.scatter(across, [100 * self._target] * width, marker="╌", marker_style="bold")

    def _series(self, plot: Plot, at: int, series: Sequence[Point]) -> None:
        middle = (len(self._curves) - 1) / 2
        shift = (at - middle) * DODGE * (self._right - self._left)
        points = [point for point in series if point.x > 0]
        x = [math.log2(point.x) + shift for point in points]
        y = [100 * point.figure.value for point in points]
        if len(points) > 1:
            plot.plot(x, y, line_style=_colour(at), hires_mode=HiResMode.BRAILLE)
        for x_at, point in zip(x, points, strict=True):
            ends = [100 * point.figure.low, 100 * point.figure.high]
            plot.plot([x_at, x_at], ends, line_style=_colour(at), hires_mode=HiResMode.BRAILLE)
        plot.scatter(x, y, marker=_marker(at), marker_style=f"bold {_colour(at)}")


def _marker(at: int) -> str:
    return MARKERS[at % len(MARKERS)]


def _colour(at: int) -> str:
    return COLOURS[at % len(COLOURS)]


def _spread(values: Sequence[float], distance: float) -> list[float]:
    """Those of the values that are so far apart, the last one always."""
    kept: list[float] = []
    for value in reversed(values):
        if not kept or kept[-1] - value >= distance:
            kept.append(value)
    return kept[::-1]
