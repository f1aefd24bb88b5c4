"""A composition pattern as a picture, and one of your own: drawn by clicking cells, or typed."""

from __future__ import annotations

import sys
from typing import Any

import ipywidgets as widgets
import numpy as np
import traitlets as t
from PIL import Image, ImageDraw

from asm_interp.geometry import patterns
from asm_interp.geometry.patterns import CompositionPattern, from_labels
from asm_interp.widgets import painter
from asm_interp.widgets.canvas import MapCanvas
from asm_interp.widgets.guard import Guarded, between, checks, guarded
from asm_interp.widgets.rows import flow

_SIDE = 480
_MOST = 24  # cells a side of a pattern that is drawn by hand
OWN = "your pattern"


def pattern_image(pattern: CompositionPattern, side: int) -> Image.Image:
    """A pattern with its cells, the numbers of its partitions and their borders, `side` pixels wide and high."""
    rows, columns = pattern.shape
    image = Image.new("RGB", (side, side), "white")
    draw = ImageDraw.Draw(image)
    x, y = (np.linspace(0, side - 1, n + 1).tolist() for n in (columns, rows))
    size = int(0.45 * side / max(rows, columns))
    for (row, column), label in np.ndenumerate(pattern.labels):
        shade = 235 - int(label) * 5 % 7 * 12
        corners = (x[column], y[row], x[column + 1], y[row + 1])
        draw.rectangle(corners, fill=(shade,) * 3, outline="#c8c8c8")
        if size >= 7:
            middle = (corners[0] + corners[2]) / 2, (corners[1] + corners[3]) / 2
            draw.text(middle, str(label), fill=painter.INK, font=painter.font(size), anchor="mm")
    for x1, y1, x2, y2 in pattern.borders():
        draw.line((x[x1], y[y1], x[x2], y[y2]), fill="black", width=max(2, side // 120))
    return image


def parse_pattern(text: str) -> CompositionPattern:
    r"""Pattern from rows of characters, or of words with blanks between them, of which equal ones are one partition.

    Numbers come first, then letters.

    Raises
    ------
    ValueError
        If the rows are not equally long, there are none or too many, or all cells are one partition.

    Examples
    --------
    >>> parse_pattern("aab\naab").labels
    array([[0, 0, 1],
           [0, 0, 1]])
    """
    lines = [line.split() for line in text.splitlines() if line.strip()]
    rows = [list(words[0]) if len(words) == 1 else words for words in lines]
    widths = sorted({len(row) for row in rows})
    if len(widths) != 1:
        raise ValueError(f"rows of a pattern are equally long, found {len(rows)} rows of {widths or 'no'} cells")
    names = sorted({each for row in rows for each in row}, key=_order)
    return checked([[names.index(each) for each in row] for row in rows])


def _order(name: str) -> tuple[int, bool, str]:
    """Numbers by what they count, then small letters, then capitals."""
    return int(name) if name.isdecimal() else sys.maxsize, name.isupper(), name


def checked(labels: Any) -> CompositionPattern:
    """Your own pattern from labels [Y, X] that may leave numbers out.

    Raises
    ------
    ValueError
        If it is no raster, has one partition only, or more than 24 cells a side.
    """
    raster = np.asarray(labels)
    if raster.ndim != 2 or not raster.size:
        raise ValueError(f"a pattern is a raster of cells [Y, X], got shape {list(raster.shape)}")
    found = np.unique(raster, return_inverse=True)[1].reshape(raster.shape)
    if max(raster.shape) > _MOST:
        raise ValueError(
            f"a pattern drawn here has at most {_MOST} cells a side, got {raster.shape[0]}×{raster.shape[1]}"
        )
    if found.max() < 1:
        raise ValueError("a pattern of one partition reads no composition: paint at least two")
    return from_labels(found, OWN)


class PatternCanvas(Guarded):
    """Draw a pattern: choose a partition and click cells, or type rows of characters.

    Parameters
    ----------
    labels : array_like of int, [Y, X]
        What to begin with.

    Attributes
    ----------
    labels : list of list of int, [Y, X]
        Numbered without gaps; may be set.
    brush : int
        Partition that a click paints; the number after the last starts a new one.
    pattern : CompositionPattern
    """

    labels: t.List[Any] = t.List()
    brush = t.Int(0)

    def __init__(self, labels: Any) -> None:
        self.canvas = MapCanvas(width=230, height=230, grey=False, title="Your pattern: click a cell to paint it")
        self.ready = widgets.Dropdown(
            options=[("start from …", ""), *((name, name) for name in patterns.names() if name != "grid:1x1")],
            tooltip="Begin with a ready pattern",
            layout=widgets.Layout(width="230px"),
        )
        self.brush_slider = widgets.IntSlider(
            0, 0, 1, description="Paint", tooltip="Partition that a click paints", layout=widgets.Layout(width="230px")
        )
        self.text = widgets.Textarea(
            continuous_update=False,
            rows=8,
            tooltip="Rows of cells; equal characters are one partition",
            layout=widgets.Layout(width="230px"),
        )
        self.pattern = checked(labels)
        super().__init__(labels=self.pattern.labels.tolist())
        self.link("brush", self.brush_slider)
        self.children = [
            flow(self.canvas, widgets.VBox([self.ready, self.brush_slider, self.text])),
            self.status,
        ]
        self._show()
        self.observe(self._follow, "labels")
        self.canvas.observe(self._paint, "clicked")
        self.text.observe(self._read, "value")
        self.ready.observe(self._take, "value")

    @checks("labels")
    def _check_labels(self, value: Any) -> Any:
        return checked(value).labels.tolist()

    @checks("brush")
    def _check_brush(self, value: int) -> float:
        return between(value, 0, self.pattern.n_partitions, "a partition to paint")

    @guarded
    def _follow(self, change: dict[str, Any]) -> None:
        self.pattern = checked(change["new"])
        self.say()
        self._show()

    def _show(self) -> None:
        self.brush_slider.max = self.pattern.n_partitions
        self.canvas.set_photo(np.asarray(pattern_image(self.pattern, _SIDE)), grey=False)
        self.canvas.alt = f"Your pattern, row by row: {' / '.join(str(self.pattern).splitlines())}"
        self.text.value = str(self.pattern)

    @guarded
    def _paint(self, change: dict[str, Any]) -> None:
        x, y = change["new"][:2]
        rows, columns = self.pattern.shape
        labels = self.pattern.labels.copy()
        labels[min(int(y / _SIDE * rows), rows - 1), min(int(x / _SIDE * columns), columns - 1)] = self.brush
        self.labels = labels.tolist()

    @guarded
    def _read(self, change: dict[str, Any]) -> None:
        if change["new"].strip() != str(self.pattern).strip():
            self.labels = parse_pattern(change["new"]).labels.tolist()

    @guarded
    def _take(self, change: dict[str, Any]) -> None:
        if change["new"]:
            self.labels = patterns.get(change["new"]).labels.tolist()
            self.ready.value = ""
