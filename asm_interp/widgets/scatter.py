"""Points whose places are two numbers, of which one can be chosen by mouse and keys."""

from __future__ import annotations

from pathlib import Path

import anywidget
import numpy as np
import numpy.typing as npt
import traitlets as t
from PIL import Image

from asm_interp.widgets.charts import number, svg_document, svg_line, svg_text
from asm_interp.widgets.painter import ACCENT, MUTED
from asm_interp.widgets.svg_image import svg_image

_POINT = "#0072B2"
_LEFT, _RIGHT, _TOP, _BOTTOM = 56, 10, 24, 40


class Scatter(anywidget.AnyWidget):
    """A scatter of points that can be chosen; the arrow keys go through them along the horizontal axis.

    Attributes
    ----------
    svg : str
        The chart, drawn here.
    alt : str
        What it shows, in words.
    selected : int
        Number of the chosen point, -1 for none.
    order : list of int
        Points along the horizontal axis.
    """

    _esm = Path(__file__).with_name("scatter.js")

    svg = t.Unicode().tag(sync=True)
    alt = t.Unicode().tag(sync=True)
    selected = t.Int(-1).tag(sync=True)
    order: t.List[int] = t.List().tag(sync=True)

    def __init__(self, x_name: str, y_name: str, *, width: int = 380, height: int = 300) -> None:
        self.x_name, self.y_name, self.width, self.height = x_name, y_name, width, height
        self._points = np.zeros((0, 2))
        super().__init__()
        self._draw(None)
        self.observe(self._draw, "selected")

    def show(self, x: npt.ArrayLike, y: npt.ArrayLike, *, title: str, alt: str) -> None:
        """Show points, [N] each; none of them is chosen."""
        self._points = np.stack([np.asarray(x, np.float64), np.asarray(y, np.float64)], axis=1)
        self._title = title
        with self.hold_sync():
            self.selected, self.alt = -1, alt
            self.order = [int(each) for each in np.lexsort((self._points[:, 1], self._points[:, 0]))]
            self._draw(None)

    def image(self) -> Image.Image:
        """The chart as a picture."""
        return svg_image(self.svg)

    def _draw(self, change: object) -> None:
        points = self._points
        if not len(points):
            self.svg = svg_document(self.width, self.height, "no points", "", [])
            return
        low, high = points.min(axis=0), points.max(axis=0)
        room = np.where(high > low, 0.05 * (high - low), 0.5)
        low, high = low - room, high + room
        per = np.array([self.width - _LEFT - _RIGHT, -(self.height - _TOP - _BOTTOM)]) / (high - low)
        start = np.array([_LEFT, self.height - _BOTTOM])
        body = [svg_text(0, 12, self._title, font_weight="bold")]
        for share in (0.0, 0.5, 1.0):
            value = low + room + share * (high - low - 2 * room)
            x, y = start + (value - low) * per
            body += [
                svg_line(x, _TOP, x, start[1], "#e4e4e4"),
                svg_line(_LEFT, y, self.width - _RIGHT, y, "#e4e4e4"),
                svg_text(x, start[1] + 14, number(float(value[0])), "middle"),
                svg_text(_LEFT - 5, y + 4, number(float(value[1])), "end"),
            ]
        body += [svg_text((_LEFT + self.width - _RIGHT) / 2, self.height - 8, f"{self.x_name} →", "middle")]
        body += [svg_text(0, _TOP + 1, f"↑ {self.y_name}")]
        chosen = self.selected if 0 <= self.selected < len(points) else -1
        if chosen >= 0:
            x, y = start + (points[chosen] - low) * per
            body += [
                svg_line(x, y, x, start[1], MUTED, stroke_dasharray="3 3"),
                svg_line(_LEFT, y, x, y, MUTED, stroke_dasharray="3 3"),
            ]
        for index in sorted(range(len(points)), key=lambda each: each == chosen):
            x, y = start + (points[index] - low) * per
            radius, colour, opacity = (7, ACCENT, 1) if index == chosen else (4, _POINT, 0.6)
            told = f"<title>{index}: {number(points[index, 0])}, {number(points[index, 1])}</title>"
            body.append(
                f'<circle data-index="{index}" cx="{x:.1f}" cy="{y:.1f}" r="{radius}" fill="{colour}" '
                f'opacity="{opacity}">{told}</circle>'
            )
        self.svg = svg_document(self.width, self.height, self._title, self.alt, body)
